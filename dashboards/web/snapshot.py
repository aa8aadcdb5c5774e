"""One look at the store: everything that the board's pages show, read once for all who ask within a few seconds.

    usage.Queries: stored roll-ups (31 days, all hubs), hub states -> Snapshot -> pages

Only roll-ups and the latest reading of each series are read, so a page costs the same after a year.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from dashboards.operations.set_aside import Refused
from dashboards.web.beside import BesideSource
from dashboards.web.days import Day, EstateDay, add_up
from ingest.onboarding import PendingDevice
from schemas import Estate, Kind
from schemas.localtime import NS_AN_HOUR, Span, from_ns
from stores.protocol import Store, StoreError
from usage import HubCalendar, Queries
from usage.attention.doubts import Doubt
from usage.attention.silences import Silence
from usage.attention.strays import StrayDoor, stray_doors
from usage.health import Case, open_cases
from usage.queries import HubState, IngestState, ZoneFigures
from usage.rollup import Figures, has_data

DAYS = 30
"""Days before today that the board shows."""

_A_DAY, _A_WEEK = timedelta(days=1), timedelta(days=7)
_NO_FIGURES: Figures = {}


@dataclass(frozen=True, slots=True)
class Hour:
    """People entering in one clock hour of today and of a week ago; None: not counted, or yet to come."""

    start: datetime
    entries: int | None
    week_ago: int | None
    usual: float | None = None
    """How many usually come in the hour, by the profile; None where it knows of none."""


@dataclass(frozen=True, slots=True)
class HubNow:
    """A hub as it stands: its state, its last 30 days and today, oldest first, today's hours, and its zones today."""

    state: HubState
    days: tuple[Day, ...]
    hours: tuple[Hour, ...]
    zones: tuple[ZoneFigures, ...]
    silences: tuple[Silence, ...] = ()
    """Its silent counters, and those that send in part: the one that costs most first."""
    doubts: tuple[Doubt, ...] = ()
    """What the witnesses say against its counters on these days."""
    strays: tuple[StrayDoor, ...] = ()
    """Its doors that the estate file does not name, beside one that it does."""
    cases: tuple[Case, ...] = ()
    """What is unhealthy in it."""
    usual: int | None = None
    """How many people usually have come in by now; None where that is not known."""

    @property
    def inside(self) -> int | None:
        """How many people are in the building now; None where that can't be told."""
        return self.state.people_inside(self.today.figures)

    @property
    def today(self) -> Day:
        return self.days[-1]


@dataclass(frozen=True)
class Snapshot:
    """The estate at one moment."""

    name: str
    now: datetime
    hubs: tuple[HubNow, ...]
    missing: tuple[str, ...] = ()
    """What is missing from files that were damaged or gone, and what the broker lost."""
    held_back: tuple[str, ...] = ()
    """Which hubs send more than their limits."""
    ingests: tuple[IngestState, ...] = ()
    """How each ingest last said that it is."""
    to_compute: Mapping[str, int] = field(default_factory=dict)
    """How many days of the last 30 still wait to be computed, by hub."""
    jobs_run: bool | None = True
    """Whether jobs keep the figures up to date; None where none ever did."""
    on_other_midnights: frozenset[str] = frozenset()
    """Ids of hubs whose stored days are of another time zone than the estate's."""

    @property
    def empty(self) -> bool:
        """Whether no reading was ever received and nothing was counted."""
        return not any(
            hub.state.last_seen_ns is not None or has_data(day.figures) for hub in self.hubs for day in hub.days
        )

    def of(self, hubs: Collection[str] | None) -> Snapshot:
        """The same for somebody who sees these hubs alone, and so nothing that is of all; None for every hub."""
        if hubs is None:
            return self
        seen = tuple(hub for hub in self.hubs if hub.state.id in hubs)
        to_compute = {hub: days for hub, days in self.to_compute.items() if hub in hubs}
        other = self.on_other_midnights & frozenset(hubs)
        return Snapshot(
            self.name, self.now, seen, to_compute=to_compute, jobs_run=self.jobs_run, on_other_midnights=other
        )

    @property
    def days_to_compute(self) -> int:
        """How many hub days that are shown still wait to be computed."""
        return sum(self.to_compute.values())

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


@dataclass(frozen=True, slots=True)
class Told:
    """What is told beside the figures: what files and the broker lost, which hubs are held back, what is set aside.

    `pending` and `refused` are None where ingest has its data folder on another host.
    """

    missing: Callable[[], Sequence[str]] = tuple
    held_back: Callable[[], Sequence[str]] = tuple
    pending: Callable[[], Sequence[PendingDevice] | None] = lambda: None
    refused: Callable[[], Refused | None] = lambda: None


class SnapshotSource:
    """Gives the snapshot of the last few seconds; the first to ask after that reads a new one while others wait.

    A store that can't be read is not asked again for as long either: its StoreError is raised to all who ask.
    """

    def __init__(
        self,
        *,
        open_store: Callable[[], Store],
        estate: Callable[[], Estate],
        clock_ns: Callable[[], int],
        max_age_s: float,
        told: Told,
    ) -> None:
        self._open_store, self._estate, self._clock_ns = open_store, estate, clock_ns
        self.beside = BesideSource(open_store, estate, clock_ns)
        self.told = told
        self._max_age_ns = int(max_age_s * 1e9)
        self._lock = threading.Lock()
        self._taken_ns: int | None = None
        self._taken: Snapshot | StoreError | None = None

    def get(self) -> Snapshot:
        """Raises StoreError."""
        with self._lock:
            now_ns = self._clock_ns()
            if self._taken is None or self._taken_ns is None or not 0 <= now_ns - self._taken_ns <= self._max_age_ns:
                self._taken = self._take(now_ns)
                self._taken_ns = now_ns
            if isinstance(self._taken, StoreError):
                raise self._taken.with_traceback(None)
            return self._taken

    def _take(self, now_ns: int) -> Snapshot | StoreError:
        try:
            with closing(self._open_store()) as store:
                found = take(store, self._estate(), now_ns)
                return replace(found, missing=tuple(self.told.missing()), held_back=tuple(self.told.held_back()))
        except StoreError as error:
            return error


def take(store: Store, estate: Estate, now_ns: int) -> Snapshot:
    """Read a snapshot. Raises StoreError."""
    queries = Queries(store, estate, now_ns=now_ns)
    today = from_ns(now_ns).date()
    figures: dict[str, dict[date, Figures]] = defaultdict(dict)
    # A day more on either side: a hub's zone may be a day away from UTC.
    for row in queries.stored_daily(today - (DAYS + 1) * _A_DAY, today + _A_DAY):
        figures[row.hub][row.date] = row.figures
    missed: dict[str, dict[date, int]] = defaultdict(dict)
    for (hub, day), people in queries.stored_estimates(today - (DAYS + 1) * _A_DAY, today + _A_DAY).items():
        missed[hub][day] = people
    notes: dict[str, dict[date, list[str]]] = defaultdict(lambda: defaultdict(list))
    for note in queries.notes(today - (DAYS + 1) * _A_DAY, today + _A_DAY):
        notes[note.hub][note.date].append(note.text)
    silences: dict[str, list[Silence]] = defaultdict(list)
    for silence in queries.stored_silences():
        silences[silence.hub].append(silence)
    doubts: dict[str, list[Doubt]] = defaultdict(list)
    for doubt in queries.stored_doubts(today - DAYS * _A_DAY, today + _A_DAY):
        doubts[doubt.hub].append(doubt)
    cases: dict[str, list[Case]] = defaultdict(list)
    for case in open_cases(queries, estate):
        cases[case.hub].append(case)
    strays: dict[str, list[StrayDoor]] = defaultdict(list)
    for stray in stray_doors(queries.sensors, estate, now_ns):
        strays[stray.hub].append(stray)
    usual = queries.usual_so_far()
    hours = _hourly_entries(queries, now_ns)
    zones: dict[tuple[str, date], list[ZoneFigures]] = defaultdict(list)
    for zone in queries.stored_zones(today - _A_DAY, today + _A_DAY):
        zones[zone.hub, zone.date].append(zone)
    return Snapshot(
        name=estate.name,
        now=from_ns(now_ns).astimezone(ZoneInfo(estate.timezone)),
        hubs=tuple(
            replace(
                _hub_now(
                    estate,
                    state,
                    figures.get(state.id, {}),
                    missed.get(state.id, {}),
                    notes.get(state.id, {}),
                    hours.get(state.id, {}),
                    tuple(zones[state.id, state.now.date()]),
                ),
                silences=tuple(_still_quiet(state, silences[state.id])),
                doubts=tuple(doubts[state.id]),
                strays=tuple(strays[state.id]),
                cases=tuple(cases[state.id]),
                usual=usual.get(state.id),
            )
            for state in queries.hub_states(figures)
        ),
        ingests=tuple(queries.ingests()),
        to_compute=queries.days_to_compute(today - DAYS * _A_DAY, today),
        jobs_run=queries.jobs_run(),
        on_other_midnights=frozenset(queries.on_other_midnights(today - DAYS * _A_DAY, today)),
    )


def _still_quiet(state: HubState, silences: Sequence[Silence]) -> Iterator[Silence]:
    """Those of counters that are as silent now as when jobs looked at them last."""
    silent = {sensor.sensor for sensor in state.silent_sensors}
    return (silence for silence in silences if silence.is_silent == (silence.door in silent))


def _hourly_entries(queries: Queries, now_ns: int) -> dict[str, dict[int, int]]:
    """People entering by hub and start of the hour: of the last day and of the one a week before."""
    day_ns = 24 * NS_AN_HOUR
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for span in (Span(now_ns - 9 * day_ns, now_ns - 5 * day_ns), Span(now_ns - 2 * day_ns, now_ns + 1)):
        for hub, rows in queries.stored_hourly(span, fields=("entries", "open_minutes")).items():
            entries = {time_ns: row["entries"] for time_ns, row in rows.items()}
            found[hub] |= {time_ns: int(count) for time_ns, count in entries.items() if count is not None}
    return found


def _hub_now(
    estate: Estate,
    state: HubState,
    figures: Mapping[date, Figures],
    missed: Mapping[date, int],
    notes: Mapping[date, Sequence[str]],
    entries: Mapping[int, int],
    zones: tuple[ZoneFigures, ...],
) -> HubNow:
    calendar, today = HubCalendar(estate, state.id), state.now.date()
    dates = [today - back * _A_DAY for back in range(DAYS, -1, -1)]
    first = next((day for day in dates if has_data(figures.get(day, _NO_FIGURES))), today)
    door_silent = any(Kind.FOOTFALL in sensor.kinds for sensor in state.silent_sensors)
    days = tuple(
        Day(
            date=day,
            opens=_opens(calendar, day, _NO_FIGURES if day == today else figures.get(day, _NO_FIGURES)),
            today=day == today,
            begun=day >= first,
            door_silent=door_silent and day == today,
            has_counter=state.has_counter,
            figures=figures.get(day, _NO_FIGURES),
            missed=missed.get(day),
            notes=tuple(notes.get(day, ())),
        )
        for day in dates
    )
    return HubNow(state, days, _hours(calendar, entries, today), zones)


def _opens(calendar: HubCalendar, day: date, row: Figures) -> bool:
    """Whether the hub is open on a day at all; the roll-up of a day that is over knows it already."""
    minutes = row.get("open_minutes")
    return calendar.opens(day) if minutes is None else minutes > 0


def _hours(calendar: HubCalendar, entries: Mapping[int, int], today: date) -> tuple[Hour, ...]:
    """Today's clock hours. A week ago's is found by the time on the clock, which a clock change may have moved."""
    before = {
        _clock_time(span.start_ns, calendar.zone): entries.get(span.start_ns)
        for span in calendar.day(today - _A_WEEK).hours
    }
    return tuple(
        Hour(
            start=from_ns(span.start_ns).astimezone(calendar.zone),
            entries=entries.get(span.start_ns),
            week_ago=before.get(_clock_time(span.start_ns, calendar.zone)),
        )
        for span in calendar.day(today).hours
    )


@lru_cache(maxsize=1024)
def _clock_time(time_ns: int, zone: ZoneInfo) -> time:
    return from_ns(time_ns).astimezone(zone).time()
