"""Weeks, months, quarters, halves and years from the figures of their days.

How a figure's days add up is said by the measure catalogue (`Measure.over_days`). A period that the asked days cut
short has the figures of those days.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby

from schemas import HubpulseError
from schemas.measures import USAGE_MEASURES, Aggregation, Measure, PeopleState
from usage.estimates import Estimate, Estimates
from usage.queries.figures import DayFigures
from usage.rollup import Figures

_NAME = re.compile(r"(?P<year>199[0-9]|2[01][0-9]{2})(-(?P<part>H[12]|Q[1-4]|W[0-9]{2}|[0-9]{2}))?")


class Period(StrEnum):
    """What days are added up to."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF = "half"
    YEAR = "year"

    @classmethod
    def parse(cls, text: str) -> tuple[Period, date, date]:
        """A period by its name, with its first and last day. Raises HubpulseError."""
        found = _NAME.fullmatch(text)
        if found is None:
            raise HubpulseError(f"{text!r} is no period: write 2026, 2026-H1, 2026-Q3, 2026-10 or 2026-W43")
        year, part = int(found["year"]), found["part"] or ""
        try:
            if part.startswith("W"):
                kind, first = cls.WEEK, date.fromisocalendar(year, int(part[1:]), 1)
            else:
                kind = {"H": cls.HALF, "Q": cls.QUARTER, "": cls.YEAR}.get(part[:1], cls.MONTH)
                first = date(year, (int(part.lstrip("HQ") or 1) - 1) * _MONTHS[kind] + 1, 1)
        except ValueError as error:
            raise HubpulseError(f"there is no period {text}: {year} has no such part") from error
        return kind, *kind.days_of(first)

    def days_of(self, day: date) -> tuple[date, date]:
        """The first and last day of the period that a day belongs to, also of one that nobody can ask for by name."""
        if self is Period.WEEK:
            first = day - timedelta(days=day.weekday())
            return first, first + timedelta(days=6)
        months = _MONTHS[self]
        first = date(day.year, (day.month - 1) // months * months + 1, 1)
        next_one = (first + timedelta(days=31 * months)).replace(day=1)
        return first, next_one - timedelta(days=1)

    def name_of(self, day: date) -> str:
        """The period that a day belongs to: `2026-W43` (ISO 8601), `2026-10`, `2026-Q4`, `2026-H2` or `2026`."""
        match self:
            case Period.WEEK:
                iso = day.isocalendar()
                return f"{iso.year}-W{iso.week:02}"
            case Period.MONTH:
                return f"{day:%Y-%m}"
            case Period.QUARTER:
                return f"{day.year}-Q{(day.month + 2) // 3}"
            case Period.HALF:
                return f"{day.year}-H{(day.month + 5) // 6}"
            case Period.YEAR:
                return f"{day.year}"


_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.HALF: 6, Period.YEAR: 12}
"""How many months each has; weeks go by days."""


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """The figures of one hub over a period, of the `days` of it that were asked for.

    On `days_counted` of them all people were counted, on `days_missing` not all of them or none; on the others the hub
    was closed. `estimate` is of the people whom nobody counted, to be added to `entries`.
    """

    hub: str
    period: str
    days: int
    days_counted: int
    days_missing: int
    figures: Figures
    estimate: Estimate
    rows: tuple[Figures, ...] = field(repr=False, compare=False)
    """The figures of the days themselves."""

    def estimated(self) -> tuple[int | None, int | None, int | None, str]:
        """The people added for what is missing, the low and high of all of them, and how: as `ESTIMATED` names them."""
        missed, counted = self.estimate, self.figures["entries"]
        if missed.low is None or missed.high is None or (counted is None and not missed.people):
            return missed.people, None, None, missed.method
        return missed.people, int(counted or 0) + missed.low, int(counted or 0) + missed.high, missed.method


def periods(days: Iterable[DayFigures], period: Period, estimate: Estimates) -> Iterator[PeriodFigures]:
    """Add up days, which come hub by hub and in order; `estimate` tells what is missing from a hub's days."""
    for (hub, name), part in groupby(days, key=lambda day: (day.hub, period.name_of(day.date))):
        yield added_up(hub, name, list(part), estimate)


def added_up(
    hub: str, name: str, days: Sequence[DayFigures], estimate: Estimates, measures: Iterable[str] = USAGE_MEASURES
) -> PeriodFigures:
    """A hub's days as one, by that name, with these of their figures."""
    rows = [day.figures for day in days]
    states = [row["people_state"] for row in rows]
    missing = states.count(PeopleState.PARTIAL) + states.count(PeopleState.NONE)
    figures = {measure: _total(USAGE_MEASURES[measure], rows) for measure in measures}
    missed = estimate(hub, [day.date for day in days])
    return PeriodFigures(hub, name, len(rows), states.count(PeopleState.COUNTED), missing, figures, missed, tuple(rows))


def _total(measure: Measure, rows: Sequence[Figures]) -> int | float | bool | None:
    if measure.over_days is Aggregation.NONE:
        return None
    known = [(value, row["open_minutes"] or 0.0) for row in rows if (value := row[measure.name]) is not None]
    return measure.stored(_RULES[measure.over_days](known)) if known else None


_Weighted = Sequence[tuple[float, float]]
"""The days' values and opening minutes."""


def _mean(known: _Weighted) -> float:
    return sum(value for value, _ in known) / len(known)


def _mean_by_opening(known: _Weighted) -> float:
    minutes = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / minutes if minutes else _mean(known)


_RULES: Mapping[Aggregation, Callable[[_Weighted], float]] = {
    Aggregation.SUM: lambda known: sum(value for value, _ in known),
    Aggregation.MEAN: _mean,
    Aggregation.MEAN_BY_OPENING: _mean_by_opening,
    Aggregation.MIN: lambda known: min(value for value, _ in known),
    Aggregation.MAX: lambda known: max(value for value, _ in known),
}
