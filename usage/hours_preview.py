"""What other opening times would make of a hub's figures: its last days computed both ways, in memory, nothing written.

Each day whose opening times differ is rolled up with the estate as it is and as it would be, so that what differs is
of the opening times and of nothing else. Days further back keep their figures until somebody recomputes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from schemas import Estate
from schemas.localtime import NS_AN_HOUR
from stores import Store
from stores.lines import encode
from usage.calendar import HubCalendar, dates
from usage.queries.figures import HubFigures
from usage.rows import MARKS, changes, write

PREVIEW_DAYS_MAX = 92


@dataclass(frozen=True, slots=True)
class ChangedDay:
    """A local day, and each figure that would change: as it is, and as it would be."""

    date: date
    figures: Mapping[str, tuple[int | float | bool | None, int | float | bool | None]]


@dataclass(frozen=True, slots=True)
class HoursPreview:
    """Days with other opening times, the latest first: those that would change, and those that stay as they are.

    `left_out` more took too long to look at.
    """

    days: Sequence[ChangedDay]
    unchanged: Sequence[date]
    left_out: int


def days_of_other_hours(
    before: Estate, after: Estate, hub: str, *, now_ns: int, retention_days: int | None = None
) -> list[date]:
    """The last days, up to today, on which a hub's opening times differ between two estates, in order.

    At most `PREVIEW_DAYS_MAX` days back, and none whose readings are no longer stored.
    """
    old, new = HubCalendar(before, hub), HubCalendar(after, hub)
    today = new.date_of(now_ns)
    found = dates(today - timedelta(days=PREVIEW_DAYS_MAX - 1), today)
    since_ns = None if retention_days is None else now_ns - retention_days * 24 * NS_AN_HOUR
    return [
        day
        for day in found
        if new.exists(day)
        and old.day(day).open != new.day(day).open
        and (since_ns is None or new.day(day).span.start_ns >= since_ns)
    ]


def preview_hours(
    store: Store,
    before: Estate,
    after: Estate,
    hub: str,
    days: Sequence[date],
    *,
    now_ns: int,
    goes_on: Callable[[], bool] = lambda: True,
) -> HoursPreview:
    """Compute those days both ways, the latest first, while `goes_on`. Raises StoreError."""
    found: list[ChangedDay] = []
    unchanged: list[date] = []
    for day in reversed(days):
        if not goes_on():
            break
        (old,), (new,) = (
            [rollup.figures for rollup in HubFigures(store, estate, hub, now_ns=now_ns).rollups([day])]
            for estate in (before, after)
        )
        if names := changes(old, new):
            found.append(ChangedDay(day, {name: (old[name], new[name]) for name in names}))
        else:
            unchanged.append(day)
    return HoursPreview(found, unchanged, len(days) - len(found) - len(unchanged))


def mark_days(store: Store, estate: Estate, hub: str, days: Sequence[date], *, now_ns: int) -> None:
    """Have the jobs compute days again. Raises StoreError."""
    calendar = HubCalendar(estate, hub)
    lines = [encode(MARKS, {"hub": hub}, {"marked_ns": now_ns}, calendar.day(day).span.start_ns) for day in days]
    if lines:
        write(store, lines)
