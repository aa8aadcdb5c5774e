"""How much of a hub's opening time its sensors cover, by what they count: doors, access points, rooms.

A reading covers the time of its interval, and up to the next one where that comes at most half an interval late. What
a total grew by between two readings covers all the time between them, up to a day. A sensor of the estate file is
expected from its first reading on, another one until two weeks after its last.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise

from schemas import Kind
from schemas.localtime import NS_AN_HOUR, Span
from schemas.measures import COUNTED_MIN, SHARED_MAX, STORED_DECIMALS, PeopleState
from usage.calendar import Day, clip, union
from usage.completeness import every_ns
from usage.counters import Step
from usage.people import Tally
from usage.plan import HubPlan
from usage.readings import HubReadings, SensorReadings

_DAY_NS = 24 * NS_AN_HOUR
DIED_NS = 14 * _DAY_NS
"""How long a sensor that the estate file does not name is still expected after its last reading."""
_STEPS = int(10**STORED_DECIMALS)
_COUNTS = ("entries", "exits", "entries_total", "exits_total")
_ENVIRONMENT = (Kind.TEMPERATURE, Kind.HUMIDITY, Kind.PRESSURE, Kind.CO2)


Groups = Mapping[str, Sequence[Span]]
"""When each door, access point, or room and kind was covered; what is covered twice counts once."""


class Coverage:
    """The day's covered time, to be asked for any part of it."""

    def __init__(self, readings: HubReadings, day: Day, plan: HubPlan, now_ns: int, people: Sequence[Tally]) -> None:
        self._day, self._plan, self._now_ns = day, plan, now_ns
        doors = (
            (sensor.sensor, self._counted(sensor, people))
            for sensor in self._expected([s for s in readings.get(Kind.FOOTFALL, ()) if any(map(s.measures, _COUNTS))])
        )
        access_points = ((sensor.sensor, self._held(sensor)) for sensor in self._expected(readings.get(Kind.WIFI, ())))
        self.doors, self.access_points = _groups(doors), _groups(access_points)
        self.rooms = _groups(chain.from_iterable(self._rooms(kind, readings.get(kind, ())) for kind in _ENVIRONMENT))

    def share(self, groups: Groups, span: Span) -> float | None:
        """The share of the span's opening time, as far as it has passed, that the groups cover on average.

        Rounded down, so that only a whole day is 1. None where there was no opening time, or nothing to cover it.
        """
        opening = clip(self._day.open, Span(span.start_ns, min(span.stop_ns, self._now_ns)))
        due_ns = len(groups) * sum(part.length_ns for part in opening)
        if not due_ns:
            return None
        parts = (clip(spans, hours) for spans in groups.values() for hours in opening)
        covered_ns = sum(part.length_ns for part in chain.from_iterable(parts))
        return covered_ns * _STEPS // due_ns / _STEPS

    def people_state(self, figures: Mapping[str, float | None], shared: int) -> PeopleState | None:
        """What the day's people are worth; None before the hub first opens today.

        `shared` of its entries were shared out over a midnight.
        """
        completeness, entries_open = figures["footfall_completeness"], figures["entries_open"]
        if not self._day.open:
            return PeopleState.CLOSED
        if self._now_ns <= self._day.open[0].start_ns:
            return None
        if not completeness and entries_open is None:
            return PeopleState.NONE
        is_whole = completeness is not None and completeness >= COUNTED_MIN
        return PeopleState.COUNTED if is_whole and shared <= SHARED_MAX * (entries_open or 0) else PeopleState.PARTIAL

    def _rooms(self, kind: Kind, sensors: Sequence[SensorReadings]) -> Iterator[tuple[str, Sequence[Span]]]:
        expected = list(self._expected(sensors))
        reporting = {sensor.sensor for sensor in expected}
        for sensor in expected:
            yield f"{sensor.zone or sensor.sensor} {kind}", self._held(sensor)
        for name, known in self._plan.sensors.items():
            if kind in known.kinds and name not in reporting and self._in_use(name, reporting):
                yield f"{known.zone or name} {kind}", ()

    def _expected(self, sensors: Sequence[SensorReadings]) -> Iterator[SensorReadings]:
        day = self._day.span
        last_seen = {sensor: bisect_left(sensor.times_ns, day.stop_ns) for sensor in sensors}
        seen = {sensor.sensor for sensor, count in last_seen.items() if count}
        for sensor, count in last_seen.items():
            is_named = self._plan.sensor(sensor.sensor) is not None
            since_ns = 0 if is_named else day.start_ns - DIED_NS
            if count and sensor.times_ns[count - 1] >= since_ns and self._in_use(sensor.sensor, seen):
                yield sensor

    def _in_use(self, sensor: str, seen: Collection[str]) -> bool:
        day = self._day.date
        return not (self._plan.is_closed(sensor, day) or self._plan.is_retired(sensor, day, seen))

    def _counted(self, sensor: SensorReadings, people: Iterable[Tally]) -> Sequence[Span]:
        """When a door's totals or its interval counts tell how many people came."""
        if not (sensor.measures("entries_total") or sensor.measures("exits_total")):
            return self._held(sensor)
        tally = next((tally for tally in people if tally.sensor == sensor.sensor), None)
        if tally is None:
            return ()
        known = [*_joined(tally.steps), *self._around(sensor, tally.intervals_ns)]
        # What came since the last total, the next one will tell.
        last_ns = [step.stop_ns for step in tally.steps[-1:]]
        return [*known, *(Span(stop_ns, stop_ns + self._interval_ns(sensor) * 3 // 2) for stop_ns in last_ns)]

    def _held(self, sensor: SensorReadings) -> Sequence[Span]:
        """The time that the sensor's readings cover."""
        interval_ns, day = self._interval_ns(sensor), self._day.span
        around = Span(day.start_ns - 2 * interval_ns, day.stop_ns + 2 * interval_ns)
        return self._around(sensor, sensor.trusted_within(around))

    def _around(self, sensor: SensorReadings, times_ns: Sequence[int]) -> Sequence[Span]:
        """The time that readings at these times cover, each that of its interval."""
        interval_ns = self._interval_ns(sensor)
        if self._plan.stamps_end(sensor.sensor):
            held = _held([-time_ns for time_ns in reversed(times_ns)], interval_ns)
            return [Span(-span.stop_ns, -span.start_ns) for span in held]
        return _held(times_ns, interval_ns)

    def _interval_ns(self, sensor: SensorReadings) -> int:
        known = self._plan.sensor(sensor.sensor)
        shown_ns = None if known and known.on_change else every_ns(sensor, self._day, self._plan)
        return shown_ns or self._plan.patience_ns(sensor.sensor)


def _groups(covered: Iterable[tuple[str, Sequence[Span]]]) -> Groups:
    spans: dict[str, list[Span]] = {}
    for group, part in covered:
        spans.setdefault(group, []).extend(part)
    return {group: union(found) for group, found in spans.items()}


def _held(times_ns: Sequence[int], interval_ns: int) -> list[Span]:
    """The time that readings cover which are so far apart."""
    late_ns = interval_ns * 3 // 2
    gaps = [i for i in range(1, len(times_ns)) if times_ns[i] - times_ns[i - 1] > late_ns]
    runs = pairwise([0, *gaps, len(times_ns)]) if times_ns else ()
    return [Span(times_ns[first], times_ns[stop - 1] + interval_ns) for first, stop in runs]


def _joined(steps: Iterable[Step]) -> list[Span]:
    """The time over which steps in a row tell how many people came."""
    spans: list[Span] = []
    start_ns = stop_ns = 0
    for step in steps:
        if not step.is_known or step.stop_ns - step.start_ns > _DAY_NS:
            continue
        if step.start_ns != stop_ns:
            spans.append(Span(start_ns, stop_ns))
            start_ns = step.start_ns
        stop_ns = step.stop_ns
    return [*spans[1:], Span(start_ns, stop_ns)] if stop_ns else []
