"""Two periods compared like for like, hub by hub and all together.

    days of both -> alike by weekday and term -> counted on both sides -> sums, per open hour, per square metre
    weeks before -> how large a change is usual -> verdict

All hubs together are the sum of the hubs that have days on both sides, so that both sides always are of the same hubs
and days; the others are named with the reason. Sums are of whole counted days alone: nothing in them is estimated.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from schemas import Estate
from schemas.measures import PeopleState
from schemas.texts import N_
from usage.calendar import HubCalendar, dates
from usage.comparing.pairs import COMPARED_BY, LeftOut, Places, Why, kinds_of_days, paired, term_days
from usage.comparing.variation import HISTORY_WEEKS, SEED, Flags, Numbers, Verdict, size_of, usual_size, verdict
from usage.queries import DayFigures, Queries
from usage.queries.columns import DayColumns
from usage.queries.date_ranges import DateRange

_WEEK = 7
_A_DAY = timedelta(days=1)
_MINUTES_AN_HOUR = 60
_NO_ERRORS: Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: what was counted on its compared days."""

    entries: int
    open_hours: float

    @property
    def per_open_hour(self) -> float | None:
        return self.entries / self.open_hours if self.open_hours else None


@dataclass(frozen=True, slots=True)
class LikeForLike:
    """A comparison of one hub, or of all `hubs` together, on `days` days on each side.

    On `days_missing` further pairs of days one side or both were not counted. `usual` is the largest change, as a
    share, that 19 of 20 comparisons like this stay within; None where there is too little history.
    """

    hubs: tuple[str, ...]
    days: int
    days_missing: int
    left_out: tuple[LeftOut, ...]
    now: Side
    before: Side
    area_m2: float | None
    usual: float | None
    verdict: Verdict

    @property
    def change(self) -> float | None:
        """The change as a share of the side before; None where nobody came then."""
        return self.now.entries / self.before.entries - 1 if self.before.entries else None

    def per_m2(self, side: Side) -> float | None:
        """People per square metre on the compared days; None where an area is not known."""
        return side.entries / self.area_m2 if self.area_m2 else None


@dataclass(frozen=True, slots=True)
class HubLeftOut:
    """Why a hub is on neither side: a text of the catalogue, and the period or the day that it names."""

    text: str
    period: DateRange | None = None
    day: date | None = None

    def __str__(self) -> str:
        return self.text.format(period=self.period and self.period.name, day=self.day)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two periods compared: `together` is None where no hub has days on both sides. `hubs_left_out` tells why."""

    period: DateRange
    against: DateRange
    by_terms: bool
    """Whether days of term were compared with days of term alone: the estate file names the terms of both periods."""
    together: LikeForLike | None
    hubs: tuple[LikeForLike, ...]
    hubs_left_out: Mapping[str, HubLeftOut]


def compare(
    queries: Queries,
    estate: Estate,
    period: DateRange,
    against: DateRange,
    *,
    hub: str | None = None,
    counter_errors: Mapping[str, float] = _NO_ERRORS,
) -> Compared:
    """Compare with figures that are up to date, as `Queries.daily` has them. Raises UnknownHubError."""
    fresh = [day for each in (period, against) for day in queries.daily(each.first, each.last, hub=hub)]
    return compare_stored(queries, estate, period, against, hub=hub, counter_errors=counter_errors, fresh=fresh)


def compare_stored(
    queries: Queries,
    estate: Estate,
    period: DateRange,
    against: DateRange,
    *,
    hub: str | None = None,
    counter_errors: Mapping[str, float] = _NO_ERRORS,
    fresh: Iterable[DayFigures] = (),
) -> Compared:
    """Compare by the roll-ups as they stand, `fresh` days in place of theirs: one read for all hubs."""
    days = queries.stored_columns(COMPARED_BY, reach(period, against), hub=hub, fresh=fresh)
    hubs = None if hub is None else [hub]
    return compare_days(days, estate, period, against, today=queries.today, hubs=hubs, counter_errors=counter_errors)


def reach(period: DateRange, against: DateRange) -> tuple[date, date]:
    """The first and last day that a comparison goes by: the weeks of the past tell what is usual."""
    past = max(period.first, against.first) - timedelta(weeks=HISTORY_WEEKS)
    return min(past, against.first, period.first), max(period.last, against.last)


def compare_days(
    days: DayColumns | Collection[DayFigures],
    estate: Estate,
    period: DateRange,
    against: DateRange,
    *,
    today: Callable[[str], date],
    hubs: Collection[str] | None = None,
    counter_errors: Mapping[str, float] = _NO_ERRORS,
    is_judged: bool = True,
) -> Compared:
    """Compare all hubs, or some, by these days; today and what is still to come is left out.

    Without `is_judged` the verdict is `UNKNOWN`, hubs and days that are left out are not named, and those of the past
    that tell what is usual are not needed.
    """
    columns = days if isinstance(days, DayColumns) else DayColumns.of(days, COMPARED_BY)
    columns.forget_from(today)
    if hubs is None:
        is_there = np.any(columns.is_there, axis=1)
        stored = {name for name, row in columns.rows.items() if is_there[row]}
        hubs = {known.id for known in estate.hubs} | stored
    asked = _Asked(estate, period, against, term_days(estate, period, against), counter_errors, is_judged, today)
    sides = _Sides(asked, columns, sorted(hubs))
    found = [_HubDays(sides, row) for row in range(len(hubs))]
    both = [each for each in found if each.days]
    return Compared(
        period,
        against,
        asked.terms is not None,
        _sum(sides, both) if both else None,
        tuple(_sum(sides, [each]) for each in both),
        {each.hub: each.why_left_out() for each in found if not each.days} if is_judged else {},
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    estate: Estate
    period: DateRange
    against: DateRange
    terms: frozenset[date] | None
    counter_errors: Mapping[str, float]
    is_judged: bool
    today: Callable[[str], date]


class _Sides:
    """What was counted in both periods, by hub and day."""

    def __init__(self, asked: _Asked, columns: DayColumns, hubs: Sequence[str]) -> None:
        self.asked, self.hubs = asked, hubs
        self._columns = columns
        periods = (asked.period, asked.against)
        self.people = [self.counted(each.first, each.last) for each in periods]
        self.minutes = [np.nan_to_num(columns.between("open_minutes", hubs, each.first, each.last)) for each in periods]
        self.areas = {known.id: known.area_m2 for known in asked.estate.hubs}
        self._pairs: dict[tuple[bytes, bytes], tuple[Places, Places]] = {}
        self._by_calendar: dict[Hashable, tuple[list[Flags], tuple[Places, Places]]] = {}

    def counted(self, first: date, last: date) -> Numbers:
        """The people of days that were counted whole; NaN of others."""
        entries, states = (self._columns.between(each, self.hubs, first, last) for each in ("entries", "people_state"))
        return np.where(states == PeopleState.COUNTED, entries, np.nan)

    @cached_property
    def first_counted(self) -> list[date | None]:
        """The first day at hand on which each hub was counted."""
        first = self._columns.first
        known = np.isfinite(self.counted(first, first + timedelta(days=self._columns.days - 1)))
        return [first + timedelta(days=int(row.argmax())) if row.any() else None for row in known]

    def pairs(self, row: int) -> tuple[list[Flags], tuple[Places, Places]]:
        """On which days of each side a hub was open, and those of both that are alike."""
        calendar, over = HubCalendar(self.asked.estate, self.hubs[row]), self.asked.today(self.hubs[row]) - _A_DAY
        found = self._by_calendar.get((calendar.open_by, over))
        if found is None:
            periods = (self.asked.period, self.asked.against)
            kinds = [kinds_of_days(calendar, each, over, self.asked.terms) for each in periods]
            key = (kinds[0].tobytes(), kinds[1].tobytes())
            if key not in self._pairs:
                self._pairs[key] = paired(*kinds)
            found = [each >= 0 for each in kinds], self._pairs[key]
            self._by_calendar[calendar.open_by, over] = found
        return found


class _HubDays:
    """A hub's days of both periods: which are compared, and which are not."""

    def __init__(self, sides: _Sides, row: int) -> None:
        self.hub, self.row = sides.hubs[row], row
        self._sides, self._asked = sides, sides.asked
        self._is_open, self._alike = sides.pairs(row)
        self._is_counted = [np.isfinite(people[row]) for people in sides.people]
        on_both = self._is_counted[0][self._alike[0]] & self._is_counted[1][self._alike[1]]
        self.pairs = tuple(places[on_both] for places in self._alike)
        self.days = len(self.pairs[0])
        self.days_missing = len(on_both) - self.days

    @cached_property
    def sides(self) -> tuple[Side, Side]:
        """What was counted on the compared days of both periods."""
        return self._side(0), self._side(1)

    def _side(self, side: int) -> Side:
        at = self.row, self.pairs[side]
        people, minutes = self._sides.people[side][at], self._sides.minutes[side][at]
        return Side(int(people.sum()), sum(minutes.tolist()) / _MINUTES_AN_HOUR)

    def left_out(self) -> Iterable[LeftOut]:
        """The open days that are not compared, in order."""
        firsts = [self._asked.period.first, self._asked.against.first]
        found = []
        for first, is_open, alike in zip(firsts, self._is_open, self._alike, strict=True):
            without = np.setdiff1d(np.nonzero(is_open)[0], alike)
            found += [LeftOut(first + timedelta(days=place), Why.NO_LIKE) for place in without.tolist()]
        for pair in zip(*(places.tolist() for places in self._alike), strict=True):
            counted = [is_counted[place] for is_counted, place in zip(self._is_counted, pair, strict=True)]
            if not all(counted):
                found += [
                    LeftOut(first + timedelta(days=place), Why.LIKE_NOT_COUNTED if itself else Why.NOT_COUNTED)
                    for first, place, itself in zip(firsts, pair, counted, strict=True)
                ]
        return sorted(found, key=lambda each: each.day)

    def why_left_out(self) -> HubLeftOut:
        first = self._sides.first_counted[self.row]
        if first is None:
            return HubLeftOut(N_("never counted"))
        for period, is_open in zip((self._asked.period, self._asked.against), self._is_open, strict=True):
            if not is_open.any():
                return HubLeftOut(N_("not open in {period}"), period)
        if first > self._asked.against.last:
            return HubLeftOut(N_("new: first counted on {day}"), day=first)
        if not self._is_counted[0][: len(self._is_open[0])][self._is_open[0]].any():
            return HubLeftOut(N_("not counted in {period}"), self._asked.period)
        return HubLeftOut(N_("no two like days were counted on both sides"))


def _sum(sides: _Sides, hubs: Sequence[_HubDays]) -> LikeForLike:
    """The hubs' comparisons as one."""
    asked = sides.asked
    now, before = (_added([each.sides[side] for each in hubs]) for side in (0, 1))
    names = tuple(each.hub for each in hubs)
    areas = [area for name in names if (area := sides.areas.get(name)) is not None]
    days = sum(each.days for each in hubs)
    usual = _usual(sides, hubs, days) if asked.is_judged else None
    error = max((asked.counter_errors.get(name, 0.0) for name in names), default=0.0)
    return LikeForLike(
        names,
        days,
        sum(each.days_missing for each in hubs),
        tuple(left for each in hubs for left in each.left_out()) if asked.is_judged else (),
        now,
        before,
        sum(areas) if len(areas) == len(names) else None,
        None if usual is None else float(np.expm1(usual)),
        verdict(size_of(now.entries, before.entries), usual, error),
    )


def _added(sides: Sequence[Side]) -> Side:
    return Side(sum(side.entries for side in sides), sum(side.open_hours for side in sides))


def _usual(sides: _Sides, hubs: Sequence[_HubDays], days: int) -> float | None:
    asked = sides.asked
    apart = np.concatenate([each.pairs[0] - each.pairs[1] for each in hubs])
    lag_days = abs(float(np.median(apart)) + (asked.period.first - asked.against.first).days)
    first = max(asked.period.first, asked.against.first) - timedelta(weeks=HISTORY_WEEKS)
    last = first + timedelta(days=HISTORY_WEEKS * _WEEK - 1)
    people = sides.counted(first, last)[[each.row for each in hubs]]
    term = None if asked.terms is None else np.array([day in asked.terms for day in dates(first, last)])
    return usual_size(people, term, max(1, round(lag_days / _WEEK)), days, seed=SEED)
