"""One query that tells counted, closed and silent days apart, hub by hub."""

from __future__ import annotations

from dashboards.grafana.query import CHOSEN_HUBS, DAY, HUB, IN_RANGE, ZONE, source

CLOSED, SILENT = -1, -2
"""Codes in place of a count of people, which is never negative."""


def hub_days() -> str:
    """People entering per hub and day; CLOSED and SILENT for days on which nobody could be counted.

    One series a hub out of several sources, so that a day is one cell. InfluxQL can't ask for an absent field, so days
    without a count are found by counting: a row has completeness always, and entries only where a door reported.
    """
    opening, closed = '"open_minutes" > 0', '"open_minutes" = 0'
    # A query inside another cuts its days by its own tz, or by UTC.
    missing = (
        f'SELECT count("completeness") - count("entries") AS "missing" FROM {source("usage_daily")} '
        f"WHERE {IN_RANGE} AND {CHOSEN_HUBS} AND {opening} GROUP BY {DAY}, {HUB} fill(0) tz('{ZONE}')"
    )
    # Floats all of them: a series has one type, whichever source its first point comes from.
    sources = (
        _coded('"entries" * 1.0', opening),
        _coded(f'"open_minutes" * 0.0 - {-CLOSED}', closed),
        _coded(f'"entries" * 1.0 + {-CLOSED}', closed, '"entries" > 0'),  # counted all the same: takes the code back
        f'SELECT "missing" * 0.0 - {-SILENT} AS "people" FROM ({missing}) WHERE "missing" = 1 GROUP BY {HUB}',
    )
    joined = ", ".join(f"({text})" for text in sources)
    return f"SELECT sum(\"people\") FROM {joined} WHERE {IN_RANGE} GROUP BY {DAY}, {HUB} fill(none) tz('{ZONE}')"


def _coded(expression: str, *conditions: str) -> str:
    where = " AND ".join([IN_RANGE, CHOSEN_HUBS, *conditions])
    return f'SELECT {expression} AS "people" FROM {source("usage_daily")} WHERE {where} GROUP BY {HUB}'
