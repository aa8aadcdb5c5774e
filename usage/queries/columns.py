"""Days of many hubs as columns, for what looks at months and years of all of them: no object for each day.

store -> chunks -> of each figure a table by hub and day, NaN where nothing is known

Unknown stays unknown: no sum of these takes NaN for zero unless it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from schemas import Estate
from schemas.localtime import NS_AN_HOUR, day_span, midnight_ns, uneven_days
from stores import SeriesChunk
from usage.queries.figures import DayFigures
from usage.rows import OF_OPENING_HOURS

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Instants = NDArray[np.int64]
_DAY_NS = 24 * NS_AN_HOUR


class DayColumns:
    """Figures of hubs' days from `first` to `last`: `columns[figure][row, place]`, NaN where it is not known."""

    def __init__(self, hubs: Iterable[str], first: date, last: date, fields: Collection[str]) -> None:
        self.rows = {hub: row for row, hub in enumerate(sorted(hubs))}
        """The row of each hub."""
        self.first, self.days = first, (last - first).days + 1
        shape = (len(self.rows), self.days)
        self.is_there: Flags = np.zeros(shape, dtype=bool)
        """Of which days anything is known."""
        self._tables: dict[str, Numbers] = {field: np.full(shape, np.nan) for field in fields}

    @classmethod
    def of(cls, days: Collection[DayFigures], fields: Collection[str]) -> DayColumns:
        """Some days as columns."""
        known = [day.date for day in days] or [date.min]
        columns = cls({day.hub for day in days}, min(known), max(known), fields)
        columns.put(days)
        return columns

    def __getitem__(self, field: str) -> Numbers:
        return self._tables[field]

    def between(self, field: str, hubs: Sequence[str], first: date, last: date) -> Numbers:
        """A figure of some hubs on some days, NaN for those that are not at hand."""
        found = np.full((len(hubs), max((last - first).days + 1, 0)), np.nan)
        start, stop = (min(max(self.place(day), 0), self.days) for day in (first, last + timedelta(days=1)))
        at = self.place(first)
        for row, hub in enumerate(hubs):
            if hub in self.rows:
                found[row, start - at : stop - at] = self[field][self.rows[hub], start:stop]
        return found

    def place(self, day: date) -> int:
        """Where a day is; below 0 before the first, beyond `days` after the last."""
        return (day - self.first).days

    def holds(self, first: date, last: date) -> bool:
        """Whether these days are among those at hand."""
        return self.place(first) >= 0 and self.place(last) < self.days

    def put(self, days: Iterable[DayFigures]) -> None:
        """Take days in place of what is there."""
        for day in days:
            at = self.rows[day.hub], self.place(day.date)
            self.is_there[at] = True
            for field, table in self._tables.items():
                value = day.figures[field]
                table[at] = np.nan if value is None else value

    def put_chunk(self, chunk: SeriesChunk, midnights_ns: Instants) -> None:
        """Take stored days, each to the place of its midnight; what is at no midnight is left out."""
        row, times_ns = self.rows[chunk.tags["hub"]], np.fromiter(chunk.times_ns, np.int64)
        at = np.searchsorted(midnights_ns, times_ns, side="right") - 1
        known = midnights_ns[at] == times_ns
        at = at[known]
        self.is_there[row, at] = True
        for field, table in self._tables.items():
            column = chunk.columns[field]
            if column.count(None) < len(column):
                table[row, at] = np.array(column, dtype=float)[known]

    def forget_from(self, today: Callable[[str], date]) -> None:
        """Keep no day of a hub that is not over."""
        stops = np.array([self.place(today(hub)) for hub in self.rows])
        is_to_come = np.arange(self.days) >= stops[:, np.newaxis]
        self.is_there[is_to_come] = False
        for table in self._tables.values():
            table[is_to_come] = np.nan

    def without_leftovers(self) -> None:
        """A store cannot take a field back: a day closed afterwards still has its figures of opening hours."""
        is_closed = self["open_minutes"] == 0
        for field in self._tables.keys() & set(OF_OPENING_HOURS):
            self._tables[field][is_closed] = np.nan


def read_columns(
    chunks: Iterable[SeriesChunk],
    estate: Estate,
    hubs: Iterable[str],
    first: date,
    last: date,
    fields: Collection[str],
    fresh: Iterable[DayFigures],
    today: Callable[[str], date],
) -> DayColumns:
    """Stored days that are over, of these hubs and of others that have any, `fresh` ones in their place.

    `open_minutes` is always among the fields: what a closed day cannot have goes by it. Rows on a midnight of another
    time zone are no days.
    """
    chunks, fresh = list(chunks), list(fresh)
    others = {chunk.tags["hub"] for chunk in chunks} | {day.hub for day in fresh}
    columns = DayColumns(others.union(hubs), first, last, fields)
    midnights_ns: dict[ZoneInfo, Instants] = {}
    for chunk in chunks:
        zone = estate.zone_of(chunk.tags["hub"])
        if zone not in midnights_ns:
            midnights_ns[zone] = _midnights_ns(first, columns.days, zone)
        columns.put_chunk(chunk, midnights_ns[zone])
    columns.without_leftovers()
    columns.put(fresh)
    columns.forget_from(today)
    return columns


def _midnights_ns(first: date, days: int, zone: ZoneInfo) -> Instants:
    """When each of so many local days begins."""
    found = midnight_ns(first, zone) + np.arange(days) * _DAY_NS
    for year in range(first.year, (first + timedelta(days=days)).year + 1):
        for day in uneven_days(year, zone):
            after = (day - first).days + 1
            if after > 0:
                found[after:] += day_span(day, zone).length_ns - _DAY_NS
    return found
