"""What was promised of a hub in a month, and whether it is on course.

    counted until yesterday + estimated for what they miss + projected for the days to come -> against the target

Days to come are estimated as missed ones are, by the hub's own usual weeks: closed days are zero, and the interval
comes from how far off such a projection was in each of the 52 weeks before. Its error and that of the estimate add up
by squares.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from schemas import Estate
from schemas.measurements import USAGE_FIELDS
from schemas.measures import PeopleState
from schemas.texts import N_
from usage.calendar import HubCalendar, dates
from usage.estimates import Estimate, missing_share
from usage.queries import DayFigures, Period, Queries
from usage.queries.date_ranges import DateRange
from usage.rollup import Figures


class Course(StrEnum):
    """How a month stands against its target; the last two once it is over."""

    ON_COURSE = N_("on course")
    BEHIND = N_("behind")
    UNSAID = N_("can't be said")
    REACHED = N_("reached")
    MISSED = N_("missed")


@dataclass(frozen=True, slots=True)
class TargetState:
    """A hub's month against its target: people counted until a day, and all of the month with its 90 % interval.

    `days_missing` were not all counted; what they miss is in `expected`, which is None where history is too short.
    """

    hub: str
    month: str
    target: int
    until: date
    counted: int
    days_missing: int
    expected: int | None
    low: int | None
    high: int | None
    course: Course


def targets(queries: Queries, estate: Estate, month: DateRange, *, hub: str | None = None) -> Iterator[TargetState]:
    """Every hub that has a target. Raises UnknownHubError."""
    names = set(queries.hubs(hub))
    for known in estate.hubs:
        if known.targets is not None and known.id in names:
            yield _state(queries, estate, month, known.id, known.targets.entries_month)


def month_of(queries: Queries) -> DateRange:
    """The month that it is."""
    return DateRange.of(Period.MONTH, queries.today())


def _state(queries: Queries, estate: Estate, month: DateRange, hub: str, target: int) -> TargetState:
    until = min(month.last, queries.today(hub) - timedelta(days=1))
    days = list(queries.daily(month.first, until, hub=hub)) if until >= month.first else []
    counted = sum(int(day.figures["entries"] or 0) for day in days)
    missed = queries.estimates(days)(hub, [day.date for day in days])
    to_come = _to_come(queries, estate, hub, max(until + timedelta(days=1), month.first), month.last)
    expected, low, high = _added(counted, missed, to_come)
    missing = sum(day.figures["people_state"] in (PeopleState.PARTIAL, PeopleState.NONE) for day in days)
    course = Course.REACHED if counted >= target else _course(target, low, high, is_over=until == month.last)
    return TargetState(hub, month.name, target, until, counted, missing, expected, low, high, course)


def _to_come(queries: Queries, estate: Estate, hub: str, first: date, last: date) -> Estimate:
    """The people of days to come; today is one of them, with those who came until now at least."""
    calendar = HubCalendar(estate, hub)
    ahead = [_day_ahead(hub, day, opens=calendar.opens(day)) for day in dates(first, last)]
    if not any(missing_share(day.figures) for day in ahead):
        return Estimate()
    from usage.estimates.estimator import REACH_BEFORE, Estimator  # noqa: PLC0415 - numpy is slow to import

    past = queries.stored_daily(first - REACH_BEFORE, first - timedelta(days=1), hub=hub)
    found = Estimator([*past, *ahead]).ahead(hub, [day.date for day in ahead])
    today = queries.today(hub)
    so_far = (
        sum(int(day.figures["entries"] or 0) for day in queries.daily(today, today, hub=hub)) if first == today else 0
    )
    if found.people is None or found.low is None or found.high is None:
        return found
    return Estimate(max(found.people, so_far), max(found.low, so_far), max(found.high, so_far), found.method)


def _day_ahead(hub: str, day: date, *, opens: bool) -> DayFigures:
    figures: Figures = dict.fromkeys(USAGE_FIELDS)
    figures["people_state"] = PeopleState.NONE if opens else PeopleState.CLOSED
    return DayFigures(hub, day, figures)


def _added(counted: int, *parts: Estimate) -> tuple[int, int, int] | tuple[None, None, None]:
    """What was counted and what was not, with its bounds: errors are as likely up as down and add up by squares."""
    people, below, above = counted, 0, 0
    for part in parts:
        if part.people is None or part.low is None or part.high is None:
            return None, None, None
        people += part.people
        below += (part.people - part.low) ** 2
        above += (part.high - part.people) ** 2
    return people, max(counted, round(people - below**0.5)), round(people + above**0.5)


def _course(target: int, low: int | None, high: int | None, *, is_over: bool) -> Course:
    if low is None or high is None or low < target <= high:
        return Course.UNSAID
    if is_over:
        return Course.REACHED if low >= target else Course.MISSED
    return Course.ON_COURSE if low >= target else Course.BEHIND
