"""People and bytes of a day: what the counters report, placed in time.

An interval count belongs to the moment of its reading. What a total grew by belongs evenly to the time since the
reading before, after a gap to the opening time in it as is usual, rounded so that the clock hours add up to the whole.
A total that fell counts nothing until the counter goes on from there; what the device counted in the interval does.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.localtime import NS_A_SECOND, Span, from_ns
from simulators.people import Counted
from simulators.truth.received import ReceivedReading, ReceivedSeries

_QUARTER_NS = 900 * NS_A_SECOND


class CountAt(NamedTuple):
    """Something counted at an instant."""

    time_ns: int
    number: int


class Weighed(NamedTuple):
    """A stretch of time, and what each nanosecond of it weighs."""

    time: Span
    weight: int


WhenUsual = Callable[[str | None, Span], Sequence[Weighed]]
"""When people usually come by a door within a span; without a door, when the hub is open."""


class Hours:
    """The clock hours of a local day: totals grow evenly within a reading's interval.

    They are cut at full hours, and where the hub opens and closes.
    """

    def __init__(self, day: Span, zone: ZoneInfo, when_usual: WhenUsual, opening: Iterable[Span] = ()) -> None:
        self.day = day
        self._when_usual = when_usual
        quarters = range(day.start_ns, day.stop_ns, _QUARTER_NS)
        self._starts = [t for t in quarters if t == day.start_ns or from_ns(t).astimezone(zone).minute == 0]
        self._starts.append(day.stop_ns)
        self._cuts = sorted({*self._starts, *(edge for span in opening for edge in span)})

    def each(self) -> Iterator[Span]:
        """The hours, in order."""
        return (Span(start, stop) for start, stop in pairwise(self._starts))

    def spread(self, reading: ReceivedReading, number: int, gap_ns: int, door: str | None = None) -> Iterator[CountAt]:
        """What a reading reports as counted since the one before, hour by hour of the day."""
        if reading.since_ns is None:
            return
        start, stop = reading.since_ns, reading.time_ns
        times = self._when_usual(door, Span(start, stop)) if stop - start > gap_ns else ()
        whole_ns = _passed_ns(times, stop)
        if not whole_ns:
            times, whole_ns = (Weighed(Span(start, stop), 1),), stop - start
        at = max(0, bisect_right(self._cuts, start) - 1)
        for cut, next_cut in pairwise(self._cuts[at : bisect_left(self._cuts, stop) + 1]):
            first, last = max(cut, start), min(next_cut, stop)
            share = _half_up(number * _passed_ns(times, last), whole_ns)
            share -= _half_up(number * _passed_ns(times, first), whole_ns)
            yield CountAt(min(last, next_cut - 1), share)


def _passed_ns(times: Iterable[Weighed], until_ns: int) -> int:
    return sum(weight * max(0, min(stop, until_ns) - start) for (start, stop), weight in times)


def _half_up(dividend: int, divisor: int) -> int:
    return (2 * dividend + divisor) // (2 * divisor)


def came(door: ReceivedSeries, hours: Hours) -> list[CountAt]:
    """The entries that a door's counter reports of a day."""
    return list(_counts(door, hours, "entries_total", lambda counted: counted.entries))


def went(door: ReceivedSeries, hours: Hours) -> list[CountAt]:
    """The exits that a door's counter reports of a day."""
    return list(_counts(door, hours, "exits_total", lambda counted: counted.exits))


def _counts(series: ReceivedSeries, hours: Hours, total_name: str, way: Callable[[Counted], int]) -> Iterator[CountAt]:
    if series.sensor.counter_bits is None:
        for reading in series.within(hours.day):
            if not reading.suspect:
                yield CountAt(reading.time_ns, way(reading.counted))
        return
    fell_ns = series.fallen_since(total_name)
    for reading in series.steps(hours.day):
        is_here = hours.day.start_ns <= reading.time_ns < hours.day.stop_ns
        if fell_ns is not None and reading.time_ns >= fell_ns:
            own = reading.fields.get(total_name.removesuffix("_total"))
            if is_here and own is not None and not reading.suspect:
                yield CountAt(reading.time_ns, int(own))
        else:
            yield from hours.spread(reading, way(reading.counted), series.hold_ns, series.sensor.id)
            if not way(reading.counted) and is_here:
                yield CountAt(reading.time_ns, way(reading.own))


def shared(counters: Iterable[ReceivedSeries], hours: Hours) -> int:
    """The entries of the day that came after a gap over a midnight, unless all of it were the day's."""
    day = hours.day
    found = 0
    for series in counters:
        for reading in series.steps(day) if series.sensor.counter_bits is not None else ():
            number, since_ns = reading.counted.entries, reading.since_ns
            if since_ns is None or reading.time_ns - since_ns <= series.hold_ns:
                continue
            if since_ns < day.start_ns or reading.time_ns > day.stop_ns:
                here = sum(c.number for c in hours.spread(reading, number, series.hold_ns, series.sensor.id))
                found += here if here < number else 0
    return found


def transferred(access_points: Iterable[ReceivedSeries], hours: Hours) -> list[CountAt]:
    """The bytes that the hub's access points report of a day."""
    return [
        count
        for series in access_points
        for reading in series.steps(hours.day)
        if "rx_bytes_total" in reading.fields
        for number in reading.counted
        for count in hours.spread(reading, number, series.hold_ns)
    ]


def total(counts: Iterable[CountAt]) -> int | None:
    """The sum; None where nothing was reported, which is not zero."""
    numbers = [count.number for count in counts]
    return sum(numbers) if numbers else None


def peak(entries: Sequence[CountAt], exits: Sequence[CountAt], anew_ns: int, *, is_empty_at_end: bool) -> int | None:
    """The most people inside at once: entries less exits since midnight, and anew from an instant on; never below 0.

    Where the building is empty at the day's end, each exit from that instant on is as many people as came for it, if
    that is half a one to two.
    """
    if not entries or not exits:
        return None
    came, went = (sum(count.number for count in counts if count.time_ns >= anew_ns) for counts in (entries, exits))
    people_an_exit = Fraction(came, went) if is_empty_at_end and went else Fraction(1)
    if not Fraction(1, 2) <= people_an_exit <= Fraction(2):
        people_an_exit = Fraction(1)
    moves = [(count.time_ns, Fraction(count.number)) for count in entries]
    moves += [(c.time_ns, -c.number * (people_an_exit if c.time_ns >= anew_ns else Fraction(1))) for c in exits]
    most = inside = Fraction(0)
    begun = False
    for time_ns, together in groupby(sorted(moves), key=itemgetter(0)):
        if time_ns >= anew_ns and not begun:
            begun, inside = True, Fraction(0)
        inside += sum(number for _, number in together)
        most = max(most, inside)
    return math.floor(most + Fraction(1, 2))
