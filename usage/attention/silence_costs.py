"""Which silence costs most: the interval of this month as it is, and as it would be were a counter to stay silent.

The days to come are taken for days on which the counter's door is not counted: of the hub's people as many are missing
as usually come by that door. What they are off by is what `usage.estimates.estimator` finds for such days.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from schemas import Estate, Kind
from schemas.localtime import from_ns
from schemas.measurements import USAGE_FIELDS
from schemas.measures import COUNTED_MIN, PeopleState
from usage.attention.silences import Silence, ranked
from usage.calendar import HubCalendar, dates
from usage.estimates import Estimate, missing_share
from usage.estimates.estimator import REACH_BEFORE, Estimator
from usage.queries import DayFigures, DoorFigures, Queries, SensorState
from usage.rollup import Figures

AHEAD_DAYS = 7
SHARE_DAYS = 56
"""So many days tell which part of the hub's people comes by a door."""


def silences(queries: Queries, estate: Estate, hub: str | None = None) -> list[Silence]:
    """Every door counter that is silent or covers its door in part, the one that costs most first.

    By the roll-ups as they stand. Raises StoreError.
    """
    today = queries.today()
    begin = today - timedelta(days=SHARE_DAYS)
    by_hub: dict[str, list[DoorFigures]] = {}
    for door in queries.stored_doors(begin, today - timedelta(days=1), hub=hub):
        by_hub.setdefault(door.hub, []).append(door)
    found = {
        name: list(_quiet_doors(sensors, by_hub.get(name, ())))
        for name, sensors in queries.sensors.items()
        if hub in (None, name)
    }
    if not any(found.values()):
        return []
    first = today.replace(day=1) - REACH_BEFORE
    days = list(queries.stored_daily(first, today))
    return ranked(
        silence
        for name, doors in found.items()
        if doors
        for silence in _HubMonth(estate, name, days, by_hub.get(name, ()), queries.today(name)).silences(doors)
    )


@dataclass(frozen=True, slots=True)
class _Quiet:
    """A counter that is silent, or sends in part; `covered` is the share of its door that it covers."""

    sensor: SensorState
    covered: float


def _quiet_doors(sensors: Sequence[SensorState], doors: Sequence[DoorFigures]) -> Iterator[_Quiet]:
    latest = {door.door: share for door in doors if (share := door.figures["footfall_completeness"]) is not None}
    for sensor in sensors:
        if Kind.FOOTFALL not in sensor.kinds:
            continue
        covered = latest.get(sensor.sensor)
        if sensor.silent:
            yield _Quiet(sensor, 0.0)
        elif covered is not None and covered < COUNTED_MIN:
            yield _Quiet(sensor, float(covered))


class _HubMonth:
    """This month of a hub: its days that are over, and those to come."""

    def __init__(
        self, estate: Estate, hub: str, days: Sequence[DayFigures], doors: Sequence[DoorFigures], today: date
    ) -> None:
        self._hub, self._today, self._calendar = hub, today, HubCalendar(estate, hub)
        self._doors = doors
        self._first = today.replace(day=1)
        last = (self._first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        self._then = min(today + timedelta(days=AHEAD_DAYS), last + timedelta(days=1))
        self._known = [day for day in days if day.date < today]
        self._over = [day for day in self._known if day.hub == hub and day.date >= self._first]
        self._to_come = [self._day(day, 1.0, None) for day in dates(today, last)]
        self._estimator = Estimator([*self._known, *self._to_come])

    def silences(self, quiet: Sequence[_Quiet]) -> Iterator[Silence]:
        """What each of the hub's quiet counters costs."""
        now = self._estimate([])
        rest = self._estimator.of(self._hub, [day.date for day in self._to_come])
        counted = sum(int(day.figures["entries"] or 0) for day in self._over)
        total = None if now.people is None or rest.people is None else counted + now.people + rest.people
        for each in quiet:
            missing = self._share(each.sensor.sensor) * (1 - each.covered)
            then = self._estimate([day for day in self._missed(missing) if day.date < self._then])
            seen_ns = each.sensor.last_seen_ns
            half = _half(then)
            yield Silence(
                self._hub,
                each.sensor.sensor,
                each.sensor.silent,
                None if seen_ns is None else from_ns(seen_ns).astimezone(self._calendar.zone),
                self._first,
                self._then,
                _share_of(_half(now), total),
                _share_of(half, total),
                None if half is None or total is None else round(half),
            )

    def _share(self, door: str) -> float:
        """The part of the hub's people who come by a door, on days on which all doors were counted."""
        names = {each.door for each in self._doors} | {door}
        whole = {day.date for day in self._known if day.hub == self._hub and not missing_share(day.figures)}
        people = dict.fromkeys(names, 0)
        for each in self._doors:
            if each.date in whole:
                people[each.door] += int(each.figures["entries"] or 0)
        total = sum(people.values())
        return people[door] / total if total else 1 / len(names)

    def _missed(self, missing: float) -> Iterator[DayFigures]:
        """The days to come with a part of their people missing."""
        for day in self._to_come:
            whole = self._estimator.of(self._hub, [day.date]).people
            counted = None if whole is None else round(whole * (1 - missing))
            yield self._day(day.date, missing, counted)

    def _estimate(self, missed: Sequence[DayFigures]) -> Estimate:
        """What is missing from the month, were these days missed, too."""
        days = [day.date for day in (*self._over, *missed)]
        if not any(missing_share(day.figures) for day in (*self._over, *missed)):
            return Estimate()
        return Estimator([*self._known, *missed]).of(self._hub, days)

    def _day(self, day: date, missing: float, counted: int | None) -> DayFigures:
        state = PeopleState.NONE if missing >= 1 else PeopleState.PARTIAL
        if not self._calendar.opens(day):
            state = PeopleState.CLOSED
        figures: Figures = dict.fromkeys(USAGE_FIELDS)
        figures |= {"people_state": state, "footfall_completeness": 1 - missing, "entries": counted}
        return DayFigures(self._hub, day, figures)


def _half(estimate: Estimate) -> float | None:
    if estimate.low is None or estimate.high is None:
        return None
    return (estimate.high - estimate.low) / 2


def _share_of(people: float | None, total: int | None) -> float | None:
    return None if people is None or total is None else people / total if total else 0.0
