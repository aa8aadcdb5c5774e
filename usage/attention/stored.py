"""Keeps what the witnesses say and what silences cost in the store, for pages, which read it in milliseconds.

Nothing of it changes a figure.
"""

from __future__ import annotations

from datetime import timedelta

from schemas import Estate
from schemas.localtime import Span, day_span
from stores import Store
from usage.attention.rows import DOUBTS, SILENCES, doubt_line, read_doubts, read_silences, silence_line, silences_span
from usage.attention.silence_costs import silences
from usage.attention.witnesses import WATCHED_DAYS, Watched, hear_witnesses
from usage.queries import Queries
from usage.rows import replace_rows

KEPT_DAYS = WATCHED_DAYS // 2
"""Doubts that began longer ago stay as they were found: what came before them is beyond what is looked at."""


def hear_stored(queries: Queries) -> Watched:
    """What the witnesses say by the roll-ups of the last two years up to yesterday."""
    last = queries.today() - timedelta(days=1)
    first = last - timedelta(days=WATCHED_DAYS - 1)
    return hear_witnesses(first, last, queries.stored_daily(first, last), queries.stored_doors(first, last))


def write_doubts(store: Store, estate: Estate, *, now_ns: int) -> None:
    """Write the doubts of the last year as they are now, in place of those before."""
    queries = Queries(store, estate, now_ns=now_ns)
    begin = queries.today() - timedelta(days=KEPT_DAYS)
    found = [doubt for doubt in hear_stored(queries).doubts if doubt.since >= begin]
    fresh = {(doubt.hub, doubt_line(doubt, estate.zone_of(doubt.hub))) for doubt in found}
    span = Span(day_span(begin, estate.zone_of("")).start_ns, now_ns)
    stored = {(d.hub, doubt_line(d, estate.zone_of(d.hub))) for d in read_doubts(store, span, estate.zone_of)}
    replace_rows(store, DOUBTS, span, stored, fresh)


def write_silences(store: Store, estate: Estate, *, now_ns: int) -> None:
    """Write what the silent counters cost now, in place of those before."""
    found = silences(Queries(store, estate, now_ns=now_ns), estate)
    fresh = {(each.hub, silence_line(each, estate.zone_of(each.hub))) for each in found}
    span = silences_span(now_ns)
    stored = {(s.hub, silence_line(s, estate.zone_of(s.hub))) for s in read_silences(store, span, estate.zone_of)}
    replace_rows(store, SILENCES, span, stored, fresh)
