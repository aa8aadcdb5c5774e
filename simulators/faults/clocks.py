"""Devices that know the wrong time. They are never ahead by more than the pipeline forgives."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import ClassVar

from schemas.localtime import NS_A_MINUTE, NS_AN_HOUR
from simulators.faults.base import SensorFault, key_of
from simulators.hub import HubDay
from simulators.transmissions import Transmission


class _WrongClock(SensorFault):
    off: ClassVar[tuple[int, ...]]
    unit_ns: ClassVar[int]
    unit: ClassVar[str]

    def _off(self, first: Transmission) -> int:
        return self.rng(*key_of(first), self.draws).choice(self.off)

    def detail(self, first: Transmission) -> str:
        return f"{self._off(first):+} {self.unit}"

    def strike(
        self, _day: HubDay, transmissions: list[Transmission], _struck: Sequence[bool], _rng: Random
    ) -> list[Transmission]:
        off_ns = self._off(transmissions[0]) * self.unit_ns
        return [
            t._replace(observation=t.observation._replace(time_ns=t.observation.time_ns + off_ns))
            for t in transmissions
        ]


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
