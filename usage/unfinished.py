r"""Today of every hub, and the last days that are not closed or final as they should be: which are due, and computed.

    a hub that sent since, or whose last turn is five minutes ago -> its unfinished days -> neighbours they changed

So what time alone changes, such as the readings that a running day lacks, is five minutes old at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import NamedTuple

from schemas import Estate
from schemas.localtime import NS_A_SECOND
from usage.counters import Step
from usage.journal import Change, log_changes
from usage.queries.sensors import LastSeen
from usage.rollup import Rollup
from usage.rollup_writer import RollupWriter

SEEN_MAX_NS = 10 * NS_A_SECOND
"""So old may be what sensors were known to have sent, where today is computed right after how they are."""
STILL_NS = 300 * NS_A_SECOND
"""A hub that sent nothing has its turn so often, at full five minutes: days end, close and become final at such."""


_Computed = Iterable[tuple[Rollup, list[Change]]]


class _Turn(NamedTuple):
    """When a hub was computed, and what it had sent by then."""

    at_ns: int
    seen: LastSeen | None

    @property
    def may_lack(self) -> bool:
        """Whether there may have been a reading of that very moment, or of a clock ahead, that it left out."""
        return self.seen is not None and self.seen.time_ns >= self.at_ns - SEEN_MAX_NS


class Unfinished:
    """What is kept of each hub from one run to the next. `until_stopped` goes through work until it is cut short."""

    def __init__(self, until_stopped: Callable[[_Computed], _Computed], was_cut_short: Callable[[], bool]) -> None:
        self._until_stopped, self._was_cut_short = until_stopped, was_cut_short
        self._estate: Estate | None = None
        self._turns: dict[str, _Turn] = {}
        self._cross_midnight_steps: dict[str, dict[date, tuple[Step, ...]]] = {}
        self._waiting_days: dict[str, set[date]] = {}

    def begin(self, estate: Estate, has: Callable[[str], bool]) -> None:
        """A run begins: forget the hubs that are another process's by now, and what is of another estate."""
        if estate is not self._estate:
            self._estate = estate
            self._turns.clear()
        for hub in [hub for hub in self._waiting_days if not has(hub)]:
            del self._waiting_days[hub]
            self._cross_midnight_steps.pop(hub, None)
            self._turns.pop(hub, None)

    def is_due(self, hub: str, seen: LastSeen | None, now_ns: int) -> bool:
        """Whether anything may have changed since the hub's last turn."""
        last = self._turns.get(hub)
        return last is None or last.seen != seen or last.may_lack or last.at_ns // STILL_NS != now_ns // STILL_NS

    def recompute(self, writer: RollupWriter, seen: LastSeen | None, now_ns: int) -> None:
        """Compute the hub's unfinished days.

        A day over which a gap of totals is open comes again with the total that closes it, which shares its growth.
        """
        self._turns.pop(writer.hub, None)
        due = set(writer.unfinished(None if seen is None else seen.time_ns))
        waiting = self._waiting_days[writer.hub] = due & self._waiting_days.get(writer.hub, set())
        crossing_by_day: dict[date, tuple[Step, ...]] = {}
        neighbours: set[date] = set()
        for rollup, changes in self._until_stopped(writer.recompute(due - waiting)):
            log_changes(changes, writer.calendar)
            day = rollup.day.date
            if writer.waits_for_total(rollup):
                waiting.add(day)
            crossing_by_day[day] = rollup.cross_midnight_steps()
            if self._cross_midnight_steps.get(writer.hub, {}).get(day) != crossing_by_day[day]:
                neighbours |= writer.neighbour_days(rollup)
        for _, changes in self._until_stopped(writer.recompute(neighbours - crossing_by_day.keys())):
            log_changes(changes, writer.calendar)
        self._cross_midnight_steps[writer.hub] = crossing_by_day
        if not self._was_cut_short():
            self._turns[writer.hub] = _Turn(now_ns, seen)
