"""Who came and went: interval counts summed, totals differenced, and the occupancy that follows.

Direction by direction, a sensor that sends totals is counted by them and by nothing else, so that a device with both
is counted once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from schemas.localtime import NS_AN_HOUR, Span
from usage.calendar import Day
from usage.counters import Cause, Correction, CounterRules, Step, by_time, growth, spread
from usage.readings import SensorReadings, Track

PAD_NS = 2 * NS_AN_HOUR
"""How far beyond a day's bounds its counters look for the neighbours of the day's first and last readings."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one sensor counted in one direction on one day: the instants, what each adds, and how it came about."""

    sensor: str
    field: str
    events: tuple[tuple[int, int], ...]
    corrections: tuple[Correction, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """A hub's count in one direction over a day, to be asked for any part of it."""

    times_ns: Sequence[int]
    sums: Sequence[int]

    @classmethod
    def of(cls, tallies: Iterable[Tally]) -> Count:
        """All sensors together."""
        events = sorted(event for tally in tallies for event in tally.events)
        return cls([t for t, _ in events], [0, *accumulate(n for _, n in events)])

    def within(self, span: Span) -> int | None:
        """The count of the span; None where no sensor counted in it, which is not zero."""
        first, stop = bisect_left(self.times_ns, span.start_ns), bisect_left(self.times_ns, span.stop_ns)
        return self.sums[stop] - self.sums[first] if stop > first else None

    def until(self, stop_ns: int) -> int:
        """The count from the day's start until an instant."""
        return self.sums[bisect_left(self.times_ns, stop_ns)]


def tallies(
    sensors: Iterable[SensorReadings], name: str, day: Day, rules: Callable[[SensorReadings], CounterRules]
) -> list[Tally]:
    """One direction (`entries`, `rx_bytes`...) of every sensor that counted it on the day.

    `name` is the interval count's field; the total's is `<name>_total`.
    """
    found = (_tally(sensor, name, day, rules) for sensor in sensors)
    return [tally for tally in found if tally is not None]


def _tally(
    sensor: SensorReadings, name: str, day: Day, rules: Callable[[SensorReadings], CounterRules]
) -> Tally | None:
    counts = sensor.counts(name).within(day.span)
    totals = around(sensor.counts(f"{name}_total"), day.span)
    if totals and not (counts and not totals.within(day.span)):
        return _from_totals(sensor, name, totals, day, rules(sensor))
    if counts:
        events = zip(counts.times_ns, map(int, counts.values), strict=True)
        return Tally(sensor.sensor, name, tuple(events))
    return None


def _from_totals(sensor: SensorReadings, name: str, totals: Track, day: Day, rules: CounterRules) -> Tally | None:
    grown = growth(totals.times_ns, [int(total) for total in totals.values], rules)
    steps = tuple(s for s in grown.steps if s.start_ns < day.span.stop_ns and s.stop_ns > day.span.start_ns)
    events = tuple(spread(steps, day.hours))
    if not events:
        return None
    first_ns, last_ns = steps[0].start_ns, steps[-1].stop_ns
    corrections = [c for c in grown.corrections if first_ns < c.time_ns <= last_ns]
    corrections += _splits(steps, totals, day.span, rules)
    return Tally(sensor.sensor, f"{name}_total", events, tuple(sorted(corrections, key=by_time)), steps)


def _splits(steps: Iterable[Step], totals: Track, day: Span, rules: CounterRules) -> Iterator[Correction]:
    """The gaps whose growth is shared with another day."""
    across = (s for s in steps if s.start_ns < day.start_ns or s.stop_ns > day.stop_ns)
    shared = [s for s in across if s.growth and s.stop_ns - s.start_ns > rules.gap_ns]
    read = dict(zip(totals.times_ns, totals.values, strict=True)) if shared else {}
    for step in shared:
        before, after = int(read[step.start_ns]), int(read[step.stop_ns])
        yield Correction(Cause.SPLIT, step.stop_ns, before, after, step.growth)


def around(track: Track, span: Span) -> Track:
    """The span's part of a track with its surroundings: the pads, or the nearest reading where a pad is empty."""
    times = track.times_ns
    first, start = bisect_left(times, span.start_ns - PAD_NS), bisect_left(times, span.start_ns)
    stop, last = bisect_left(times, span.stop_ns), bisect_left(times, span.stop_ns + PAD_NS)
    if first == start:
        first = max(0, first - 1)
    if stop == last:
        last = min(len(times), last + 1)
    return track.part(first, last)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Entries less exits since local midnight, over a day."""

    entries: Count
    exits: Count

    def drift(self, span: Span) -> int | None:
        """The net at the span's end; None where either direction was not counted in the span."""
        if self.entries.within(span) is None or self.exits.within(span) is None:
            return None
        return self._net(span.stop_ns)

    def peak(self, span: Span) -> int | None:
        """The most people at once in the span, never below 0."""
        if self.entries.within(span) is None or self.exits.within(span) is None:
            return None
        first = bisect_left(self.entries.times_ns, span.start_ns)
        stop = bisect_left(self.entries.times_ns, span.stop_ns)
        arrivals = self.entries.times_ns[first:stop]
        return max(0, self._net(span.start_ns), *(self._net(t + 1) for t in arrivals))

    def _net(self, until_ns: int) -> int:
        return self.entries.until(until_ns) - self.exits.until(until_ns)
