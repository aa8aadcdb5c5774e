"""Counters whose totals don't simply grow: resets, rollovers, another device in their place.

What a reading contains and what its counter noticed part here. `Observation.counted` keeps what follows from the
totals before and after, and `fresh` marks that nothing before does.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

from schemas import Kind, Sensor
from simulators.devices import Observation, counted_moves, door_of
from simulators.faults.base import Fault
from simulators.hub import HubDay
from simulators.people import Counted, sum_counted
from simulators.transmissions import Transmission

_CLEAR_RATIO = 12
"""A total must fall to less than a twelfth to look like a reset; else it could be a step back."""
_TOP_KEPT = 6000
"""A reset so near to a counter's top would look like a rollover."""
_ROLLOVER_BITS = 16
_BEFORE_TOP = 25
_ELSEWHERE = 20_000


def has_totals(transmission: Transmission) -> bool:
    """Whether the series is that of a door counter with totals."""
    return transmission.kind is Kind.FOOTFALL and transmission.sensor.counter_bits is not None


def _totals(observation: Observation) -> Counted:
    return Counted(int(observation.fields["entries_total"]), int(observation.fields["exits_total"]))


def _top(sensor: Sensor) -> int:
    return 1 << (sensor.counter_bits or 64)


class _OffsetFault(Fault):
    """Totals with an offset that the fault sets anew when it strikes."""

    def __init__(self, *, seed: int, share: float | None = None) -> None:
        super().__init__(seed=seed, share=share)
        self._offset: dict[tuple[str, str], Counted] = {}

    def _shift(self, transmission: Transmission) -> Transmission:
        offset = self._offset.get(transmission.device)
        if offset is None:
            return transmission
        totals, top = _totals(transmission.observation), _top(transmission.sensor)
        entries, exits = ((total + by) % top for total, by in zip(totals, offset, strict=True))
        return transmission.with_fields(entries_total=entries, exits_total=exits)


class _Restart(_OffsetFault):
    """Totals that go on from elsewhere after some instant of the day."""

    note_detail: ClassVar[str] = ""

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        first = transmissions[0]
        if not has_totals(first):
            return transmissions
        after_ns = self.after_ns(day, first)
        changed: list[Transmission] = []
        for transmission in transmissions:
            shifted = self._shift(transmission)
            if after_ns is not None and transmission.observation.time_ns > after_ns:
                counted = self.counted_since(day, transmission, after_ns)
                before = changed[-1] if changed else shifted
                totals = self.restarted(shifted, before, counted)
                after_ns = None
                if totals is not None:
                    plain = _totals(transmission.observation)
                    self._offset[first.device] = Counted(totals.entries - plain.entries, totals.exits - plain.exits)
                    shifted = self._shift(transmission).observing(counted=counted, fresh=True)
                    self.note(day, transmission, 1, self.note_detail)
            changed.append(shifted)
        return changed

    def after_ns(self, day: HubDay, first: Transmission) -> int | None:
        """The instant of the day after which the counter restarts; by default it is drawn."""
        windows = self.windows(day.day, *first.device)
        return windows[0].start_ns if windows else None

    def counted_since(self, day: HubDay, transmission: Transmission, after_ns: int) -> Counted:
        """What the counter noticed from an instant to this reading."""
        moves = counted_moves(day.visits, door_of(day.hub, transmission.sensor))
        return sum_counted(c for time_ns, c in moves if after_ns < time_ns <= transmission.observation.time_ns)

    def restarted(self, shifted: Transmission, before: Transmission, counted: Counted) -> Counted | None:
        """The totals of a counter that noticed `counted` since it began again; None where nobody could see it did."""
        raise NotImplementedError


class _Reset(_Restart):
    """Totals that begin again at zero, from a total that is high enough to show it."""

    least_total: ClassVar[int] = 0

    def restarted(self, _shifted: Transmission, before: Transmission, counted: Counted) -> Counted | None:
        old = _totals(before.observation)
        return counted if min(old) >= self.least_total and _is_clear(old, counted, before.sensor) else None


def _is_clear(old: Counted, new: Counted, sensor: Sensor) -> bool:
    """Whether the totals before and after can only mean a reset."""
    return all(
        (before == after == 0) or (before > _CLEAR_RATIO * after and before < _top(sensor) - _TOP_KEPT)
        for before, after in zip(old, new, strict=True)
    )


class CounterResetMidnight(_Reset):
    """A counter that starts its day at zero, by the clock on the wall."""

    name, share, note_detail = "counter-reset-midnight", 0.5, "at midnight"
    summary = "totals begin again at each local midnight (share of counters with totals)"

    def after_ns(self, day: HubDay, first: Transmission) -> int | None:
        return day.bounds.start_ns if self.strikes(*first.device) else None


class CounterResetReboot(_Reset):
    """A counter that loses its totals when its power fails."""

    name, share, hours, note_detail = "counter-reset-reboot", 0.1, (1, 1), "after a power cut"
    summary = "totals begin again after a power cut (share of counter days)"
    least_total = 1500
    """So many that even after days of silence the new total stays below it."""


class SwappedDevice(_Restart):
    """Another device takes the sensor's place, with totals of its own from wherever it was before."""

    name, share, hours = "swapped-device", 0.05, (1, 1)
    summary = "another device with its own totals takes a counter's place (share of counter days)"

    def counted_since(self, _day: HubDay, _transmission: Transmission, _after_ns: int) -> Counted:
        return Counted(0, 0)

    def restarted(self, shifted: Transmission, _before: Transmission, _counted: Counted) -> Counted:
        """Both totals far from where they stood, above where there is room and below otherwise."""
        room_until = _top(shifted.sensor) - 2 * _ELSEWHERE
        totals = _totals(shifted.observation)
        return Counted(*(total + (_ELSEWHERE if total < room_until else -_ELSEWHERE) for total in totals))


class Rollover(_OffsetFault):
    """A 16-bit counter on the point of rolling over: it does so on its first busy day."""

    name, share = "rollover", 1.0
    summary = "16-bit totals run over on the first busy day (share of 16-bit counters)"

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        first = transmissions[0]
        is_16_bit = has_totals(first) and first.sensor.counter_bits == _ROLLOVER_BITS
        if not is_16_bit or not self.strikes(*first.device):
            return transmissions
        if first.device not in self._offset:
            totals, near_top = _totals(first.observation), _top(first.sensor) - _BEFORE_TOP
            self._offset[first.device] = Counted(near_top - totals.entries, near_top - totals.exits)
        changed = [self._shift(transmission) for transmission in transmissions]
        entries = [_totals(transmission.observation).entries for transmission in changed]
        self.note(day, first, sum(later < earlier for earlier, later in pairwise(entries)))
        return changed
