"""One look at the store: everything that the board's pages show, read once for all who ask within a few seconds.

    store -- usage_daily (31 days, all hubs) --\
          -- latest reading of each series -----+-> Snapshot -> pages

Only roll-ups and the last point of each series are read, never raw readings, so a page costs the same after a year.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from time import time_ns as system_clock_ns
from zoneinfo import ZoneInfo

from dashboards import opening
from dashboards.daily import read_daily
from dashboards.days import Day, EstateDay, add_up
from schemas import Estate, Hub, Kind, Sensor
from schemas.localtime import NS_A_SECOND, from_ns
from stores.protocol import Number, Store, StoreError
from usage.calendar import HubCalendar
from usage.status import SILENT_INTERVALS, SILENT_UNKNOWN_NS

DAYS = 30
"""Days before today that the board shows."""

_DAY_NS = 86_400 * NS_A_SECOND
_OF_EVERY_DAY = frozenset({"open_minutes", "completeness", "final", "revision"})
_SHOWN = (Kind.FOOTFALL, Kind.WIFI, Kind.TEMPERATURE, Kind.HUMIDITY, Kind.CO2, Kind.PRESSURE)


@dataclass(frozen=True, slots=True)
class SensorNow:
    """A sensor's last values and when it was last seen (local time); None where it never was."""

    id: str
    zone: str | None
    kinds: frozenset[Kind]
    last_seen: datetime | None
    silent: bool
    values: Mapping[str, Number]


@dataclass(frozen=True, slots=True)
class Hour:
    """People entering in one clock hour of today and of a week ago; None: not counted, or yet to come."""

    start: datetime
    entries: int | None
    week_ago: int | None


@dataclass(frozen=True, slots=True)
class HubNow:
    """A hub as it stands: its last 30 days and today, oldest first, today's hours, and its sensors."""

    id: str
    name: str
    sea_level: bool
    """Whether the daily pressure is reduced to sea level: the hub's altitude is known."""
    now: datetime
    opening: opening.OpenNow
    days: tuple[Day, ...]
    hours: tuple[Hour, ...]
    sensors: tuple[SensorNow, ...]

    @property
    def today(self) -> Day:
        return self.days[-1]

    @property
    def last_seen(self) -> datetime | None:
        """When any of its sensors was last seen."""
        return max((sensor.last_seen for sensor in self.sensors if sensor.last_seen), default=None)

    @property
    def silent_sensors(self) -> tuple[SensorNow, ...]:
        return tuple(sensor for sensor in self.sensors if sensor.silent)

    def value(self, name: str) -> float | None:
        """The hub's value of a field now, over the sensors that are not silent: the highest CO2, the mean of others."""
        values = [sensor.values[name] for sensor in self.sensors if name in sensor.values and not sensor.silent]
        if not values:
            return None
        return max(values) if name == "co2_ppm" else sum(values) / len(values)

    def wifi_now(self) -> int | None:
        """Wi-Fi clients connected now, over all access points that are not silent."""
        values = [s.values["clients"] for s in self.sensors if "clients" in s.values and not s.silent]
        return int(sum(values)) if values else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The estate at one moment."""

    name: str
    now: datetime
    hubs: tuple[HubNow, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing was ever received or counted."""
        return not any(hub.last_seen or _measured(day.figures) for hub in self.hubs for day in hub.days)

    def hub(self, hub_id: str) -> HubNow | None:
        return next((hub for hub in self.hubs if hub.id == hub_id), None)

    @property
    def days(self) -> tuple[EstateDay, ...]:
        """The estate's days, oldest first. Hubs in other zones are taken by their own dates."""
        by_date: dict[date, list[Day]] = defaultdict(list)
        for hub in self.hubs:
            for day in hub.days:
                by_date[day.date].append(day)
        return tuple(add_up(by_date[day]) for day in sorted(by_date))


class SnapshotSource:
    """Gives the snapshot of the last few seconds; the first to ask after that reads a new one while others wait.

    A store that can't be read is not asked again for as long either: its StoreError is raised to all who ask.
    """

    def __init__(
        self,
        *,
        open_store: Callable[[], Store],
        estate: Callable[[], Estate],
        clock_ns: Callable[[], int] = system_clock_ns,
        max_age_s: float = 5,
    ) -> None:
        self._open_store, self._estate, self._clock_ns = open_store, estate, clock_ns
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
                return take(store, self._estate(), now_ns)
        except StoreError as error:
            return error


def take(store: Store, estate: Estate, now_ns: int) -> Snapshot:
    """Read a snapshot. Raises StoreError."""
    figures = _daily_figures(store, estate, now_ns)
    hours = _hourly_entries(store, now_ns)
    series = _latest(store, now_ns)
    named = {hub.id: hub for hub in estate.hubs}
    found = sorted({hub for hub, _ in figures} | set(series))
    hubs = [*named, *(hub for hub in found if hub not in named)]
    return Snapshot(
        name=estate.name,
        now=from_ns(now_ns).astimezone(ZoneInfo(estate.timezone)),
        hubs=tuple(_hub_now(estate, named.get(hub), hub, _Read(figures, hours, series), now_ns) for hub in hubs),
    )


_Figures = Mapping[tuple[str, date], Mapping[str, Number | None]]
_Series = Mapping[str, Mapping[str, list["_Last"]]]
"""The last point of each series by hub and sensor."""


@dataclass(frozen=True, slots=True)
class _Last:
    kind: Kind
    zone: str | None
    time_ns: int
    values: Mapping[str, Number]


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of the store."""

    figures: _Figures
    hours: Mapping[str, Mapping[int, int]]
    series: _Series


def _hourly_entries(store: Store, now_ns: int) -> dict[str, dict[int, int]]:
    """People entering by hub and start of the hour: of the last day and of the one a week before."""
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for back in (7, 0):
        stop_ns = now_ns + (2 * _DAY_NS if back else 1) - back * _DAY_NS
        for run in store.read("usage_hourly", start_ns=now_ns - (back + 2) * _DAY_NS, stop_ns=stop_ns):
            for time_ns, entries in zip(run.times_ns, run.columns.get("entries", ()), strict=False):
                if entries is not None:
                    found[run.tags["hub"]][time_ns] = int(entries)
    return found


def _hours(calendar: HubCalendar, entries: Mapping[int, int], today: date) -> tuple[Hour, ...]:
    """Today's clock hours. A week ago's is found by the time on the clock, which a clock change may have moved."""
    before = {
        _clock_time(span.start_ns, calendar): entries.get(span.start_ns)
        for span in calendar.day(today - timedelta(days=7)).hours
    }
    return tuple(
        Hour(
            start=from_ns(span.start_ns).astimezone(calendar.zone),
            entries=entries.get(span.start_ns),
            week_ago=before.get(_clock_time(span.start_ns, calendar)),
        )
        for span in calendar.day(today).hours
    )


def _clock_time(time_ns: int, calendar: HubCalendar) -> time:
    return from_ns(time_ns).astimezone(calendar.zone).time()


def _daily_figures(store: Store, estate: Estate, now_ns: int) -> _Figures:
    today = from_ns(now_ns).date()
    # A day more on either side: a hub's zone may be a day away from UTC.
    first, last = today - timedelta(days=DAYS + 1), today + timedelta(days=1)
    return {(row.hub, row.date): row.figures for row in read_daily(store, estate, first, last)}


def _latest(store: Store, now_ns: int) -> _Series:
    series: dict[str, dict[str, list[_Last]]] = defaultdict(lambda: defaultdict(list))
    for kind in _SHOWN:
        for run in store.latest(kind.value, before_ns=now_ns + 1):
            values = {name: column[0] for name, column in run.columns.items() if column[0] is not None}
            last = _Last(kind, run.tags.get("zone"), run.times_ns[0], values)
            if last.time_ns >= now_ns - DAYS * _DAY_NS:
                series[run.tags["hub"]][run.tags["sensor"]].append(last)
    return series


def _hub_now(estate: Estate, hub: Hub | None, hub_id: str, read: _Read, now_ns: int) -> HubNow:
    calendar = HubCalendar(estate, hub_id)
    now = from_ns(now_ns).astimezone(calendar.zone)
    sensors = _sensors(hub, read.series.get(hub_id, {}), now)
    return HubNow(
        id=hub_id,
        name=(hub.name if hub else "") or hub_id,
        sea_level=hub is not None and hub.altitude_m is not None,
        now=now,
        opening=opening.open_now(calendar, now),
        days=_days(calendar, hub_id, read.figures, now.date(), sensors),
        hours=_hours(calendar, read.hours.get(hub_id, {}), now.date()),
        sensors=sensors,
    )


def _days(
    calendar: HubCalendar,
    hub_id: str,
    figures: _Figures,
    today: date,
    sensors: Sequence[SensorNow],
) -> tuple[Day, ...]:
    dates = [today - timedelta(days=back) for back in range(DAYS, -1, -1)]
    first = next((day for day in dates if _measured(figures.get((hub_id, day), {}))), today)
    door_silent = any(sensor.silent for sensor in sensors if Kind.FOOTFALL in sensor.kinds)
    return tuple(
        Day(
            date=day,
            opens=bool(calendar.day(day).open),
            today=day == today,
            begun=day >= first,
            door_silent=door_silent and day == today,
            figures=figures.get((hub_id, day), {}),
        )
        for day in dates
    )


def _measured(figures: Mapping[str, Number | None]) -> bool:
    """Whether any sensor reported a value on a day."""
    return any(value is not None for name, value in figures.items() if name not in _OF_EVERY_DAY)


def _sensors(hub: Hub | None, last: Mapping[str, list[_Last]], now: datetime) -> tuple[SensorNow, ...]:
    named = {sensor.id: sensor for sensor in hub.sensors} if hub else {}
    found = sorted(set(last) - set(named))
    return tuple(_sensor(id_, named.get(id_), last.get(id_, []), now) for id_ in [*named, *found])


def _sensor(sensor_id: str, named: Sensor | None, last: Sequence[_Last], now: datetime) -> SensorNow:
    last = sorted(last, key=lambda one: one.time_ns)
    last_seen = from_ns(last[-1].time_ns).astimezone(now.tzinfo) if last else None
    every_s = named.every_s if named else None
    patience_s = SILENT_UNKNOWN_NS / NS_A_SECOND if every_s is None else SILENT_INTERVALS * every_s
    return SensorNow(
        id=sensor_id,
        zone=(named.zone if named else None) or next((one.zone for one in last if one.zone), None),
        kinds=frozenset([*(named.kinds if named else ()), *(one.kind for one in last)]),
        last_seen=last_seen,
        silent=last_seen is None or now.timestamp() - last_seen.timestamp() > patience_s,
        values={name: value for one in last for name, value in one.values.items()},
    )
