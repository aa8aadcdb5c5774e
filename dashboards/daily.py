"""The daily roll-ups of the store, by hub and local date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from schemas import Estate
from schemas.localtime import local_day, to_ns
from schemas.measurements import USAGE_FIELDS
from stores.protocol import Number, Store


class HubDay(NamedTuple):
    """A row of `usage_daily`: every field of it, None where the store has none."""

    hub: str
    date: date
    figures: Mapping[str, Number | None]


def read_daily(store: Store, estate: Estate, first: date, last: date, *, hub: str | None = None) -> Iterator[HubDay]:
    """The rows of the local days first..last, both inclusive, hub by hub and in order of date. Raises StoreError."""
    # A hub's zone may be most of a day away from UTC: read a day more on either side, then go by its own dates.
    start_ns, stop_ns = _utc_midnight_ns(first - timedelta(days=1)), _utc_midnight_ns(last + timedelta(days=2))
    where = None if hub is None else {"hub": hub}
    for run in store.read("usage_daily", start_ns=start_ns, stop_ns=stop_ns, where=where):
        zone = estate.zone_of(run.tags["hub"])
        for index, time_ns in enumerate(run.times_ns):
            day = local_day(time_ns, zone)
            if first <= day <= last:
                figures = {name: run.columns[name][index] if name in run.columns else None for name in USAGE_FIELDS}
                yield HubDay(run.tags["hub"], day, figures)


def _utc_midnight_ns(day: date) -> int:
    return to_ns(datetime.combine(day, time(), UTC))
