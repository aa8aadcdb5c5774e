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
from schemas.localtime import midnight_ns
from stores import SeriesChunk
from usage.calendar import dates
from usage.queries.figures import DayFigures
from usage.rows import OF_OPENING_HOURS

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


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

    def put(self, days: Iterable[DayFigures]) -> None:
        """Take days in place of what is there."""
        for day in days:
            at = self.rows[day.hub], self.place(day.date)
            self.is_there[at] = True
            for field, table in self._tables.items():
                value = day.figures[field]
                table[at] = np.nan if value is None else value

    def put_chunk(self, chunk: SeriesChunk, places: Iterable[int | None]) -> None:
        """Take stored days, each to its place; what has none is left out."""
        row = self.rows[chunk.tags["hub"]]
        at = np.array([-1 if place is None else place for place in places])
        known = at >= 0
        at = at[known]
        self.is_there[row, at] = True
        for field, table in self._tables.items():
            table[row, at] = np.array(chunk.columns[field], dtype=float)[known]

    def forget_from(self, today: Callable[[str], date]) -> None:
        """Keep no day of a hub that is not over."""
        for hub, row in self.rows.items():
            stop = max(self.place(today(hub)), 0)
            self.is_there[row, stop:] = False
            for table in self._tables.values():
                table[row, stop:] = np.nan

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
    places: dict[ZoneInfo, dict[int, int]] = {}
    for chunk in chunks:
        zone = estate.zone_of(chunk.tags["hub"])
        if zone not in places:
            places[zone] = {midnight_ns(day, zone): place for place, day in enumerate(dates(first, last))}
        columns.put_chunk(chunk, map(places[zone].get, chunk.times_ns))
    columns.without_leftovers()
    columns.put(fresh)
    columns.forget_from(today)
    return columns
