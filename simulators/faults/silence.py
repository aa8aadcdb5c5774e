"""Readings that never arrive: gaps and dead sensors."""

from __future__ import annotations

from simulators.faults.base import Duration, Fault, key_of, lose, within
from simulators.hub import HubDay
from simulators.transmissions import Transmission


class Gaps(Fault):
    """Radio interference: a sensor is not heard for some hours, and what it sent is lost."""

    name = "gaps"
    share = 0.05
    summary = "a sensor's readings are lost for 1 to 4 hours (share of sensor days)"

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        windows = self.windows(Duration(1, 4), day.day, *key_of(transmissions[0]), days_back=1)
        return self.change(day, transmissions, within(windows, transmissions), lose)


class DeadSensor(Fault):
    """A sensor dies and is replaced one or two days later by a like one that carries on."""

    name = "dead-sensor"
    share = 0.02
    summary = "a sensor says nothing for 1 to 2 days (share of sensor days)"

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        windows = self.windows(Duration(24, 48), day.day, *key_of(transmissions[0]), days_back=3)
        return self.change(day, transmissions, within(windows, transmissions), lose)
