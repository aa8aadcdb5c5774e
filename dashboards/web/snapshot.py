"""What the board's pages show of all hubs, read once for all who ask within a few seconds.

    dashboards.web.look.Look -> Snapshot (what a visitor sees of it) -> pages

Only roll-ups and the latest reading of each series are read, so a page costs the same after a year; and of these what a
page asks for.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from dashboards.operations.set_aside import Refused
from dashboards.web.ahead import IN_TURN, Ahead
from dashboards.web.beside import BesideSource
from dashboards.web.days import Day, EstateDay, add_up
from dashboards.web.look import HubNow, Look
from ingest.onboarding import PendingDevice
from schemas import Estate
from schemas.localtime import from_ns
from stores.protocol import Store
from usage.attention.silences import Silence
from usage.queries import HubState, IngestState
from usage.rollup import has_data


@dataclass(frozen=True, slots=True)
class Told:
    """What is told beside the figures: what files and the broker lost, which hubs are held back, what is set aside.

    `pending` and `refused` are None where ingest has its data folder on another host.
    """

    missing: Callable[[], Sequence[str]] = tuple
    held_back: Callable[[], Sequence[str]] = tuple
    pending: Callable[[], Sequence[PendingDevice] | None] = lambda: None
    refused: Callable[[], Refused | None] = lambda: None


class Snapshot:
    """What a visitor sees of a look: of all hubs, or of some alone, and then nothing that is of all.

    What comes from the store may raise StoreError.
    """

    def __init__(self, look: Look, told: Told, hubs: Collection[str] | None = None) -> None:
        self._look, self._told, self._hubs = look, told, hubs
        self.name = look.estate.name
        self.now: datetime = from_ns(look.now_ns).astimezone(ZoneInfo(look.estate.timezone))

    def of(self, hubs: Collection[str] | None) -> Snapshot:
        """The same for somebody who sees these hubs alone; None for every hub."""
        return self if hubs is None else Snapshot(self._look, self._told, hubs)

    def _sees(self, hub: str) -> bool:
        return self._hubs is None or hub in self._hubs

    @property
    def names(self) -> dict[str, str]:
        """The hubs' names, of those that the estate file gives one."""
        return {hub.id: hub.name for hub in self._look.estate.hubs if hub.name and self._sees(hub.id)}

    @property
    def jobs_run(self) -> bool | None:
        """Whether jobs keep the figures up to date; None where none ever did."""
        return self._look.jobs_run

    @cached_property
    def states(self) -> tuple[HubState, ...]:
        """The hubs now, without their days."""
        return tuple(state for state in self._look.standing.states if self._sees(state.id))

    @property
    def silences(self) -> Mapping[str, tuple[Silence, ...]]:
        """By hub: its silent counters, and those that send in part, the one that costs most first."""
        return {hub: found for hub, found in self._look.standing.silences.items() if self._sees(hub)}

    @property
    def ingests(self) -> tuple[IngestState, ...]:
        """How each ingest last said that it is."""
        return self._look.standing.ingests if self._hubs is None else ()

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """What is missing from files that were damaged or gone, and what the broker lost."""
        return tuple(self._told.missing()) if self._hubs is None else ()

    @cached_property
    def held_back(self) -> tuple[str, ...]:
        """Which hubs send more than their limits."""
        return tuple(self._told.held_back()) if self._hubs is None else ()

    @cached_property
    def hubs(self) -> tuple[HubNow, ...]:
        """The hubs with their days."""
        return tuple(hub for hub in self._look.figured.hubs if self._sees(hub.state.id))

    @property
    def on_other_midnights(self) -> frozenset[str]:
        """Ids of hubs whose stored days are of another time zone than the estate's."""
        return frozenset(filter(self._sees, self._look.figured.on_other_midnights))

    @property
    def days_to_compute(self) -> int:
        """How many hub days of the last 30 that are shown still wait to be computed."""
        return sum(days for hub, days in self._look.figured.to_compute.items() if self._sees(hub))

    @property
    def empty(self) -> bool:
        """Whether no reading was ever received and nothing was counted."""
        return not any(
            hub.state.last_seen_ns is not None or hub.days[-2].begun or has_data(hub.today.figures) for hub in self.hubs
        )

    def hub(self, hub_id: str) -> HubNow | None:
        return next((hub for hub in self.hubs if hub.state.id == hub_id), None)

    @cached_property
    def days(self) -> tuple[EstateDay, ...]:
        """The estate's days, oldest first. Hubs in other zones are taken by their own dates."""
        by_date: dict[date, list[Day]] = defaultdict(list)
        notes: dict[date, list[str]] = defaultdict(list)
        for hub in self.hubs:
            for day in hub.days:
                by_date[day.date].append(day)
                notes[day.date] += (f"{hub.state.name}: {text}" for text in day.notes)
        return tuple(add_up(by_date[day], notes[day]) for day in sorted(by_date))


KEPT_FOR_READ = 10
"""So many times as long as it took to read is a look kept: of thousands of hubs reading takes 10 s of a core."""


class SnapshotSource:
    """Gives the look of the last few seconds, and a new one after that; its StoreError lasts as long."""

    def __init__(
        self,
        *,
        open_store: Callable[[], Store],
        estate: Callable[[], Estate],
        clock_ns: Callable[[], int],
        max_age_s: float,
        told: Told,
        ahead: Ahead = IN_TURN,
        timer_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._timer_ns, self._ahead = timer_ns, ahead
        self._open_store, self._estate, self._clock_ns = open_store, estate, clock_ns
        self.beside = BesideSource(open_store, estate, clock_ns, ahead)
        self.told = told
        self._max_age_ns = int(max_age_s * 1e9)
        self._lock = threading.Lock()
        self._taken_ns = 0
        self._read_ns = 0
        self._taken: Snapshot | None = None

    def get(self) -> Snapshot:
        """Nothing is read yet."""
        with self._lock:
            now_ns = self._clock_ns()
            kept_ns = max(self._max_age_ns, KEPT_FOR_READ * self._read_ns)
            if self._taken is None or not 0 <= now_ns - self._taken_ns <= kept_ns:
                look = Look(self._reading, self._estate(), now_ns, self._ahead)
                self._taken, self._taken_ns, self._read_ns = Snapshot(look, self.told), now_ns, 0
            return self._taken

    @contextmanager
    def _reading(self) -> Iterator[Store]:
        """A store to read from, timed."""
        began_ns = self._timer_ns()
        with closing(self._open_store()) as store:
            yield store
        self._read_ns += self._timer_ns() - began_ns


def take(store: Store, estate: Estate, now_ns: int) -> Snapshot:
    """A snapshot that reads from an open store, which stays the caller's to close."""
    return Snapshot(Look(lambda: nullcontext(store), estate, now_ns), Told())
