"""Readings that arrive twice, too often, out of order or late. None of it may change a figure."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.localtime import NS_A_MINUTE, NS_AN_HOUR
from simulators.faults.base import Duration, Fault, key_of, within
from simulators.hub import HubDay
from simulators.transmissions import Transmission

_BACKLOG_NS = 20_000_000
_TIMES_A_FLOOD = 100


class _Delayed(Fault):
    least_min: int
    most_min: int

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        rng = self.rng(*key_of(transmissions[0]), transmissions[0].kind, day.day, "delay")

        def delayed(transmission: Transmission) -> Transmission:
            minutes = rng.uniform(self.least_min, self.most_min)
            return transmission._replace(sent_ns=transmission.sent_ns + int(minutes * NS_A_MINUTE))

        return self.change(day, transmissions, self.struck(day, transmissions), delayed)


class OutOfOrder(_Delayed):
    """A reading that its successors overtake."""

    name = "out-of-order"
    share = 0.05
    summary = "a reading arrives after its successors (share of readings)"
    least_min, most_min = 10, 35


class Late(_Delayed):
    """A reading that waited in a device's memory."""

    name = "late"
    share = 0.05
    summary = "a reading arrives 5 minutes to 6 hours late (share of readings)"
    least_min, most_min = 5, 360


class Outage(Fault):
    """A gateway without a network: its hub is silent for days, then sends its history at once."""

    name = "outage"
    share = 0.04
    summary = "a hub is cut off for 6 hours to 3 days, then sends its history (share of hub days)"

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        windows = self.windows(Duration(6, 72), day.day, day.hub.id, days_back=4)
        number = iter(range(len(transmissions)))

        def held_back(transmission: Transmission) -> Transmission:
            back_ns = max(stop for start, stop in windows if start <= transmission.sent_ns < stop)
            return transmission._replace(sent_ns=back_ns + next(number) * _BACKLOG_NS)

        return self.change(day, transmissions, within(windows, transmissions), held_back)


class Duplicates(Fault):
    """A reading that is sent again within some minutes."""

    name = "duplicates"
    share = 0.05
    summary = "a reading is sent twice (share of readings)"

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        rng = self.rng(*key_of(transmissions[0]), transmissions[0].kind, day.day, "again")
        again = [d for d, hit in zip(transmissions, self.struck(day, transmissions), strict=True) if hit]
        self.note(day, transmissions[0], len(again))
        return transmissions + [d._replace(sent_ns=d.sent_ns + int(rng.random() * NS_AN_HOUR)) for d in again]


class Flood(Fault):
    """A device gone mad: a hundred messages where one belongs."""

    name = "flood"
    share = 0.02
    summary = "a sensor sends each reading a hundred times for 1 to 2 hours (share of sensor days)"

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        windows = self.windows(Duration(1, 2), day.day, *key_of(transmissions[0]), days_back=1)
        flooding = [d for d, hit in zip(transmissions, within(windows, transmissions), strict=True) if hit]
        self.note(day, transmissions[0], len(flooding))
        return transmissions + _repeated(flooding, _TIMES_A_FLOOD - 1)


def _repeated(transmissions: Sequence[Transmission], times: int) -> list[Transmission]:
    return [d._replace(sent_ns=d.sent_ns + step * _BACKLOG_NS) for d in transmissions for step in range(1, times + 1)]
