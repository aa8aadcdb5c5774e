"""Each sensor now: when it was last seen, whether it is silent, its battery, its latest values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas import KINDS, Estate, Kind
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, local_day
from schemas.measurements import READING_NOTES, SUSPECT
from stores import SeriesChunk, Store
from stores.lines import encode
from stores.protocol import Number
from usage.plan import HubPlan
from usage.queries.figures import CLOCK_SLACK_NS
from usage.radio import NO_FRAMES, Frames
from usage.sensor_limit import UNNAMED_SENSORS_MAX, base_sensor, is_named

SENSOR_STATUS = "sensor_status"
AVAILABILITY = "device_availability"
SILENT_INTERVALS = 3
"""A sensor is silent when it has missed so many readings."""
SILENT_UNKNOWN_NS = 24 * NS_AN_HOUR
"""A sensor whose interval is not known is silent after this."""
GONE_NS = 30 * 24 * NS_AN_HOUR
"""A sensor that the estate file does not name is gone after this."""

_Where = Mapping[str, str] | None
"""The tags of what is read; None for all."""

_STATUS_EVERY_NS = 600 * NS_A_SECOND


@dataclass(frozen=True, slots=True)
class SensorState:
    """One sensor now.

    `last_seen_ns` is the time of its latest reading of any kind, in UTC and never after now; None where it never sent
    one. `every_s` is its interval as the estate file says it, in seconds. `values` are its latest by field name, in
    the units of the fields; of a sensor that is not silent, a
    kind that it sends no more has none.
    """

    hub: str
    sensor: str
    zone: str | None
    kinds: frozenset[Kind]
    last_seen_ns: int | None
    every_s: int | None
    silent: bool
    battery_pct: float | None
    values: Mapping[str, Number]
    lost_share: float | None = None
    """The share of its frames that the radio lost in the last 24 hours, 0 to 1, as jobs counted it within the hour."""

    @property
    def estate_line(self) -> str:
        """What names it among its hub's sensors in the estate file: `{id: door-1, kinds: [footfall], zone: hall}`."""
        zone = f", zone: {self.zone}" if self.zone else ""
        return f"{{id: {self.sensor}, kinds: [{', '.join(sorted(self.kinds))}]{zone}}}"


class _Latest(NamedTuple):
    """The latest reading of one series."""

    time_ns: int
    kind: Kind
    zone: str | None
    values: Mapping[str, Number]


class LastSeen(NamedTuple):
    """What a hub sent last. `time_ns` is when any of its sensors was seen, in UTC and never after now."""

    time_ns: int = 0
    of_all_ns: int = 0
    """The latest times of all its series added up: another number once any of them goes on."""

    def with_series(self, time_ns: int, now_ns: int) -> LastSeen:
        """The same with the latest time of one more series."""
        return LastSeen(max(min(time_ns, now_ns), self.time_ns), self.of_all_ns + time_ns)


class SensorsNow(NamedTuple):
    """The sensors of every hub, how many more there are of a hub where not all are told, and what each sent last."""

    by_hub: Mapping[str, tuple[SensorState, ...]]
    left_out: Mapping[str, int]
    last_seen: Mapping[str, LastSeen]


def read_sensors(store: Store, estate: Estate, now_ns: int, only: str | None = None) -> SensorsNow:
    """Every sensor by hub: those that the estate file names in its order, then the others by id, up to a limit.

    With `only`, of that hub alone. Beyond the limit the ones that were there before go first.
    """
    where = None if only is None else {"hub": only}
    before = _read_before(store, now_ns, where)
    off_line = _read_off_line(store, now_ns, where)
    latest = _read_latest(
        store,
        now_ns,
        lambda hub: _HubLatest(HubPlan.of(estate, hub), before.seen, hub, now_ns),
        where,
        before.batteries,
    )
    hubs = [hub.id for hub in estate.hubs if only in (None, hub.id)]
    return SensorsNow(
        {
            hub: tuple(
                _hub_sensors(estate, hub, latest[hub].sensors if hub in latest else {}, before, off_line, now_ns)
            )
            for hub in (*hubs, *sorted(latest.keys() - set(hubs)))
        },
        {hub: len(found.left_out) for hub, found in latest.items() if found.left_out},
        {hub: found.last_seen for hub, found in latest.items()},
    )


def read_last_seen(store: Store, now_ns: int) -> dict[str, LastSeen]:
    """When any sensor of each hub was last seen."""
    found: dict[str, LastSeen] = {}
    for kind in KINDS:
        for chunk in store.latest(kind, before_ns=now_ns + CLOCK_SLACK_NS):
            hub = chunk.tags["hub"]
            found[hub] = found.get(hub, LastSeen()).with_series(chunk.times_ns[0], now_ns)
    return found


class _HubLatest:
    """The latest reading of each series of a hub, by sensor."""

    def __init__(self, plan: HubPlan, seen_before: Collection[tuple[str, str]], hub: str, now_ns: int) -> None:
        self.sensors: dict[str, list[_Latest]] = {}
        self.left_out: set[str] = set()
        self.last_seen = LastSeen()
        self._plan, self._seen_before, self._hub, self._now_ns = plan, seen_before, hub, now_ns
        self._unnamed: set[str] = set()

    def add(self, sensor: str, latest: _Latest) -> None:
        self.sensors.setdefault(sensor, []).append(latest)
        if not is_named(self._plan, sensor):
            self._unnamed.add(sensor)
            if len(self._unnamed) > 2 * UNNAMED_SENSORS_MAX:
                self.prune()

    def prune(self) -> None:
        """Leave out what is beyond the limit: what is gone, then what was not there before."""
        for sensor in sorted(self._unnamed, key=self._order)[UNNAMED_SENSORS_MAX:]:
            if not self._is_gone(sensor):
                self.left_out.add(sensor)
            self._unnamed.discard(sensor)
            del self.sensors[sensor]

    def _order(self, sensor: str) -> tuple[bool, bool, str]:
        return self._is_gone(sensor), (self._hub, sensor) not in self._seen_before, sensor

    def _is_gone(self, sensor: str) -> bool:
        return self._now_ns - max(one.time_ns for one in self.sensors[sensor]) > GONE_NS


def _read_latest(
    store: Store,
    now_ns: int,
    new_hub: Callable[[str], _HubLatest],
    where: _Where,
    batteries: dict[tuple[str, str], float],
) -> dict[str, _HubLatest]:
    """The latest of every series; levels of batteries are noted, a reading without one leaves what was known."""
    found: dict[str, _HubLatest] = {}
    for kind in KINDS:
        for chunk in store.latest(kind, before_ns=now_ns + CLOCK_SLACK_NS, where=where):
            values = {} if _is_suspect(chunk) else _values(chunk)
            latest = _Latest(min(chunk.times_ns[0], now_ns), kind, chunk.tags.get("zone"), values)
            hub = chunk.tags["hub"]
            if hub not in found:
                found[hub] = new_hub(hub)
            found[hub].add(chunk.tags["sensor"], latest)
            found[hub].last_seen = found[hub].last_seen.with_series(chunk.times_ns[0], now_ns)
            if kind is Kind.DEVICE and (level := values.get("battery_pct")) is not None:
                batteries[hub, chunk.tags["sensor"]] = level
    for hub_latest in found.values():
        hub_latest.prune()
        hub_latest.left_out -= hub_latest.sensors.keys()
    return found


def _is_suspect(latest: SeriesChunk) -> bool:
    """Whether the latest reading is one that no figure takes."""
    return bool(latest.columns.get(SUSPECT, (None,))[0])


def _values(latest: SeriesChunk) -> dict[str, float]:
    given = ((name, column[0]) for name, column in latest.columns.items() if name not in READING_NOTES)
    return {name: value for name, value in given if value is not None}


class _Before(NamedTuple):
    """What was told of the sensors before, by hub and sensor."""

    seen: set[tuple[str, str]]
    batteries: dict[tuple[str, str], float]
    lost_shares: dict[tuple[str, str], float]


def _read_before(store: Store, now_ns: int, where: _Where) -> _Before:
    before = _Before(set(), {}, {})
    for chunk in store.latest(SENSOR_STATUS, before_ns=now_ns + CLOCK_SLACK_NS, where=where):
        sensor = chunk.tags["hub"], chunk.tags["sensor"]
        before.seen.add(sensor)
        lost_share, level = chunk.columns["lost_share"][0], chunk.columns["battery_pct"][0]
        if lost_share is not None and now_ns - chunk.times_ns[0] <= NS_AN_HOUR:
            before.lost_shares[sensor] = float(lost_share)
        if level is not None:
            before.batteries[sensor] = float(level)
    return before


def _read_off_line(store: Store, now_ns: int, where: _Where) -> dict[tuple[str, str], int]:
    """The sensors whose device said last that it is off line, or whose broker did, and when, in UTC nanoseconds."""
    return {
        (chunk.tags["hub"], chunk.tags["sensor"]): chunk.times_ns[0]
        for chunk in store.latest(AVAILABILITY, before_ns=now_ns + CLOCK_SLACK_NS, where=where)
        if not chunk.columns["online"][0]
    }


def _hub_sensors(
    estate: Estate,
    hub_id: str,
    latest: Mapping[str, Sequence[_Latest]],
    before: _Before,
    off_line: Mapping[tuple[str, str], int],
    now_ns: int,
) -> Iterator[SensorState]:
    plan, today = HubPlan.of(estate, hub_id), local_day(now_ns, estate.zone_of(hub_id))
    there = (*plan.sensors, *sorted(latest.keys() - plan.sensors.keys()))
    for sensor in (sensor for sensor in there if not plan.is_retired(sensor, today, latest.keys())):
        series = sorted(latest.get(sensor, ()), key=lambda one: one.time_ns)
        last_seen_ns = series[-1].time_ns if series else None
        age_ns = None if last_seen_ns is None else now_ns - last_seen_ns
        known = plan.sensors.get(sensor)
        if known is None and age_ns is not None and age_ns > GONE_NS:
            continue
        every_ns = plan.every_ns(sensor)
        patience_ns = SILENT_INTERVALS * every_ns if every_ns else SILENT_UNKNOWN_NS
        gone_ns = off_line.get((hub_id, base_sensor(sensor)))
        is_off_line = gone_ns is not None and (last_seen_ns is None or last_seen_ns <= gone_ns)
        silent = (is_off_line or age_ns is None or age_ns > patience_ns) and not plan.is_closed(sensor, today)
        yield SensorState(
            hub=hub_id,
            sensor=sensor,
            zone=(known.zone if known else None) or next((one.zone for one in reversed(series) if one.zone), None),
            kinds=frozenset([*(known.kinds if known else ()), *(one.kind for one in series)]),
            last_seen_ns=last_seen_ns,
            every_s=None if every_ns is None else every_ns // NS_A_SECOND,
            silent=silent,
            battery_pct=before.batteries.get((hub_id, sensor)),
            values={
                name: value
                for one in series
                if silent or now_ns - one.time_ns <= patience_ns
                for name, value in one.values.items()
            },
            lost_share=before.lost_shares.get((hub_id, sensor)),
        )


def status_lines(
    sensors: Iterable[SensorState], now_ns: int, frames: Mapping[tuple[str, str], Frames] = NO_FRAMES
) -> Iterator[str]:
    """The states as lines for the store: a row for each ten minutes, overwritten until the next begins.

    `frames` came and were lost in the last 24 hours, by hub and sensor.
    """
    row_ns = now_ns - now_ns % _STATUS_EVERY_NS
    for state in sensors:
        counted = frames.get((state.hub, state.sensor))
        known = {
            "last_seen_s": None if state.last_seen_ns is None else (now_ns - state.last_seen_ns) // NS_A_SECOND,
            "expected_every_s": state.every_s,
            "silent": state.silent,
            "battery_pct": state.battery_pct,
            "lost_share": counted and counted.lost_share,
        }
        fields = {name: value for name, value in known.items() if value is not None}
        yield encode(SENSOR_STATUS, {"hub": state.hub, "sensor": state.sensor}, fields, row_ns)
