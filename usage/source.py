"""Reads a hub's raw readings for a run of days: each kind once, some days at a time, so that memory stays bounded.

Counters need the neighbours of a day's first and last totals, wherever these are. Most are in the pad around the
days; `latest` finds an earlier one, and a silent counter's next reading is looked for ahead, sensor by sensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from schemas import Kind
from stores import Run, Store
from usage.calendar import NS_AN_HOUR, Day, HubCalendar, Span
from usage.counters import GAP_MAX_NS
from usage.people import PAD_NS
from usage.plan import EXPECTED_KINDS
from usage.readings import HubReadings, SensorReadings, by_sensor

DAYS_AT_ONCE = 7
_COUNTERS = {
    Kind.FOOTFALL: ("entries_total", "exits_total"),
    Kind.WIFI: ("rx_bytes_total", "tx_bytes_total"),
}
_LOOK_AHEAD_NS = (24 * NS_AN_HOUR, 8 * 24 * NS_AN_HOUR, GAP_MAX_NS)


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

    def _runs(self, kind: Kind, span: Span) -> list[Run]:
        padded = Span(span.start_ns - PAD_NS, span.stop_ns + PAD_NS)
        where = {"hub": self.hub}
        runs = list(self.store.read(kind, start_ns=padded.start_ns, stop_ns=padded.stop_ns, where=where))
        if kind not in _COUNTERS:
            return runs
        before = list(self.store.latest(kind, before_ns=padded.start_ns, where=where))
        return [*before, *runs, *self._ahead(kind, by_sensor([*before, *runs]), span)]

    def _ahead(self, kind: Kind, sensors: list[SensorReadings], span: Span) -> Iterator[Run]:
        """The next reading of each counter that the pad after the span does not hold."""
        start = span.stop_ns + PAD_NS
        for sensor in sensors:
            if sensor.times_ns[-1] < span.stop_ns and any(sensor.counts(name) for name in _COUNTERS[kind]):
                yield from self._next(kind, sensor, start)

    def _next(self, kind: Kind, sensor: SensorReadings, start_ns: int) -> list[Run]:
        where = {"hub": self.hub, "sensor": sensor.sensor}
        for reach_ns in _LOOK_AHEAD_NS:
            stop_ns = min(sensor.times_ns[-1] + reach_ns, self.now_ns)
            if stop_ns <= start_ns:
                continue
            runs = list(self.store.read(kind, start_ns=start_ns, stop_ns=stop_ns, where=where))
            if runs:
                return runs
            start_ns = stop_ns
        return []


def _batches(dates: Sequence[date]) -> Iterator[Sequence[date]]:
    """Cut the dates where days are missing, and after so many."""
    start = 0
    for i in range(1, len(dates) + 1):
        if i == len(dates) or i - start == DAYS_AT_ONCE or (dates[i] - dates[i - 1]).days != 1:
            yield dates[start:i]
            start = i
