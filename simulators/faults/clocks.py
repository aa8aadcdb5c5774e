"""Devices that know the wrong time. They are never ahead by more than the pipeline forgives."""

from __future__ import annotations

from schemas.localtime import NS_A_MINUTE, NS_AN_HOUR
from simulators.faults.base import Fault, key_of
from simulators.hub import HubDay
from simulators.transmissions import Transmission


class _Shifted(Fault):
    def _shift(self, day: HubDay, transmissions: list[Transmission], shift_ns: int, detail: str) -> list[Transmission]:
        def shifted(transmission: Transmission) -> Transmission:
            observation = transmission.observation
            return transmission._replace(observation=observation._replace(time_ns=observation.time_ns + shift_ns))

        return self.change(day, transmissions, [True] * len(transmissions), shifted, detail=detail)


class ClockSkew(_Shifted):
    """A clock that is some minutes off."""

    name = "clock-skew"
    share = 0.2
    summary = "a device's clock is up to 8 minutes ahead or 20 behind (share of sensors)"

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        key = key_of(transmissions[0])
        if not self.strikes(*key):
            return transmissions
        minutes = self.rng(*key, "minutes").choice((-20, -7, -2, 1, 3, 8))
        return self._shift(day, transmissions, minutes * NS_A_MINUTE, f"{minutes:+} min")


class WrongZone(_Shifted):
    """A clock that is set to a zone further west."""

    name = "wrong-zone"
    share = 0.1
    summary = "a device's clock is 1 to 5 whole hours behind (share of sensors)"

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        key = key_of(transmissions[0])
        if not self.strikes(*key):
            return transmissions
        hours = self.rng(*key, "hours").choice((-1, -1, -2, -5))
        return self._shift(day, transmissions, hours * NS_AN_HOUR, f"{hours:+} h")
