"""Local days and hours as UTC nanoseconds, and when a hub is open on them.

A local day is 23, 24 or 25 hours; its hours are those of the clock on the wall, so the hour that a clock change
skips is missing and the one that it repeats is there twice.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from schemas import Estate, Hub
from schemas.estate import Holidays
from schemas.localtime import (
    NS_A_MINUTE,
    NS_A_SECOND,
    NS_AN_HOUR,
    Span,
    day_span,
    from_ns,
    local_day,
    midnight_ns,
    to_ns,
    uneven_days,
)

SATURDAY = 5
OPENINGS_MAX = 2048
"""How many days' opening times a calendar has at hand: a year, the one before, and what estimates go by."""
_WEEK = 7
_DAY_MINUTES = 24 * 60
_DAY_NS = _DAY_MINUTES * NS_A_MINUTE


@dataclass(frozen=True, slots=True)
class Day:
    """A hub's local day: its bounds, its clock hours, and when the hub is open in it."""

    date: date
    span: Span
    hours: tuple[Span, ...]
    open: tuple[Span, ...]


class HubCalendar:
    """The days of one hub, in its own time zone. A hub that the estate does not name is open all day."""

    def __init__(self, estate: Estate, hub: str) -> None:
        self.zone = estate.zone_of(hub)
        self._hub = estate.hub(hub)
        self._holidays = estate.holidays
        self._openings: dict[date, tuple[Span, ...]] = {}

    @property
    def open_by(self) -> Hashable:
        """What its open days go by: hubs of an estate that have it in common are open on the same days."""
        return (self.zone, *((self._hub.opening, self._hub.closures) if self._hub else ()))

    def day(self, day: date) -> Day:
        """The local day `day` with its bounds, hours and opening times."""
        span = day_span(day, self.zone)
        return Day(day, span, clock_hours(span, self.zone), self._opening(day))

    def opens(self, day: date) -> bool:
        """Whether the hub is open on a day at all."""
        if day_span(day, self.zone).length_ns != _DAY_NS:
            return bool(self._opening(day))  # a clock change may swallow an opening time
        return not self.is_closed(day) and opening_minutes(self._hub, day) != ()

    def open_days(self, first: date, last: date) -> list[bool]:
        """Whether the hub is open on each of the days: what `opens` says, for many days at once."""
        number = (last - first).days + 1
        if number <= 0:
            return []
        week = [opening_minutes(self._hub, first + timedelta(days=i)) != () for i in range(_WEEK)]
        found = (week * (number // _WEEK + 1))[:number]
        for closure in self._hub.closures if self._hub else ():
            for place in range(max((closure.first - first).days, 0), min((closure.last - first).days + 1, number)):
                found[place] = False
        for year in range(first.year, last.year + 1):
            holidays = () if self._holidays is None else _bank_holidays(self._holidays, year)
            for day in (*holidays, *uneven_days(year, self.zone)):
                if first <= day <= last:
                    found[(day - first).days] = self.opens(day)
        return found

    def exists(self, day: date) -> bool:
        """Whether there was such a day: at the date line a zone may skip one, as Apia did 2011-12-30."""
        return day_span(day, self.zone).length_ns > 0

    def date_of(self, time_ns: int) -> date:
        """The local day that an instant belongs to."""
        return local_day(time_ns, self.zone)

    def midnight_of(self, time_ns: int) -> int:
        """The local midnight at or before an instant."""
        return midnight_ns(self.date_of(time_ns), self.zone)

    def open_within(self, span: Span) -> tuple[Span, ...]:
        """When the hub is open within a span."""
        days = dates(self.date_of(span.start_ns), self.date_of(span.stop_ns))
        opening = (part for day in days for part in self._opening(day))
        return clip(opening, span)

    def is_open_over(self, time_ns: int) -> bool:
        """Whether the hub is open both before and after an instant, such as the midnight of a night that it opens."""
        around = Span(time_ns - 1, time_ns + 1)
        return sum(part.length_ns for part in self.open_within(around)) == around.length_ns

    def open_hours(self, span: Span) -> Iterator[tuple[int, Span]]:
        """The opening time within a span, cut at full hours, each part with its hour of the week."""
        for part in self.open_within(span):
            for hour in clock_hours(part, self.zone):
                yield hour_of_week(hour.start_ns, self.zone), hour

    def is_closed(self, day: date) -> bool:
        """Whether a closure or a bank holiday keeps the hub shut on that day, whatever its opening hours say."""
        closures = self._hub.closures if self._hub else ()
        return any(closure.first <= day <= closure.last for closure in closures) or self._is_bank_holiday(day)

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on a day: no weekend, no bank holiday of the estate."""
        return day.weekday() < SATURDAY and not self._is_bank_holiday(day)

    def _is_bank_holiday(self, day: date) -> bool:
        return self._holidays is not None and day in _bank_holidays(self._holidays, day.year)

    def _opening(self, day: date) -> tuple[Span, ...]:
        # A dictionary: of calendars many are made, and a cache of Python's own would be a cycle for each to collect.
        found = self._openings.get(day)
        if found is None:
            if len(self._openings) >= OPENINGS_MAX:
                self._openings.clear()
            found = self._openings[day] = self._find_opening(day)
        return found

    def _find_opening(self, day: date) -> tuple[Span, ...]:
        if self.is_closed(day):
            return ()
        opening = opening_minutes(self._hub, day)
        if opening is None:
            return (day_span(day, self.zone),)
        times = (Span(self._instant(day, first), self._instant(day, last)) for first, last in opening)
        # A clock change may swallow an opening time whole.
        return tuple(time for time in times if time.length_ns > 0)

    def _instant(self, day: date, minute: int) -> int:
        """When a clock on the wall first shows a minute of the day or, where a clock change skips it, the next one."""
        span = day_span(day, self.zone)
        if span.length_ns == _DAY_NS and minute <= _DAY_MINUTES:
            return span.start_ns + minute * NS_A_MINUTE
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        while True:
            local = midnight + timedelta(minutes=minute)
            moment = local.astimezone(UTC)
            if moment.astimezone(self.zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                return to_ns(moment)
            minute += 1


def opening_minutes(hub: Hub | None, day: date) -> tuple[tuple[int, int], ...] | None:
    """Opening times of that weekday in minutes of the local day; None where the hub counts as open all day."""
    return None if hub is None or hub.opening is None else hub.opening.week[day.weekday()]


def hour_of_week(time_ns: int, zone: ZoneInfo) -> int:
    """Which hour of the local week an instant is in: 0 is the one from Monday's midnight on."""
    local = from_ns(time_ns).astimezone(zone)
    return local.weekday() * 24 + local.hour


@lru_cache(maxsize=1024)
def clock_hours(span: Span, zone: ZoneInfo) -> tuple[Span, ...]:
    """The clock hours of a span, such as a local day, in order; one that it or a clock change cuts is shorter."""
    hours = []
    start = span.start_ns
    while start < span.stop_ns:
        local = from_ns(start).astimezone(zone)
        since_full_hour_ns = (local.minute * 60 + local.second) * NS_A_SECOND
        stop = min(start + NS_AN_HOUR - since_full_hour_ns, span.stop_ns)
        hours.append(Span(start, stop))
        start = stop
    return tuple(hours)


def cut_at_opening(day: Day) -> tuple[Span, ...]:
    """A day's clock hours, cut where the hub opens and closes in the middle of one."""
    edges = sorted({edge for span in (*day.hours, *day.open) for edge in span})
    return tuple(Span(*pair) for pair in pairwise(edges))


def dates(first: date, last: date) -> Iterator[date]:
    """Every date from `first` to `last`, both inclusive."""
    for step in range((last - first).days + 1):
        yield first + timedelta(days=step)


def clip(spans: Iterable[Span], bounds: Span) -> tuple[Span, ...]:
    """The parts of the spans that lie within the bounds."""
    first, last = bounds
    return tuple(
        [
            Span(max(start, first), min(stop, last))
            for start, stop in spans
            if start < last and stop > first and start < stop
        ]
    )


def union(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that meet joined: what they share is there once."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start_ns <= joined[-1].stop_ns:
            joined[-1] = Span(joined[-1].start_ns, max(joined[-1].stop_ns, span.stop_ns))
        else:
            joined.append(span)
    return joined


@lru_cache(maxsize=256)
def _bank_holidays(which: Holidays, year: int) -> frozenset[date]:
    import holidays  # noqa: PLC0415 - slow to import, and many an estate has none

    return frozenset(holidays.country_holidays(which.country, subdiv=which.subdivision, years=year))
