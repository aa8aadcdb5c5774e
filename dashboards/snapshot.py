"""One look at the store: everything that the board's pages show, read once for all who ask within a few seconds.

    store -- usage_daily (31 days, all hubs) --\
          -- latest reading of each series -----+-> Snapshot -> pages

Only roll-ups and the last point of each series are read, never raw readings, so a page costs the same after a year.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from dashboards import opening
from dashboards.daily import read_daily
from dashboards.days import Day, EstateDay, add_up
from schemas import Estate, Hub, Kind
from schemas.localtime import from_ns
from stores.protocol import Number, Store, StoreError
from usage.calendar import HubCalendar

DAYS = 30
"""Days before today that the board shows."""

_SILENT_AFTER_INTERVALS = 3
_SILENT_AFTER_MIN_S = 900
_EVERY_DEFAULT_S = 3600
_DAY_NS = 86_400_000_000_000
_OF_EVERY_DAY = frozenset({"open_minutes", "completeness", "final", "revision"})
_SHOWN = (Kind.FOOTFALL, Kind.WIFI, Kind.TEMPERATURE, Kind.HUMIDITY, Kind.CO2, Kind.PRESSURE)


@dataclass(frozen=True, slots=True)
class SensorNow:
    """A sensor's last values and when it was last heard (local time); None where it never was."""

    id: str
    zone: str | None
    kinds: frozenset[Kind]
    heard: datetime | None
    silent: bool
    values: Mapping[str, Number]


@dataclass(frozen=True, slots=True)
class HubNow:
    """A hub as it stands: its last 30 days and today, oldest first, and its sensors."""

    id: str
    name: str
    sea_level: bool
    """Whether the daily pressure is reduced to sea level: the hub's altitude is known."""
    now: datetime
    opening: opening.OpenNow
    days: tuple[Day, ...]
    sensors: tuple[SensorNow, ...]

    @property
    def today(self) -> Day:
        return self.days[-1]

    @property
    def heard(self) -> datetime | None:
        """When any of its sensors was last heard."""
        return max((sensor.heard for sensor in self.sensors if sensor.heard), default=None)

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
        """Whether nothing was ever heard or counted."""
        return not any(hub.heard or _measured(day.figures) for hub in self.hubs for day in hub.days)

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
        clock_ns: Callable[[], int] = time.time_ns,
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
    series = _latest(store, now_ns)
    named = {hub.id: hub for hub in estate.hubs}
    found = sorted({hub for hub, _ in figures} | {hub for hub, _ in series})
    hubs = [*named, *(hub for hub in found if hub not in named)]
    return Snapshot(
        name=estate.name,
        now=from_ns(now_ns).astimezone(ZoneInfo(estate.timezone)),
        hubs=tuple(_hub_now(estate, named.get(hub), hub, figures, series, now_ns) for hub in hubs),
    )


_Figures = Mapping[tuple[str, date], Mapping[str, Number | None]]
_Series = Mapping[tuple[str, str], list["_Last"]]


@dataclass(frozen=True, slots=True)
class _Last:
    kind: Kind
    zone: str | None
    time_ns: int
    values: Mapping[str, Number]


def _daily_figures(store: Store, estate: Estate, now_ns: int) -> _Figures:
    today = from_ns(now_ns).date()
    # A day more on either side: a hub's zone may be a day away from UTC.
    first, last = today - timedelta(days=DAYS + 1), today + timedelta(days=1)
    return {(row.hub, row.date): row.figures for row in read_daily(store, estate, first, last)}


def _latest(store: Store, now_ns: int) -> _Series:
    series: dict[tuple[str, str], list[_Last]] = defaultdict(list)
    for kind in _SHOWN:
        for run in store.latest(kind.value, before_ns=now_ns + 1):
            values = {name: column[0] for name, column in run.columns.items() if column[0] is not None}
            last = _Last(kind, run.tags.get("zone"), run.times_ns[0], values)
            if last.time_ns >= now_ns - DAYS * _DAY_NS:
                series[run.tags["hub"], run.tags["sensor"]].append(last)
    return series


def _hub_now(estate: Estate, hub: Hub | None, hub_id: str, figures: _Figures, series: _Series, now_ns: int) -> HubNow:
    calendar = HubCalendar(estate, hub_id)
    now = from_ns(now_ns).astimezone(calendar.zone)
    sensors = _sensors(hub, hub_id, series, now)
    return HubNow(
        id=hub_id,
        name=(hub.name if hub else "") or hub_id,
        sea_level=hub is not None and hub.altitude_m is not None,
        now=now,
        opening=opening.open_now(calendar, now),
        days=_days(calendar, hub_id, figures, now.date(), sensors),
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
    """Whether any sensor told anything of a day, beside what is known of every day."""
    return any(value is not None for name, value in figures.items() if name not in _OF_EVERY_DAY)


def _sensors(hub: Hub | None, hub_id: str, series: _Series, now: datetime) -> tuple[SensorNow, ...]:
    named = {sensor.id: sensor for sensor in hub.sensors} if hub else {}
    heard = {sensor for of_hub, sensor in series if of_hub == hub_id}
    every = {sensor.id: sensor.every_s for sensor in named.values()}
    return tuple(
        _sensor(
            sensor_id,
            kinds=named[sensor_id].kinds if sensor_id in named else (),
            zone=named[sensor_id].zone if sensor_id in named else None,
            every_s=every.get(sensor_id) or _EVERY_DEFAULT_S,
            last=series.get((hub_id, sensor_id), []),
            now=now,
        )
        for sensor_id in [*named, *sorted(heard - set(named))]
    )


def _sensor(
    sensor_id: str, *, kinds: Iterable[Kind], zone: str | None, every_s: int, last: Sequence[_Last], now: datetime
) -> SensorNow:
    heard_ns = max((one.time_ns for one in last), default=None)
    heard = None if heard_ns is None else from_ns(heard_ns).astimezone(now.tzinfo)
    silent_after_s = max(_SILENT_AFTER_INTERVALS * every_s, _SILENT_AFTER_MIN_S)
    return SensorNow(
        id=sensor_id,
        zone=zone or next((one.zone for one in last if one.zone), None),
        kinds=frozenset([*kinds, *(one.kind for one in last)]),
        heard=heard,
        silent=heard is None or now.timestamp() - heard.timestamp() > silent_after_s,
        values={name: value for one in sorted(last, key=lambda one: one.time_ns) for name, value in one.values.items()},
    )
