"""Where a topic leads: which format its messages have, and for native topics which hub, kind and sensor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from paho.mqtt.client import topic_matches_sub

from schemas.estate import Estate, Hub, Sensor
from schemas.ids import is_id
from schemas.kinds import Kind
from schemas.readings import Reason, Rejection

_NATIVE_LEVELS = 4
_MAC = re.compile(r"(?:[0-9a-f]{2}[-_]){5}[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class SensorPlace:
    """What a native topic names. `every_s` is None for a sensor that the estate file does not name or time."""

    hub: str
    kind: Kind
    sensor: str
    zone: str | None
    zone_info: ZoneInfo
    every_s: int | None
    named: bool


class Registry:
    """The estate, ready for look-ups by topic."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self._hubs: dict[str, Hub] = {hub.id: hub for hub in estate.hubs}
        self._sensors: dict[tuple[str, str], Sensor] = {
            (hub.id, sensor.id): sensor for hub in estate.hubs for sensor in hub.sensors
        }
        self._zone = ZoneInfo(estate.timezone)

    @property
    def filters(self) -> tuple[str, ...]:
        """The topic filters to subscribe to."""
        return tuple(source.topic for source in self._estate.sources)

    def resolve(self, topic: str) -> SensorPlace | Rejection:
        """Where messages of a topic belong, or why none of them can be taken."""
        source = next((s for s in self._estate.sources if topic_matches_sub(s.topic, topic)), None)
        if source is None:
            return Rejection(reason=Reason.BAD_TOPIC, detail="no source of the estate file covers this topic: add one")
        if source.format != "native":
            return Rejection(
                reason=Reason.BAD_SCHEMA,
                detail=f"format {source.format} is not decoded by this version: kept until one that does, then redrive",
            )
        return self._resolve_native(topic)

    def _resolve_native(self, topic: str) -> SensorPlace | Rejection:
        levels = topic.split("/")
        if len(levels) != _NATIVE_LEVELS or levels[0] != "hubs":
            return _bad_topic(f"{topic[:200]!r} is not hubs/<hub>/<kind>/<sensor>")
        _, hub, kind, sensor = levels
        if not is_id(hub) or not is_id(sensor):
            wrong = sensor if is_id(hub) else hub
            return _bad_topic(f"{wrong[:80]!r} is not an id: lower-case letters, digits, - and _, at most 64")
        if kind not in Kind.__members__.values():
            return _bad_topic(f"{kind[:80]!r} is not a kind: use one of {', '.join(Kind)}")
        known = self._hubs.get(hub)
        named = self._sensors.get((hub, sensor))
        if (known is None and _MAC.search(hub)) or (named is None and _MAC.search(sensor)):
            return _bad_topic(
                "there is a MAC address in the topic: give the sensor a name, or put it in the estate file"
            )
        if known is None and not self._estate.open:
            return Rejection(
                reason=Reason.UNKNOWN_HUB,
                detail=f"hub {hub!r} is not in the estate file: add it under hubs, then redrive",
            )
        return SensorPlace(
            hub=hub,
            kind=Kind(kind),
            sensor=sensor,
            zone=named.zone if named else None,
            zone_info=ZoneInfo(known.timezone) if known and known.timezone else self._zone,
            every_s=named.every_s if named else None,
            named=named is not None,
        )


def _bad_topic(detail: str) -> Rejection:
    return Rejection(reason=Reason.BAD_TOPIC, detail=detail)
