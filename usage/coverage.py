"""How much of a hub's opening time its sensors cover, by what they count: doors, access points, rooms.

A reading covers the time of its interval, and up to the next one where that comes at most half an interval late. What
a total grew by between two readings covers all the time between them. Where that is more than a day it has to be half
of what is usual, since an unplugged counter grows by nothing, too; without a profile, to have opening time on one day
alone. A door that reports on change
covers the time until people should have come. A sensor of the estate file is expected from its first reading on,
another one until two weeks after its last. An hour of a door weighs as many people as usually come in by it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise
from operator import sub
from typing import TypeVar

from schemas import Kind
from schemas.localtime import NS_AN_HOUR, Span
from schemas.measures import COUNTED_MIN, SHARED_MAX, STORED_DECIMALS, PeopleState
from usage.calendar import Day, clip, hour_of_week, union
from usage.completeness import every_ns
from usage.counters import GAP_MAX_NS, Step
from usage.people import Tally
from usage.plan import HubPlan
from usage.profile import UsualOpening
from usage.readings import HubReadings, SensorReadings

_DAY_NS = 24 * NS_AN_HOUR
DIED_DAYS = 14
DIED_NS = DIED_DAYS * _DAY_NS
"""How long a sensor that the estate file does not name is still expected after its last reading."""
GROWN_MIN = Fraction(1, 2)
"""A total that grew by less of what is usual, in more than a day, was not counting all the time."""
_STEPS = int(10**STORED_DECIMALS)
_TOTALS = ("entries_total", "exits_total")
_COUNTS = ("entries", "exits", *_TOTALS)
_ENVIRONMENT = (Kind.TEMPERATURE, Kind.HUMIDITY, Kind.PRESSURE, Kind.CO2)


_Group = TypeVar("_Group")


@dataclass(frozen=True, slots=True)
class Covered:
    """By hour of the day: how much of the opening time that has passed is covered, and how much of it there is."""

    covered: Sequence[int]
    due: Sequence[int]

    @classmethod
    def of(cls, parts: Collection[Covered]) -> Covered:
        """Several together."""
        return cls(
            [sum(column) for column in zip(*(part.covered for part in parts), strict=True)],
            [sum(column) for column in zip(*(part.due for part in parts), strict=True)],
        )

    def share(self, hours: slice) -> float | None:
        """The covered share of those hours, rounded down, so that only a whole one is 1.

        None where there was no opening time, or nothing to cover it.
        """
        due = sum(self.due[hours])
        return sum(self.covered[hours]) * _STEPS // due / _STEPS if due else None


class Coverage:
    """How the day's opening time is covered as far as it has passed."""

    def __init__(
        self, readings: HubReadings, day: Day, plan: HubPlan, now_ns: int, people: Sequence[Tally], usual: UsualOpening
    ) -> None:
        self._day, self._plan, self._now_ns, self._usual = day, plan, now_ns, usual
        passed = clip(day.open, Span(day.span.start_ns, now_ns))
        self._opening = [(i, part) for i, hour in enumerate(day.hours) for part in clip(passed, hour)]
        self.open_ns = [0] * len(day.hours)
        for i, part in self._opening:
            self.open_ns[i] += part.length_ns
        self._first_to_last = (Span(passed[0].start_ns, passed[-1].stop_ns),) if passed else ()
        self._tallies = {tally.sensor: tally for tally in reversed(people)}
        self._door_ns: Mapping[str, Sequence[int]] = {}
        self._spans: Mapping[str, Sequence[Span]] = {}
        self._elsewhere: Mapping[str, Covered] = {}
        self._all_doors = readings.get(Kind.FOOTFALL, ())
        self._counters = [sensor for sensor in self._expected(self._all_doors) if any(map(sensor.counts, _COUNTS))]
        self.by_door = self._doors()
        self.doors = Covered.of(self.by_door.values())
        self.elsewhere = Covered.of(self._elsewhere.values())
        """What a door does not cover while another one does: its people may have used that one."""
        wifi = list(self._expected(readings.get(Kind.WIFI, ())))
        self.access_points = Covered.of(self._alike((sensor.sensor, self._held(sensor)) for sensor in wifi).values())
        self._by_room = self._alike(
            chain.from_iterable(self._rooms(kind, readings.get(kind, ())) for kind in _ENVIRONMENT)
        )
        self.rooms = Covered.of(self._by_room.values())

    def zone_shares(self) -> dict[str, float | None]:
        """The covered share of the day's opening time of each zone whose air is, or should be, measured."""
        zones: dict[str, list[Covered]] = {}
        for (zone, _), covered in self._by_room.items():
            zones.setdefault(zone, []).append(covered)
        return {zone: Covered.of(parts).share(slice(None)) for zone, parts in zones.items()}

    @property
    def is_whole(self) -> bool:
        """Whether the doors cover as much of the opening time as a counted day has."""
        share = self.doors.share(slice(None))
        return share is not None and share >= COUNTED_MIN

    def any_door(self) -> list[Span]:
        """When any door's readings tell who passed, open or closed, whether it is expected or not."""
        others = (door for door in self._all_doors if door.sensor not in self._spans)
        counted = (self._counted(door) for door in others if any(map(door.counts, _COUNTS)))
        return union(chain.from_iterable([*self._spans.values(), *counted]))

    def direct_ns(self, door: str) -> Sequence[int]:
        """By hour: how long the door's readings themselves tell who came, nothing of it shared out over a gap."""
        counter = next((counter for counter in self._counters if counter.sensor == door), None)
        tally = self._tallies.get(door)
        if counter is None or tally is None:
            return [0] * len(self.open_ns)
        if not any(map(counter.measures, _TOTALS)):
            return self._covered_ns(self._held(counter))
        gap_ns = self._plan.people_rules(door).gap_ns
        steps = _joined(step for step in tally.steps if step.is_known and step.length_ns <= gap_ns)
        return self._covered_ns([*steps, *self._around(counter, tally.intervals_ns)])

    def quiet(self, name: str) -> Iterator[tuple[str, list[int]]]:
        """Doors that report on change and count `name`; when the opening time begins of each hour that they cover."""
        for door in self._counters:
            known = self._plan.sensor(door.sensor)
            if known and known.on_change and (door.counts(name) or door.counts(f"{name}_total")):
                covered_ns = self._door_ns[door.sensor]
                yield door.sensor, [at.start_ns for i, at in self._opening if covered_ns[i] == self.open_ns[i]]

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
        return (
            PeopleState.COUNTED if self.is_whole and shared <= SHARED_MAX * (entries_open or 0) else PeopleState.PARTIAL
        )

    def has_open_gap(self) -> bool:
        """Whether a counter of totals that has been silent since this day may yet tell how many people came on it."""
        return any(
            counter.times_ns[-1] < self._day.span.stop_ns
            and self._now_ns - counter.times_ns[-1] <= GAP_MAX_NS
            and not self._plan.people_rules(counter.sensor).resets_daily
            for counter in self._counters
            if any(map(counter.measures, _TOTALS))
        )

    # ----------------------------------------------------------------------------------------------------- hour by hour

    def _doors(self) -> Mapping[str, Covered]:
        self._spans = {door.sensor: [*self._counted(door), *self._counted_before(door)] for door in self._counters}
        self._door_ns = covered = {door: self._covered_ns(counted) for door, counted in self._spans.items()}
        if all(found == self.open_ns for found in covered.values()):
            self._elsewhere = dict.fromkeys(covered, Covered([0] * len(self.open_ns), self.open_ns))
            return dict.fromkeys(covered, Covered(self.open_ns, self.open_ns))
        zone, hours = self._usual.calendar.zone, self._day.hours
        week_hours = [hour_of_week(hours[i].start_ns, zone) if ns else 0 for i, ns in enumerate(self.open_ns)]
        weights = self._usual.profile_of(self._day.span.start_ns).weights(covered, week_hours)
        by_any = self._covered_ns(chain.from_iterable(self._spans.values()))
        self._elsewhere = {
            door: Covered(
                _products([any_ns - ns for any_ns, ns in zip(by_any, found, strict=True)], weights[door]),
                _products(self.open_ns, weights[door]),
            )
            for door, found in covered.items()
        }
        return {
            door: Covered(_products(found, weights[door]), _products(self.open_ns, weights[door]))
            for door, found in covered.items()
        }

    def _alike(self, covered: Iterable[tuple[_Group, Sequence[Span]]]) -> dict[_Group, Covered]:
        """Groups that weigh alike: what is covered twice in one counts once."""
        groups: dict[_Group, list[Span]] = {}
        for group, spans in covered:
            groups.setdefault(group, []).extend(spans)
        return {group: Covered(self._covered_ns(spans), self.open_ns) for group, spans in groups.items()}

    def _covered_ns(self, covered: Iterable[Span]) -> list[int]:
        """How much of each hour's opening time the spans cover."""
        spans = union(covered)
        if self._first_to_last and len(spans) == 1 and clip(self._first_to_last, spans[0]) == self._first_to_last:
            return self.open_ns  # as nearly every sensor does
        found, first = [0] * len(self.open_ns), 0
        for i, (start_ns, stop_ns) in self._opening:
            while first < len(spans) and spans[first].stop_ns <= start_ns:
                first += 1
            for span in islice(spans, first, None):
                if span.start_ns >= stop_ns:
                    break
                found[i] += min(span.stop_ns, stop_ns) - max(span.start_ns, start_ns)
        return found

    # ---------------------------------------------------------------------------------------------- what sensors cover

    def _rooms(
        self, kind: Kind, sensors: Sequence[SensorReadings]
    ) -> Iterator[tuple[tuple[str, Kind], Sequence[Span]]]:
        expected = list(self._expected(sensors))
        reporting = {sensor.sensor for sensor in expected}
        for sensor in expected:
            yield (sensor.zone_until(self._day.span.stop_ns) or sensor.sensor, kind), self._held(sensor)
        for name, known in self._plan.sensors.items():
            if kind in known.kinds and name not in reporting and self._in_use(name, reporting):
                yield (known.zone or name, kind), ()

    def _expected(self, sensors: Sequence[SensorReadings]) -> Iterator[SensorReadings]:
        day = self._day.span
        last_seen = {sensor: sensor.last_before(day.stop_ns) for sensor in sensors}
        seen = {sensor.sensor for sensor, at_ns in last_seen.items() if at_ns is not None}
        for sensor, at_ns in last_seen.items():
            is_named = self._plan.sensor(sensor.sensor) is not None
            since_ns = 0 if is_named else day.start_ns - DIED_NS
            if at_ns is not None and at_ns >= since_ns and self._in_use(sensor.sensor, seen):
                yield sensor

    def _in_use(self, sensor: str, seen: Collection[str]) -> bool:
        day = self._day.date
        return not (self._plan.is_closed(sensor, day) or self._plan.is_retired(sensor, day, seen))

    def _counted(self, door: SensorReadings) -> Sequence[Span]:
        """When a door's totals or its interval counts tell how many people came."""
        if not any(map(door.measures, _TOTALS)):
            return self._until_missed(door, door.trusted_within(Span(0, self._day.span.stop_ns))) or self._held(door)
        tally = self._tallies.get(door.sensor)
        if tally is None:
            return ()
        known = [
            *_joined(step for step in tally.steps if self._tells(door.sensor, step)),
            *self._around(door, tally.intervals_ns),
        ]
        # What came since the last total, the next one will tell.
        last_ns = [step.stop_ns for step in tally.steps if step.is_known or step.length_ns <= _DAY_NS][-1:]
        held_ns = self._interval_ns(door) * 3 // 2
        return [*known, *(self._until_missed(door, last_ns) or [Span(at_ns, at_ns + held_ns) for at_ns in last_ns])]

    def _counted_before(self, door: SensorReadings) -> Iterator[Span]:
        """When the one that a door replaces counted, which is the same door: on the day of the change both did."""
        known = self._plan.sensor(door.sensor)
        replaced = known.replaces if known else None
        return chain.from_iterable(self._counted(before) for before in self._all_doors if before.sensor == replaced)

    def _tells(self, door: str, step: Step) -> bool:
        """Whether a step tells how many people came all the time, and not that its counter was unplugged."""
        if not step.is_known or step.length_ns <= _DAY_NS:
            return step.is_known
        span, calendar = Span(step.start_ns, step.stop_ns), self._usual.calendar
        usual = self._usual.people(door, span)
        if usual is not None:
            return step.growth >= usual * GROWN_MIN
        return len({calendar.date_of(part.start_ns) for part in calendar.open_within(span)}) <= 1

    def _until_missed(self, door: SensorReadings, times_ns: Sequence[int]) -> Sequence[Span] | None:
        """The time after each message of a door that reports on change alone, until people should have come.

        None for any other door, and where nobody knows how many people usually come.
        """
        day, known = self._day.span, self._plan.sensor(door.sensor)
        if known is None or not known.on_change or known.heartbeat_s or not times_ns:
            return None
        first = max(0, bisect_right(times_ns, day.start_ns) - 1)
        times_ns = [*times_ns[first : bisect_left(times_ns, day.stop_ns)], day.stop_ns]
        since = Span(max(times_ns[0], day.start_ns - GAP_MAX_NS), day.stop_ns)
        expected = self._usual.expected(door.sensor, since, day.start_ns)
        if expected is None:
            return None
        return [Span(at_ns, min(later, expected.somebody_by(at_ns))) for at_ns, later in pairwise(times_ns)]

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


def _products(lengths_ns: Sequence[int], weights: Sequence[int]) -> list[int]:
    return [length_ns * weight for length_ns, weight in zip(lengths_ns, weights, strict=True)]


def _held(times_ns: Sequence[int], interval_ns: int) -> list[Span]:
    """The time that readings cover which are so far apart."""
    late_ns = interval_ns * 3 // 2
    gaps: list[int] = []
    if max(map(sub, times_ns[1:], times_ns), default=0) > late_ns:
        gaps = [i for i in range(1, len(times_ns)) if times_ns[i] - times_ns[i - 1] > late_ns]
    runs = pairwise([0, *gaps, len(times_ns)]) if times_ns else ()
    return [Span(times_ns[first], times_ns[stop - 1] + interval_ns) for first, stop in runs]


def _joined(steps: Iterable[Step]) -> list[Span]:
    """The time that steps take which come in order, those in a row together."""
    spans: list[Span] = []
    start_ns = stop_ns = 0
    for step in steps:
        if step.start_ns != stop_ns:
            spans.append(Span(start_ns, stop_ns))
            start_ns = step.start_ns
        stop_ns = step.stop_ns
    return [*spans[1:], Span(start_ns, stop_ns)] if stop_ns else []
