"""The air of a room over a local day: CO2, temperature and humidity follow from people, heating and weather.

CO2 by the mass balance of a well-mixed room, dC/dt = G/V - n (C - C_out), solved exactly within each step, with
G = 0.0052 l/s a person (light office work). Vapour comes from the same people through the same ventilation, so its
excess over outdoors is in proportion to that of CO2 (about 40 g/h a person). Temperature is one thermal mass with heat
loss, a heater that holds a set point, people and sun. A day starts from what the evening before left behind, which
follows from the calendar and the weather alone, so that every day can be worked out by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from schemas import Estate, Hub, Kind
from schemas.localtime import NS_A_SECOND, Span, day_span
from simulators.hours import open_spans
from simulators.people import Occupancy
from simulators.seeded import seeded_rng, smooth_noise
from simulators.weather import OUTDOOR_CO2_PPM, Weather, saturation_g_m3, station_pressure_hpa, weather_of

STEP_NS = 300 * NS_A_SECOND

_PEOPLE_USUAL = 22.0
"""What the rooms of a hub were built for: the people usually inside at a busy hour."""

_STEP_H = STEP_NS / NS_A_SECOND / 3600
_CO2_M3_H_PERSON = 0.0052 * 3.6
_VAPOUR_G_M3_PER_PPM = 40 / (_CO2_M3_H_PERSON * 1e6)
_PREHEAT_NS = 2 * 3600 * NS_A_SECOND
_PURGE_NS = 2 * 3600 * NS_A_SECOND
_PURGE_CHANGES_H = 4.0
_NIGHT_CHANGES_H = 0.4
_LOSS_H = 40.0
_HEATER_K_H = 3.0
_PERSON_K_H_M3 = 16.0
_SUN_K_H = 0.5
_SETBACK_C = 14.0
_FREE_GAIN_K = 3.5
_SWAY_H = 1.5
_SWAY = 0.4


@dataclass(frozen=True, slots=True)
class Room:
    """A room: its size, its share of the hub's people, its ventilation when open, its heating and its damp."""

    volume_m3: float
    share: float
    changes_h: float
    set_point_c: float
    damp_g_m3: float


@dataclass(frozen=True, slots=True)
class RoomDay:
    """A room's air at start, start + STEP_NS, ... up to and including the end of the day."""

    start_ns: int
    values: Mapping[Kind, Sequence[float]]

    def at(self, series: Sequence[float], time_ns: int) -> float:
        """The value of one of the series at an instant of the day, linear between steps."""
        step, within = divmod(time_ns - self.start_ns, STEP_NS)
        before = series[step]
        return before + (series[min(step + 1, len(series) - 1)] - before) * within / STEP_NS


class Building:
    """The rooms of one hub: one for each zone that has an air sensor."""

    def __init__(self, estate: Estate, hub: Hub, *, seed: int, rooms: Sequence[str]) -> None:
        self._estate = estate
        self._hub = hub
        self._seed = seed
        self._zone = estate.zone_of(hub.id)
        self.rooms = {name: _room(seed, hub.id, name, _PEOPLE_USUAL / max(len(rooms), 1), len(rooms)) for name in rooms}

    def day(self, name: str, day: date, occupancy: Occupancy) -> RoomDay:
        """The air of a room over a local day."""
        room = self.rooms[name]
        bounds = day_span(day, self._zone)
        steps = (bounds.stop_ns - bounds.start_ns) // STEP_NS + 1
        weather = weather_of(self._seed, bounds.start_ns, STEP_NS, steps)
        spans = open_spans(self._estate, self._hub, day)
        people = [self._inside(name, room, bounds.start_ns + step * STEP_NS, occupancy) for step in range(steps)]
        co2 = _co2(room, people, bounds, spans)
        temperature = _temperature(
            room,
            people,
            weather,
            heated=Span(spans[0].start_ns - _PREHEAT_NS, spans[-1].stop_ns) if spans else None,
            start_ns=bounds.start_ns,
            first_c=self._evening_c(room, day - timedelta(days=1), weather[0]),
            last_c=self._evening_c(room, day, weather[-1]),
        )
        altitude_m = self._hub.altitude_m or 0.0
        return RoomDay(
            bounds.start_ns,
            {
                Kind.CO2: co2,
                Kind.TEMPERATURE: temperature,
                Kind.HUMIDITY: _humidity(room, co2, temperature, weather),
                Kind.PRESSURE: [station_pressure_hpa(w.sea_level_hpa, altitude_m, w.temperature_c) for w in weather],
            },
        )

    def _inside(self, name: str, room: Room, time_ns: int, occupancy: Occupancy) -> float:
        """The people in a room: its share of those in the building, more or less, as they move about."""
        inside = occupancy.at(time_ns)
        if not inside:
            return 0.0
        sway = smooth_noise(self._seed, f"sway/{self._hub.id}/{name}", time_ns, _SWAY_H)
        return inside * room.share * min(max(1 + _SWAY * sway, 0.2), 1.8)

    def _evening_c(self, room: Room, day: date, midnight: Weather) -> float:
        """The temperature that a day leaves behind at midnight."""
        kept = room.set_point_c - 3.0 if open_spans(self._estate, self._hub, day) else _SETBACK_C + 1.0
        return max(kept + 0.1 * (midnight.temperature_c - 10), midnight.temperature_c + _FREE_GAIN_K)


def _room(seed: int, hub: str, name: str, people: float, rooms: int) -> Room:
    rng = seeded_rng(seed, "room", hub, name)
    return Room(
        volume_m3=max(people, 4) * rng.uniform(11, 22),
        share=1 / rooms,
        changes_h=rng.choice((1.2, 1.6, 2.2, 2.2, 3.0, 3.5)),
        set_point_c=rng.uniform(19.8, 21.6),
        damp_g_m3=rng.choice((0.3, 0.3, 0.6, 0.6, 0.9, 1.9)),
    )


def _changes(room: Room, time_ns: int, spans: Sequence[Span]) -> float:
    """Air changes an hour: the room's own while open, a purge after closing and before midnight, leaks at night."""
    if any(start <= time_ns < stop for start, stop in spans):
        return room.changes_h
    purged = any(stop <= time_ns < stop + _PURGE_NS for _, stop in spans)
    return _PURGE_CHANGES_H if purged else _NIGHT_CHANGES_H


def _co2(room: Room, people: Sequence[float], bounds: Span, spans: Sequence[Span]) -> list[float]:
    excess = 0.0
    values = [OUTDOOR_CO2_PPM]
    kept = {changes: math.exp(-changes * _STEP_H) for changes in (room.changes_h, _PURGE_CHANGES_H, _NIGHT_CHANGES_H)}
    for step, inside in enumerate(people[:-1]):
        changes = _changes(room, bounds.start_ns + step * STEP_NS, spans)
        balance = inside * _CO2_M3_H_PERSON * 1e6 / (room.volume_m3 * changes)
        excess = balance + (excess - balance) * kept[changes]
        values.append(OUTDOOR_CO2_PPM + excess)
    return values


def _temperature(
    room: Room,
    people: Sequence[float],
    weather: Sequence[Weather],
    *,
    heated: Span | None,
    start_ns: int,
    first_c: float,
    last_c: float,
) -> list[float]:
    now_c = first_c
    values = [now_c]
    for step, (inside, outdoor) in enumerate(zip(people[:-1], weather, strict=False)):
        time_ns = start_ns + step * STEP_NS
        set_point = room.set_point_c if heated and heated.start_ns <= time_ns < heated.stop_ns else _SETBACK_C
        drift = (outdoor.temperature_c - now_c) / _LOSS_H
        drift += inside * _PERSON_K_H_M3 / room.volume_m3 / 2 + outdoor.sun * _SUN_K_H
        if now_c > set_point:
            # Windows are opened: the further above the set point, and the cooler outside, the faster it cools.
            drift += min(0.0, outdoor.temperature_c - now_c) / 8 * min(1.0, now_c - set_point)
        heat = min(_HEATER_K_H, max(0.0, (set_point - now_c) * 4 - drift))
        now_c += (drift + heat) * _STEP_H
        values.append(now_c)
    # The last step meets the first of the next day; squared, so that the opening hours hardly notice.
    gap, last = last_c - now_c, len(values) - 1
    return [value + gap * (step / last) ** 4 for step, value in enumerate(values)]


def _humidity(
    room: Room, co2: Sequence[float], temperature: Sequence[float], weather: Sequence[Weather]
) -> list[float]:
    values = []
    for ppm, celsius, outdoor in zip(co2, temperature, weather, strict=True):
        vapour_g_m3 = outdoor.vapour_g_m3 + room.damp_g_m3 + (ppm - OUTDOOR_CO2_PPM) * _VAPOUR_G_M3_PER_PPM
        values.append(min(max(100 * vapour_g_m3 / saturation_g_m3(celsius), 8.0), 97.0))
    return values
