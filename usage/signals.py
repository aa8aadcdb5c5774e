"""Measures over time: a reading holds until the next one, at most for twice the sensor's interval.

So readings at uneven intervals weigh what they cover, and silence counts for nothing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from schemas.localtime import NS_AN_HOUR, Span
from usage.curves import Piece
from usage.readings import Number, Track, places

HOLD_INTERVALS = 2
CARRY_MAX_NS = 2 * NS_AN_HOUR
"""A reading of the day before may hold past midnight if it is no older than this at midnight."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One field of one sensor as a step function."""

    sensor: str
    zone: str | None
    track: Track
    hold_ns: int

    def at(self, time_ns: int) -> Number | None:
        """The value in force at an instant, or None."""
        value, until_ns = self.holding(time_ns)
        return value if until_ns > time_ns else None

    def holding(self, time_ns: int) -> tuple[Number, int]:
        """The last reading by then and when it ceases to hold; before the first one, nothing that ever held."""
        i = bisect_right(self.track.times_ns, time_ns) - 1
        return (self.track.values[i], self.track.times_ns[i] + self.hold_ns) if i >= 0 else (0, time_ns)

    def pieces(self, span: Span) -> list[Piece]:
        """What holds within the span, in order of time."""
        times, hold_ns = self.track.times_ns, self.hold_ns
        first, stop = max(0, bisect_right(times, span.start_ns) - 1), bisect_left(times, span.stop_ns)
        laters = [*times[first + 1 : stop], span.stop_ns] if first < stop else []
        pieces: list[Piece] = [
            (time_ns, later if later - time_ns < hold_ns else time_ns + hold_ns, value)
            for time_ns, later, value in zip(times[first:stop], laters, self.track.values[first:stop], strict=True)
        ]
        if pieces and pieces[0][0] < span.start_ns:
            _, until, value = pieces[0]
            pieces[:1] = [(span.start_ns, until, value)] if until > span.start_ns else []
        return pieces


def extremes(signals: Iterable[Signal], spans: Sequence[Span]) -> list[tuple[Number, Number] | None]:
    """The least and the greatest reading in each of the spans."""
    found: list[list[Number]] = [[] for _ in spans]
    for signal in signals:
        values = signal.track.values
        for each, (first, stop) in zip(found, places(signal.track.times_ns, spans), strict=True):
            each.extend(values[first:stop])
    return [(min(each), max(each)) if each else None for each in found]


def together(signals: Sequence[Signal], span: Span) -> Track:
    """The sum of what the sensors say at the same time, at each reading within the span."""
    parts = [signal.track.within(span) for signal in signals]
    readings = sorted(
        chain(*(zip(part.times_ns, repeat(i), part.values, strict=False) for i, part in enumerate(parts)))
    )
    held = [signal.holding(span.start_ns) for signal in signals]
    times_ns: list[int] = []
    sums: list[Number] = []
    for i, (time_ns, number, value) in enumerate(readings, 1):
        held[number] = value, time_ns + signals[number].hold_ns
        if i == len(readings) or readings[i][0] != time_ns:
            times_ns.append(time_ns)
            sums.append(sum([each for each, until_ns in held if until_ns > time_ns]))
    return Track(times_ns, sums)
