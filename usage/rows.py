"""The stored roll-ups, and the marks of the days that late data touched.

A day's row is one point, so a reader sees the old figures or the new ones, never a mixture. A field that no sensor
reported is left out of the point.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from schemas.localtime import NS_A_MINUTE, Span
from schemas.measurements import LATER_FIGURES, MEASUREMENTS, USAGE_FIELDS
from schemas.measures import USAGE_MEASURES, Covers
from stores import Accepted, Keep, Store, StoreError
from stores.lines import encode
from usage.calendar import Day
from usage.doors import DoorDay
from usage.rollup import Figures
from usage.zones import HotHour

DAILY, HOURLY, ZONES, MARKS = "usage_daily", "usage_hourly", "usage_daily_zone", "day_marks"
DAILY_DOOR, HOURLY_DOOR, PROFILES = "usage_daily_door", "usage_hourly_door", "usage_profile"
ESTIMATES, HOT_HOURS = "usage_estimates", "usage_hot_hours"
PARTS = {DAILY_DOOR: "sensor", ZONES: "zone"}
"""By which tag a hub's days are divided."""
OF_OPENING_HOURS = [name for name, measure in USAGE_MEASURES.items() if measure.covers is Covers.OPENING_HOURS]
_STATUS_FIELDS = frozenset({"final", "revision"})


class RowsRefusedError(StoreError):
    """The store refuses rows for what they hold: to wait does not help, and other rows are none the worse."""


class Mark(NamedTuple):
    """When ingest last saw a reading for a day that was past, and the value of it that jobs has dealt with."""

    marked_ns: int
    done_ns: int | None

    @property
    def is_pending(self) -> bool:
        return self.marked_ns != self.done_ns


def read_rows_by_hub(
    store: Store, measurement: str, span: Span, hub: str | None = None, fields: Collection[str] = USAGE_FIELDS
) -> Iterator[tuple[str, dict[int, Figures]]]:
    """Each hub's stored roll-ups within the span, by their time; every field is there, None where it is not stored.

    `open_minutes` is always among the fields: what a closed day cannot have goes by it.
    """
    where = None if hub is None else {"hub": hub}
    chunks = store.read(measurement, start_ns=span.start_ns, stop_ns=span.stop_ns, where=where, fields=fields)
    for name, group in groupby(chunks, key=lambda chunk: chunk.tags["hub"]):
        rows: dict[int, Figures] = {}
        for chunk in group:
            columns = [chunk.columns.get(field) or (None,) * len(chunk.times_ns) for field in fields]
            for time_ns, *values in zip(chunk.times_ns, *columns, strict=True):
                rows[time_ns] = _without_leftovers(dict(zip(fields, values, strict=True)))
        yield name, rows


def read_rows(
    store: Store, measurement: str, hub: str, span: Span, fields: Collection[str] = USAGE_FIELDS
) -> dict[int, Figures]:
    """One hub's stored roll-ups within the span, by their time."""
    return dict(read_rows_by_hub(store, measurement, span, hub, fields)).get(hub, {})


def _without_leftovers(row: Figures) -> Figures:
    """A store cannot take a field back: a day closed afterwards still has its means of opening hours."""
    return row | dict.fromkeys(OF_OPENING_HOURS) if row["open_minutes"] == 0 else row


def row_line(measurement: str, hub: str, time_ns: int, figures: Figures) -> str:
    """One roll-up as a line for the store."""
    known = {name: value for name, value in figures.items() if value is not None}
    if measurement == DAILY:
        known["catalogue"] = len(LATER_FIGURES)
    return encode(measurement, {"hub": hub}, known, time_ns)


def later_figures(store: Store, hub: str, midnight_ns: int) -> frozenset[str]:
    """The figures that were none yet when a stored day was computed."""
    day = store.read(DAILY, start_ns=midnight_ns, stop_ns=midnight_ns + 1, where={"hub": hub}, fields=["catalogue"])
    catalogue = next((number for chunk in day for number in chunk.columns["catalogue"]), None)
    return frozenset().union(*LATER_FIGURES[int(catalogue or 0) :])


def door_lines(hub: str, day: Day, doors: Mapping[str, DoorDay]) -> Iterator[str]:
    """What came by each door on a day, as lines for the store."""
    for door, (figures, hours) in doors.items():
        tags = {"hub": hub, "sensor": door}
        known = {name: value for name, value in figures.items() if value is not None}
        if known:
            yield encode(DAILY_DOOR, tags, known, day.span.start_ns)
        for hour in hours:
            minutes = hour.open_ns / NS_A_MINUTE
            fields = {"entries_open": hour.entries, "open_minutes": minutes, "direct": hour.is_direct}
            yield encode(HOURLY_DOOR, tags, fields, hour.start_ns)


def read_parts(store: Store, measurement: str, span: Span, hub: str) -> dict[int, dict[str, Figures]]:
    """The stored days of a hub's doors or zones within the span, by midnight and door or zone."""
    return dict(parts_by_hub(store, measurement, span, hub)).get(hub, {})


def parts_by_hub(
    store: Store, measurement: str, span: Span, hub: str | None = None, fields: Collection[str] | None = None
) -> Iterator[tuple[str, dict[int, dict[str, Figures]]]]:
    """Each hub's stored days of doors or zones within the span, by midnight and door or zone.

    Every field is there, or each of `fields`. Hub by hub, as the store gives them.
    """
    tag = PARTS[measurement]
    fields = tuple(MEASUREMENTS[measurement].fields if fields is None else fields)
    where = None if hub is None else {"hub": hub}
    chunks = store.read(measurement, start_ns=span.start_ns, stop_ns=span.stop_ns, where=where, fields=fields)
    for name, group in groupby(chunks, key=lambda chunk: chunk.tags["hub"]):
        days: dict[int, dict[str, Figures]] = {}
        for chunk in group:
            columns = [chunk.columns.get(field) or (None,) * len(chunk.times_ns) for field in fields]
            for time_ns, *values in zip(chunk.times_ns, *columns, strict=True):
                days.setdefault(time_ns, {})[chunk.tags[tag]] = dict(zip(fields, values, strict=True))
        yield name, days


def hot_hour_lines(hub: str, hours: Iterable[HotHour]) -> Iterator[str]:
    """Hot hours as lines for the store."""
    for hour in hours:
        fields = {"temperature_mean_c": hour.temperature_c, "open_minutes": hour.open_minutes}
        yield encode(HOT_HOURS, {"hub": hub, "zone": hour.zone}, fields, hour.start_ns)


def read_hot_hours(store: Store, span: Span, hub: str | None = None) -> Iterator[tuple[str, HotHour]]:
    """The stored hot hours within the span, with their hub."""
    where = None if hub is None else {"hub": hub}
    for chunk in store.read(HOT_HOURS, start_ns=span.start_ns, stop_ns=span.stop_ns, where=where):
        columns = (chunk.columns["temperature_mean_c"], chunk.columns["open_minutes"])
        for time_ns, celsius, minutes in zip(chunk.times_ns, *columns, strict=True):
            yield chunk.tags["hub"], HotHour(chunk.tags["zone"], time_ns, float(celsius or 0), float(minutes or 0))


def read_marks(store: Store, span: Span, hub: str | None = None) -> dict[str, dict[int, Mark]]:
    """The marks of the days that start within the span, by hub and midnight."""
    marks: dict[str, dict[int, Mark]] = {}
    where = {"hub": hub} if hub else None
    for run in store.read(MARKS, start_ns=span.start_ns, stop_ns=span.stop_ns, where=where):
        marked, done = run.columns.get("marked_ns"), run.columns.get("done_ns")
        for i, time_ns in enumerate(run.times_ns):
            if marked is not None and (value := marked[i]) is not None:
                dealt_with = done[i] if done is not None else None
                mark = Mark(int(value), None if dealt_with is None else int(dealt_with))
                marks.setdefault(run.tags["hub"], {})[time_ns] = mark
    return marks


def read_estimates(store: Store, span: Span, hub: str | None = None) -> dict[str, dict[int, Mapping[str, int]]]:
    """The stored estimates of the days that start within the span, by hub and midnight."""
    where = None if hub is None else {"hub": hub}
    found: dict[str, dict[int, Mapping[str, int]]] = {}
    for run in store.read(ESTIMATES, start_ns=span.start_ns, stop_ns=span.stop_ns, where=where):
        rows = found.setdefault(run.tags["hub"], {})
        for i, time_ns in enumerate(run.times_ns):
            rows[time_ns] = {
                name: int(value) for name, column in run.columns.items() if (value := column[i]) is not None
            }
    return found


def done_line(hub: str, midnight_ns: int, mark: Mark) -> str:
    """The line that says that a mark is dealt with; a later mark makes the day due again."""
    return encode(MARKS, {"hub": hub}, {"done_ns": mark.marked_ns}, midnight_ns)


def write(store: Store, lines: list[str]) -> None:
    """Write lines as one batch. Raises StoreError where the store does not take it, RowsRefusedError where never."""
    outcome = store.write("\n".join(lines).encode())
    if not isinstance(outcome, Accepted):
        failure = StoreError if isinstance(outcome, Keep) else RowsRefusedError
        raise failure(f"the store did not take the roll-ups: {outcome.detail}; they are computed again")


def replace_rows(
    store: Store, measurement: str, span: Span, stored: Iterable[tuple[str, str]], fresh: set[tuple[str, str]]
) -> None:
    """Replace all rows of the hubs whose rows are others now: a store takes no single field back from a point."""
    changed = {hub for hub, _ in set(stored) ^ fresh}
    for hub in changed:
        store.delete(measurement, start_ns=span.start_ns, stop_ns=span.stop_ns, where={"hub": hub})
    lines = sorted(line for hub, line in fresh if hub in changed)
    if lines:
        write(store, lines)


def forget(store: Store, hub: str, day: Span, now_ns: int) -> None:
    """Delete a day's roll-ups, which are to be written again: a store takes no single field back from a point.

    The day is marked first, and its own row goes last: whoever stops in between leaves what tells to do it again.
    """
    write(store, [encode(MARKS, {"hub": hub}, {"marked_ns": now_ns}, day.start_ns)])
    for measurement in (HOURLY, HOT_HOURS, ZONES, DAILY_DOOR, HOURLY_DOOR, DAILY):
        store.delete(measurement, start_ns=day.start_ns, stop_ns=day.stop_ns, where={"hub": hub})


def changes(old: Mapping[str, object], new: Figures) -> list[str]:
    """The names of the figures that differ."""
    return [name for name, value in new.items() if name not in _STATUS_FIELDS and value != old.get(name)]
