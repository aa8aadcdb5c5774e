"""What came by each door of a hub on a day, and in each of its opening hours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from usage.calendar import Day, clip
from usage.coverage import Coverage
from usage.people import Count, Tally
from usage.profile import DoorHour, DoorHours


class DoorDay(NamedTuple):
    """One door's day: its figures by their names in `usage_daily_door`, and its opening hours that are over."""

    figures: dict[str, int | float | bool | None]
    hours: tuple[DoorHour, ...]


def hours_by_door(doors: Mapping[str, DoorDay]) -> DoorHours:
    """The hours alone."""
    return {door: of_day.hours for door, of_day in doors.items()}


def door_days(
    day: Day, entries: Iterable[Tally], exits: Iterable[Tally], coverage: Coverage, now_ns: int
) -> dict[str, DoorDay]:
    """Each door that is expected on the day or counted somebody, in order of the doors' ids."""
    came = {tally.sensor: Count.of([tally]) for tally in entries}
    went = {tally.sensor: Count.of([tally]) for tally in exits}
    return {
        door: DoorDay(
            _figures(day, came.get(door), went.get(door), coverage, door),
            tuple(_hours(day, came.get(door), coverage, door, now_ns)),
        )
        for door in sorted({*came, *went, *coverage.by_door})
    }


def _figures(
    day: Day, came: Count | None, went: Count | None, coverage: Coverage, door: str
) -> dict[str, int | float | bool | None]:
    covered = coverage.by_door.get(door)
    share = covered.share(slice(None)) if covered else None
    entries, exits = (None if count is None else count.within(day.span) for count in (came, went))
    # Nobody outside of the opening time says nothing of within it.
    is_known = share != 0
    return {
        "entries": entries if entries or is_known else None,
        "exits": exits if exits or is_known else None,
        "footfall_completeness": share,
    }


def _hours(day: Day, came: Count | None, coverage: Coverage, door: str, now_ns: int) -> Iterable[DoorHour]:
    if came is None:
        return
    direct_ns = coverage.direct_ns(door)
    for hour, open_ns, direct in zip(day.hours, coverage.open_ns, direct_ns, strict=True):
        if open_ns and hour.stop_ns <= now_ns:
            entries = came.within_all(clip(day.open, hour)) or 0
            yield DoorHour(hour.start_ns, entries, open_ns, direct == open_ns)
