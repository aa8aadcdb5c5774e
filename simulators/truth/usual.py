"""What is usual at each door, hour of the week by hour of the week: kept as the days go by, apart from the pipeline.

A door's value of an hour is its people per hour of opening, in thousandths and rounded down, where its own readings
covered all of the hour's opening time. What is usual in a week is the mean of each hour's latest eight values from the
53 weeks up to the Friday before, where there are four.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.localtime import NS_AN_HOUR, Span, from_ns

_LATEST, _FEWEST, _WEEKS = 8, 4, 53
_ENOUGH = 100_000

HourOfWeek = tuple[int, int]
"""Weekday, 0 for Monday, and local hour."""


class _Value(NamedTuple):
    day: date
    rate: int


class Usual:
    """One hub's doors."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._values: dict[str, dict[HourOfWeek, list[_Value]]] = {}
        self._weeks: dict[date, dict[str, dict[HourOfWeek, int]]] = {}

    def keep(self, door: str, hour: Span, people: int, open_ns: int) -> None:
        """Take an hour that a door's own readings covered."""
        local = self._local(hour.start_ns)
        rate = people * 1000 * NS_AN_HOUR // open_ns
        self._values.setdefault(door, {}).setdefault(_of_week(local), []).append(_Value(local.date(), rate))

    def weights(self, doors: Sequence[str], week_of_ns: int, hours: Iterable[Span]) -> dict[str, list[int]]:
        """What hours weigh when a door is dead: what is usual then, or on average, or at the other doors."""
        starts = [_of_week(self._local(hour.start_ns)) for hour in hours]
        week = self._week(week_of_ns)
        if sum(sum(rates.values()) for rates in week.values()) < _ENOUGH:
            return {door: [1 for _ in starts] for door in doors}
        own = {
            door: [max(1, rates.get(start, sum(rates.values()) // len(rates))) for start in starts]
            for door, rates in week.items()
            if door in doors and rates
        }
        if not own:
            return {door: [1 for _ in starts] for door in doors}
        mean = [max(1, sum(weights[i] for weights in own.values()) // len(own)) for i in range(len(starts))]
        return {door: own.get(door, mean) for door in doors}

    def rates(self, door: str, week_of_ns: int, hours: Iterable[Span]) -> list[int] | None:
        """The rates by which a door's growth over a gap is shared out; None where it is by opening time alone."""
        starts = [_of_week(self._local(hour.start_ns)) for hour in hours]
        week = self._week(week_of_ns)
        if sum(sum(rates.values()) for rates in week.values()) < _ENOUGH:
            return None
        whole = {name: rates for name, rates in week.items() if set(starts) <= rates.keys()}
        if door in whole:
            whole = {door: whole[door]}
        found = [sum(rates[start] for rates in whole.values()) for start in starts]
        return found if any(found) else None

    def _week(self, time_ns: int) -> dict[str, dict[HourOfWeek, int]]:
        day = self._local(time_ns).date()
        monday = day - timedelta(days=day.weekday())
        if monday not in self._weeks:
            self._weeks[monday] = {
                door: {
                    start: sum(value.rate for value in latest) // len(latest)
                    for start, values in by_start.items()
                    if len(latest := _latest(values, monday)) >= _FEWEST
                }
                for door, by_start in self._values.items()
            }
        return self._weeks[monday]

    def _local(self, time_ns: int) -> datetime:
        return from_ns(time_ns).astimezone(self._zone)


def _latest(values: Iterable[_Value], monday: date) -> list[_Value]:
    first, last = monday - timedelta(weeks=_WEEKS), monday - timedelta(days=3)
    return [value for value in values if first <= value.day <= last][-_LATEST:]


def _of_week(local: datetime) -> HourOfWeek:
    return local.weekday(), local.hour
