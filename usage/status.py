"""How each sensor is: when it was last seen, whether it is silent, what is left in its battery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from schemas import KINDS, Estate, Kind
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR
from stores import Store
from stores.lines import encode
from usage.figures import CLOCK_SLACK_NS
from usage.plan import HubPlan

STATUS = "sensor_status"
ROW_EVERY_NS = 600 * NS_A_SECOND
SILENT_INTERVALS = 3
"""A sensor is silent when it has missed so many readings."""
SILENT_UNKNOWN_NS = 24 * NS_AN_HOUR
"""A sensor whose interval is not known is silent after this."""


@dataclass(frozen=True, slots=True)
class SensorStatus:
    """One sensor now. `last_seen_s` is how long ago its last reading was taken; None: never seen."""

    hub: str
    sensor: str
    last_seen_s: int | None
    expected_every_s: int | None
    silent: bool
    battery_pct: float | None


def sensor_statuses(store: Store, estate: Estate, now_ns: int) -> list[SensorStatus]:
    """The status of every sensor that the estate file names or that the store has readings of, by hub and sensor."""
    seen_ns: dict[tuple[str, str], int] = {}
    for kind in KINDS:
        for run in store.latest(kind, before_ns=now_ns + CLOCK_SLACK_NS):
            key = (run.tags["hub"], run.tags["sensor"])
            seen_ns[key] = max(seen_ns.get(key, run.times_ns[0]), run.times_ns[0])
    batteries = _batteries(store, now_ns)
    plans = {hub.id: HubPlan.of(estate, hub.id) for hub in estate.hubs}
    named = {(hub, sensor) for hub, plan in plans.items() for sensor in plan.sensors}
    return [
        _status(hub, sensor, plans.get(hub), seen_ns.get((hub, sensor)), batteries.get((hub, sensor)), now_ns)
        for hub, sensor in sorted(named | seen_ns.keys())
    ]


def _status(
    hub: str, sensor: str, plan: HubPlan | None, seen_ns: int | None, battery_pct: float | None, now_ns: int
) -> SensorStatus:
    every_ns = plan.every_ns(sensor) if plan else None
    patience_ns = SILENT_UNKNOWN_NS if every_ns is None else SILENT_INTERVALS * every_ns
    return SensorStatus(
        hub,
        sensor,
        last_seen_s=None if seen_ns is None else max(0, (now_ns - seen_ns) // NS_A_SECOND),
        expected_every_s=None if every_ns is None else every_ns // NS_A_SECOND,
        silent=seen_ns is None or now_ns - seen_ns > patience_ns,
        battery_pct=battery_pct,
    )


def _batteries(store: Store, now_ns: int) -> dict[tuple[str, str], float]:
    """What each sensor last reported of its battery; a device row without that leaves what was known before."""
    found: dict[tuple[str, str], float] = {}
    for measurement in (STATUS, Kind.DEVICE):
        for run in store.latest(measurement, before_ns=now_ns + CLOCK_SLACK_NS):
            level = run.columns.get("battery_pct", (None,))[0]
            if level is not None:
                found[run.tags["hub"], run.tags["sensor"]] = float(level)
    return found


def status_lines(statuses: Iterable[SensorStatus], now_ns: int) -> Iterator[str]:
    """The statuses as lines for the store: a row for each ten minutes, overwritten until the next begins."""
    row_ns = now_ns - now_ns % ROW_EVERY_NS
    for status in statuses:
        known = {
            "last_seen_s": status.last_seen_s,
            "expected_every_s": status.expected_every_s,
            "silent": status.silent,
            "battery_pct": status.battery_pct,
        }
        fields = {name: value for name, value in known.items() if value is not None}
        yield encode(STATUS, {"hub": status.hub, "sensor": status.sensor}, fields, row_ns)
