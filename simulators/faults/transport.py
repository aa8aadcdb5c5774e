"""Readings that are lost on the way, or arrive twice, too often, out of order or late."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import ClassVar

from schemas.localtime import NS_A_MINUTE, NS_AN_HOUR
from simulators.faults.base import Fault
from simulators.hub import HubDay
from simulators.transmissions import Transmission

_BACKLOG_NS = 20_000_000
_TIMES_A_FLOOD = 100


class Gaps(Fault):
    """Radio interference: what a sensor sends in some hours is lost."""

    name, share, hours = "gaps", 0.05, (1, 4)
    summary = "a sensor's readings are lost for 1 to 4 hours (share of sensor days)"

    def change(self, transmission: Transmission, _rng: Random) -> Transmission:
        return transmission._replace(lost=True)


class RadioLoss(Fault):
    """A frame that no gateway heard: nobody sends it again."""

    name, share = "radio-loss", 0.03
    summary = "what a device sends at a time is lost by radio (share of its messages)"

    def struck(self, _day: HubDay, transmissions: Sequence[Transmission]) -> list[bool]:
        """All that a device sends at a time is one frame."""
        return [self.strikes(*one.device, one.observation.time_ns) for one in transmissions]

    def change(self, transmission: Transmission, _rng: Random) -> Transmission:
        return transmission._replace(lost=True)


class DeadSensor(Gaps):
    """A sensor dies and is replaced one or two days later by a like one that carries on."""

    name, share, hours = "dead-sensor", 0.02, (24, 48)
    summary = "a sensor sends nothing for 1 to 2 days (share of sensor days)"


class Late(Fault):
    """A reading that waited in a device's memory."""

    name, share, draws = "late", 0.05, "delay"
    summary = "a reading arrives 5 minutes to 6 hours late (share of readings)"
    delay_min: ClassVar[tuple[int, int]] = (5, 360)

    def change(self, transmission: Transmission, rng: Random) -> Transmission:
        delay_ns = int(rng.uniform(*self.delay_min) * NS_A_MINUTE)
        return transmission._replace(sent_ns=transmission.sent_ns + delay_ns)


class OutOfOrder(Late):
    """A reading that its successors overtake."""

    name = "out-of-order"
    summary = "a reading arrives after its successors (share of readings)"
    delay_min = (10, 35)


class Outage(Fault):
    """A gateway without a network: its hub is silent for days, then sends its history at once."""

    name, share, hours = "outage", 0.04, (6, 72)
    summary = "a hub is cut off for 6 hours to 3 days, then sends its history (share of hub days)"

    def window_key(self, first: Transmission) -> tuple[str, ...]:
        return (first.hub,)

    def strike(
        self, day: HubDay, transmissions: list[Transmission], struck: Sequence[bool], _rng: Random
    ) -> list[Transmission]:
        windows = self.windows(day.day, day.hub.id, days_back=4)
        number = iter(range(len(transmissions)))

        def held_back(sent_ns: int) -> int:
            return max(stop for start, stop in windows if start <= sent_ns < stop) + next(number) * _BACKLOG_NS

        return [
            t._replace(sent_ns=held_back(t.sent_ns)) if hit else t for t, hit in zip(transmissions, struck, strict=True)
        ]


class Duplicates(Fault):
    """A reading that is sent again within an hour."""

    name, share, draws = "duplicates", 0.05, "again"
    summary = "a reading is sent twice (share of readings)"

    def strike(
        self, _day: HubDay, transmissions: list[Transmission], struck: Sequence[bool], rng: Random
    ) -> list[Transmission]:
        repeated = [t for t, hit in zip(transmissions, struck, strict=True) if hit]
        return transmissions + [t._replace(sent_ns=t.sent_ns + later) for t in repeated for later in self.later_ns(rng)]

    def later_ns(self, rng: Random) -> Sequence[int]:
        """How much later each copy of a reading is sent."""
        return (int(rng.random() * NS_AN_HOUR),)


class Flood(Duplicates):
    """A device gone mad: a hundred messages where one belongs."""

    name, share, hours = "flood", 0.02, (1, 2)
    summary = "a sensor sends each reading a hundred times for 1 to 2 hours (share of sensor days)"

    def later_ns(self, _rng: Random) -> Sequence[int]:
        return range(_BACKLOG_NS, _TIMES_A_FLOOD * _BACKLOG_NS, _BACKLOG_NS)
