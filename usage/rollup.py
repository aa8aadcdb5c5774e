r"""From one hub's raw readings of a day to its figures: a pure function.

    readings of a day -> tallies (entries, exits, bytes) -> counts ----\
                      -> signals (what holds when) -> means, minutes ---> figures of the day and of each of its hours
                      -> readings received and expected -> completeness /

None means that no sensor reported a value, which is not zero. Means and minutes over a limit count opening hours only;
minima, maxima and counts the whole local day. The fields are `schemas.measures.USAGE_MEASURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from schemas import Kind
from schemas.localtime import NS_A_MINUTE, NS_A_SECOND, NS_AN_HOUR, Span
from schemas.measures import CO2_FAIR_PPM, CO2_POOR_PPM, USAGE_MEASURES, Judge, PeopleState
from usage import air, signals
from usage.calendar import Day, HubCalendar, clip, union_length_ns
from usage.completeness import completeness, every_ns, expectations
from usage.counters import CounterRules, Step
from usage.coverage import Coverage
from usage.people import Count, Occupancy, Tally, tallies
from usage.plan import EVERY_DEFAULT_NS, HubPlan
from usage.readings import HubReadings, SensorReadings
from usage.signals import CARRY_MAX_NS, HOLD_INTERVALS, Signal

_PEOPLE = frozenset(name for name, measure in USAGE_MEASURES.items() if measure.judged_by is Judge.FOOTFALL)
Figures = dict[str, int | float | bool | None]

LONG_STEP_NS = 2 * NS_AN_HOUR
"""Late data may have taken from a longer step what other days had of it."""
GRACE_DEFAULT_NS = 48 * 3600 * NS_A_SECOND
_NOT_FROM_SENSORS = frozenset(
    {"open_minutes", "final", "revision", "people_state", "completeness", *(f"{judge}_completeness" for judge in Judge)}
)


@dataclass(frozen=True, slots=True)
class Rollup:
    """A day's figures and those of each of its clock hours, and how its counts came about."""

    day: Day
    figures: Figures
    hours: tuple[tuple[Span, Figures], ...]
    tallies: tuple[Tally, ...]

    def cross_midnight_steps(self) -> tuple[Step, ...]:
        """The steps of counters that began before the day or ended after it: other days share their growth, or did."""
        span = self.day.span
        return tuple(
            step
            for tally in self.tallies
            for step in tally.steps
            if step.growth or step.length_ns > LONG_STEP_NS
            if step.start_ns < span.start_ns or step.stop_ns > span.stop_ns
        )


def roll_up(readings: HubReadings, day: Day, calendar: HubCalendar, plan: HubPlan, *, now_ns: int) -> Rollup:
    """The figures of a local day from the hub's readings of it and around it.

    `now_ns` bounds what a running day can expect. `final` and `revision` are left to whoever keeps the figures.
    """
    known = DayContext(readings, day, calendar, plan, now_ns)
    hours = tuple((hour, known.figures(hour)) for hour in day.hours if hour.start_ns <= now_ns)
    return Rollup(day, known.day_figures(), hours, known.tallies)


class DayContext:
    """A day's readings, prepared once for the day's figures and for every hour's."""

    def __init__(self, readings: HubReadings, day: Day, calendar: HubCalendar, plan: HubPlan, now_ns: int) -> None:
        self._readings, self._day, self._calendar, self._plan, self._now_ns = readings, day, calendar, plan, now_ns
        entries = self._people("entries")
        exits = self._people("exits")
        bytes_ = [*self._bytes("rx_bytes"), *self._bytes("tx_bytes")]
        self.tallies: tuple[Tally, ...] = (*entries, *exits, *bytes_)
        self._entries, self._exits, self._bytes_count = Count.of(entries), Count.of(exits), Count.of(bytes_)
        self._occupancy = Occupancy(self._entries, self._exits)
        self._clients = self._signals(Kind.WIFI, "clients")
        self._devices = self._signals(Kind.WIFI, "devices")
        self._temperature = self._signals(Kind.TEMPERATURE, "temperature_c")
        self._humidity = self._signals(Kind.HUMIDITY, "relative_humidity_pct")
        self._pressure = self._signals(Kind.PRESSURE, "pressure_hpa")
        self._co2 = self._signals(Kind.CO2, "co2_ppm")
        self._entry_tallies = entries
        self._coverage = Coverage(readings, day, plan, now_ns, [*entries, *exits])
        self._expected = expectations(readings, day, plan)

    def figures(self, span: Span) -> Figures:
        opening = clip(self._day.open, span)
        elapsed_open = clip(opening, Span(span.start_ns, self._now_ns))
        temperatures = signals.extremes(self._temperature, span)
        co2 = signals.extremes(self._co2, span)
        found: Figures = {
            "entries": self._entries.within(span),
            "exits": self._exits.within(span),
            "entries_open": self._entries.within_all(opening),
            "peak_occupancy": self._occupancy.peak(span),
            "occupancy_drift": self._occupancy.drift(span),
            "wifi_peak_clients": signals.peak_sum(self._clients, span),
            "wifi_mean_clients": signals.mean_sum(self._clients, elapsed_open),
            "wifi_devices": signals.peak_sum(self._devices, span),
            "wifi_bytes": self._bytes_count.within(span),
            "temperature_mean_c": signals.mean(self._temperature, elapsed_open),
            "temperature_min_c": temperatures and temperatures[0],
            "temperature_max_c": temperatures and temperatures[1],
            "relative_humidity_mean_pct": signals.mean(self._humidity, elapsed_open),
            "pressure_mean_hpa": self._pressure_mean_hpa(elapsed_open),
            "co2_mean_ppm": signals.mean(self._co2, elapsed_open),
            "co2_max_ppm": co2 and co2[1],
            f"co2_minutes_over_{CO2_FAIR_PPM}": self._co2_minutes_over(CO2_FAIR_PPM, elapsed_open),
            f"co2_minutes_over_{CO2_POOR_PPM}": self._co2_minutes_over(CO2_POOR_PPM, elapsed_open),
            "damp_minutes": self._damp_minutes(elapsed_open),
            "open_minutes": sum(part.length_ns for part in opening) / NS_A_MINUTE,
            "footfall_completeness": self._coverage.share(self._coverage.doors, span),
            "wifi_completeness": self._coverage.share(self._coverage.access_points, span),
            "environment_completeness": self._coverage.share(self._coverage.rooms, span),
        }
        rounded = {
            name: None if (value := found.get(name)) is None else measure.stored(value)
            for name, measure in USAGE_MEASURES.items()
        }
        return rounded | {"completeness": completeness(self._expected, span, self._now_ns)}

    def day_figures(self) -> Figures:
        """The figures of the whole day, with what its people are worth."""
        found = self.figures(self._day.span)
        shared = sum(tally.shared for tally in self._entry_tallies)
        state = self._coverage.people_state(found, shared)
        if state is PeopleState.NONE:
            # Nobody outside of the opening time says nothing of within it.
            found |= {name: None for name in _PEOPLE if not found[name]}
        return found | {"people_state": state}

    # ------------------------------------------------------------------------------------------------- preparation

    def _people(self, direction: str) -> list[Tally]:
        return self._tallies(Kind.FOOTFALL, direction, self._plan.people_rules)

    def _bytes(self, direction: str) -> list[Tally]:
        return self._tallies(Kind.WIFI, direction, self._plan.byte_rules)

    def _tallies(self, kind: Kind, direction: str, rules: Callable[[str], CounterRules]) -> list[Tally]:
        sensors = self._readings.get(kind, ())
        return tallies(sensors, direction, self._day, self._calendar, rules, self._plan.stamps_end)

    def _every_ns(self, sensor: SensorReadings) -> int:
        return every_ns(sensor, self._day, self._plan) or EVERY_DEFAULT_NS

    def _signals(self, kind: Kind, field: str) -> list[Signal]:
        window = Span(self._day.span.start_ns - CARRY_MAX_NS, self._day.span.stop_ns)
        made = []
        for sensor in self._readings.get(kind, ()):
            track = sensor.measures(field).within(window)
            if track:
                made.append(Signal(sensor.sensor, sensor.zone, track, HOLD_INTERVALS * self._every_ns(sensor)))
        return made

    # ---------------------------------------------------------------------------------------------------- measures

    def _co2_minutes_over(self, limit_ppm: float, opening: Sequence[Span]) -> float | None:
        """Minutes in which the worst of the hub's sensors was over the limit."""
        if not signals.is_covered(self._co2, opening):
            return None
        return union_length_ns(signals.spans_where(self._co2, opening, lambda ppm: ppm > limit_ppm)) / NS_A_MINUTE

    def _damp_minutes(self, opening: Sequence[Span]) -> float | None:
        """Minutes in which any of the hub's humidity sensors found it damp, by the nearest thermometer."""
        damp: list[Span] = []
        judged = False
        for humidity in self._humidity:
            temperature = self._thermometer_near(humidity)
            for span in opening:
                for start, stop, (rh_pct, celsius) in signals.pairs(humidity, temperature, span):
                    judged = True
                    if air.is_damp(celsius, rh_pct):
                        damp.append(Span(start, stop))
        return union_length_ns(damp) / NS_A_MINUTE if judged else None

    def _pressure_mean_hpa(self, opening: Sequence[Span]) -> float | None:
        """The mean pressure, at sea level where the altitude is known; without a thermometer at 15 degrees."""
        altitude_m = self._plan.altitude_m
        if altitude_m is None:
            return signals.mean(self._pressure, opening)
        weight_ns, total = 0, 0.0
        for pressure in self._pressure:
            temperature = self._thermometer_near(pressure)
            for span in opening:
                for start, stop, hpa in pressure.pieces(span):
                    celsius = temperature.at(start) if temperature else None
                    celsius = air.STANDARD_TEMPERATURE_C if celsius is None else celsius
                    weight_ns += stop - start
                    total += air.sea_level_pressure_hpa(hpa, altitude_m, celsius) * (stop - start)
        return total / weight_ns if weight_ns else None

    def _thermometer_near(self, signal: Signal) -> Signal | None:
        """The thermometer nearest to another sensor: in the same device, else the same zone, else the hub's first."""
        return min(
            self._temperature,
            key=lambda t: (t.sensor != signal.sensor, t.zone is None or t.zone != signal.zone, t.sensor),
            default=None,
        )


def has_data(figures: Mapping[str, object]) -> bool:
    """Whether any sensor reported a value on the day."""
    return any(value is not None for name, value in figures.items() if name not in _NOT_FROM_SENSORS)
