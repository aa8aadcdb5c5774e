"""Measures of a day's air and Wi-Fi, weighted by the time for which each reading holds.

A reading holds until the next of its sensor, at most for two intervals, so silence counts for nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from itertools import pairwise

from schemas import KINDS
from schemas.localtime import NS_A_MINUTE, Span
from simulators.truth.received import ReceivedSeries

_COLD_C = 20.0
_STANDARD_C = 15.0

Segment = tuple[int, int, float]
"""A value and the time, from and to, for which it holds."""


class StepSignal:
    """One sensor's values over a day."""

    def __init__(self, series: ReceivedSeries, day: Span, field: str | None = None) -> None:
        """Of the kind's first field, unless another is named."""
        self.sensor = series.sensor
        self._hold_ns = series.hold_ns
        self.readings = series.measured(day, field or KINDS[series.kind].fields[0].name)
        self._day = day

    def __bool__(self) -> bool:
        return bool(self.readings)

    def altered(self, change: Callable[[int, float], float]) -> StepSignal:
        """Another signal, with values changed by their time; that of a reading of the evening before is midnight."""
        other = copy(self)
        other.readings = [(t, change(max(t, self._day.start_ns), value)) for t, value in self.readings]
        return other

    def edges(self, span: Span) -> Iterator[int]:
        """When its value may change within a span."""
        for first, last, _ in self.segments([span]):
            yield from (first, last)

    def of_the_day(self) -> list[tuple[int, float]]:
        """Time and value of what was read on the day itself."""
        return [reading for reading in self.readings if reading[0] >= self._day.start_ns]

    def at(self, time_ns: int) -> float | None:
        """The value that holds at an instant."""
        last = bisect_right(self.readings, (time_ns, math.inf)) - 1
        if last < 0 or time_ns - self.readings[last][0] >= self._hold_ns:
            return None
        return self.readings[last][1]

    def segments(self, spans: Iterable[Span]) -> Iterator[Segment]:
        """The segments of the signal within the spans."""
        for start, stop in spans:
            at = max(0, bisect_right(self.readings, (start, math.inf)) - 1)
            for reading, later in pairwise([*self.readings[at : bisect_left(self.readings, (stop,))], (stop, 0.0)]):
                first, last = max(start, reading[0]), min(later[0], reading[0] + self._hold_ns)
                if first < last:
                    yield first, last, reading[1]


def sum_of_means(signals: Iterable[StepSignal], spans: Sequence[Span]) -> float | None:
    """What the sensors have together on average, where each counts something else."""
    means = [found for signal in signals if (found := _weighted(signal.segments(spans))) is not None]
    return sum(means) if means else None


def _weighted(pieces: Iterable[Segment]) -> float | None:
    """The mean of values, each weighted by its time; None where there is no time at all."""
    listed = [(stop - start, value) for start, stop, value in pieces]
    whole = sum(length for length, _ in listed)
    return math.fsum(length * value for length, value in listed) / whole if whole else None


def peak_together(signals: Sequence[StepSignal]) -> int | None:
    """The most that the sensors have together at any reading of the day."""
    times = {time_ns for signal in signals for time_ns, _ in signal.of_the_day()}
    return max((int(sum(signal.at(t) or 0 for signal in signals)) for t in times), default=None)


def minutes(spans: Iterable[Span]) -> float:
    """How long at least one of the spans lasts."""
    reached = covered = 0
    for start, stop in sorted(spans):
        covered += max(0, stop - max(start, reached))
        reached = max(reached, stop)
    return covered / NS_A_MINUTE


def minutes_where(signals: Sequence[StepSignal], spans: Sequence[Span], holds: Callable[[float], bool]) -> float | None:
    """Minutes in which any sensor's value passes; None where none holds."""
    pieces = [piece for signal in signals for piece in signal.segments(spans)]
    return minutes(Span(a, b) for a, b, value in pieces if holds(value)) if pieces else None


def nearest_thermometer(signal: StepSignal, thermometers: Sequence[StepSignal]) -> StepSignal | None:
    """The thermometer in the same device, else in the same zone, else the hub's first."""
    device, zone = signal.sensor.id, signal.sensor.zone
    return min(
        thermometers,
        key=lambda other: (other.sensor.id != device, zone is None or other.sensor.zone != zone),
        default=None,
    )


def damp_minutes(
    humidities: Sequence[StepSignal], thermometers: Sequence[StepSignal], spans: Sequence[Span]
) -> float | None:
    """Minutes in which any sensor's humidity is at or above the critical one (Hukka and Viitanen 1999)."""
    damp: list[Span] = []
    judged = False
    for humidity in humidities:
        thermometer = nearest_thermometer(humidity, thermometers)
        if thermometer is None:
            continue
        for start, stop, percent in humidity.segments(spans):
            for first, last, celsius in thermometer.segments([Span(start, stop)]):
                judged = True
                if percent >= _critical_pct(celsius):
                    damp.append(Span(first, last))
    return minutes(damp) if judged else None


def _critical_pct(celsius: float) -> float:
    if celsius > _COLD_C:
        return 80.0
    return 100 - 3.13 * celsius + 0.160 * celsius * celsius - 0.00267 * celsius * celsius * celsius


def at_sea_level(
    barometers: Iterable[StepSignal], thermometers: Sequence[StepSignal], altitude_m: float | None
) -> list[StepSignal]:
    """The pressure as it would be at sea level, by the temperature when it was read, if the altitude is known."""
    if altitude_m is None:
        return list(barometers)
    column = 0.0065 * altitude_m

    def reduced(barometer: StepSignal) -> StepSignal:
        thermometer = nearest_thermometer(barometer, thermometers)

        def at(time_ns: int, hpa: float) -> float:
            celsius = thermometer.at(time_ns) if thermometer is not None else None
            celsius = _STANDARD_C if celsius is None else celsius
            return hpa * math.pow(1 - column / (celsius + column + 273.15), -5.257)

        return barometer.altered(at)

    return [reduced(barometer) for barometer in barometers]
