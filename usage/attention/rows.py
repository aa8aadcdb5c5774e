"""Doubts and silences as they rest in the store; `usage.attention.stored` writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from schemas.localtime import Span, day_span, from_ns, local_day, to_ns
from stores import Store
from stores.lines import encode
from usage.attention.doubts import Doubt, bits_of, of_bits
from usage.attention.silences import Silence

DOUBTS, SILENCES = "usage_doubts", "usage_silences"
_MONTH_AND_ZONE = timedelta(days=33)

ZoneOf = Callable[[str], ZoneInfo]
"""The time zone of a hub."""


def doubt_line(doubt: Doubt, zone: ZoneInfo) -> str:
    """A doubt as a line for the store; time = the midnight of the day since which there is one."""
    fields: dict[str, int | float | bool] = {
        "change": round(doubt.change, 3),
        "found_ns": _midnight_ns(doubt.found, zone),
        "witnesses": bits_of(doubt.witnesses),
        "moved": doubt.moved,
    }
    if doubt.until is not None:
        fields["until_ns"] = _midnight_ns(doubt.until, zone)
    return encode(DOUBTS, {"hub": doubt.hub, "sensor": doubt.door}, fields, _midnight_ns(doubt.since, zone))


def read_doubts(store: Store, span: Span, zone_of: ZoneOf, hub: str | None = None) -> Iterator[Doubt]:
    """The doubts that began within the span."""
    for tags, time_ns, row in _rows(store, DOUBTS, span, hub):
        zone = zone_of(tags["hub"])
        yield Doubt(
            tags["hub"],
            tags.get("sensor"),
            local_day(time_ns, zone),
            local_day(int(row["found_ns"]), zone),
            local_day(int(row["until_ns"]), zone) if "until_ns" in row else None,
            row["change"],
            of_bits(int(row["witnesses"])),
            bool(row["moved"]),
        )


def silence_line(silence: Silence, zone: ZoneInfo) -> str:
    """A silence as a line for the store; time = the midnight of the month's first day."""
    known = {
        "silent": silence.is_silent,
        "since_ns": None if silence.since is None else to_ns(silence.since),
        "then_ns": _midnight_ns(silence.then, zone),
        "within_now": silence.within_now,
        "within_then": silence.within_then,
        "people": silence.people,
    }
    fields = {name: value for name, value in known.items() if value is not None}
    tags = {"hub": silence.hub, "sensor": silence.door}
    return encode(SILENCES, tags, fields, _midnight_ns(silence.month, zone))


def silences_span(now_ns: int) -> Span:
    """Where the months begin that are this one in any time zone."""
    return Span(to_ns(from_ns(now_ns) - _MONTH_AND_ZONE), to_ns(from_ns(now_ns) + timedelta(days=1)))


def read_silences(store: Store, span: Span, zone_of: ZoneOf) -> Iterator[Silence]:
    """The silences of the months that begin within the span."""
    for tags, time_ns, row in _rows(store, SILENCES, span, None):
        zone = zone_of(tags["hub"])
        yield Silence(
            tags["hub"],
            tags["sensor"],
            bool(row["silent"]),
            from_ns(int(row["since_ns"])).astimezone(zone) if "since_ns" in row else None,
            local_day(time_ns, zone),
            local_day(int(row["then_ns"]), zone),
            row.get("within_now"),
            row.get("within_then"),
            int(row["people"]) if "people" in row else None,
        )


def _rows(
    store: Store, measurement: str, span: Span, hub: str | None
) -> Iterator[tuple[dict[str, str], int, dict[str, float]]]:
    where = None if hub is None else {"hub": hub}
    for chunk in store.read(measurement, start_ns=span.start_ns, stop_ns=span.stop_ns, where=where):
        tags = {name: value for name, value in chunk.tags.items() if value}
        for i, time_ns in enumerate(chunk.times_ns):
            yield tags, time_ns, {n: value for n, column in chunk.columns.items() if (value := column[i]) is not None}


def _midnight_ns(day: date, zone: ZoneInfo) -> int:
    return day_span(day, zone).start_ns
