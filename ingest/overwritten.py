"""What is stored of readings that a later message gave other values: the last one counts, the one before is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from schemas.measurements import OVERWRITTEN, READING_NOTES, SUSPECT
from stores.lines import encode, parse
from stores.protocol import Overwritten


def overwritten_lines(found: Sequence[Overwritten], batch: bytes) -> Iterator[str]:
    """Each value before and after, as lines for the store; `batch` is what they were overwritten by.

    A reading of which all is replaced is not suspect any more, which no line says by itself.
    """
    for each in found:
        reading = parse(f"{each.series} {SUSPECT}=false {each.time_ns}")
        for field, before in each.before.items():
            tags = {"field": field, "hub": reading.tags["hub"], "kind": reading.measurement}
            values = {"before": float(before), "after": float(each.after[field])}
            yield encode(OVERWRITTEN, tags | {"sensor": reading.tags["sensor"]}, values, each.time_ns)
        if each.was_suspect and _is_replaced(each, batch):
            yield encode(reading.measurement, reading.tags, reading.fields, each.time_ns)


def _is_replaced(each: Overwritten, batch: bytes) -> bool:
    """Whether the last line of a reading names all that the reading has, and does not call it suspect."""
    start, end = f"{each.series} ".encode(), f" {each.time_ns}".encode()
    last = [line for line in batch.split(b"\n") if line.startswith(start) and line.endswith(end)][-1]
    named = parse(last.decode()).fields
    return SUSPECT not in named and len(named.keys() - READING_NOTES) == each.fields
