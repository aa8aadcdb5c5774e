"""One query that tells counted, closed and silent days apart, hub by hub."""

from __future__ import annotations

from dashboards.grafana.query import CHOSEN_HUBS, DAY, HUB, IN_RANGE, ZONE, source
from schemas.measures import PeopleState

CLOSED, SILENT = -1, -2
"""Codes in place of a count of people, which is never negative."""


def hub_days() -> str:
    """People entering per hub and day; CLOSED and SILENT for days on which nobody could be counted.

    One series a hub out of several sources, so that a day is one cell.
    """
    counted = f'"people_state" = {PeopleState.COUNTED:d} OR "people_state" = {PeopleState.PARTIAL:d}'
    closed, silent = f'"people_state" = {PeopleState.CLOSED:d}', f'"people_state" = {PeopleState.NONE:d}'
    # Floats all of them: a series has one type, whichever source its first point comes from.
    sources = (
        _coded('"entries" * 1.0', f"({counted})"),
        _coded(f'"people_state" * 0.0 - {-CLOSED}', closed),
        _coded(f'"entries" * 1.0 + {-CLOSED}', closed, '"entries" > 0'),  # counted all the same: takes the code back
        _coded(f'"people_state" * 0.0 - {-SILENT}', silent),
    )
    joined = ", ".join(f"({text})" for text in sources)
    return f"SELECT sum(\"people\") FROM {joined} WHERE {IN_RANGE} GROUP BY {DAY}, {HUB} fill(none) tz('{ZONE}')"


def _coded(expression: str, *conditions: str) -> str:
    where = " AND ".join([IN_RANGE, CHOSEN_HUBS, *conditions])
    return f'SELECT {expression} AS "people" FROM {source("usage_daily")} WHERE {where} GROUP BY {HUB}'
