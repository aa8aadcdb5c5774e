"""Every hub over a range of days, beside the range before and the same one a year before, as one table shows them.

By the roll-ups as they stand. Only the days of the three ranges are read, and the weeks around them where something is
missing that has to be estimated: so no verdict is given on whether a change is usual (`compare_stored` gives it).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from schemas import Estate
from schemas.localtime import NS_AN_HOUR
from schemas.measures import PeopleState
from usage.attention.doubts import Doubt
from usage.calendar import HubCalendar
from usage.comparing.like_for_like import LikeForLike, compare_days
from usage.estimates.estimate import ESTIMATED_BY
from usage.estimates.estimator import REACH_AFTER, REACH_BEFORE, Estimator
from usage.queries import DateRange, PeriodFigures, Queries
from usage.queries.columns import DayColumns
from usage.queries.hubs import counts_people
from usage.rollup import GRACE_DEFAULT_NS, Figures
from usage.together import Together, together

_A_DAY = timedelta(days=1)
_GRACE = timedelta(days=GRACE_DEFAULT_NS // (24 * NS_AN_HOUR))
_SHOWN_BY = (*ESTIMATED_BY, "final")
"""Comparisons go by no others."""
_MISSING = (PeopleState.PARTIAL, PeopleState.NONE)
_COUNTED = (PeopleState.COUNTED, PeopleState.PARTIAL)


@dataclass(frozen=True, slots=True)
class HubOverview:
    """A hub over the range. A comparison is None where no two like days were counted on both sides.

    Of the figures of `people`, the entries alone are added up.
    """

    people: PeriodFigures
    before: LikeForLike | None
    year_before: LikeForLike | None
    doubts: tuple[Doubt, ...]
    """Those that stand about its counters on any of the days."""
    days_provisional: int
    """Days whose figures may still change."""
    has_counter: bool
    """Whether a door counter is known of it, or people were counted: else it is in no total."""
    counted_from: date | None
    """The day on which counting it began, where days of the range were missed before it."""

    @property
    def is_sure(self) -> bool:
        """Whether all its days were counted, will not change, and nothing speaks against its counters."""
        return not (self.people.days_missing or self.days_provisional or self.doubts) and self.people.days_counted > 0


@dataclass(frozen=True, slots=True)
class Overview:
    """All hubs over the days of a range that are over, `until` the last of them."""

    days: DateRange
    before: DateRange
    year_before: DateRange
    until: date
    hubs: tuple[HubOverview, ...]
    total: Together
    total_before: LikeForLike | None
    total_year_before: LikeForLike | None

    @property
    def is_over(self) -> bool:
        """Whether the range has no day to come."""
        return self.until == self.days.last


@dataclass(frozen=True, slots=True)
class Stored:
    """What an overview is made of."""

    columns: DayColumns
    doubts: Sequence[Doubt]

    @classmethod
    def read(cls, queries: Queries, days: DateRange) -> Stored:
        """Raises StoreError."""
        first = min(days.first - REACH_BEFORE, days.before().first, days.year_before().first)
        columns = queries.stored_columns(_SHOWN_BY, (first, days.last + REACH_AFTER))
        return cls(columns, queries.stored_doubts(days.first, days.last))


def overview(
    queries: Queries,
    estate: Estate,
    days: DateRange,
    hubs: Collection[str] | None = None,
    *,
    stored: Stored | None = None,
) -> Overview:
    """Look at every hub, or at those named alone, over the days that are over. Raises StoreError.

    What is `stored` is read unless it is at hand.
    """
    stored = stored or Stored.read(queries, days)
    columns, ranges = stored.columns, (days.before(), days.year_before())
    is_shown = np.zeros(columns.days, dtype=bool)
    for each in (days, *ranges):
        is_shown[columns.place(each.first) : columns.place(each.last) + 1] = True
    named = [each.id for each in estate.hubs]
    seen = [hub for hub, row in columns.rows.items() if columns.is_there[row, is_shown].any()]
    names = [name for name in dict.fromkeys((*named, *seen)) if hubs is None or name in hubs]
    until = min(days.last, max((queries.today(name) for name in names), default=queries.today()) - _A_DAY)
    over = {name: DateRange(days.name, days.first, min(until, queries.today(name) - _A_DAY)) for name in names}
    for name in names:
        _put_missed(columns, HubCalendar(estate, name), name, over[name], queries.today(name) - _GRACE)
    people = _added_up(columns, names, days, until)
    against = {  # the time before a year is a year before
        other: compare_days(columns, estate, days, other, today=queries.today, hubs=names, is_judged=False)
        for other in dict.fromkeys(ranges)
    }
    compared = [against[other] for other in ranges]
    by_hub = [{each.hubs[0]: each for each in one.hubs} for one in compared]
    doubts: dict[str, list[Doubt]] = defaultdict(list)
    for doubt in stored.doubts:
        if doubt.wants_attention and doubt.since <= until:
            doubts[doubt.hub].append(doubt)
    found = [
        HubOverview(
            one,
            by_hub[0].get(one.hub),
            by_hub[1].get(one.hub),
            tuple(doubts[one.hub]),
            provisional,
            one.figures["entries"] is not None or counts_people(queries.sensors.get(one.hub, ())),
            counted_from(columns, one.hub, over[one.hub]),
        )
        for one, provisional in people
    ]
    total = together([each.people for each in found if each.has_counter])
    return Overview(days, *ranges, until, tuple(found), total, compared[0].together, compared[1].together)


def _put_missed(columns: DayColumns, calendar: HubCalendar, hub: str, days: DateRange, final: date) -> None:
    """Days that are over without a roll-up were not counted, nor were those before the hub's first count."""
    row, first = columns.rows[hub], columns.place(days.first)
    lacking = np.nonzero(~columns.is_there[row, first : columns.place(days.last) + 1])[0].tolist()
    opens = calendar.open_days(days.first, days.last) if lacking else []
    for place in lacking:
        day = days.first + timedelta(days=place)
        if calendar.exists(day):
            at = row, first + place
            columns.is_there[at] = True
            columns["people_state"][at] = PeopleState.NONE if opens[place] else PeopleState.CLOSED
            columns["final"][at] = day < final


def counted_from(columns: DayColumns, hub: str, days: DateRange) -> date | None:
    """The day on which counting a hub began, in whole or in part, where open days of a range were missed before it.

    None where none was, or anybody was counted before the range: the columns have `REACH_BEFORE` of it.
    """
    row, first, stop = columns.rows[hub], columns.place(days.first), columns.place(days.last) + 1
    states = columns["people_state"][row, :stop]
    counted = np.nonzero(np.isin(states, _COUNTED) | (columns["entries"][row, :stop] > 0))[0]
    if not len(counted) or not (states[first : counted[0]] == PeopleState.NONE).any():
        return None
    return columns.first + timedelta(days=int(counted[0]))


def _added_up(
    columns: DayColumns, hubs: Sequence[str], days: DateRange, until: date
) -> Iterator[tuple[PeriodFigures, int]]:
    """Each hub's people over the days that are over, and how many of these may still change."""
    at = np.s_[[columns.rows[hub] for hub in hubs], columns.place(days.first) : columns.place(until) + 1]
    is_there, entries, states = columns.is_there[at], columns["entries"][at], columns["people_state"][at]
    is_known = np.isfinite(entries)
    provisional = is_there & (columns["final"][at] != 1)
    flags = (is_there, states == PeopleState.COUNTED, np.isin(states, _MISSING), provisional, is_known)
    numbers = zip(*(each.sum(axis=1).tolist() for each in flags), np.nansum(entries, axis=1).tolist(), strict=True)
    missed = Estimator(columns).between(hubs, days.first, until)
    for hub, (there, counted, missing, changing, known, people) in zip(hubs, numbers, strict=True):
        figures: Figures = {"entries": int(people) if known else None}
        yield PeriodFigures(hub, days.name, there, counted, missing, figures, missed[hub], ()), changing
