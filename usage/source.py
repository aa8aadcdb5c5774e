"""Reads a hub's raw readings for a run of days: each kind once, some days at a time, so that memory stays bounded.

Counters need the neighbours of a day's first and last totals, wherever these are. Most are in the pad around the
days; `latest` finds an earlier one, and a silent counter's next reading is looked for ahead, sensor by sensor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from schemas import Kind
from schemas.localtime import NS_AN_HOUR, Span
from stores import SeriesChunk, Store
from usage.calendar import Day, HubCalendar
from usage.counters import GAP_MAX_NS
from usage.people import PAD_NS
from usage.plan import EXPECTED_KINDS
from usage.readings import HubReadings, SensorReadings, by_sensor

DAYS_AT_ONCE = 7
_COUNTERS = {
    Kind.FOOTFALL: ("entries_total", "exits_total"),
    Kind.WIFI: ("rx_bytes_total", "tx_bytes_total"),
}
_REACHES_NS = (24 * NS_AN_HOUR, 8 * 24 * NS_AN_HOUR, GAP_MAX_NS)


@dataclass(frozen=True, slots=True)
class HubSource:
    """One hub's raw readings in a store."""

    store: Store
    hub: str
    calendar: HubCalendar
    now_ns: int

    def days(self, dates: Sequence[date]) -> Iterator[tuple[Day, HubReadings]]:
        """Yield each of the dates, which come in order, with the readings of it and around it."""
        for batch in _batches(dates):
            days = [self.calendar.day(day) for day in batch]
            readings = self._read(Span(days[0].span.start_ns, days[-1].span.stop_ns))
            for day in days:
                yield day, readings

    def _read(self, span: Span) -> HubReadings:
        return {kind: by_sensor(self._runs(kind, span)) for kind in sorted(EXPECTED_KINDS)}

    def _runs(self, kind: Kind, span: Span) -> list[SeriesChunk]:
        padded = Span(span.start_ns - PAD_NS, span.stop_ns + PAD_NS)
        where = {"hub": self.hub}
        runs = list(self.store.read(kind, start_ns=padded.start_ns, stop_ns=padded.stop_ns, where=where))
        if kind not in _COUNTERS:
            return runs
        before = list(self.store.latest(kind, before_ns=padded.start_ns, where=where))
        sensors = by_sensor([*before, *runs])
        return [*self._behind(kind, sensors, padded), *before, *runs, *self._ahead(kind, sensors, span)]

    def _behind(self, kind: Kind, sensors: list[SensorReadings], padded: Span) -> Iterator[SeriesChunk]:
        """Earlier readings of each counter whose last one before the days has no total, but something else."""
        for sensor in sensors:
            totals = _totals(kind, sensor)
            if totals and totals[0] >= padded.start_ns > sensor.times_ns[0]:
                yield from self._first_with_totals(kind, sensor.sensor, _windows_behind(sensor.times_ns[0]))

    def _ahead(self, kind: Kind, sensors: list[SensorReadings], span: Span) -> Iterator[SeriesChunk]:
        """The next readings of each counter that is silent from the end of the days on, pad included."""
        start_ns = span.stop_ns + PAD_NS
        for sensor in sensors:
            totals = _totals(kind, sensor)
            if totals and totals[-1] < span.stop_ns:
                windows = _windows_ahead(totals[-1], start_ns, self.now_ns)
                yield from self._first_with_totals(kind, sensor.sensor, windows)

    def _first_with_totals(self, kind: Kind, sensor: str, windows: Iterable[Span]) -> list[SeriesChunk]:
        where = {"hub": self.hub, "sensor": sensor}
        for start_ns, stop_ns in windows:
            runs = list(self.store.read(kind, start_ns=start_ns, stop_ns=stop_ns, where=where))
            if any(_totals(kind, found) for found in by_sensor(runs)):
                return runs
        return []


def _totals(kind: Kind, sensor: SensorReadings) -> list[int]:
    """When the sensor's totals were read, in order; empty for one that counts intervals only."""
    tracks = [sensor.counts(name).times_ns for name in _COUNTERS[kind]]
    return sorted(edge for times_ns in tracks if times_ns for edge in (times_ns[0], times_ns[-1]))


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
