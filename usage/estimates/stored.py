"""Keeps each missed day's estimate in the store, beside what was counted, for whoever reads the store itself.

A day without such a row was counted whole, was closed, is not over, or cannot be told. Periods do not go by these rows:
they are estimated whole, from the days as they are.
"""

from __future__ import annotations

from datetime import date
from itertools import groupby

from schemas import Estate
from schemas.localtime import NS_A_SECOND, Span, day_span
from stores import Store
from stores.lines import encode
from usage.estimates.estimate import METHOD_NUMBERS, Method
from usage.queries import Queries
from usage.rows import ESTIMATES, read_estimates, write


def write_estimates(store: Store, estate: Estate, first: date, last: date, *, now_ns: int) -> int:
    """Write the estimates of the days as they are now, and delete those that hold no more; tell how many changed."""
    queries = Queries(store, estate, now_ns=now_ns)
    days = list(queries.stored_daily(first, last))
    estimate = queries.estimates(days)
    changed = 0
    for hub, of_hub in groupby(days, key=lambda day: day.hub):
        zone, rows = estate.zone_of(hub), {}
        for day in of_hub:
            missed = estimate(hub, [day.date])
            if missed.people and missed.low is not None and missed.high is not None:
                counted = int(day.figures["entries"] or 0)
                rows[day_span(day.date, zone).start_ns] = {
                    "entries_estimate": missed.people,
                    "entries_low": counted + missed.low,
                    "entries_high": counted + missed.high,
                    "method": sum(METHOD_NUMBERS[Method(method)] for method in missed.method.split("+")),
                }
        span = Span(day_span(first, zone).start_ns, day_span(last, zone).stop_ns)
        stored = read_estimates(store, span, hub).get(hub, {})
        for time_ns in stored.keys() - rows.keys():
            store.delete(ESTIMATES, start_ns=time_ns, stop_ns=time_ns + NS_A_SECOND, where={"hub": hub})
        fresh = {time_ns: row for time_ns, row in rows.items() if stored.get(time_ns) != row}
        if fresh:
            write(store, [encode(ESTIMATES, {"hub": hub}, row, time_ns) for time_ns, row in fresh.items()])
        changed += len(fresh) + len(stored.keys() - rows.keys())
    return changed
