"""What came late: days that wait to be computed again, and values of readings that later messages corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from itertools import islice
from zoneinfo import ZoneInfo

from schemas import Estate
from schemas.localtime import NS_AN_HOUR, Span, local_day, midnight_ns
from stores import Store
from usage.journal import overwritten_times
from usage.rows import read_marks

_UTC = ZoneInfo("UTC")
OVERWRITTEN_MAX = 20_000
"""So many corrected values are counted at most, so that an answer takes a bounded time."""


def days_to_compute(store: Store, span: Span, now_ns: int, hub: str | None = None) -> dict[str, int]:
    """How many days of each hub that are over, of those that start in the span, still wait for jobs to compute them."""
    over = Span(span.start_ns, min(span.stop_ns, now_ns - 24 * NS_AN_HOUR + 1))
    waiting = {
        name: sum(mark.is_pending for mark in days.values()) for name, days in read_marks(store, over, hub).items()
    }
    return {name: days for name, days in waiting.items() if days}


def overwritten(store: Store, estate: Estate, first: date, last: date) -> Mapping[str, int]:
    """How many values of readings later messages corrected on the days, by hub; of very many the first."""
    found = Counter[str]()
    span = Span(midnight_ns(first, _UTC) - 24 * NS_AN_HOUR, midnight_ns(last, _UTC) + 48 * NS_AN_HOUR)
    for hub, time_ns in islice(overwritten_times(store, span), OVERWRITTEN_MAX):
        found[hub] += first <= local_day(time_ns, estate.zone_of(hub)) <= last
    return found
