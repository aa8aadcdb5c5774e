"""Reads a hub's raw readings for a run of days: each kind once, some days at a time, so that memory stays bounded.

Whether a total is believed depends on its neighbours, however far. Most are in the day before and the hours after;
beyond that they are looked for counter by counter, back to where nothing earlier matters and ahead to what settles
the last one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from schemas import Kind
from schemas.localtime import NS_AN_HOUR, Span
from stores import SeriesChunk, Store
from usage.calendar import Day, HubCalendar
from usage.counters import GAP_MAX_NS, HOLD_NS, CounterRules
from usage.daily_totals import HABIT_NS, SILENCE_NS, is_doubtful
from usage.plan import EXPECTED_KINDS, HubPlan
from usage.readings import HubReadings, SensorReadings, by_sensor, last_days
from usage.sensor_limit import with_most_readings, with_room
from usage.totals import is_anchored

DAYS_AT_ONCE = 7
PAD_NS = 2 * NS_AN_HOUR
"""How far beyond the days everything is read: what held at midnight, and the next totals."""
CLOCK_AHEAD_NS = NS_AN_HOUR
"""A reading may be a little younger than now."""
_COUNTERS = {
    Kind.FOOTFALL: ("entries_total", "exits_total"),
    Kind.WIFI: ("rx_bytes_total", "tx_bytes_total"),
}
_COUNTS = ("entries", "exits", *_COUNTERS[Kind.FOOTFALL])
_LOOK_BACK_NS = HOLD_NS + PAD_NS
_REACHES_NS = (24 * NS_AN_HOUR, 8 * 24 * NS_AN_HOUR, GAP_MAX_NS + 24 * NS_AN_HOUR)


@dataclass(frozen=True, slots=True)
class HubSource:
    """One hub's raw readings in a store."""

    store: Store
    hub: str
    calendar: HubCalendar
    plan: HubPlan
    now_ns: int

    def days(
        self, dates: Sequence[date], kinds: Collection[Kind] = EXPECTED_KINDS
    ) -> Iterator[tuple[Day, HubReadings]]:
        """Yield each of the dates, which come in order, with the readings of it and around it."""
        for batch in _batches(dates):
            days = [self.calendar.day(day) for day in batch]
            readings = self._read(Span(days[0].span.start_ns, days[-1].span.stop_ns), kinds)
            for day in days:
                yield day, readings

    def days_with_past(
        self, dates: Sequence[date], kinds: Collection[Kind] = EXPECTED_KINDS
    ) -> Iterator[tuple[Day, HubReadings]]:
        """As `days`; and each sensor knows what its days before tell of it: how often it reports, and that it died."""
        batch: HubReadings | None = None
        known: HubReadings = {}
        for day, readings in self.days(dates, kinds):
            if readings is not batch:
                batch = readings
                known = {kind: self._with_past(kind, found, day.span.start_ns) for kind, found in readings.items()}
            yield day, known

    def _with_past(self, kind: Kind, found: Sequence[SensorReadings], start_ns: int) -> Sequence[SensorReadings]:
        earlier: dict[str, set[int]] = defaultdict(set)
        sensors = {sensor.sensor: sensor for sensor in found}
        if kind not in _COUNTERS:  # whose last reading is at hand
            latest = self.store.latest(kind, before_ns=start_ns - PAD_NS, where={"hub": self.hub})
            for run in with_room(latest, self.plan, sensors):
                name = run.tags["sensor"]
                if self.plan.sensor(name) is None:
                    sensors.setdefault(name, SensorReadings(name, run.tags.get("zone"), (), {}))
                    earlier[name].add(run.times_ns[-1])
        unknown = {sensor.sensor for sensor in found if self.plan.shows_interval(sensor.sensor)}
        for window in last_days(start_ns) if unknown else ():
            for run in self._all_chunks(kind, window):
                if run.tags["sensor"] in unknown:
                    earlier[run.tags["sensor"]].update(run.times_ns)
        for name, times_ns in earlier.items():
            sensors[name].earlier_ns = sorted(times_ns)
        return [sensors[name] for name in sorted(sensors)]

    def _read(self, span: Span, kinds: Collection[Kind]) -> HubReadings:
        return {
            kind: self._counters(kind, span)
            if kind in _COUNTERS
            else self._by_sensor(self._all_chunks(kind, _padded(span)))
            for kind in sorted(kinds)
        }

    def _all_chunks(self, kind: Kind, span: Span) -> list[SeriesChunk]:
        found = self.store.read(kind, start_ns=span.start_ns, stop_ns=span.stop_ns, where={"hub": self.hub})
        return with_most_readings(found, self.plan)

    def _chunks(self, kind: Kind, span: Span, sensor: str) -> list[SeriesChunk]:
        where = {"hub": self.hub, "sensor": sensor}
        return list(self.store.read(kind, start_ns=span.start_ns, stop_ns=span.stop_ns, where=where))

    def _by_sensor(self, chunks: list[SeriesChunk]) -> list[SensorReadings]:
        return by_sensor(chunks, self.plan.zone_of)

    def _counters(self, kind: Kind, span: Span) -> list[SensorReadings]:
        read = Span(span.start_ns - _LOOK_BACK_NS, span.stop_ns + PAD_NS)
        chunks = self._all_chunks(kind, read)
        latest = self.store.latest(kind, before_ns=read.start_ns, where={"hub": self.hub})
        earlier = with_room(latest, self.plan, (chunk.tags["sensor"] for chunk in chunks))
        chunks = [*earlier, *chunks]
        older = {chunk.tags["sensor"] for chunk in earlier}
        return [
            self._whole(kind, sensor, chunks, span, has_older=sensor.sensor in older)
            for sensor in self._by_sensor(chunks)
        ]

    def _whole(
        self, kind: Kind, sensor: SensorReadings, chunks: list[SeriesChunk], span: Span, *, has_older: bool
    ) -> SensorReadings:
        """A counter's readings with as many around them as its totals need to be judged."""
        if kind is Kind.FOOTFALL and has_older and sensor.times_ns[-1] < span.start_ns - _LOOK_BACK_NS:
            sensor = self._with_last_count(sensor, chunks)
        totals = sorted(time_ns for name in _COUNTERS[kind] for time_ns in sensor.measures(name).times_ns[-1:])
        is_silent = bool(totals) and totals[-1] < span.start_ns and self._is_last(span)
        if not totals or is_silent or totals[-1] < span.start_ns - GAP_MAX_NS:
            return sensor
        rules = self.plan.people_rules(sensor.sensor) if kind is Kind.FOOTFALL else self.plan.byte_rules(sensor.sensor)
        own = [chunk for chunk in chunks if chunk.tags["sensor"] == sensor.sensor]
        looks_back = has_older and not rules.resets_daily
        if looks_back:
            for window in _windows_behind(min(sensor.times_ns[0], span.start_ns - _LOOK_BACK_NS)):
                if all(_is_anchored(sensor, name, rules, span.start_ns) for name in _COUNTERS[kind]):
                    break
                own = [*self._chunks(kind, window, sensor.sensor), *own]
                sensor = self._by_sensor(own)[0]
        for name in _COUNTERS[kind]:
            for window in self._windows_ahead(sensor, name, rules, span):
                own = [*own, *self._chunks(kind, window, sensor.sensor)]
                sensor = self._by_sensor(own)[0]
                if self._is_settled(sensor, name, rules, span.stop_ns):
                    break
        needed_ns = self._midnights_since(kind, sensor, rules, span) if looks_back else span.stop_ns
        if needed_ns < sensor.times_ns[0]:
            own = [*self._chunks(kind, Span(needed_ns, sensor.times_ns[0]), sensor.sensor), *own]
            sensor = self._by_sensor(own)[0]
        return sensor

    def _windows_ahead(self, sensor: SensorReadings, name: str, rules: CounterRules, span: Span) -> Iterator[Span]:
        """Where to look for what settles a total, if anything has to be."""
        last_ns = sensor.measures(name).times_ns[-1:]
        if not last_ns or self._is_settled(sensor, name, rules, span.stop_ns):
            return iter(())
        return _windows_ahead(last_ns[0], span.stop_ns + PAD_NS, self.now_ns + CLOCK_AHEAD_NS)

    def _midnights_since(self, kind: Kind, sensor: SensorReadings, rules: CounterRules, span: Span) -> int:
        """Since when readings tell whether the counter restarts at midnight, if that matters; else the span's end."""
        midnight_of = self.calendar.midnight_of
        found = (sensor.growth(name, rules, midnight_of).touching(span) for name in _COUNTERS[kind])
        long = (step for steps in found for step in steps if step.stop_ns - step.start_ns > SILENCE_NS)
        starts = [step.start_ns for step in long if is_doubtful(step, rules.gap_ns, midnight_of)]
        return min(starts) - HABIT_NS if starts else span.stop_ns

    def _is_last(self, span: Span) -> bool:
        """Whether nothing can be read yet beyond what is read for a span."""
        return self.now_ns + CLOCK_AHEAD_NS <= span.stop_ns + PAD_NS

    def _with_last_count(self, door: SensorReadings, chunks: list[SeriesChunk]) -> SensorReadings:
        """A silent door's readings back to one that counts: it is a door, whatever it sent last."""
        own = [chunk for chunk in chunks if chunk.tags["sensor"] == door.sensor]
        for window in _windows_behind(door.times_ns[0]):
            if any(map(door.counts, _COUNTS)):
                break
            own = [*self._chunks(Kind.FOOTFALL, window, door.sensor), *own]
            door = self._by_sensor(own)[0]
        return door

    def _is_settled(self, sensor: SensorReadings, name: str, rules: CounterRules, until_ns: int) -> bool:
        """Whether it is decided what a total grew by until an instant."""
        track = sensor.measures(name)
        if not track or track.times_ns[-1] < until_ns:
            return not track
        return sensor.growth(name, rules, self.calendar.midnight_of).is_settled


def _padded(span: Span) -> Span:
    return Span(span.start_ns - PAD_NS, span.stop_ns + PAD_NS)


def _is_anchored(sensor: SensorReadings, name: str, rules: CounterRules, until_ns: int) -> bool:
    track = sensor.measures(name)
    return not track or is_anchored(track.times_ns, [int(total) for total in track.values], rules, until_ns)


def _windows_ahead(last_ns: int, start_ns: int, now_ns: int) -> Iterator[Span]:
    """Ever longer stretches from an instant on, as far as a gap after the last total may reach."""
    for reach_ns in _REACHES_NS:
        stop_ns = min(last_ns + reach_ns, now_ns)
        if stop_ns > start_ns:
            yield Span(start_ns, stop_ns)
            start_ns = stop_ns


def _windows_behind(stop_ns: int) -> Iterator[Span]:
    """Ever longer stretches back from an instant."""
    end_ns = stop_ns
    for reach_ns in _REACHES_NS:
        yield Span(stop_ns - reach_ns, end_ns)
        end_ns = stop_ns - reach_ns


def _batches(dates: Sequence[date]) -> Iterator[Sequence[date]]:
    """Cut the dates where days are missing, and after so many."""
    start = 0
    for i in range(1, len(dates) + 1):
        if i == len(dates) or i - start == DAYS_AT_ONCE or (dates[i] - dates[i - 1]).days != 1:
            yield dates[start:i]
            start = i
