"""Counters whose totals don't simply grow: resets, rollovers, another device in their place.

What a reading says and what its counter noticed part here. `Observation.counted` keeps what can be told from the
totals before and after, and `fresh` says that nothing of before can be.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from schemas import Kind, Sensor
from simulators.devices import Observation, counted_moves, door_of
from simulators.faults.base import Duration, Fault, key_of
from simulators.hub import HubDay
from simulators.people import Counted
from simulators.transmissions import Transmission

_TELLING_RATIO = 12
"""A total must fall to less than a twelfth to look like a reset; else it could be a step back."""
_TOP_KEPT = 6000
"""A reset so near to a counter's top would look like a rollover."""


def has_totals(transmission: Transmission) -> bool:
    """Whether the series is that of a door counter with totals."""
    return transmission.kind is Kind.FOOTFALL and transmission.sensor.counter_bits is not None


def _totals(observation: Observation) -> Counted:
    return Counted(int(observation.fields["entries_total"]), int(observation.fields["exits_total"]))


def _with_totals(transmission: Transmission, totals: Counted) -> Transmission:
    top = 2 ** (transmission.sensor.counter_bits or 64)
    observation = transmission.observation
    fields = observation.fields | {"entries_total": totals.entries % top, "exits_total": totals.exits % top}
    return transmission._replace(observation=observation._replace(fields=fields))


def _begin_again(transmission: Transmission, counted: Counted) -> Transmission:
    """What the counter can tell begins here, with `counted`."""
    return transmission._replace(observation=transmission.observation._replace(counted=counted, fresh=True))


class _Shifted(Fault):
    """Totals with an offset that the fault sets anew when it strikes."""

    def __init__(self, *, seed: int, share: float | None = None) -> None:
        super().__init__(seed=seed, share=share)
        self._offset: dict[tuple[str, str], Counted] = {}

    def _shift(self, transmission: Transmission) -> Transmission:
        offset = self._offset.get(key_of(transmission))
        if offset is None:
            return transmission
        totals = _totals(transmission.observation)
        return _with_totals(transmission, Counted(totals.entries + offset.entries, totals.exits + offset.exits))


class _Reset(_Shifted):
    """Totals that begin again at nought at some instants, from a total that is high enough to tell."""

    least_total: int

    def _reset(
        self, day: HubDay, transmissions: list[Transmission], at_ns: Callable[[Transmission], int | None], detail: str
    ) -> list[Transmission]:
        first = transmissions[0]
        reset_ns = at_ns(first) if has_totals(first) else None
        changed = []
        before = None
        for transmission in transmissions:
            kept = self._shift(transmission)
            if reset_ns is not None and transmission.observation.time_ns > reset_ns:
                since = _since(day, transmission, reset_ns)
                reset_ns = None
                old = _totals((before or kept).observation)
                if min(old) >= self.least_total and _is_told(old, since, first.sensor):
                    now = _totals(transmission.observation)
                    self._offset[key_of(transmission)] = Counted(since.entries - now.entries, since.exits - now.exits)
                    kept = _begin_again(self._shift(transmission), since)
                    self.note(day, transmission, 1, detail)
            before = kept
            changed.append(kept)
        return changed


def _since(day: HubDay, transmission: Transmission, reset_ns: int) -> Counted:
    """What the counter noticed from its reset to this reading."""
    moves = [
        counted
        for time_ns, counted in counted_moves(day.visits, door_of(day.hub, transmission.sensor))
        if reset_ns < time_ns <= transmission.observation.time_ns
    ]
    return Counted(sum(c.entries for c in moves), sum(c.exits for c in moves))


def _is_told(old: Counted, new: Counted, sensor: Sensor) -> bool:
    """Whether the totals before and after can only mean a reset."""
    top = 2 ** (sensor.counter_bits or 64)
    return all(
        (before == after == 0) or (before > _TELLING_RATIO * after and before < top - _TOP_KEPT)
        for before, after in zip(old, new, strict=True)
    )


class CounterResetMidnight(_Reset):
    """A counter that starts its day at nought, by the clock on the wall."""

    name = "counter-reset-midnight"
    share = 0.5
    summary = "totals begin again at each local midnight (share of counters with totals)"
    least_total = 0

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        def at_ns(first: Transmission) -> int | None:
            return day.bounds.start_ns if self.strikes(*key_of(first)) else None

        return self._reset(day, transmissions, at_ns, "at midnight")


class CounterResetReboot(_Reset):
    """A counter that loses its totals when its power fails."""

    name = "counter-reset-reboot"
    share = 0.1
    summary = "totals begin again after a power cut (share of counter days)"
    least_total = 1500
    """So many that even after days of silence the new total stays below it."""

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        def at_ns(first: Transmission) -> int | None:
            windows = self.windows(Duration(1, 1), day.day, *key_of(first))
            return windows[0].start_ns if windows else None

        return self._reset(day, transmissions, at_ns, "after a power cut")


class Rollover(_Shifted):
    """A 16-bit counter on the point of running over: it does so on its first busy day."""

    name = "rollover"
    share = 1.0
    summary = "16-bit totals run over on the first busy day (share of 16-bit counters)"
    _BEFORE_TOP = 25

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        first = transmissions[0]
        if not has_totals(first) or first.sensor.counter_bits != 16 or not self.strikes(*key_of(first)):  # noqa: PLR2004
            return transmissions
        if key_of(first) not in self._offset:
            totals, near_top = _totals(first.observation), 2**16 - self._BEFORE_TOP
            self._offset[key_of(first)] = Counted(near_top - totals.entries, near_top - totals.exits)
        changed = [self._shift(transmission) for transmission in transmissions]
        entries = [_totals(transmission.observation).entries for transmission in changed]
        self.note(day, first, sum(later < earlier for earlier, later in pairwise(entries)))
        return changed


class SwappedDevice(_Shifted):
    """Another device takes the sensor's place, with totals of its own from wherever it was before."""

    name = "swapped-device"
    share = 0.05
    summary = "another device with its own totals takes a counter's place (share of counter days)"
    _ELSEWHERE = 20_000

    def apply(self, day: HubDay, transmissions: list[Transmission]) -> list[Transmission]:
        first = transmissions[0]
        if not has_totals(first):
            return transmissions
        windows = self.windows(Duration(1, 1), day.day, *key_of(first))
        swap_ns = windows[0].start_ns if windows else None
        changed = []
        for transmission in transmissions:
            if swap_ns is not None and transmission.observation.time_ns > swap_ns:
                swap_ns = None
                self._offset[key_of(transmission)] = self._other(self._shift(transmission), transmission)
                kept = _begin_again(self._shift(transmission), Counted(0, 0))
                self.note(day, transmission, 1)
            else:
                kept = self._shift(transmission)
            changed.append(kept)
        return changed

    def _other(self, shifted: Transmission, plain: Transmission) -> Counted:
        """An offset that puts both totals far from where they stood, above where there is room and below otherwise."""
        top = 2 ** (plain.sensor.counter_bits or 64)
        entries, exits = (
            (old + self._ELSEWHERE if old + 2 * self._ELSEWHERE < top else old - self._ELSEWHERE) - now
            for old, now in zip(_totals(shifted.observation), _totals(plain.observation), strict=True)
        )
        return Counted(entries, exits)
