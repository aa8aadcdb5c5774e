"""Which raw readings figures still need: they are kept that long, whatever the retention says."""

from __future__ import annotations

from schemas.localtime import NS_AN_HOUR, Span
from stores import Store
from usage.counters import GAP_MAX_NS
from usage.rollup_writer import AWAY_DAYS_MAX, pending_marks
from usage.rows import DAILY, read_rows_by_hub

DAY_NS = 24 * NS_AN_HOUR
REACH_NS = GAP_MAX_NS + 2 * DAY_NS
"""How far before its midnight a day reads: the longest gap of a total, and what says how often a sensor reports."""
_OPEN_DAYS_MAX = AWAY_DAYS_MAX + 8
"""A day that is not final by then is made up for by `usage recompute` alone."""


def raw_needed_since_ns(store: Store, retention_days: int, now_ns: int) -> int:
    """From when on readings are kept: as long as the retention says, and all that the days since then go by.

    And whatever a day goes by that is not final, or that late readings touched and nobody has recomputed.
    """
    days_ns = [now_ns - retention_days * DAY_NS]
    recent = Span(now_ns - _OPEN_DAYS_MAX * DAY_NS, now_ns)
    for _, rows in read_rows_by_hub(store, DAILY, recent):
        days_ns += [time_ns for time_ns, row in rows.items() if not row["final"]]
    for marked in pending_marks(store, now_ns=now_ns).values():
        days_ns += [midnight_ns for midnight_ns in marked if midnight_ns >= now_ns - retention_days * DAY_NS - REACH_NS]
    return min(days_ns) - REACH_NS
