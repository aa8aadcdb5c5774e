"""Readings that arrive with the wrong content: stuck, drifting, far off, malformed, in another kind's unit or time.

A clock is never ahead by more than the pipeline forgives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import ClassVar

from schemas import KINDS, Reason
from schemas.localtime import NS_A_MINUTE, NS_AN_HOUR
from simulators.devices import NS_A_MS, Fields
from simulators.faults.base import AIR, Fault, SensorFault
from simulators.hub import HubDay
from simulators.transmissions import Transmission, dump, payload


def _with_value(transmission: Transmission, value: float) -> Transmission:
    return transmission.with_fields(**{KINDS[transmission.kind].fields[0].name: value})


def _value(transmission: Transmission) -> float:
    return float(next(iter(transmission.observation.fields.values())))


class Stuck(Fault):
    """An air sensor repeats one value for hours."""

    name, share, kinds, hours = "stuck", 0.03, AIR, (2, 8)
    summary = "an air sensor repeats one value for 2 to 8 hours (share of sensor days)"

    def __init__(self, *, seed: int, share: float | None = None) -> None:
        super().__init__(seed=seed, share=share)
        self._last: dict[tuple[str, ...], float] = {}

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        changed = super().apply(day, transmissions)
        if changed[-1].kind in self.kinds:
            self._last[changed[-1].series] = _value(changed[-1])
        return changed

    def strike(
        self, _day: HubDay, transmissions: list[Transmission], struck: Sequence[bool], _rng: Random
    ) -> list[Transmission]:
        last = self._last.get(transmissions[0].series, _value(transmissions[0]))
        changed = []
        for transmission, hit in zip(transmissions, struck, strict=True):
            changed.append(_with_value(transmission, last) if hit else transmission)
            last = _value(changed[-1])
        return changed


class Spikes(Fault):
    """A value that no sensor can measure: refused by itself, whatever it travels with."""

    name, share, kinds = "spikes", 0.01, AIR
    summary = "an air reading far out of range, to be refused (share of readings)"

    def change(self, transmission: Transmission, _rng: Random) -> Transmission:
        field = KINDS[transmission.kind].fields[0]
        off = 0.2 * (field.high - field.low)
        value = field.high + off if transmission.observation.time_ns // NS_A_MS % 2 else field.low - off
        return _with_value(transmission, round(value, 1))._replace(reason=Reason.OUT_OF_RANGE)


class Drift(SensorFault):
    """An air sensor's zero shifts, a little more each day."""

    name, share, kinds = "drift", 0.2, AIR
    summary = "an air sensor reads a little more each day (share of sensors)"

    _since_ns: int | None = None

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        self._since_ns = day.bounds.start_ns if self._since_ns is None else self._since_ns
        return super().apply(day, transmissions)

    def detail(self, first: Transmission) -> str:
        return f"+{_drift_a_day(first):g} {KINDS[first.kind].fields[0].unit} a day"

    def change(self, transmission: Transmission, _rng: Random) -> Transmission:
        since_ns = transmission.observation.time_ns - (self._since_ns or 0)
        off = _drift_a_day(transmission) * since_ns / (24 * NS_AN_HOUR)
        high = KINDS[transmission.kind].fields[0].high
        return _with_value(transmission, round(min(_value(transmission) + off, high), 1))


def _drift_a_day(transmission: Transmission) -> float:
    field = KINDS[transmission.kind].fields[0]
    return (field.high - field.low) / 10_000


class WrongUnit(Fault):
    """An air sensor was set up for another kind: it names a unit that its topic doesn't take."""

    name, share, kinds, hours = "wrong-unit", 0.02, AIR, (2, 8)
    summary = "an air sensor names a unit of another kind for 2 to 8 hours, to be refused (share of sensor days)"

    def window_key(self, first: Transmission) -> tuple[str, ...]:
        return first.series

    def change(self, transmission: Transmission, _rng: Random) -> Transmission:
        content = {"time": transmission.observation.time_ns // NS_A_MS, "value": _value(transmission), "unit": "lx"}
        return transmission._replace(content=dump(content), reason=Reason.BAD_SCHEMA)


class _WrongClock(SensorFault):
    off: ClassVar[tuple[int, ...]]
    unit_ns: ClassVar[int]
    unit: ClassVar[str]

    def _off(self, first: Transmission) -> int:
        return self.rng(*first.device, self.draws).choice(self.off)

    def detail(self, first: Transmission) -> str:
        return f"{self._off(first):+} {self.unit}"

    def strike(
        self, _day: HubDay, transmissions: list[Transmission], _struck: Sequence[bool], _rng: Random
    ) -> list[Transmission]:
        off_ns = self._off(transmissions[0]) * self.unit_ns
        return [t.observing(time_ns=t.observation.time_ns + off_ns) for t in transmissions]


class ClockSkew(_WrongClock):
    """A clock that is some minutes off."""

    name, share, draws = "clock-skew", 0.2, "minutes"
    summary = "a device's clock is up to 8 minutes ahead or 20 behind (share of sensors)"
    off, unit_ns, unit = (-20, -7, -2, 1, 3, 8), NS_A_MINUTE, "min"


class WrongZone(_WrongClock):
    """A clock that is set to a zone further west."""

    name, share, draws = "wrong-zone", 0.1, "hours"
    summary = "a device's clock is 1 to 5 whole hours behind (share of sensors)"
    off, unit_ns, unit = (-1, -1, -2, -5), NS_AN_HOUR, "h"


class Malformed(Fault):
    """Broken firmware: payloads that are no JSON, or not what they should be. The reading is lost with them."""

    name, share, draws = "malformed", 0.01, "way"
    summary = "a payload that is broken, to be refused (share of readings)"

    def change(self, transmission: Transmission, rng: Random) -> Transmission:
        reason, breaking = rng.choice(_WAYS)
        observation = transmission.observation
        return transmission._replace(content=breaking(observation.time_ns, observation.fields), reason=reason)


_WAYS: tuple[tuple[Reason, Callable[[int, Fields], bytes]], ...] = (
    (Reason.BAD_PAYLOAD, lambda _time_ns, _fields: b""),
    (Reason.BAD_PAYLOAD, lambda _time_ns, _fields: b"\xff\xfe\x00reboot"),
    (Reason.BAD_PAYLOAD, lambda time_ns, fields: payload(time_ns, fields)[:-4]),
    (Reason.BAD_PAYLOAD, lambda time_ns, fields: payload(time_ns, dict.fromkeys(fields, math.nan))),
    (Reason.BAD_SCHEMA, lambda time_ns, fields: payload(time_ns, {name: f"{v} units" for name, v in fields.items()})),
    (Reason.BAD_SCHEMA, lambda time_ns, fields: payload(time_ns, {f"{name}_": v for name, v in fields.items()})),
    (Reason.BAD_SCHEMA, lambda _time_ns, _fields: b"[]"),
)
