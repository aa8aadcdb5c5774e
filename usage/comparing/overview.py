"""Every hub over a range of days, beside the range before and the same one a year before, as one table shows them.

By the roll-ups as they stand. Only the days of the three ranges are read, and the weeks around them where something is
missing that has to be estimated: so no verdict is given on whether a change is usual (`compare_stored` gives it).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from schemas import Estate, Kind
from schemas.measurements import USAGE_FIELDS
from schemas.measures import PeopleState
from usage.attention.doubts import Doubt
from usage.calendar import HubCalendar, dates
from usage.comparing.like_for_like import LikeForLike, compare_days
from usage.estimates.estimate import ESTIMATED_BY
from usage.queries import DateRange, DayFigures, PeriodFigures, Queries
from usage.queries.periods import added_up
from usage.rollup import Figures
from usage.together import Together, together

_A_DAY = timedelta(days=1)
_SHOWN_BY = (*ESTIMATED_BY, "final")
"""Comparisons go by no others."""


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


def overview(queries: Queries, estate: Estate, days: DateRange, hubs: Collection[str] | None = None) -> Overview:
    """Look at every hub, or at those named alone, over the days that are over. Raises StoreError."""
    before, year_before = days.before(), days.year_before()
    rows: dict[str, dict[date, Figures]] = defaultdict(dict)
    for each in dict.fromkeys((days, before, year_before)):
        for day in queries.stored_daily(each.first, each.last, fields=_SHOWN_BY):
            rows[day.hub][day.date] = day.figures
    names = [each.id for each in estate.hubs]
    names += sorted(rows.keys() - set(names))
    names = [name for name in names if hubs is None or name in hubs]
    until = min(days.last, max((queries.today(name) for name in names), default=queries.today()) - _A_DAY)
    known = [day for name in names for day in _over(estate, name, rows[name], days, queries.today(name))]
    estimate = queries.estimates(known)
    compared = [
        compare_days(
            (DayFigures(name, day, row) for name in names for day, row in rows[name].items()),
            estate,
            days,
            other,
            today=queries.today,
            is_judged=False,
        )
        for other in (before, year_before)
    ]
    by_hub = [{each.hubs[0]: each for each in one.hubs} for one in compared]
    doubts = [doubt for doubt in queries.stored_doubts(days.first, until) if doubt.wants_attention]
    found = []
    for name in names:
        of_hub = [day for day in known if day.hub == name]
        found.append(
            HubOverview(
                added_up(name, days.name, of_hub, estimate, ("entries",)),
                by_hub[0].get(name),
                by_hub[1].get(name),
                tuple(doubt for doubt in doubts if doubt.hub == name),
                sum(not day.figures["final"] for day in of_hub),
                any(Kind.FOOTFALL in sensor.kinds for sensor in queries.sensors.get(name, ()))
                or any(day.figures["entries"] is not None for day in of_hub),
            )
        )
    total = together([each.people for each in found if each.has_counter])
    return Overview(days, before, year_before, until, tuple(found), total, compared[0].together, compared[1].together)


def _over(estate: Estate, hub: str, rows: Mapping[date, Figures], days: DateRange, today: date) -> Iterator[DayFigures]:
    """The days that are over; one without a roll-up, after the hub was first counted, was not counted."""
    counted = [day for day, row in rows.items() if row["people_state"] is not None]
    begun = min(counted, default=date.max)
    calendar = HubCalendar(estate, hub)
    for day in dates(days.first, min(days.last, today - _A_DAY)):
        if day in rows:
            yield DayFigures(hub, day, rows[day])
        elif day > begun and calendar.exists(day):
            state = PeopleState.NONE if calendar.opens(day) else PeopleState.CLOSED
            yield DayFigures(hub, day, dict.fromkeys(USAGE_FIELDS) | {"people_state": state})
