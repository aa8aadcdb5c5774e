"""The hours of a year by their hour of the week, as columns: there are 8,760 of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, from_ns
from schemas.measures import COUNTED_MIN
from stores.protocol import Number
from usage.calendar import hour_of_week

_Integers = NDArray[np.int64]
_Column = Sequence[Number | None]

_A_DAY_NS, _WEEK_HOURS = 24 * NS_AN_HOUR, 7 * 24
_EPOCH_HOUR = 3 * 24
"""The hour of the week at which 1970 began: a Thursday's first."""


class HourTally:
    """Hours by their hour of the week: a year has 8,760, each of them one of a column."""

    def __init__(self) -> None:
        self._stored = np.zeros(_WEEK_HOURS, dtype=bool)
        self._parts = np.zeros((6, _WEEK_HOURS), dtype=np.int64)

    def add(self, of_week: _Integers, entries: _Column, open_minutes: _Column, covered: _Column) -> None:
        """Take hours whose figures are None where they are not known."""
        people, minutes, share = (np.array(column, dtype=float) for column in (entries, open_minutes, covered))
        opens, told = np.nan_to_num(minutes) != 0, ~np.isnan(people)
        counted, counted_closed = opens & told & ~(share < COUNTED_MIN), ~opens & told
        self._stored[of_week] = True
        for part, mask, weights in (
            (0, counted, None),
            (1, counted, people),
            (2, opens & ~counted, None),
            (3, counted_closed, None),
            (4, counted_closed, people),
            (5, ~opens & ~told, None),
        ):
            weighed = None if weights is None else weights[mask]
            found = np.bincount(of_week[mask], weighed, minlength=_WEEK_HOURS)
            self._parts[part] += found.astype(np.int64)

    def parts(self) -> Iterator[tuple[int, list[int]]]:
        """Each hour of which something is stored, with its parts in the order of `WeekHour`."""
        return ((at, self._parts[:, at].tolist()) for at in np.flatnonzero(self._stored).tolist())


def hours_of_week(times_ns: Sequence[int], zone: ZoneInfo) -> _Integers:
    """The hour of the week of each time; the clock is asked once a day, and for each hour where it is changed."""
    times = np.array(times_ns, dtype=np.int64)
    days, at = np.unique(times // _A_DAY_NS, return_inverse=True)
    edges = {edge: _offset_ns(edge * _A_DAY_NS, zone) for day in days.tolist() for edge in (day, day + 1)}
    offsets = np.array([edges[day] for day in days.tolist()], dtype=np.int64)
    is_changed = np.array([edges[day] != edges[day + 1] for day in days.tolist()], dtype=bool)
    hours = ((times + offsets[at]) // NS_AN_HOUR + _EPOCH_HOUR) % _WEEK_HOURS
    for place in np.flatnonzero(is_changed[at]).tolist():
        hours[place] = hour_of_week(times_ns[place], zone)
    return hours


def _offset_ns(time_ns: int, zone: ZoneInfo) -> int:
    offset = from_ns(time_ns).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) * NS_A_SECOND
