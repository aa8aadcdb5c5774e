"""Estimates of days by all hubs' days around them: by the stored ones, or by days that are at hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from usage.estimates.estimate import ESTIMATED_BY, Estimate, Estimates, missing_share

if TYPE_CHECKING:
    from usage.queries import DayFigures, Queries

# The estimator is imported where something is missing: numpy is slow to import.


def estimates(queries: Queries, days: Collection[DayFigures]) -> Estimates:
    """Tells what is missing from days, by all hubs' roll-ups around them. Today is missed once it is over."""
    over = _over(queries, days)
    if not _is_any_missing(over):
        return _nothing
    from usage.estimates.estimator import Estimator, reach  # noqa: PLC0415

    return Estimator(queries.stored_columns(ESTIMATED_BY, reach(over), fresh=over)).of


def days_around(queries: Queries, days: Collection[DayFigures]) -> list[DayFigures]:
    """The days that `estimates` of these goes by, themselves included; none where nothing is missing."""
    over = _over(queries, days)
    if not _is_any_missing(over):
        return []
    from usage.estimates.estimator import reach  # noqa: PLC0415

    around = {
        (day.hub, day.date): day for day in _over(queries, queries.stored_daily(*reach(over), fields=ESTIMATED_BY))
    }
    return list((around | {(day.hub, day.date): day for day in over}).values())


def estimates_by(known: Collection[DayFigures], days: Collection[DayFigures]) -> Estimates:
    """Tells what is missing from days, by the days that are known."""
    if not _is_any_missing(days):
        return _nothing
    from usage.estimates.estimator import Estimator  # noqa: PLC0415

    return Estimator(known).of


def _over(queries: Queries, days: Iterable[DayFigures]) -> list[DayFigures]:
    return [day for day in days if day.date < queries.today(day.hub)]


def _is_any_missing(days: Collection[DayFigures]) -> bool:
    return any(missing_share(day.figures) for day in days)


def _nothing(_hub: str, _days: Sequence[date]) -> Estimate:
    return Estimate()
