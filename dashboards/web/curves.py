"""The readings of a day as lines: sensor by sensor, thinned for the eye, with nothing smoothed over.

A line is broken where a sensor missed readings, for as long as a reading holds in the figures. Of many readings the
lowest and the highest of each stretch are kept. A suspect reading is part of no line, as it is part of no figure; it is
marked.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from statistics import median_low
from typing import NamedTuple

from schemas.measurements import SUSPECT
from stores.protocol import Number, SeriesChunk
from usage.calendar import Day
from usage.signals import HOLD_INTERVALS

POINTS_MAX = 160
"""Points of one line, give or take its gaps: a phone has hardly more pixels."""
READINGS_MAX = 30_000
"""Readings of a day and kind that are looked at: a hub of twenty sensors, one a minute."""

Point = tuple[float, float | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one sensor."""

    time_ns: int
    value: float
    suspect: bool


class HourOfReadings(NamedTuple):
    """The values of an hour that are not suspect, and how many are."""

    values: tuple[float, ...]
    suspect: int


@dataclass(frozen=True, slots=True)
class Curve:
    """What one sensor measured on a day, in order of time."""

    sensor: str
    zone: str
    readings: tuple[Reading, ...]
    hours: tuple[HourOfReadings, ...]
    """Each clock hour of the day."""

    @property
    def name(self) -> str:
        """What it is called on a chart: by its zone, where it has one."""
        return f"{self.zone} ({self.sensor})" if self.zone else self.sensor


def curves_of(chunks: Iterable[SeriesChunk], field: str, day: Day) -> list[Curve]:
    """The curves of a kind's readings by sensor, the first READINGS_MAX of them."""
    found: dict[str, list[Reading]] = {}
    zones: dict[str, str] = {}
    for chunk, at, value in islice(_values(chunks, field), READINGS_MAX):
        sensor = chunk.tags["sensor"]
        zones[sensor] = chunk.tags.get("zone") or zones.get(sensor, "")
        suspect = bool(chunk.columns[SUSPECT][at])
        found.setdefault(sensor, []).append(Reading(chunk.times_ns[at], float(value), suspect))
    return [
        Curve(sensor, zones[sensor], tuple(ordered), tuple(_by_hour(ordered, day)))
        for sensor, readings in found.items()
        for ordered in [sorted(readings, key=lambda each: each.time_ns)]
    ]


def _by_hour(readings: Sequence[Reading], day: Day) -> Iterator[HourOfReadings]:
    for hour in day.hours:
        first, stop = (bisect_left(readings, edge, key=lambda each: each.time_ns) for edge in hour)
        of_hour = readings[first:stop]
        trusted = tuple(each.value for each in of_hour if not each.suspect)
        yield HourOfReadings(trusted, len(of_hour) - len(trusted))


def _values(chunks: Iterable[SeriesChunk], field: str) -> Iterator[tuple[SeriesChunk, int, Number]]:
    for chunk in chunks:
        for at, value in enumerate(chunk.columns[field]):
            if value is not None:
                yield chunk, at, value


def points(curve: Curve, day: Day, every_ns: int | None) -> list[Point]:
    """A curve as a line over the hours of its day; `every_ns` is how often its sensor is to report, where known."""
    trusted = [each for each in curve.readings if not each.suspect]
    steps = [later.time_ns - earlier.time_ns for earlier, later in pairwise(trusted)]
    hold_ns = HOLD_INTERVALS * (every_ns or (median_low(steps) if steps else 0))
    stretches: list[list[Reading]] = []
    for each in trusted:
        if not stretches or each.time_ns - stretches[-1][-1].time_ns > hold_ns:
            stretches.append([])
        stretches[-1].append(each)
    line: list[Point] = []
    for stretch in stretches:
        share = max(1, POINTS_MAX * len(stretch) // len(trusted))
        if line:
            line.append((line[-1][0], None))
        line += [(position(each.time_ns, day), each.value) for each in thinned(stretch, share)]
    return line


def thinned(readings: Sequence[Reading], points_max: int) -> Sequence[Reading]:
    """The lowest and the highest of each of `points_max / 2` stretches, and both ends; all where they are few."""
    if len(readings) <= points_max:
        return readings
    stretches = max(1, points_max // 2)
    kept = {0, len(readings) - 1}
    for n in range(stretches):
        places = range(n * len(readings) // stretches, (n + 1) * len(readings) // stretches)
        kept.add(min(places, key=lambda at: readings[at].value))
        kept.add(max(places, key=lambda at: readings[at].value))
    return [readings[at] for at in sorted(kept)]


def position(time_ns: int, day: Day) -> float:
    """Where an instant is along a day's clock hours: 9.5 is the middle of the tenth."""
    at = max(0, bisect_right(day.hours, time_ns, key=lambda hour: hour.start_ns) - 1)
    hour = day.hours[at]
    return at + min(1.0, (time_ns - hour.start_ns) / hour.length_ns)
