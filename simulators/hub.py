"""One hub of the simulated estate: a local day of its people, its rooms and its sensors.

    calendar -> people -> rooms -> sensors -> series of observations

A day is a function of the seed, the estate and the date: it comes out the same whenever the simulation was started.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from schemas import Estate, Hub, Kind, Sensor
from schemas.localtime import Span, day_span
from simulators.building import Building, RoomDay
from simulators.devices import (
    AccessPoint,
    AirSensor,
    Clock,
    Observation,
    ObservationSeries,
    counted_moves,
    door_observations,
)
from simulators.people import OPENED, Counted, HubPeople, Occupancy, Visit, sum_counted

_AIR = (Kind.TEMPERATURE, Kind.HUMIDITY, Kind.PRESSURE, Kind.CO2, Kind.DEVICE)


@dataclass(frozen=True, slots=True)
class HubDay:
    """What happened at a hub on a local day, and what its sensors reported of it."""

    hub: Hub
    day: date
    bounds: Span
    visits: tuple[Visit, ...]
    series: tuple[ObservationSeries, ...]


class SimulatedHub:
    """A simulated hub: ask it for any local day."""

    def __init__(self, estate: Estate, hub: Hub, *, seed: int, crowds: dict[date, float] | None = None) -> None:
        self.hub = hub
        self._zone = estate.zone_of(hub.id)
        self.people = HubPeople(estate, hub, seed=seed, crowds=crowds)
        doors, aps, airs = (_sensors(hub, kinds) for kinds in ((Kind.FOOTFALL,), (Kind.WIFI,), _AIR))
        rooms = list(dict.fromkeys(_room_of(sensor) for sensor in airs))
        self._doors = list(enumerate(doors))
        self._aps = [(s, AccessPoint(seed, hub.id, s, share=1 / len(aps))) for s in aps]
        self._airs = [(s, AirSensor(seed, hub.id, s)) for s in airs]
        self._clocks = {sensor.id: Clock(seed, hub.id, sensor) for sensor in hub.sensors}
        self._building = Building(estate, hub, seed=seed, rooms=rooms)

    def bounds(self, day: date) -> Span:
        """From a local midnight to the next."""
        return day_span(day, self._zone)

    def day(self, day: date) -> HubDay:
        """Work out a local day."""
        bounds = self.bounds(day)
        visits = self.people.visits(day)
        occupancy = Occupancy(visits)
        times = {name: clock.times_ns(day, bounds) for name, clock in self._clocks.items()}
        before = self.people.totals_until(day)
        series = [
            ObservationSeries(sensor, Kind.FOOTFALL, self._count(index, sensor, day, times[sensor.id]))
            for index, sensor in self._doors
        ]
        series += [
            ObservationSeries(sensor, Kind.WIFI, ap.observations(times[sensor.id], day, occupancy, before, len(visits)))
            for sensor, ap in self._aps
        ]
        rooms: dict[str, RoomDay] = {name: self._building.day(name, day, occupancy) for name in self._building.rooms}
        series += [
            ObservationSeries(sensor, kind, air.observations(kind, times[sensor.id], day, rooms[_room_of(sensor)]))
            for sensor, air in self._airs
            for kind in sensor.kinds
            if kind in _AIR
        ]
        return HubDay(self.hub, day, bounds, visits, tuple(series))

    def _count(self, door: int, sensor: Sensor, day: date, times_ns: list[int]) -> list[Observation]:
        """The first reading of a day also counts who came after the last one of the day before."""
        total = self.people.totals_until(day).by_door[door]
        late = self._unreported(door, sensor, day - timedelta(days=1))
        entries, exits = sum_counted(counted for _, counted in late)
        moves = late + counted_moves(self.people.visits(day), door)
        return door_observations(sensor, times_ns, iter(moves), Counted(total.entries - entries, total.exits - exits))

    def _unreported(self, door: int, sensor: Sensor, day: date) -> list[tuple[int, Counted]]:
        """What a counter noticed after its last reading up to the end of a day."""
        moves = counted_moves(self.people.visits(day), door)
        times_ns = self._clocks[sensor.id].times_ns(day, self.bounds(day))
        if times_ns:
            return [move for move in moves if move[0] > times_ns[-1]]
        return (self._unreported(door, sensor, day - timedelta(days=1)) if day >= OPENED else []) + moves


def _sensors(hub: Hub, kinds: tuple[Kind, ...]) -> list[Sensor]:
    return [sensor for sensor in hub.sensors if any(kind in kinds for kind in sensor.kinds)]


def _room_of(sensor: Sensor) -> str:
    return sensor.zone or sensor.id
