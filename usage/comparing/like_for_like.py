"""Two periods compared like for like, hub by hub and all together.

    days of both -> alike by weekday and term -> counted on both sides -> sums, per open hour, per square metre
    weeks before -> how large a change is usual -> verdict

All hubs together are the sum of the hubs that have days on both sides, so that both sides always are of the same hubs
and days; the others are named with the reason. Sums are of whole counted days alone: nothing in them is estimated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import numpy as np

from schemas import Estate
from usage.calendar import dates
from usage.comparing.pairs import (
    COMPARED_BY,
    Days,
    LeftOut,
    Pair,
    counted_on_both,
    is_counted,
    kind_of_day,
    paired,
    term_days,
)
from usage.comparing.variation import HISTORY_WEEKS, SEED, Numbers, Verdict, size_of, usual_size, verdict
from usage.queries import DayFigures, Queries
from usage.queries.date_ranges import DateRange
from usage.rollup import Figures

_WEEK = 7
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
class Compared:
    """Two periods compared: `together` is None where no hub has days on both sides. `hubs_left_out` tells why."""

    period: DateRange
    against: DateRange
    by_terms: bool
    """Whether days of term were compared with days of term alone: the estate file names the terms of both periods."""
    together: LikeForLike | None
    hubs: tuple[LikeForLike, ...]
    hubs_left_out: Mapping[str, str]


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
    stored = queries.stored_daily(*reach(period, against), hub=hub, fields=COMPARED_BY)
    return compare_days(
        [*stored, *fresh], estate, period, against, today=queries.today, hub=hub, counter_errors=counter_errors
    )


def reach(period: DateRange, against: DateRange) -> tuple[date, date]:
    """The first and last day that a comparison goes by: the weeks of the past tell what is usual."""
    past = max(period.first, against.first) - timedelta(weeks=HISTORY_WEEKS)
    return min(past, against.first, period.first), max(period.last, against.last)


def compare_days(
    days: Iterable[DayFigures],
    estate: Estate,
    period: DateRange,
    against: DateRange,
    *,
    today: Callable[[str], date],
    hub: str | None = None,
    counter_errors: Mapping[str, float] = _NO_ERRORS,
    is_judged: bool = True,
) -> Compared:
    """Compare by these days, a later one in place of an earlier; today and what is still to come is left out.

    Without `is_judged` the verdict is `UNKNOWN`, and days of the past that tell what is usual are not needed.
    """
    rows: dict[str, dict[date, Figures]] = defaultdict(dict)
    for day in days:
        if day.date < today(day.hub):
            rows[day.hub][day.date] = day.figures
    names = sorted({known.id for known in estate.hubs} | rows.keys()) if hub is None else [hub]
    asked = _Asked(estate, period, against, term_days(estate, period, against), counter_errors, is_judged)
    found = [_HubDays(asked, name, rows[name], today(name)) for name in names]
    both = [each for each in found if each.pairs]
    return Compared(
        period,
        against,
        asked.terms is not None,
        _sum(asked, both) if both else None,
        tuple(_sum(asked, [each]) for each in both),
        {each.hub: each.why_left_out() for each in found if not each.pairs},
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    estate: Estate
    period: DateRange
    against: DateRange
    terms: frozenset[date] | None
    counter_errors: Mapping[str, float]
    is_judged: bool


class _HubDays:
    """A hub's days of both periods: which are compared, and which are not."""

    def __init__(self, asked: _Asked, hub: str, rows: Days, today: date) -> None:
        self.hub, self.rows = hub, rows
        self._asked = asked
        kind = kind_of_day(asked.estate, hub, asked.terms)
        over = today - timedelta(days=1)
        self._days, self._others = (
            [day for day in dates(each.first, min(each.last, over)) if kind(day) is not None]
            for each in (asked.period, asked.against)
        )
        alike, unlike = paired(self._days, self._others, kind)
        self.pairs, missing = counted_on_both(alike, rows)
        self.left_out = tuple(sorted([*unlike, *missing], key=lambda each: each.day))
        self.days_missing = len(alike) - len(self.pairs)

    def side(self, place: int) -> Side:
        """What was counted on the compared days of the period (0) or of the other (1)."""
        figures = [self.rows[pair[place]] for pair in self.pairs]
        minutes = sum(row["open_minutes"] or 0 for row in figures)
        return Side(sum(int(row["entries"] or 0) for row in figures), minutes / _MINUTES_AN_HOUR)

    def why_left_out(self) -> str:
        counted = [day for day, row in self.rows.items() if is_counted(row)]
        if not counted:
            return "never counted"
        for name, days in ((self._asked.period.name, self._days), (self._asked.against.name, self._others)):
            if not days:
                return f"not open in {name}"
        if min(counted) > self._asked.against.last:
            return f"new: first counted on {min(counted)}"
        if not any(day in self.rows and is_counted(self.rows[day]) for day in self._days):
            return f"not counted in {self._asked.period.name}"
        return "no two like days were counted on both sides"


def _sum(asked: _Asked, hubs: Sequence[_HubDays]) -> LikeForLike:
    """The hubs' comparisons as one."""
    now, before = (_added([each.side(place) for each in hubs]) for place in (0, 1))
    names = tuple(each.hub for each in hubs)
    areas = [known.area_m2 for known in asked.estate.hubs if known.id in names]
    known_areas = [area for area in areas if area is not None]
    pairs = [pair for each in hubs for pair in each.pairs]
    usual = _usual(asked, hubs, pairs) if asked.is_judged else None
    error = max((asked.counter_errors.get(name, 0.0) for name in names), default=0.0)
    return LikeForLike(
        names,
        len(pairs),
        sum(each.days_missing for each in hubs),
        tuple(left for each in hubs for left in each.left_out),
        now,
        before,
        sum(known_areas) if len(known_areas) == len(names) else None,
        None if usual is None else float(np.expm1(usual)),
        verdict(size_of(now.entries, before.entries), usual, error),
    )


def _added(sides: Sequence[Side]) -> Side:
    return Side(sum(side.entries for side in sides), sum(side.open_hours for side in sides))


def _usual(asked: _Asked, hubs: Sequence[_HubDays], pairs: Sequence[Pair]) -> float | None:
    lag_weeks = max(1, round(abs(median((day - other).days for day, other in pairs)) / _WEEK))
    stop = max(asked.period.first, asked.against.first)
    first = stop - timedelta(weeks=HISTORY_WEEKS)
    people = np.array([_history(each.rows, first) for each in hubs])
    past = [first + timedelta(days=i) for i in range(people.shape[1])]
    term = None if asked.terms is None else np.array([day in asked.terms for day in past])
    return usual_size(people, term, lag_weeks, len(pairs), seed=SEED)


def _history(rows: Days, first: date) -> Numbers:
    """What a hub counted on each day of the past; NaN where it was not all counted, or closed."""
    people = np.full(HISTORY_WEEKS * _WEEK, np.nan)
    for day, row in rows.items():
        place = (day - first).days
        if 0 <= place < len(people) and is_counted(row):
            people[place] = row["entries"]
    return people
