"""A hub's raw readings over some days: the store's runs put together sensor by sensor.

A reading is one sensor at one time: the same sensor and time under two zones is one reading. Suspect readings are
real, and completeness counts them, but they are part of no figure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from operator import sub
from statistics import median_low

from schemas import Kind
from schemas.localtime import NS_AN_HOUR, Span
from schemas.measurements import READING_NOTES, SUSPECT
from stores import SeriesChunk
from usage.counters import CounterRules, Growth
from usage.daily_totals import SILENCE_NS, daily_growth, without_restarts
from usage.totals import growth

Number = int | float | bool

LAST_DAYS = 3
_FROM_NS, _FOR_NS = 10 * NS_AN_HOUR, 4 * NS_AN_HOUR


def last_days(midnight_ns: int) -> list[Span]:
    """Four hours in the middle of each of the three days before a midnight, which tell how often a sensor reports."""
    starts = (midnight_ns - back * 24 * NS_AN_HOUR + _FROM_NS for back in range(LAST_DAYS, 0, -1))
    return [Span(start_ns, start_ns + _FOR_NS) for start_ns in starts]


def places(times_ns: Sequence[int], spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Where each of the spans begins and ends among times that are in order."""
    found: list[tuple[int, int]] = []
    before_ns, stop = -1, 0
    for start_ns, stop_ns in spans:
        first = stop if start_ns == before_ns else bisect_left(times_ns, start_ns)
        before_ns, stop = stop_ns, bisect_left(times_ns, stop_ns)
        found.append((first, stop))
    return found


@dataclass(slots=True, eq=False)
class SensorReadings:
    """One sensor's readings of one kind, in order of time, each time once; a field it lacks is None."""

    sensor: str
    zone: str | None
    times_ns: Sequence[int]
    columns: Mapping[str, Sequence[Number | None]]
    moves: Sequence[tuple[str | None, Sequence[int]]] = ()
    """The readings of each zone, where there are several."""
    earlier_ns: Sequence[int] = ()
    """When some readings before those at hand were taken: the last, and those that tell how often it reports."""
    _tracks: dict[str, Track] = field(default_factory=dict)
    _growths: dict[str, Growth] = field(default_factory=dict)

    def zone_until(self, stop_ns: int) -> str | None:
        """The zone of the latest reading before an instant, however much later ones are at hand."""
        seen = [(times[i - 1], zone or "") for zone, times in self.moves if (i := bisect_left(times, stop_ns))]
        return (max(seen)[1] or None) if seen else self.zone

    def count(self, span: Span) -> int:
        """How many readings the span holds."""
        return bisect_left(self.times_ns, span.stop_ns) - bisect_left(self.times_ns, span.start_ns)

    def counts_of(self, spans: Iterable[Span]) -> list[int]:
        """How many readings each of the spans holds."""
        return [stop - first for first, stop in places(self.times_ns, spans)]

    def within(self, span: Span) -> Sequence[int]:
        """When the span's readings were taken."""
        return self.times_ns[bisect_left(self.times_ns, span.start_ns) : bisect_left(self.times_ns, span.stop_ns)]

    def trusted_within(self, span: Span) -> Sequence[int]:
        """When the span's readings were taken that are not suspect."""
        suspect = self.columns.get(SUSPECT)
        if suspect is None or not any(suspect):
            return self.within(span)
        first, stop = bisect_left(self.times_ns, span.start_ns), bisect_left(self.times_ns, span.stop_ns)
        times = zip(self.times_ns[first:stop], suspect[first:stop], strict=True)
        return [time_ns for time_ns, doubted in times if not doubted]

    def left_out(self, span: Span) -> list[dict[str, Number]]:
        """What the span's suspect readings said, field by field: no figure takes them."""
        doubted = self.counts(SUSPECT).within(span)
        times_ns = [time_ns for time_ns, value in zip(doubted.times_ns, doubted.values, strict=True) if value]
        at = (bisect_left(self.times_ns, time_ns) for time_ns in times_ns)
        fields = [name for name in self.columns if name not in READING_NOTES]
        return [{name: value for name in fields if (value := self.columns[name][i]) is not None} for i in at]

    def interval_ns(self, span: Span) -> int | None:
        """The usual time between the span's readings; None where they are too few."""
        gaps = [later - earlier for earlier, later in pairwise(self.within(span))]
        return median_low(gaps) if len(gaps) > 1 else None

    def usual_interval_ns(self, midnight_ns: int) -> int | None:
        """The usual time between its readings in the middle of the days before a midnight; None where they are few."""
        gaps: list[int] = []
        for window in last_days(midnight_ns):
            first, stop = bisect_left(self.earlier_ns, window.start_ns), bisect_left(self.earlier_ns, window.stop_ns)
            times_ns = sorted({*self.earlier_ns[first:stop], *self.within(window)})
            gaps += [later - earlier for earlier, later in pairwise(times_ns)]
        return median_low(gaps) if len(gaps) > 1 else None

    def last_before(self, stop_ns: int) -> int | None:
        """When its last reading before an instant was taken."""
        i = bisect_left(self.times_ns, stop_ns)
        return self.times_ns[i - 1] if i else max(self.earlier_ns, default=None)

    def counts(self, name: str) -> Track:
        """The readings that have the field, suspect ones included."""
        return self._track(name, trusted=False)

    def measures(self, name: str) -> Track:
        """The readings that have the field and are not suspect."""
        return self._track(name, trusted=True)

    def growth(self, name: str, rules: CounterRules, midnight_of: Callable[[int], int]) -> Growth:
        """What a total grew by, judged once for all the readings at hand."""
        if name not in self._growths:
            track = self.measures(name)
            totals = [int(total) for total in track.values]
            if rules.resets_daily:
                found = daily_growth(track.times_ns, totals, rules, midnight_of)
            else:
                found = growth(track.times_ns, totals, rules)
                has_glitches = len(found.steps) + 1 < len(totals)
                if has_glitches or _is_silent_for(SILENCE_NS, track.times_ns):
                    found = without_restarts(found, track.times_ns, totals, rules, midnight_of)
            self._growths[name] = found
        return self._growths[name]

    def _track(self, name: str, *, trusted: bool) -> Track:
        key = f"{name}!" if trusted else name
        if key not in self._tracks:
            self._tracks[key] = self._filter(name, trusted=trusted)
        return self._tracks[key]

    def _filter(self, name: str, *, trusted: bool) -> Track:
        values = self.columns.get(name)
        if values is None:
            return Track((), ())
        suspect = self.columns.get(SUSPECT) if trusted else None
        if suspect is not None and any(suspect):
            values = [None if doubted else value for value, doubted in zip(values, suspect, strict=True)]
        if None not in values:
            return Track(self.times_ns, values)  # type: ignore[arg-type] # no None is left in it
        pairs = [(t, v) for t, v in zip(self.times_ns, values, strict=True) if v is not None]
        return Track([t for t, _ in pairs], [v for _, v in pairs])


def _is_silent_for(length_ns: int, times_ns: Sequence[int]) -> bool:
    return max(map(sub, times_ns[1:], times_ns), default=0) > length_ns


@dataclass(frozen=True, slots=True)
class Track:
    """One field of one sensor: its values in order of time."""

    times_ns: Sequence[int]
    values: Sequence[Number]

    def __bool__(self) -> bool:
        return bool(self.times_ns)

    def at(self, time_ns: int) -> Number:
        """The value at an instant; 0 where there is none, as at the midnight from which a daily total counts."""
        i = bisect_left(self.times_ns, time_ns)
        return self.values[i] if i < len(self.times_ns) and self.times_ns[i] == time_ns else 0

    def has(self, time_ns: int) -> bool:
        """Whether it has a value at an instant."""
        i = bisect_left(self.times_ns, time_ns)
        return i < len(self.times_ns) and self.times_ns[i] == time_ns

    def within(self, span: Span) -> Track:
        """The part in the span."""
        return self.part(bisect_left(self.times_ns, span.start_ns), bisect_left(self.times_ns, span.stop_ns))

    def peaks(self, spans: Iterable[Span]) -> list[Number | None]:
        """The highest value in each of the spans."""
        return [max(self.values[first:stop], default=None) for first, stop in places(self.times_ns, spans)]

    def part(self, first: int, stop: int) -> Track:
        """The part from one index to another."""
        return Track(self.times_ns[first:stop], self.values[first:stop])


HubReadings = Mapping[Kind, Sequence[SensorReadings]]
"""A hub's sensors by kind, each list in order of the sensors' ids."""


def _unknown(_sensor: str) -> str | None:
    return None


def by_sensor(runs: Iterable[SeriesChunk], zone_now: Callable[[str], str | None] = _unknown) -> list[SensorReadings]:
    """Put a hub's runs of one kind together, in order of the sensors' ids. Runs may overlap in time.

    `zone_now` gives the zone of a sensor's present readings: of two at one time, which is the later one no store knows,
    it is the one in that zone, else in the one where its readings go on for longer.
    """
    sensors: dict[str, list[SeriesChunk]] = {}
    for run in runs:
        if run.times_ns:
            sensors.setdefault(run.tags["sensor"], []).append(run)
    return [_joined(sensor, found, zone_now(sensor) or "") for sensor, found in sorted(sensors.items())]


def _joined(sensor: str, runs: list[SeriesChunk], zone_now: str) -> SensorReadings:
    zone = max((run.times_ns[-1], run.tags.get("zone", "")) for run in runs)[1] or None
    is_moved = any(run.tags.get("zone") != zone for run in runs)
    moves = [(run.tags.get("zone"), run.times_ns) for run in runs] if is_moved else ()
    names = sorted({name for run in runs for name in run.columns})
    consecutive = all(a.times_ns[-1] < b.times_ns[0] for a, b in pairwise(runs))
    if not consecutive:
        times_ns, columns = _merged(runs, names, zone_now)
        return SensorReadings(sensor, zone, times_ns, columns, moves)
    times_ns = list(chain.from_iterable(run.times_ns for run in runs))
    columns = {name: list(chain.from_iterable(_column(run, name) for run in runs)) for name in names}
    return SensorReadings(sensor, zone, times_ns, columns, moves)


def _merged(
    runs: list[SeriesChunk], names: list[str], zone_now: str
) -> tuple[list[int], dict[str, list[Number | None]]]:
    """Runs that share times: the later value of a field wins, and with it whether it is suspect."""
    last_ns: dict[str, int] = {}
    for run in runs:
        own = run.tags.get("zone", "")
        last_ns[own] = max(run.times_ns[-1], last_ns.get(own, 0))

    def order(run: SeriesChunk) -> tuple[bool, int, str, int]:
        own = run.tags.get("zone", "")
        return own == zone_now, last_ns[own], own, run.times_ns[0]

    rows: dict[int, dict[str, Number | None]] = {}
    for run in sorted(runs, key=order):
        for i, time_ns in enumerate(run.times_ns):
            given: dict[str, Number | None] = {SUSPECT: None}
            given |= {name: value for name, values in run.columns.items() if (value := values[i]) is not None}
            rows[time_ns] = rows.get(time_ns, {}) | given
    times_ns = sorted(rows)
    return times_ns, {name: [rows[time_ns].get(name) for time_ns in times_ns] for name in names}


def _column(run: SeriesChunk, name: str) -> Sequence[Number | None]:
    return run.columns.get(name) or (None,) * len(run.times_ns)
