"""What the sensors of a hub report of a local day: when they sample, how exactly they measure, what they send.

A sensor samples every `every` from a phase of its own, a little late each time. A footfall counter with
`counter_bits` 16 or less sends running totals, a wider one totals and interval counts, one without `counter_bits`
interval counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas import Hub, Kind, Sensor
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, Span, midnight_ns
from simulators.building import RoomDay
from simulators.people import OPENED, Counted, Occupancy, Totals, Visit
from simulators.seeded import seeded_rng

EVERY_S = 600
"""How often a sensor reports whose `every` the estate file leaves open."""

NS_A_MS = 1_000_000
_JITTER_MAX_MS = 5000
_TOTALS_ONLY_BITS = 16
_BATTERY_SPENT_PCT = 94
_BACKGROUND_BYTES_S = 12_000
_PASSER_BY_SHARE = 0.3
_RX_SHARE = 0.11
_OPENED_NS = midnight_ns(OPENED, ZoneInfo("UTC"))

Fields = dict[str, int | float]


class Observation(NamedTuple):
    """One reading on its way, with what nobody on the receiving side can see.

    `counted` is what a door counter noticed since its previous reading and can report, whatever the reading contains;
    with `fresh`, the counter began again, and what its lost readings would have reported is lost with them.
    """

    time_ns: int
    fields: Fields
    counted: Counted | None = None
    fresh: bool = False


class ObservationSeries(NamedTuple):
    """The observations of one sensor and kind over a local day, in order of time."""

    sensor: Sensor
    kind: Kind
    observations: list[Observation]


def every_ns(sensor: Sensor) -> int:
    """A sensor's interval."""
    return (sensor.every_s or EVERY_S) * NS_A_SECOND


class Clock:
    """When a sensor samples: a function of the seed, the sensor and the day."""

    def __init__(self, seed: int, hub: str, sensor: Sensor) -> None:
        self._seed = seed
        self._name = (hub, sensor.id)
        self._every_ns = every_ns(sensor)
        every_ms = self._every_ns // NS_A_MS
        self._phase_ns = seeded_rng(seed, "phase", *self._name).randrange(every_ms) * NS_A_MS
        self._jitter_ms = min(_JITTER_MAX_MS, every_ms // 20)

    def times_ns(self, day: date, bounds: Span) -> list[int]:
        """The instants of a local day at which the sensor samples, whole milliseconds, increasing."""
        rng = seeded_rng(self._seed, "jitter", *self._name, day)
        first = bounds.start_ns + (self._phase_ns - bounds.start_ns) % self._every_ns
        return [
            min(nominal + int(rng.random() * self._jitter_ms) * NS_A_MS, bounds.stop_ns - NS_A_MS)
            for nominal in range(first, bounds.stop_ns, self._every_ns)
        ]


def door_observations(
    sensor: Sensor, times_ns: Sequence[int], moves: Iterator[tuple[int, Counted]], total: Counted
) -> list[Observation]:
    """Count the moves (time, what was noticed) since the previous reading; `total` is what came before them."""
    bits = sensor.counter_bits
    entries, exits = total
    observations = []
    move = next(moves, None)
    for time_ns in times_ns:
        entered = left = 0
        while move is not None and move[0] <= time_ns:
            entered, left = entered + move[1].entries, left + move[1].exits
            move = next(moves, None)
        entries, exits = entries + entered, exits + left
        fields: Fields = {}
        if bits is None or bits > _TOTALS_ONLY_BITS:
            fields |= {"entries": entered, "exits": left}
        if bits is not None:
            fields |= {"entries_total": entries % 2**bits, "exits_total": exits % 2**bits}
        observations.append(Observation(time_ns, fields, Counted(entered, left)))
    return observations


def door_of(hub: Hub, sensor: Sensor) -> int:
    """Which of the hub's doors a counter watches: its number among the hub's counters."""
    return [s.id for s in hub.sensors if Kind.FOOTFALL in s.kinds].index(sensor.id)


def counted_moves(visits: Sequence[Visit], door: int) -> list[tuple[int, Counted]]:
    """What a door's counter notices, in order of time."""
    moves = [(v.arrive_ns, Counted(1, 0)) for v in visits if v.door == door and v.counted_in]
    moves += [(v.leave_ns, Counted(0, 1)) for v in visits if v.door == door and v.counted_out]
    return sorted(moves)


class AccessPoint:
    """A Wi-Fi access point: most people bring a phone, some a second device, and randomised addresses count twice."""

    def __init__(self, seed: int, hub: str, sensor: Sensor, *, share: float) -> None:
        """`share` of the hub's people connect here."""
        rng = seeded_rng(seed, "wifi", hub, sensor.id)
        self._seed = seed
        self._name = (hub, sensor.id)
        self._clients_a_person = share * rng.uniform(0.55, 0.9)
        self._inflation = rng.uniform(1.1, 1.3)
        self._fixed = rng.randint(1, 4)
        self._bytes_a_person = share * rng.uniform(25e6, 120e6)
        self._every_ns = every_ns(sensor)

    def observations(
        self, times_ns: Sequence[int], day: date, occupancy: Occupancy, before: Totals, today: int
    ) -> list[Observation]:
        """`before` are the people until the day, `today` those of the day."""
        rng = seeded_rng(self._seed, "wifi", *self._name, day)
        return [self._observe(time_ns, occupancy, before.people, today, rng) for time_ns in times_ns]

    def _observe(self, time_ns: int, occupancy: Occupancy, before: int, today: int, rng: Random) -> Observation:
        mean = occupancy.at(time_ns) * self._clients_a_person
        passing = rng.random() < _PASSER_BY_SHARE
        clients = self._fixed + passing + max(0, round(mean + rng.gauss(0, 0.8) * math.sqrt(mean)))
        seen = occupancy.between(time_ns - self._every_ns, time_ns) * self._clients_a_person * self._inflation
        people = before + today * occupancy.stayed_share(time_ns) if today else before
        total = people * self._bytes_a_person + (time_ns - _OPENED_NS) // NS_A_SECOND * _BACKGROUND_BYTES_S
        fields: Fields = {
            "clients": clients,
            "devices": max(clients, self._fixed + round(seen)),
            "rx_bytes_total": int(total * _RX_SHARE),
            "tx_bytes_total": int(total),
        }
        return Observation(time_ns, fields)


class _Quality(NamedTuple):
    """How well a device measures: its bias up to so much either way, its noise, and how it rounds."""

    field: str
    bias_max: float
    noise: float
    rounded: Callable[[float], float]


_QUALITIES = {
    Kind.TEMPERATURE: _Quality("temperature_c", 0.2, 0.05, lambda celsius: round(celsius, 1)),
    Kind.HUMIDITY: _Quality(
        "relative_humidity_pct", 2, 0.3, lambda percent: round(min(max(percent, 0.0), 100.0) * 2) / 2
    ),
    Kind.CO2: _Quality("co2_ppm", 12, 4, lambda ppm: float(round(ppm))),
    Kind.PRESSURE: _Quality("pressure_hpa", 0.4, 0.05, lambda hpa: round(hpa, 1)),
}


class AirSensor:
    """A room's climate sensor with the accuracy of common devices: 0.2 C, 2 % RH, 30 ppm, 0.5 hPa."""

    def __init__(self, seed: int, hub: str, sensor: Sensor) -> None:
        rng = seeded_rng(seed, "air", hub, sensor.id)
        self._seed = seed
        self._name = (hub, sensor.id)
        self._biases = {kind: rng.uniform(-quality.bias_max, quality.bias_max) for kind, quality in _QUALITIES.items()}
        self._battery_life_ns = rng.uniform(300, 900) * (24 * NS_AN_HOUR)
        self._battery_phase = rng.random()
        self._rssi_dbm = rng.uniform(-112, -70)

    def observations(self, kind: Kind, times_ns: Sequence[int], day: date, air: RoomDay) -> list[Observation]:
        rng = seeded_rng(self._seed, kind, *self._name, day)
        if kind is Kind.DEVICE:
            return [Observation(time_ns, self._health(time_ns, rng)) for time_ns in times_ns]
        field, _, noise, rounded = _QUALITIES[kind]
        bias, true = self._biases[kind], air.values[kind]
        return [
            Observation(time_ns, {field: rounded(air.at(true, time_ns) + bias + rng.gauss(0, noise))})
            for time_ns in times_ns
        ]

    def _health(self, time_ns: int, rng: Random) -> Fields:
        spent = (time_ns / self._battery_life_ns + self._battery_phase) % 1
        return {
            "battery_pct": float(round(100 - _BATTERY_SPENT_PCT * spent)),
            "rssi_dbm": float(round(self._rssi_dbm + rng.gauss(0, 3))),
        }
