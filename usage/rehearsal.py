"""A rehearsed year held against its truth: what Hubpulse reports of each hub and month, and what a bare sum would."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, median
from zoneinfo import ZoneInfo

from schemas import Estate, Kind
from schemas.localtime import midnight_ns
from stores import Store
from usage.queries import Period, Queries

_FIELDS = ("entries", "entries_total")


@dataclass(frozen=True, slots=True)
class Month:
    """A hub's month. `low` and `high` bound counted and estimated together; None where too little is known to tell."""

    hub: str
    month: str
    counted: int
    estimated: int | None
    low: int | None
    high: int | None
    method: str
    days_missing: int
    bare_sum: int
    truth: int

    @property
    def reported(self) -> int:
        """What stands in a report: counted and estimated."""
        return self.counted + (self.estimated or 0)

    @property
    def holds(self) -> bool | None:
        """Whether the interval holds the truth; None where there is none."""
        return None if self.low is None or self.high is None else self.low <= self.truth <= self.high


@dataclass(frozen=True, slots=True)
class Error:
    """How far off months are, as a share of the truth: on average, and the one in the middle."""

    mean: float | None
    median: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Over all months: how far off they are, and how many intervals held the truth.

    `estimated` months are those in which something was missing that could be estimated, `held` those of them whose
    interval holds the truth; `complete` months have nothing missing, `exact` of them equal the truth.
    """

    months: int
    reported_error: Error
    counted_error: Error
    bare_sum_error: Error
    estimated: int
    held: int
    complete: int
    exact: int
    untold: int
    """Months of which something is missing, and too little is known to estimate it."""


def months(
    store: Store, estate: Estate, first: date, last: date, truth: Callable[[str, date, date], int], *, now_ns: int
) -> Iterator[Month]:
    """Each hub's months from a first to a last day, those at the ends cut short; the days are rolled up."""
    for each in Queries(store, estate, now_ns=now_ns).periods(Period.MONTH, first, last):
        _, begin, end = Period.parse(each.period)
        begin, end = max(begin, first), min(end, last)
        estimated, low, high, method = each.estimated()
        yield Month(
            each.hub,
            each.period,
            int(each.figures["entries"] or 0),
            estimated,
            low,
            high,
            method,
            each.days_missing,
            bare_sum(store, each.hub, estate.zone_of(each.hub), begin, end),
            truth(each.hub, begin, end),
        )


def bare_sum(store: Store, hub: str, zone: ZoneInfo, first: date, last: date) -> int:
    """What a plain query would say: for each door the highest total less the lowest, else the sum of its counts."""
    start_ns, stop_ns = midnight_ns(first, zone), midnight_ns(last + timedelta(days=1), zone)
    totals: dict[str, list[int]] = {}
    counts: dict[str, int] = {}
    for chunk in store.read(Kind.FOOTFALL, start_ns=start_ns, stop_ns=stop_ns, where={"hub": hub}):
        door = chunk.tags["sensor"]
        values = {name: [int(value) for value in chunk.columns.get(name, ()) if value is not None] for name in _FIELDS}
        totals.setdefault(door, []).extend(values["entries_total"])
        counts[door] = counts.get(door, 0) + sum(values["entries"])
    return sum(max(totals[door]) - min(totals[door]) if totals[door] else counts[door] for door in counts)


def summary(found: Sequence[Month]) -> Summary:
    """How far off it all is."""
    told = [month for month in found if month.estimated is not None]
    estimated = [month for month in told if month.estimated and month.holds is not None]
    complete = [month for month in told if not month.estimated]
    return Summary(
        len(found),
        _error((month.reported, month.truth) for month in told),
        _error((month.counted, month.truth) for month in found),
        _error((month.bare_sum, month.truth) for month in found),
        len(estimated),
        sum(bool(month.holds) for month in estimated),
        len(complete),
        sum(month.counted == month.truth for month in complete),
        len(found) - len(told),
    )


def _error(pairs: Iterable[tuple[int, int]]) -> Error:
    errors = [abs(told - truth) / truth for told, truth in pairs if truth]
    return Error(round(fmean(errors), 5), round(median(errors), 5)) if errors else Error(None, None)
