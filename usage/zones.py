r"""The air of a hub and of each of its zones on a day.

    readings -> pieces of each sensor -> curve of its zone (sensors alike) -> curve of the hub (zones alike)

So a room with many sensors, or with one that reports often, weighs no more than another. A sensor without a zone is a
zone of its own. What is over a limit anywhere counts for its zone and for the hub. The zone `outdoor` is no part of the
hub: it has figures of its own, of the whole day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from schemas import Kind
from schemas.estate import OUTDOOR
from schemas.limits import HEAT_C, TM52_HOUR_MIN_C, TM52_MONTHS
from schemas.localtime import NS_A_MINUTE, NS_AN_HOUR, Span
from schemas.measures import CO2_FAIR_PPM, CO2_POOR_PPM, FROST_C, STORED_DECIMALS, ZONE_MEASURES
from usage import air, mould, signals
from usage.calendar import Day, HubCalendar, clip, union
from usage.completeness import every_ns
from usage.curves import Curve, Piece, Times, average, both, joined
from usage.mould import NO_MOULD, MouldState
from usage.plan import EVERY_DEFAULT_NS, HubPlan
from usage.readings import HubReadings, Number
from usage.signals import CARRY_MAX_NS, HOLD_INTERVALS, Signal

ENVIRONMENT = {
    Kind.TEMPERATURE: "temperature_c",
    Kind.HUMIDITY: "relative_humidity_pct",
    Kind.PRESSURE: "pressure_hpa",
    Kind.CO2: "co2_ppm",
}
_LIMITS_PPM = (CO2_FAIR_PPM, CO2_POOR_PPM)

_MOULD_INDEX = ZONE_MEASURES["mould_index"]

Row = dict[str, int | float | bool | None]
"""The figures of a zone's day, as they are stored."""
Values = dict[str, float | None]
"""Figures by name, before they are rounded."""


@dataclass(slots=True)
class _Found:
    """What the sensors of one zone found."""

    pieces: dict[Kind, list[Sequence[Piece]]] = field(default_factory=dict)
    signals: dict[Kind, list[Signal]] = field(default_factory=dict)
    judged: list[tuple[int, int]] = field(default_factory=list)
    """When it was known whether it is damp."""
    damp: list[tuple[int, int]] = field(default_factory=list)

    def times(self, kind: Kind, holds: Callable[[Number], bool]) -> Times:
        """When something holds of what any sensor of a kind measured."""
        return Times((a, b) for pieces in self.pieces.get(kind, ()) for a, b, value in pieces if holds(value))


class Air:
    """The air of a zone, or of several, over a day."""

    def __init__(
        self,
        curves: Mapping[Kind, Curve],
        read: Mapping[Kind, Sequence[Signal]],
        times: Mapping[str, Times],
    ) -> None:
        self.curves, self.read, self.times = curves, read, times

    @classmethod
    def of_zone(cls, found: _Found, plan: HubPlan) -> Air:
        curves = {kind: Curve(average(pieces)) for kind, pieces in found.pieces.items()}
        times = {
            "damp": Times(found.damp),
            "judged": Times(found.judged),
            "frost": found.times(Kind.TEMPERATURE, lambda celsius: celsius < FROST_C),
            "cold": found.times(Kind.TEMPERATURE, lambda celsius: celsius < plan.cold_limit_c),
            "heat": found.times(Kind.TEMPERATURE, lambda celsius: celsius > HEAT_C),
            "over limit": found.times(Kind.CO2, lambda ppm: ppm > plan.co2_limit_ppm),
        }
        for limit in _LIMITS_PPM:
            times[f"over {limit}"] = found.times(Kind.CO2, partial(_is_over, limit))
        return cls(curves, found.signals, times)

    @classmethod
    def of_zones(cls, zones: Sequence[Air]) -> Air:
        """Several zones together, each alike."""
        if len(zones) == 1:
            return zones[0]
        curves = {
            kind: Curve(average([zone.curves[kind].pieces for zone in zones if kind in zone.curves]))
            for kind in ENVIRONMENT
        }
        read = {kind: [*chain.from_iterable(zone.read.get(kind, ()) for zone in zones)] for kind in ENVIRONMENT}
        names = zones[0].times if zones else ()
        return cls(curves, read, {name: Times(chain(*(zone.times[name] for zone in zones))) for name in names})

    def mean(self, kind: Kind, spans: Iterable[Span]) -> float | None:
        """The mean of a kind over the spans, weighted by time."""
        curve = self.curves.get(kind)
        return curve.mean(spans) if curve is not None else None

    def figures(
        self, spans: Sequence[Span], opening: Iterable[Sequence[Span]], closed: Iterable[Sequence[Span]]
    ) -> list[Values]:
        """The figures of each of the spans, parts of which were opening time and closed."""
        temperatures = signals.extremes(self.read.get(Kind.TEMPERATURE, ()), spans)
        co2 = signals.extremes(self.read.get(Kind.CO2, ()), spans)
        return [
            {
                "temperature_min_c": celsius and celsius[0],
                "temperature_max_c": celsius and celsius[1],
                "co2_max_ppm": ppm and ppm[1],
                **self._figures_over_time(open_, shut),
            }
            for celsius, ppm, open_, shut in zip(temperatures, co2, opening, closed, strict=True)
        ]

    def _figures_over_time(self, opening: Sequence[Span], closed: Sequence[Span]) -> Values:
        found: Values = {}
        if opening:
            found["temperature_mean_c"] = self.mean(Kind.TEMPERATURE, opening)
            found["relative_humidity_mean_pct"] = self.mean(Kind.HUMIDITY, opening)
            found["pressure_mean_hpa"] = self.mean(Kind.PRESSURE, opening)
            found["co2_mean_ppm"] = self.mean(Kind.CO2, opening)
            found["damp_minutes"] = self._damp_minutes(opening)
            if found["temperature_mean_c"] is not None:
                found["cold_minutes"] = self.times["cold"].length_ns(opening) / NS_A_MINUTE
                found["heat_minutes"] = self.times["heat"].length_ns(opening) / NS_A_MINUTE
            for limit in (*_LIMITS_PPM, "limit") if found["co2_mean_ppm"] is not None else ():
                found[f"co2_minutes_over_{limit}"] = self.times[f"over {limit}"].length_ns(opening) / NS_A_MINUTE
        if closed:
            found["damp_minutes_closed"] = self._damp_minutes(closed)
            curve = self.curves.get(Kind.TEMPERATURE)
            if curve is not None and curve.is_known(closed):
                found["frost_minutes_closed"] = self.times["frost"].length_ns(closed) / NS_A_MINUTE
        return found

    def _damp_minutes(self, spans: Sequence[Span]) -> float | None:
        """Minutes in which any humidity sensor found it damp, by the nearest thermometer."""
        if not self.times or not self.times["judged"].length_ns(spans):
            return None
        return self.times["damp"].length_ns(spans) / NS_A_MINUTE


def _is_over(limit: float, value: Number) -> bool:
    return value > limit


class HotHour(NamedTuple):
    """A zone's mean temperature in a clock hour while the hub was open, and for how much of it that was."""

    zone: str
    start_ns: int
    temperature_c: float
    open_minutes: float


class Environment:
    """A day's air, to be asked for any part of the day and for its zones."""

    def __init__(
        self,
        readings: HubReadings,
        day: Day,
        calendar: HubCalendar,
        plan: HubPlan,
        now_ns: int,
        shares: Mapping[str, float | None] = MappingProxyType({}),
    ) -> None:
        """`shares` of the opening time that zones are covered, for their rows."""
        self._day, self._plan, self._shares = day, plan, shares
        self._begun = Span(day.span.start_ns, max(day.span.start_ns, min(day.span.stop_ns, now_ns)))
        opening = union(calendar.open_within(day.span))
        edges_ns = [day.span.start_ns, *chain.from_iterable(opening), day.span.stop_ns]
        self._hours = clip(day.hours, self._begun)
        self._closed = clip(map(Span, edges_ns[::2], edges_ns[1::2]), self._begun)
        found = self._found(readings)
        self.zones = {zone: Air.of_zone(found[zone], plan) for zone in sorted(found)}
        self.hub = Air.of_zones([air for zone, air in self.zones.items() if zone != OUTDOOR])

    def rows(self, held: Mapping[str, MouldState]) -> dict[str, Row]:
        """The day's row of each zone that was heard or should have been; `held` is their mould the evening before."""
        opening = clip(self._day.open, self._begun)
        rows: dict[str, Row] = {}
        for zone in sorted(self._shares.keys() | self.zones.keys()):
            here = self.zones.get(zone)
            parts = ([self._begun], ()) if zone == OUTDOOR else (opening, self._closed)
            (found,) = here.figures([self._day.span], *([part] for part in parts)) if here is not None else ({},)
            state = self.mould(zone, held.get(zone))
            found["environment_completeness"] = self._shares.get(zone)
            found["mould_index"] = None if state is None else state.index
            rows[zone] = {
                name: None if (value := found.get(name)) is None else measure.stored(value)
                for name, measure in ZONE_MEASURES.items()
            }
            rows[zone]["mould_dry_hours"] = None if state is None else state.dry_hours
        return {zone: row for zone, row in rows.items() if any(value is not None for value in row.values())}

    def moulds(self, held: Mapping[str, MouldState]) -> dict[str, MouldState]:
        """The mould of each zone of which anything is known, as `rows` has it."""
        found = {zone: self.mould(zone, held.get(zone)) for zone in self.zones}
        return {zone: state for zone, state in found.items() if state is not None}

    def mould(self, zone: str, held: MouldState | None) -> MouldState | None:
        """The mould of a zone at the day's end, or now; None where nothing is known, ever. Unknown hours hold it."""
        here = self.zones.get(zone) if zone != OUTDOOR else None
        humidity = here.curves.get(Kind.HUMIDITY) if here is not None else None
        if here is None or humidity is None:
            return held
        temperature = here.curves.get(Kind.TEMPERATURE) or self.hub.curves.get(Kind.TEMPERATURE)
        if temperature is None:
            return held
        may_grow = humidity.highest >= air.CRITICAL_HUMIDITY_MIN_PCT
        state = held
        for hour in self._hours:
            if not may_grow and state == NO_MOULD:
                break
            celsius, rh_pct = temperature.mean([hour]), humidity.mean([hour])
            if celsius is not None and rh_pct is not None:
                state = mould.after(state or NO_MOULD, hour.length_ns / NS_AN_HOUR, celsius, rh_pct)
        if state is None:
            return None
        return MouldState(_MOULD_INDEX.stored(state.index), round(state.dry_hours, STORED_DECIMALS))

    def figures(self, spans: Sequence[Span], opening: Sequence[Sequence[Span]]) -> list[Values]:
        """The hub's figures of each of the spans; `opening` is the opening time in it that has passed."""
        figures = self.hub.figures(spans, opening, [clip(self._closed, span) for span in spans])
        for found, open_ in zip(figures, opening, strict=True):
            means = (air.mean(Kind.TEMPERATURE, open_) for zone, air in self.zones.items() if open_ and zone != OUTDOOR)
            found["temperature_coldest_zone_c"] = min((mean for mean in means if mean is not None), default=None)
        return figures

    def hot_hours(self) -> Iterator[HotHour]:
        """Yield the occupied hours of the season of which CIBSE TM52 may find that they were too hot."""
        opening = clip(self._day.open, self._begun) if self._day.date.month in TM52_MONTHS else ()
        occupied = [(hour.start_ns, open_) for hour in self._hours if (open_ := clip(opening, hour))]
        for zone, here in self.zones.items():
            curve = here.curves.get(Kind.TEMPERATURE)
            if zone == OUTDOOR or curve is None or curve.highest < TM52_HOUR_MIN_C:
                continue
            for start_ns, open_ in occupied:
                celsius = curve.mean(open_)
                if celsius is not None and celsius >= TM52_HOUR_MIN_C:
                    open_minutes = sum(part.length_ns for part in open_) / NS_A_MINUTE
                    yield HotHour(zone, start_ns, round(celsius, STORED_DECIMALS), open_minutes)

    def _found(self, readings: HubReadings) -> dict[str, _Found]:
        """What was read of each zone."""
        window = Span(self._day.span.start_ns - CARRY_MAX_NS, self._day.span.stop_ns)
        found: dict[str, _Found] = {}
        pieces: dict[tuple[Kind, str], Sequence[Piece]] = {}
        for kind, name in ENVIRONMENT.items():
            for sensor in readings.get(kind, ()):
                track = sensor.measures(name).within(window)
                if track:
                    zone = sensor.zone_until(self._day.span.stop_ns)
                    interval_ns = every_ns(sensor, self._day, self._plan) or EVERY_DEFAULT_NS
                    signal = Signal(sensor.sensor, zone, track, HOLD_INTERVALS * interval_ns)
                    pieces[kind, signal.sensor] = signal.pieces(self._begun)
                    found.setdefault(zone or signal.sensor, _Found()).signals.setdefault(kind, []).append(signal)
        indoors = [each for zone, each in found.items() if zone != OUTDOOR]
        thermometers = [signal for each in indoors for signal in each.signals.get(Kind.TEMPERATURE, ())]
        for each in indoors:
            for humidity in each.signals.get(Kind.HUMIDITY, ()):
                near = _thermometer_near(humidity, thermometers)
                if near is not None:
                    _judge_damp(pieces[Kind.HUMIDITY, humidity.sensor], pieces[Kind.TEMPERATURE, near.sensor], each)
            for pressure in each.signals.get(Kind.PRESSURE, ()) if self._plan.altitude_m is not None else ():
                key = Kind.PRESSURE, pressure.sensor
                pieces[key] = self._at_sea_level(pieces[key], _thermometer_near(pressure, thermometers))
        for each in found.values():
            each.pieces = {kind: [pieces[kind, s.sensor] for s in read] for kind, read in each.signals.items()}
        return found

    def _at_sea_level(self, pieces: Sequence[Piece], near: Signal | None) -> list[Piece]:
        """The pressure of the opening time at sea level, by the temperature when it was read, else 15 degrees."""
        altitude_m = self._plan.altitude_m
        if not self._day.open or altitude_m is None:
            return []
        first_ns, last_ns = self._day.open[0].start_ns, self._day.open[-1].stop_ns
        reduced: list[Piece] = []
        for start, stop, hpa in pieces:
            if start < last_ns and stop > first_ns:
                celsius = near.at(start) if near is not None else None
                celsius = air.STANDARD_TEMPERATURE_C if celsius is None else celsius
                reduced.append((start, stop, air.sea_level_pressure_hpa(hpa, altitude_m, celsius)))
        return reduced


def _judge_damp(humidity: Sequence[Piece], temperature: Sequence[Piece], found: _Found) -> None:
    """Add when it was known whether it is damp, and when it was."""
    found.judged += [(start, stop) for start, stop, _, _ in both(joined(humidity), joined(temperature))]
    if max((value for _, _, value in humidity), default=0) >= air.CRITICAL_HUMIDITY_MIN_PCT:
        pairs = both(humidity, temperature)
        found.damp += [(start, stop) for start, stop, rh_pct, celsius in pairs if air.is_damp(celsius, rh_pct)]


def _thermometer_near(signal: Signal, thermometers: Sequence[Signal]) -> Signal | None:
    """The thermometer nearest to another sensor: in the same device, else the same zone, else the hub's first."""
    return min(
        thermometers,
        key=lambda t: (t.sensor != signal.sensor, t.zone is None or t.zone != signal.zone, t.sensor),
        default=None,
    )
