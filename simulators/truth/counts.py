"""People and bytes of a day: what the counters tell, placed in time.

An interval count belongs to the moment of its reading. What a total grew by belongs evenly to the time since the
reading before, rounded so that the clock hours add up to the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas import Kind
from schemas.localtime import NS_A_SECOND, from_ns
from simulators.hours import Span
from simulators.people import Counted
from simulators.truth.heard import Heard, HubHeard, Track

_QUARTER_NS = 900 * NS_A_SECOND


class Moment(NamedTuple):
    """Something counted at an instant."""

    time_ns: int
    number: int


def counted(heard: HubHeard, day: Span, zone: ZoneInfo) -> tuple[list[Moment], list[Moment]]:
    """All entries and all exits that the hub's counters tell of a day, in order of time."""
    entries: list[Moment] = []
    exits: list[Moment] = []
    for track in heard.tracks(Kind.FOOTFALL):
        entries += _moments(track, day, zone, lambda told: told.entries)
        exits += _moments(track, day, zone, lambda told: told.exits)
    return sorted(entries), sorted(exits)


def _moments(track: Track, day: Span, zone: ZoneInfo, way: Callable[[Counted], int]) -> Iterator[Moment]:
    if track.sensor.counter_bits is None:
        for reading in track.within(day):
            yield Moment(reading.time_ns, way(reading.told or Counted(0, 0)))
        return
    for reading in track.steps(day):
        if reading.told is not None:
            yield from _spread(reading, way(reading.told), day, zone)


def transferred(heard: HubHeard, day: Span, zone: ZoneInfo) -> list[Moment]:
    """The bytes that the hub's access points tell of a day."""
    return [
        moment
        for track in heard.tracks(Kind.WIFI)
        for reading in track.steps(day)
        for number in reading.told or ()
        for moment in _spread(reading, number, day, zone)
    ]


def _spread(reading: Heard, number: int, day: Span, zone: ZoneInfo) -> Iterator[Moment]:
    if reading.since_ns is None:
        return
    start, stop = reading.since_ns, reading.time_ns
    cuts = [start, *_full_hours(start, stop, zone), stop]
    shares = [_half_up(number * (cut - start), stop - start) for cut in cuts]
    for at in range(1, len(cuts)):
        if day.start_ns <= cuts[at - 1] < day.stop_ns:
            last = cuts[at] - 1 if at < len(cuts) - 1 else stop
            yield Moment(min(last, day.stop_ns - 1), shares[at] - shares[at - 1])


def _half_up(dividend: int, divisor: int) -> int:
    return (2 * dividend + divisor) // (2 * divisor)


def _full_hours(start_ns: int, stop_ns: int, zone: ZoneInfo) -> list[int]:
    """The instants between, at which a new hour begins on the clock on the wall."""
    first = start_ns // _QUARTER_NS + 1
    quarters = (quarter * _QUARTER_NS for quarter in range(first, (stop_ns - 1) // _QUARTER_NS + 1))
    return [time_ns for time_ns in quarters if from_ns(time_ns).astimezone(zone).minute == 0]


def total(moments: Iterable[Moment]) -> int | None:
    """The sum; None where nothing was told, which is not zero."""
    numbers = [moment.number for moment in moments]
    return sum(numbers) if numbers else None


def peak(entries: Sequence[Moment], exits: Sequence[Moment]) -> int | None:
    """The most people inside at once, entries less exits since midnight, never below 0."""
    if not entries or not exits:
        return None
    changes = sorted([(e.time_ns, 0, -e.number) for e in exits] + [(e.time_ns, 1, e.number) for e in entries])
    inside = most = 0
    for at, (time_ns, _, change) in enumerate(changes):
        inside += change
        if at + 1 == len(changes) or changes[at + 1][0] != time_ns:
            most = max(most, inside)
    return most
