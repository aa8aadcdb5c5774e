"""One look at the store: the hubs as they stand and their last days, read once for all who ask.

usage.Queries -> Look (the estate at one moment, read as pages ask for it) -> dashboards.web.snapshot
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol, TypeVar

from dashboards.web.ahead import IN_TURN, Ahead
from dashboards.web.days import Day
from schemas import Estate, Kind
from schemas.localtime import from_ns
from stores.protocol import Store, StoreError
from usage import HubCalendar, Queries
from usage.attention.doubts import Doubt
from usage.attention.silences import Silence
from usage.attention.strays import StrayDoor, stray_doors
from usage.health import Case, open_cases
from usage.notes import Note
from usage.plan import HubPlan
from usage.queries import HubState, IngestState, ZoneFigures
from usage.queries.usual import UsualSoFar
from usage.rollup import Figures, has_data

DAYS = 30
"""Days before today that the board shows."""
FIGURES = (
    *("entries", "entries_open", "people_state", "footfall_completeness", "open_minutes", "final", "occupancy_drift"),
    *("wifi_peak_clients", "temperature_min_c", "temperature_max_c", "relative_humidity_mean_pct", "pressure_mean_hpa"),
    *("co2_mean_ppm", "co2_max_ppm", "person_hours_over_limit"),
)
"""What pages of all hubs show of a day; a hub's own page shows the others, too."""
ZONE_FIGURES = ("mould_index",)
"""Likewise of a zone's day."""

_A_DAY = timedelta(days=1)
_NO_FIGURES: Figures = {}
_Part = TypeVar("_Part")
_OfHub = TypeVar("_OfHub", bound="_Named")


class _Named(Protocol):
    @property
    def hub(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Usual:
    """How many people usually have come in today while the hub was open: by now, and until its doors' last readings.

    `counted` is to be held against today's `entries_open`; None where that is not to be compared.
    """

    by_now: float
    counted: float | None


@dataclass(frozen=True, slots=True)
class HubNow:
    """A hub as it stands: its state, its last 30 days and today, oldest first, and its zones today."""

    state: HubState
    days: tuple[Day, ...]
    zones: tuple[ZoneFigures, ...]
    silences: tuple[Silence, ...] = ()
    """Its silent counters, and those that send in part: the one that costs most first."""
    doubts: tuple[Doubt, ...] = ()
    """What the witnesses say against its counters on these days."""
    strays: tuple[StrayDoor, ...] = ()
    """Its doors that the estate file does not name, beside one that it does."""
    cases: tuple[Case, ...] = ()
    """What is unhealthy in it."""
    usual: Usual | None = None
    """How many people usually have come in; None where that is not known."""

    @property
    def inside(self) -> int | None:
        """How many people are in the building now; None where that can't be told."""
        return self.state.people_inside(self.today.figures)

    @property
    def today(self) -> Day:
        return self.days[-1]


@dataclass(frozen=True, slots=True)
class Standing:
    """How everything stands now."""

    states: tuple[HubState, ...]
    silences: Mapping[str, tuple[Silence, ...]]
    """By hub, the counters that are as silent now as when jobs looked at them last."""
    ingests: tuple[IngestState, ...]


@dataclass(frozen=True, slots=True)
class Figured:
    """The hubs with their days, and what is to be said of these."""

    hubs: tuple[HubNow, ...]
    to_compute: Mapping[str, int]
    on_other_midnights: frozenset[str]


class Look:
    """The store at one moment: a part is read when a page first asks for it, and once for all who do.

    A store that can't be read is not asked for another part: its StoreError is raised to all who ask.
    """

    def __init__(
        self, opened: Callable[[], AbstractContextManager[Store]], estate: Estate, now_ns: int, ahead: Ahead = IN_TURN
    ) -> None:
        self.estate, self.now_ns = estate, now_ns
        self._opened, self._ahead = opened, ahead
        self._lock = threading.RLock()
        self._jobs_run: tuple[bool | None] | None = None
        self._standing: Standing | None = None
        self._figured: Figured | None = None
        self._failure: StoreError | None = None

    @property
    def jobs_run(self) -> bool | None:
        """Raises StoreError."""
        with self._lock:
            self._jobs_run = self._jobs_run or self._read(_jobs_run)
            return self._jobs_run[0]

    @property
    def standing(self) -> Standing:
        """Raises StoreError."""
        with self._lock:
            self._standing = self._standing or _standing(*self._read(self._read_now))
            return self._standing

    @property
    def figured(self) -> Figured:
        """Raises StoreError."""
        with self._lock:
            if self._figured is None:
                found = self._read(self._read_figures)
                known = found.now if isinstance(found.now, Standing) else _standing(found.now, found.figures)
                self._standing, self._jobs_run = known, found.jobs_run
                self._figured = _figured(found, known, self.estate, self.now_ns)
            return self._figured

    def _read_now(self, queries: Queries) -> tuple[_Now, set[str]]:
        days = queries.stored_daily(*_around(self.now_ns), fields=("open_minutes",))
        return _Now.read(queries), {day.hub for day in days}

    def _read_figures(self, queries: Queries) -> _Found:
        return _Found.read(queries, self.estate, self.now_ns, self._standing or _Now.read(queries))

    def _read(self, part: Callable[[Queries], _Part]) -> _Part:
        if self._failure is None:
            try:
                with self._opened() as opened:
                    return self._ahead.together(
                        opened, lambda store: part(Queries(store, self.estate, now_ns=self.now_ns))
                    )
            except StoreError as error:
                self._failure = error
        raise self._failure.with_traceback(None)


def _jobs_run(queries: Queries) -> tuple[bool | None]:
    return (queries.jobs_run(),)


@dataclass(frozen=True, slots=True)
class _Now:
    """What is read of how everything stands; of `queries`, the sensors."""

    queries: Queries
    silences: Sequence[Silence]
    ingests: Sequence[IngestState]

    @classmethod
    def read(cls, queries: Queries) -> _Now:
        _ = queries.sensors
        return cls(queries, queries.stored_silences(), queries.ingests())


def _standing(now: _Now, counted: Collection[str]) -> Standing:
    """Of the estate file's hubs, those that were counted, and those that sent readings."""
    states = tuple(now.queries.hub_states(counted))
    silences = _by_hub(now.silences)
    quiet = {state.id: tuple(_still_quiet(state, silences[state.id])) for state in states if state.id in silences}
    return Standing(states, quiet, tuple(now.ingests))


@dataclass(frozen=True, slots=True)
class _Found:
    """What is read of the hubs and their days. That is all of it: what is made of it asks for nothing."""

    now: _Now | Standing
    """How everything stands, as it was read before or is read with the rest."""
    jobs_run: tuple[bool | None]
    figures: Mapping[str, Mapping[date, Figures]]
    first: Mapping[str, date]
    """Since when anything was measured, of the hubs that have figures."""
    missed: Mapping[tuple[str, date], int]
    notes: Sequence[Note]
    zones: Sequence[ZoneFigures]
    doubts: Sequence[Doubt]
    cases: Sequence[Case]
    usual: Mapping[str, UsualSoFar]
    to_compute: Mapping[str, int]
    on_other_midnights: Sequence[str]

    @classmethod
    def read(cls, queries: Queries, estate: Estate, now_ns: int, now: _Now | Standing) -> _Found:
        first, last = _around(now_ns)
        today = last - _A_DAY
        shown = today - DAYS * _A_DAY
        figures: dict[str, dict[date, Figures]] = defaultdict(dict)
        for row in queries.stored_daily(first, last, fields=FIGURES):
            figures[row.hub][row.date] = row.figures
        return cls(
            now=now,
            jobs_run=_jobs_run(queries),
            figures=figures,
            first={hub: _measured_from(queries, hub, rows) for hub, rows in figures.items()},
            missed=queries.stored_estimates(first, last),
            notes=queries.notes(first, last),
            zones=list(queries.stored_zones(today - _A_DAY, last, fields=ZONE_FIGURES)),
            doubts=queries.stored_doubts(shown, last),
            cases=open_cases(queries, estate),
            usual=queries.usual_so_far(),
            to_compute=queries.days_to_compute(shown, today),
            on_other_midnights=queries.on_other_midnights(shown, today),
        )


def _figured(found: _Found, standing: Standing, estate: Estate, now_ns: int) -> Figured:
    missed: dict[str, dict[date, int]] = defaultdict(dict)
    for (hub, day), people in found.missed.items():
        missed[hub][day] = people
    notes: dict[str, dict[date, list[str]]] = defaultdict(lambda: defaultdict(list))
    for note in found.notes:
        notes[note.hub][note.date].append(note.text)
    zones: dict[tuple[str, date], list[ZoneFigures]] = defaultdict(list)
    for zone in found.zones:
        zones[zone.hub, zone.date].append(zone)
    doubts, cases = _by_hub(found.doubts), _by_hub(found.cases)
    sensors = {state.id: state.sensors for state in standing.states}
    strays = _by_hub(stray_doors(sensors, estate, now_ns))
    return Figured(
        tuple(
            HubNow(
                state,
                tuple(_days(found, estate, state, missed[state.id], notes[state.id])),
                tuple(zones[state.id, state.now.date()]),
                standing.silences.get(state.id, ()),
                tuple(doubts.get(state.id, ())),
                tuple(strays.get(state.id, ())),
                tuple(cases.get(state.id, ())),
                _usual(found, estate, state),
            )
            for state in standing.states
        ),
        found.to_compute,
        frozenset(found.on_other_midnights),
    )


def _usual(found: _Found, estate: Estate, state: HubState) -> Usual | None:
    """What is usual so far; nothing is held against it while no jobs count on."""
    usual = found.usual.get(state.id)
    if usual is None:
        return None
    covered = found.figures.get(state.id, {}).get(state.now.date(), _NO_FIGURES).get("footfall_completeness")
    is_kept = found.jobs_run[0] is not False
    return Usual(usual.by_now, usual.counted(HubPlan.of(estate, state.id), state.sensors, covered) if is_kept else None)


def _around(now_ns: int) -> tuple[date, date]:
    """The dates that are read: a day more on either side, as a hub's zone may be a day away from UTC."""
    today = from_ns(now_ns).date()
    return today - (DAYS + 1) * _A_DAY, today + _A_DAY


def _by_hub(found: Iterable[_OfHub]) -> dict[str, list[_OfHub]]:
    by_hub: dict[str, list[_OfHub]] = {}
    for each in found:
        by_hub.setdefault(each.hub, []).append(each)
    return by_hub


def _still_quiet(state: HubState, silences: Sequence[Silence]) -> Iterator[Silence]:
    """Those of counters that are as silent now as when jobs looked at them last."""
    silent = {sensor.sensor for sensor in state.silent_sensors}
    return (silence for silence in silences if silence.is_silent == (silence.door in silent))


def _days(
    found: _Found,
    estate: Estate,
    state: HubState,
    missed: Mapping[date, int],
    notes: Mapping[date, Sequence[str]],
) -> Iterator[Day]:
    calendar, today = HubCalendar(estate, state.id), state.now.date()
    figures, first = found.figures.get(state.id, {}), found.first.get(state.id, today)
    door_silent = any(Kind.FOOTFALL in sensor.kinds for sensor in state.silent_sensors)
    shown = {day: figures.get(day, _NO_FIGURES) for day in (today - back * _A_DAY for back in range(DAYS, -1, -1))}
    is_counted = state.is_counted(shown.values())
    for day, row in shown.items():
        yield Day(
            date=day,
            opens=_opens(calendar, day, _NO_FIGURES if day == today else row),
            today=day == today,
            begun=day >= first,
            door_silent=door_silent and day == today,
            has_counter=state.has_counter if day == today else is_counted,
            figures=row,
            missed=missed.get(day),
            notes=tuple(notes.get(day, ())),
        )


def _measured_from(queries: Queries, hub: str, figures: Mapping[date, Figures]) -> date:
    """The first of the last 30 days on which anything was measured; today where nothing was before."""
    today = queries.today(hub)
    stored = sorted(day for day in figures if today - DAYS * _A_DAY <= day < today)
    known = next((day for day in stored if has_data(figures[day])), today)
    if not stored or stored[0] == known:
        return known
    # What is shown says nothing of a day before; what is not may, such as the minutes in which a room was damp.
    before = queries.stored_daily(stored[0], known - _A_DAY, hub=hub)
    return min((day.date for day in before if has_data(day.figures)), default=known)


def _opens(calendar: HubCalendar, day: date, row: Figures) -> bool:
    """Whether the hub is open on a day at all; the roll-up of a day that is over knows it already."""
    minutes = row.get("open_minutes")
    return calendar.opens(day) if minutes is None else minutes > 0
