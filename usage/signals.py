"""Measures over time: a reading holds until the next one, at most for twice the sensor's interval.

So readings at uneven intervals weigh what they cover, and silence counts for nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from schemas.localtime import NS_AN_HOUR, Span
from usage.readings import Number, Track

HOLD_INTERVALS = 2
CARRY_MAX_NS = 2 * NS_AN_HOUR
"""A reading of the day before may hold past midnight if it is no older than this at midnight."""


class Piece(NamedTuple):
    """A stretch of time over which a reading holds."""

    start_ns: int
    stop_ns: int
    value: Number


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

    def pieces(self, span: Span) -> Iterator[Piece]:
        """Yield what holds within the span, in order of time."""
        times, values = self.track.times_ns, self.track.values
        i = max(0, bisect_right(times, span.start_ns) - 1)
        while i < len(times) and times[i] < span.stop_ns:
            held_until = times[i] + self.hold_ns
            if i + 1 < len(times) and times[i + 1] < held_until:
                held_until = times[i + 1]
            start, stop = max(times[i], span.start_ns), min(held_until, span.stop_ns)
            if start < stop:
                yield Piece(start, stop, values[i])
            i += 1


def mean(signals: Iterable[Signal], spans: Sequence[Span]) -> float | None:
    """The mean over all sensors and the covered time of the spans, weighted by time."""
    weight_ns, total = 0, 0.0
    for signal in signals:
        for span in spans:
            for start, stop, value in signal.pieces(span):
                weight_ns += stop - start
                total += value * (stop - start)
    return total / weight_ns if weight_ns else None


def mean_sum(signals: Iterable[Signal], spans: Sequence[Span]) -> float | None:
    """The sum of every sensor's own mean: what the hub has on average where sensors count different things."""
    means = [m for m in (mean([signal], spans) for signal in signals) if m is not None]
    return sum(means) if means else None


def spans_where(signals: Iterable[Signal], spans: Sequence[Span], test: Callable[[Number], bool]) -> list[Span]:
    """When the signals pass the test, sensor by sensor."""
    return [
        Span(start, stop)
        for signal in signals
        for span in spans
        for start, stop, value in signal.pieces(span)
        if test(value)
    ]


def is_covered(signals: Iterable[Signal], spans: Sequence[Span]) -> bool:
    """Whether any signal says anything within the spans."""
    return any(next(signal.pieces(span), None) is not None for signal in signals for span in spans)


def extremes(signals: Iterable[Signal], span: Span) -> tuple[Number, Number] | None:
    """The least and the greatest reading in the span."""
    parts = [part.values for part in (signal.track.within(span) for signal in signals) if part]
    return (min(map(min, parts)), max(map(max, parts))) if parts else None


def peak_sum(signals: Sequence[Signal], span: Span) -> int | None:
    """The greatest sum of what the sensors say at the same time, at the readings within the span."""
    parts = [(number, signal.track.within(span)) for number, signal in enumerate(signals)]
    readings = sorted(
        (t, number, value) for number, part in parts for t, value in zip(part.times_ns, part.values, strict=True)
    )
    if not readings:
        return None
    held = [signal.holding(span.start_ns) for signal in signals]
    peak: Number = 0
    for time_ns, together in groupby(readings, key=itemgetter(0)):
        for _, number, value in together:
            held[number] = value, time_ns + signals[number].hold_ns
        peak = max(peak, sum(value for value, until_ns in held if until_ns > time_ns))
    return int(peak)


def pairs(signal: Signal, second: Signal | None, span: Span) -> Iterator[tuple[int, int, tuple[Number, Number]]]:
    """Yield when two signals both hold within the span, with both values."""
    if second is None:
        return
    for start, stop, value in signal.pieces(span):
        for inner_start, inner_stop, other in second.pieces(Span(start, stop)):
            yield inner_start, inner_stop, (value, other)
