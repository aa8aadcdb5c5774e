"""Weeks and months from the figures of their days.

What is counted adds up; a peak is the highest day's, a mean weighs each day by its opening minutes, and completeness
is the mean of the days that expected something. A period that the asked days cut short tells of the days in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import groupby

from schemas.measurements import USAGE_FIELDS, FieldType
from usage.figures import DayFigures
from usage.rollup import DECIMALS, Figures


class Period(StrEnum):
    """What days are added up to."""

    WEEK = "week"
    MONTH = "month"

    def name_of(self, day: date) -> str:
        """The period that a day belongs to: `2026-W43` (ISO 8601) or `2026-10`."""
        if self is Period.MONTH:
            return f"{day:%Y-%m}"
        iso = day.isocalendar()
        return f"{iso.year}-W{iso.week:02}"


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """The figures of one hub over a period; `days` of it were asked for, of which `days_counted` told of entries."""

    hub: str
    period: str
    days: int
    days_counted: int
    figures: Figures


def totals(days: Iterable[DayFigures], period: Period) -> Iterator[PeriodFigures]:
    """Add up days, which come hub by hub and in order."""
    for (hub, name), part in groupby(days, key=lambda day: (day.hub, period.name_of(day.date))):
        rows = [day.figures for day in part]
        counted = sum(row["entries"] is not None for row in rows)
        yield PeriodFigures(hub, name, len(rows), counted, {field: _total(field, rows) for field in USAGE_FIELDS})


def _total(field: str, rows: Sequence[Figures]) -> int | float | bool | None:
    if field == "final":
        return all(row["final"] for row in rows)
    told = [(value, row["open_minutes"] or 0.0) for row in rows if (value := row[field]) is not None]
    if not told:
        return None
    found = _rule(field)(told)
    return round(found, DECIMALS) if USAGE_FIELDS[field] is FieldType.FLOAT else int(found)


_Told = Sequence[tuple[float, float]]
"""The days' values and opening minutes."""


def _rule(field: str) -> Callable[[_Told], float]:
    if "_mean_" in field:
        return _mean
    if field == "completeness":
        return lambda told: sum(value for value, _ in told) / len(told)
    if "_min_" in field:
        return lambda told: min(value for value, _ in told)
    if "peak" in field or "_max_" in field or field in ("wifi_devices", "revision"):
        return lambda told: max(value for value, _ in told)
    return lambda told: sum(value for value, _ in told)


def _mean(told: _Told) -> float:
    minutes = sum(weight for _, weight in told)
    if not minutes:
        return sum(value for value, _ in told) / len(told)
    return sum(value * weight for value, weight in told) / minutes
