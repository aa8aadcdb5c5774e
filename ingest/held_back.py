"""Which hubs send more than their limits, for people: for `doctor` and the board."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from ingest.buffer import BufferReader
from ingest.buffer_file import FILE_NAME
from schemas.errors import HubpulseError
from schemas.localtime import NS_AN_HOUR

_TOLD_FOR_NS = 24 * NS_AN_HOUR
_HUBS_NAMED = 10
_COUNTED = {
    "thinned": "{} live readings left out",
    "made_to_wait": "{} messages made to wait",
}


def held_back(reader: BufferReader, *, now_ns: int) -> list[str]:
    """A line for each hub that was beyond its rate in the last day, or of which something waits."""
    recent, waiting = reader.hub_counts.read(since_ns=now_ns - _TOLD_FOR_NS), reader.surplus.messages()
    of_hub: dict[str, list[str]] = {}
    for name, sentence in _COUNTED.items():
        for hub, count in recent.get(name, {}).items():
            of_hub.setdefault(hub, []).append(sentence.format(f"{count:,}"))
    for hub, count in waiting.items():
        of_hub.setdefault(hub, []).append(f"{count:,} waiting")
    lines = [f"{hub} sends more than its rate: {', '.join(parts)}" for hub, parts in of_hub.items()]
    more = len(lines) - _HUBS_NAMED
    return [*lines[:_HUBS_NAMED], *([f"and {more} hubs more"] if more > 0 else [])]


def held_back_in(data_dir: Path, *, now_ns: int) -> list[str]:
    """The same of a data folder; nothing where it can't be read."""
    if not (data_dir / FILE_NAME).exists():
        return []
    try:
        with closing(BufferReader(data_dir)) as reader:
            return held_back(reader, now_ns=now_ns)
    except HubpulseError:
        return []
