"""What holds when over a day, prepared once and asked for any part of it: times, and values over time.

Spans are in UTC nanoseconds, in order and apart from each other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from operator import itemgetter, mul, sub

from schemas.localtime import Span
from usage.calendar import clip
from usage.readings import Number

Piece = tuple[int, int, Number]
"""A stretch of time, from and to, over which a value holds."""


class Times:
    """Stretches of time."""

    def __init__(self, stretches: Iterable[tuple[int, int]] = ()) -> None:
        """Of any stretches: where they meet or overlap they are one."""
        self.starts: list[int] = []
        self.stops: list[int] = []
        reached = -1
        for start, stop in sorted(stretches):
            if start > reached:
                self.starts.append(start)
                self.stops.append(reached := stop)
            elif stop > reached:
                self.stops[-1] = reached = stop
        self._lengths = [0, *accumulate(stop - start for start, stop in zip(self.starts, self.stops, strict=True))]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.starts, self.stops, strict=True)

    def length_ns(self, spans: Iterable[Span]) -> int:
        """How much of the spans the times cover."""
        return sum(self._until(stop) - self._until(start) for start, stop in spans) if self.starts else 0

    def within(self, spans: Iterable[Span]) -> list[Span]:
        """The parts of the times that are in the spans."""
        return [part for span in spans for part in clip(map(Span, self.starts, self.stops), span)]

    def _until(self, time_ns: int) -> int:
        i = bisect_right(self.starts, time_ns)
        if not i:
            return 0
        stop = self.stops[i - 1]
        return self._lengths[i - 1] + min(stop, time_ns) - self.starts[i - 1]


class Curve:
    """A value over time, with gaps where nothing is known."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        starts, stops, values = zip(*pieces, strict=True) if pieces else ((), (), ())
        lengths = list(map(sub, stops, starts))
        self._starts: Sequence[int] = starts
        self._lengths: Sequence[int] = [0, *accumulate(lengths)]
        self._areas: Sequence[float] = [0.0, *accumulate(map(mul, lengths, values))]

    def __bool__(self) -> bool:
        return bool(self.pieces)

    @property
    def highest(self) -> Number:
        """The highest value; 0 where nothing is known."""
        return max((value for _, _, value in self.pieces), default=0)

    def mean(self, spans: Iterable[Span]) -> float | None:
        """The mean over what is known of the spans, weighted by time; None where nothing is."""
        if not self.pieces:
            return None
        length, area = 0, 0.0
        for start, stop in spans:
            (length_before, area_before), (length_then, area_then) = self._until(start), self._until(stop)
            length += length_then - length_before
            area += area_then - area_before
        return area / length if length else None

    def area(self, spans: Iterable[Span]) -> float:
        """The value times the ns that it held, over what is known of the spans."""
        return sum(self._until(stop)[1] - self._until(start)[1] for start, stop in spans)

    def is_known(self, spans: Iterable[Span]) -> bool:
        """Whether any of the spans' time is known."""
        return any(self._until(stop)[0] > self._until(start)[0] for start, stop in spans)

    def _until(self, time_ns: int) -> tuple[int, float]:
        i = bisect_right(self._starts, time_ns)
        if not i:
            return 0, 0.0
        start, stop, value = self.pieces[i - 1]
        inside = min(stop, time_ns) - start
        return self._lengths[i - 1] + inside, self._areas[i - 1] + inside * value


def average(curves: Sequence[Sequence[Piece]]) -> Sequence[Piece]:
    """The mean at each moment of those that are known then, each alike."""
    known = [pieces for pieces in curves if pieces]
    if len(known) < 2:  # noqa: PLR2004 - one is its own mean
        return known[0] if known else ()
    changes: list[tuple[int, int, Number | None]] = []
    for number, pieces in enumerate(known):
        until = pieces[0][0]
        for start, stop, value in pieces:
            if start > until:
                changes.append((until, number, None))
            changes.append((start, number, value))
            until = stop
        changes.append((until, number, None))
    changes.sort(key=itemgetter(0))
    return _averaged(changes, len(known))


def _averaged(changes: Sequence[tuple[int, int, Number | None]], many: int) -> list[Piece]:
    averaged: list[Piece] = []
    values: list[Number | None] = [None] * many
    total, known, since = 0.0, 0, changes[0][0]
    for time_ns, number, value in changes:
        if time_ns > since:
            if known:
                averaged.append((since, time_ns, total / known))
            else:
                total = 0.0  # what rounding left of it
            since = time_ns
        before = values[number]
        if before is not None:
            total -= before
            known -= 1
        if value is not None:
            total += value
            known += 1
        values[number] = value
    return averaged


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """When anything is known, whatever its value."""
    cuts = [i for i in range(1, len(pieces)) if pieces[i][0] > pieces[i - 1][1]]
    runs = pairwise([0, *cuts, len(pieces)]) if pieces else ()
    return [(pieces[first][0], pieces[stop - 1][1], 0) for first, stop in runs]


def both(first: Sequence[Piece], second: Sequence[Piece]) -> Iterator[tuple[int, int, Number, Number]]:
    """Yield when two are known at once, with both values."""
    i = 0
    for start, stop, value in first:
        while i < len(second) and second[i][1] <= start:
            i += 1
        at = i
        while at < len(second) and second[at][0] < stop:
            other_start, other_stop, other = second[at]
            yield max(start, other_start), min(stop, other_stop), value, other
            at += 1
