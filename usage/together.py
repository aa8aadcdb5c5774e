"""Several hubs as one: their periods added up, their days side by side, the hours of the week when people come.

Nothing that is missing is passed over: each sum carries the days that were not all counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean

from schemas.measures import COUNTED_MIN, PeopleState
from usage.estimates.estimate import Method
from usage.queries import DayFigures, HourFigures, PeriodFigures

_MISSING = (PeopleState.PARTIAL, PeopleState.NONE)


@dataclass(frozen=True, slots=True)
class Together:
    """The people of some hubs over a period: `counted`, and `estimated` for what nobody counted.

    `low` and `high` bound both together; the three are None where they can't be told of every hub, and `untold` names
    those. `days` are hubs' days; those that are neither counted nor missing were closed.
    """

    hubs: int
    days: int
    days_counted: int
    days_missing: int
    counted: int | None
    estimated: int | None
    low: int | None
    high: int | None
    method: str
    untold: tuple[str, ...]


def together(hubs: Sequence[PeriodFigures]) -> Together:
    """Add up hubs. Bounds add up as though all erred the same way: rather too wide for it, never too narrow."""
    told = [each.estimated() for each in hubs]
    untold = tuple(
        each.hub for each, (people, *_) in zip(hubs, told, strict=True) if people is None and each.days_missing
    )
    counts = [int(each.figures["entries"]) for each in hubs if each.figures["entries"] is not None]
    counted = sum(counts) if counts else None
    methods = sorted({method for *_, named in told for method in named.split("+")} - {Method.NONE.value})
    estimated = low = high = None
    if hubs and not untold:
        estimated = sum(people or 0 for people, _, _, _ in told)
        if counted is not None or estimated:
            # A hub that was closed all along has neither bound and adds nobody.
            low, high = (
                sum(bound or 0 for bound in bounds)
                for bounds in ([each[1] for each in told], [each[2] for each in told])
            )
    return Together(
        len(hubs),
        sum(each.days for each in hubs),
        sum(each.days_counted for each in hubs),
        sum(each.days_missing for each in hubs),
        counted,
        estimated,
        low,
        high,
        "+".join(methods) or Method.NONE.value,
        untold,
    )


@dataclass(frozen=True, slots=True)
class DayTogether:
    """One date over some hubs: who was counted, and at how many hubs all, not all, or nobody since they were closed."""

    date: date
    counted: int | None
    hubs_counted: int
    hubs_missing: int
    hubs_closed: int


def days_together(days: Iterable[DayFigures]) -> list[DayTogether]:
    """The days by date."""
    by_date: dict[date, list[DayFigures]] = defaultdict(list)
    for day in days:
        by_date[day.date].append(day)
    return [_day_together(day, rows) for day, rows in sorted(by_date.items())]


def _day_together(day: date, rows: Sequence[DayFigures]) -> DayTogether:
    counts = [int(row.figures["entries"]) for row in rows if row.figures["entries"] is not None]
    states = [row.figures["people_state"] for row in rows]
    return DayTogether(
        day,
        sum(counts) if counts else None,
        states.count(PeopleState.COUNTED),
        sum(state in _MISSING for state in states),
        states.count(PeopleState.CLOSED),
    )


@dataclass(frozen=True, slots=True)
class HourOfWeek:
    """An hour of the week: how many people usually come in, hubs added up. Monday is 0.

    `hours` of hubs were counted whole while they were open, the others of that hour are left out.
    """

    weekday: int
    hour: int
    people: float
    hours: int


def hours_of_week(hours: Iterable[HourFigures]) -> list[HourOfWeek]:
    """The hours of the week in which a hub was open and counted: each hub's mean, added up."""
    counted: dict[tuple[int, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in hours:
        row = each.figures
        if row["open_minutes"] and row["entries"] is not None and (row["footfall_completeness"] or 0) >= COUNTED_MIN:
            counted[each.time.weekday(), each.time.hour][each.hub].append(row["entries"])
    return [
        HourOfWeek(
            weekday,
            hour,
            sum(fmean(people) for people in by_hub.values()),
            sum(len(people) for people in by_hub.values()),
        )
        for (weekday, hour), by_hub in sorted(counted.items())
    ]
