"""What a perfect pipeline must show: the rows of `usage_daily`, from what the model knows.

    transmissions (with their faults) -> readings received -> counts, air, completeness -> a row for a hub and day

The definitions are those of the data contract; the work is done here a second time on purpose, and from what the
counters noticed rather than from their totals. It shares with the simulation what is
a fact there (opening times, the sensors' intervals), never a figure; and with `usage`, nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from schemas import Estate, Hub, Kind
from schemas.localtime import NS_A_MINUTE, NS_A_SECOND, NS_AN_HOUR, Span, day_span, local_day
from simulators.devices import every_ns
from simulators.hours import open_spans
from simulators.transmissions import Transmission
from simulators.truth import air, coverage, zones
from simulators.truth.air import StepSignal
from simulators.truth.counts import CountAt, Hours, Weighed, came, peak, shared, total, transferred, went
from simulators.truth.mould import Mould
from simulators.truth.received import ReceivedSeries
from simulators.truth.usual import Usual
from simulators.truth.zones import by_zone

_CARRIED_NS = 86400 * NS_A_SECOND
_POOR_PPM, _BAD_PPM = 800, 1500
_FROST_C = 5
_COUNTED_MIN, _SHARED_MAX = 0.95, 0.05

Row = dict[str, int | float | None]


class HubOracle:
    """One hub's rows. A day is final once every counter reported after it."""

    def __init__(self, estate: Estate, hub: Hub) -> None:
        self._estate = estate
        self._hub = hub
        self._zone: ZoneInfo = estate.zone_of(hub.id)
        self._received: dict[tuple[str, Kind], ReceivedSeries] = {}
        self._mould: dict[str, Mould] = {}
        self._usual = Usual(self._zone)

    def take(self, transmissions: Sequence[Transmission]) -> None:
        """Take in what became of a series' transmissions on one day."""
        if transmissions:
            first = transmissions[0]
            new = ReceivedSeries(first.sensor, first.kind)
            self._received.setdefault((first.sensor.id, first.kind), new).take(transmissions)

    def is_final(self, day: date) -> bool:
        """Whether no transmission to come can change a day, provided that some of the next days were taken in."""
        counters = [series for kind in (Kind.FOOTFALL, Kind.WIFI) for series in self._series(kind) if series.readings]
        stop_ns = day_span(day, self._zone).stop_ns
        return all(series.readings[-1].time_ns >= stop_ns and series.is_settled for series in counters)

    def forget(self, day: date) -> None:
        """Let go of what only the days before this one need."""
        for series in self._received.values():
            series.forget(day_span(day, self._zone).start_ns - _CARRIED_NS)

    def _series(self, kind: Kind) -> list[ReceivedSeries]:
        """The series of a kind, in order of the sensors' ids."""
        return [series for (_, found), series in sorted(self._received.items()) if found is kind]

    def row(self, day: date) -> Row:
        """The figures of a local day."""
        bounds = day_span(day, self._zone)
        opening = open_spans(self._estate, self._hub, day)
        hours = Hours(bounds, self._zone, self._when_usual, opening)
        by_door = {series.sensor.id: came(series, hours) for series in self._series(Kind.FOOTFALL)}
        entries = list(chain.from_iterable(by_door.values()))
        exits = [count for series in self._series(Kind.FOOTFALL) for count in went(series, hours)]
        people_in, people_out = total(entries), total(exits)
        clients = self._signals(Kind.WIFI, bounds)
        temperature = self._signals(Kind.TEMPERATURE, bounds)
        humidity = self._signals(Kind.HUMIDITY, bounds)
        pressure = air.at_sea_level(self._signals(Kind.PRESSURE, bounds), temperature, self._hub.altitude_m)
        co2 = self._signals(Kind.CO2, bounds)
        closed = _between(bounds, self._open_within(bounds))
        degrees = [value for signal in temperature for _, value in signal.of_the_day()]
        row: Row = {
            "entries": people_in,
            "exits": people_out,
            "entries_open": total(c for c in entries if any(start <= c.time_ns < stop for start, stop in opening)),
            "peak_occupancy": self._peak(day, entries, exits),
            "occupancy_drift": None if people_in is None or people_out is None else people_in - people_out,
            "wifi_peak_clients": air.peak_together(clients),
            "wifi_mean_clients": air.sum_of_means(clients, opening),
            "wifi_devices": air.peak_together(self._signals(Kind.WIFI, bounds, "devices")),
            "wifi_bytes": total(transferred(self._series(Kind.WIFI), hours)),
            "temperature_mean_c": zones.mean(by_zone(temperature), opening),
            "temperature_coldest_zone_c": zones.coldest(by_zone(temperature), opening),
            "temperature_min_c": min(degrees, default=None),
            "temperature_max_c": max(degrees, default=None),
            "relative_humidity_mean_pct": zones.mean(by_zone(humidity), opening),
            "pressure_mean_hpa": zones.mean(by_zone(pressure), opening),
            "co2_mean_ppm": zones.mean(by_zone(co2), opening),
            "co2_max_ppm": max((value for signal in co2 for _, value in signal.of_the_day()), default=None),
            "co2_minutes_over_800": air.minutes_where(co2, opening, lambda ppm: ppm > _POOR_PPM),
            "co2_minutes_over_1500": air.minutes_where(co2, opening, lambda ppm: ppm > _BAD_PPM),
            "damp_minutes": air.damp_minutes(humidity, temperature, opening),
            "damp_minutes_closed": air.damp_minutes(humidity, temperature, closed),
            "frost_minutes_closed": air.minutes_where(temperature, closed, lambda celsius: celsius < _FROST_C),
            "open_minutes": sum(stop - start for start, stop in opening) / NS_A_MINUTE,
            "completeness": self._completeness(bounds),
            "footfall_completeness": self._doors(bounds, opening, hours, by_door),
            "wifi_completeness": coverage.access_points(self._hub, self._received, bounds, opening),
            "environment_completeness": coverage.rooms(self._hub, self._received, bounds, opening),
        }
        over_midnight = shared(self._series(Kind.FOOTFALL), hours)
        row["entries_shared"] = None if people_in is None else over_midnight
        row["people_state"] = _people_state(row, over_midnight)
        if row["people_state"] == 0:
            people = ("entries", "exits", "entries_open", "entries_shared", "peak_occupancy", "occupancy_drift")
            row |= {name: None for name in people if not row[name]}
        return _rounded(row)

    def _peak(self, day: date, entries: Sequence[CountAt], exits: Sequence[CountAt]) -> int | None:
        """The most people at once. Who is inside at a midnight over which the hub is open came the day before."""
        bounds, one = day_span(day, self._zone), timedelta(days=1)
        yesterday, today, tomorrow = (open_spans(self._estate, self._hub, day + one * step) for step in (-1, 0, 1))
        if not today or today == (bounds,):
            return peak(entries, exits, bounds.start_ns, is_empty_at_end=True)
        anew_ns = bounds.start_ns
        if yesterday and yesterday[-1].stop_ns == bounds.start_ns == today[0].start_ns:
            anew_ns = (today[0].stop_ns + [*(start for start, _ in today[1:]), bounds.stop_ns][0]) // 2
        goes_on = bool(tomorrow) and today[-1].stop_ns == bounds.stop_ns == tomorrow[0].start_ns
        return peak(entries, exits, anew_ns, is_empty_at_end=not goes_on)

    def zone_rows(self, day: date) -> dict[str, Row]:
        """The figures of each zone on a local day. To be asked day by day, in order: mould grows on from the last."""
        bounds = day_span(day, self._zone)
        opening, closed = open_spans(self._estate, self._hub, day), _between(bounds, self._open_within(bounds))
        temperature, humidity = (self._signals(kind, bounds) for kind in (Kind.TEMPERATURE, Kind.HUMIDITY))
        pressure = air.at_sea_level(self._signals(Kind.PRESSURE, bounds), temperature, self._hub.altitude_m)
        kinds = [by_zone(signals) for signals in (temperature, humidity, pressure, self._signals(Kind.CO2, bounds))]
        rows = {}
        for zone in zones.heard_of(self._hub):
            warm, humid, heavy, breathed = (found.get(zone, []) for found in kinds)
            degrees = [value for signal in warm for _, value in signal.of_the_day()]
            row: Row = {
                "temperature_mean_c": zones.mean({zone: warm}, opening),
                "temperature_min_c": min(degrees, default=None),
                "temperature_max_c": max(degrees, default=None),
                "relative_humidity_mean_pct": zones.mean({zone: humid}, opening),
                "pressure_mean_hpa": zones.mean({zone: heavy}, opening),
                "co2_mean_ppm": zones.mean({zone: breathed}, opening),
                "co2_max_ppm": max((value for s in breathed for _, value in s.of_the_day()), default=None),
                "co2_minutes_over_800": air.minutes_where(breathed, opening, lambda ppm: ppm > _POOR_PPM),
                "co2_minutes_over_1500": air.minutes_where(breathed, opening, lambda ppm: ppm > _BAD_PPM),
                "damp_minutes": air.damp_minutes(humid, temperature, opening),
                "damp_minutes_closed": air.damp_minutes(humid, temperature, closed),
                "frost_minutes_closed": air.minutes_where(warm, closed, lambda celsius: celsius < _FROST_C),
                "environment_completeness": coverage.rooms(self._hub, self._received, bounds, opening, zone),
                "mould_index": self._mould_index(zone, bounds, {zone: warm} if warm else kinds[0], {zone: humid}),
            }
            rows[zone] = _rounded(row)
        return {zone: row for zone, row in rows.items() if any(value is not None for value in row.values())}

    def _mould_index(self, zone: str, day: Span, warm: zones.Zones, humid: zones.Zones) -> float | None:
        for hour in Hours(day, self._zone, _never).each():
            celsius, percent = zones.mean(warm, [hour]), zones.mean(humid, [hour])
            if celsius is not None and percent is not None:
                self._mould.setdefault(zone, Mould()).live(hour.length_ns / NS_AN_HOUR, celsius, percent)
        return self._mould[zone].index if zone in self._mould else None

    def _doors(
        self, day: Span, opening: Sequence[Span], hours: Hours, by_door: Mapping[str, Sequence[CountAt]]
    ) -> float | None:
        """The share that the doors cover; what each of them counted by itself is kept for later weeks."""
        open_hours = [_within(opening, hour) for hour in hours.each()]
        found = coverage.doors(self._hub, self._received, day, open_hours, self._tells)
        for door in found:
            for hour, times, direct_ns in zip(hours.each(), open_hours, door.direct_ns, strict=True):
                open_ns = sum(time.length_ns for time in times)
                if open_ns and direct_ns == open_ns:
                    people = [c.number for c in by_door[door.sensor] if any(a <= c.time_ns < b for a, b in times)]
                    self._usual.keep(door.sensor, hour, sum(people), open_ns)
        weights = self._usual.weights([door.sensor for door in found], day.start_ns, hours.each())
        return coverage.door_share(found, open_hours, weights)

    def _when_usual(self, door: str | None, span: Span) -> list[Weighed]:
        """The opening time in a span: by what is usual at a door, else all alike."""
        rates = None if door is None else self._rates(door, span)
        return [Weighed(time, 1) for time in self._open_within(span)] if rates is None else rates

    def _rates(self, door: str, span: Span) -> list[Weighed] | None:
        """The opening time in a span, hour by hour, with the usual rates of a door; None where they are not known."""
        times = self._open_within(span)
        days = {local_day(time.start_ns, self._zone) for time in times}
        hours = [hour for day in sorted(days) for hour in Hours(day_span(day, self._zone), self._zone, _never).each()]
        parts = [(hour, part) for hour in hours for part in _within(times, hour)]
        rates = self._usual.rates(door, span.start_ns, [hour for hour, _ in parts])
        if rates is None:
            return None
        return [Weighed(part, rate) for (_, part), rate in zip(parts, rates, strict=True)]

    def _tells(self, door: str, step: Span, people: int) -> bool:
        """Whether growth in more than a day shows that a counter was not unplugged."""
        usual = self._rates(door, step)
        if usual is not None:
            return 2 * people * 1000 * NS_AN_HOUR >= sum(rate * time.length_ns for time, rate in usual)
        return len({local_day(time.start_ns, self._zone) for time in self._open_within(step)}) <= 1

    def _open_within(self, span: Span) -> list[Span]:
        """The hub's opening times within a span."""
        first, last = local_day(span.start_ns, self._zone), local_day(span.stop_ns, self._zone)
        days = (first + timedelta(days=step) for step in range((last - first).days + 1))
        times = (time for day in days for time in open_spans(self._estate, self._hub, day))
        return _within(list(times), span)

    def _signals(self, kind: Kind, day: Span, field: str | None = None) -> list[StepSignal]:
        signals = (StepSignal(series, day, field) for series in self._series(kind))
        return [signal for signal in signals if signal]

    def _completeness(self, day: Span) -> float | None:
        """Readings received of those due, each sensor and kind up to what is due of it; health readings don't count."""
        received = {key: len(series.within(day)) for key, series in self._received.items()}
        due = {
            (sensor.id, kind): (day.stop_ns - day.start_ns) // every_ns(sensor)
            for sensor in self._hub.sensors
            for kind in sensor.kinds
            if kind is not Kind.DEVICE
        }
        found = sum(min(number, received.get(series, 0)) for series, number in due.items())
        return found / sum(due.values()) if any(due.values()) else None


def _rounded(row: Row) -> Row:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}


def _between(day: Span, opening: Sequence[Span]) -> list[Span]:
    """The closed time of a day."""
    closed, since_ns = [], day.start_ns
    for start, stop in [*sorted(opening), (day.stop_ns, day.stop_ns)]:
        closed.append(Span(since_ns, start))
        since_ns = max(since_ns, stop)
    return [span for span in closed if span.length_ns > 0]


def _within(times: Sequence[Span], bounds: Span) -> list[Span]:
    cut = (Span(max(start, bounds.start_ns), min(stop, bounds.stop_ns)) for start, stop in times)
    return [time for time in cut if time.length_ns > 0]


def _never(_door: str | None, _span: Span) -> list[Weighed]:
    return []


def _people_state(row: Row, shared_entries: int) -> int:
    """3: closed, 2: counted, 1: in part, 0: nothing is known."""
    if not row["open_minutes"]:
        return 3
    share, entries = row["footfall_completeness"] or 0, row["entries_open"]
    if not share and entries is None:
        return 0
    return 2 if share >= _COUNTED_MIN and shared_entries <= _SHARED_MAX * (entries or 0) else 1
