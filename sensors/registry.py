"""The estate, ready for look-ups: which format the messages of a topic have, and whose a device is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from mqtt.messages import covers
from schemas.estate import Estate, Hub, Sensor, Source
from schemas.ids import is_id
from schemas.kinds import Kind
from schemas.plugins import PluginError
from schemas.readings import Reason, Rejection
from sensors.decoders import FrameDecoder, find_decoder
from sensors.formats import Format, find_format
from sensors.formats.identities import IDENTITIES, NO_IDENTITY, Identity
from sensors.macs import holds_mac, quoted

_DEVICE_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class SensorPlace:
    """Whose readings these are. `every_s` and `max_step` are None where the estate file does not say them."""

    hub: str
    kind: Kind
    sensor: str
    zone: str | None
    zone_info: ZoneInfo
    every_s: int | None
    max_step: int | None


class Registry:
    """An estate's sources and devices. `codecs` is the folder of the vendors' JavaScript, beside the estate file."""

    def __init__(self, estate: Estate, *, codecs: Path | None = None) -> None:
        self._estate = estate
        self._codecs = codecs
        self._decoders: dict[str, FrameDecoder | Rejection] = {}
        self._hubs: dict[str, Hub] = {hub.id: hub for hub in estate.hubs}
        self._sensors: dict[tuple[str, str], Sensor] = {
            (hub.id, sensor.id): sensor for hub in estate.hubs for sensor in hub.sensors
        }
        self._devices = {
            sensor.device: (hub.id, sensor.id) for hub in estate.hubs for sensor in hub.sensors if sensor.device
        }
        self._zone = ZoneInfo(estate.timezone)
        self._formats = {name: _open_format(name) for name in {source.format for source in estate.sources}}

    @property
    def filters(self) -> tuple[str, ...]:
        """The topic filters to subscribe to."""
        return tuple(source.topic for source in self._estate.sources)

    @property
    def hubs(self) -> int:
        """How many hubs the estate names."""
        return len(self._hubs)

    @property
    def problems(self) -> list[str]:
        """A line for each source whose messages can't be decoded; they wait in the quarantine."""
        return [
            f"sources[{number}].format: {problem.detail}"
            for number, source in enumerate(self._estate.sources)
            if isinstance(problem := self._formats[source.format], Rejection)
        ]

    def format_of(self, topic: str) -> tuple[str, Format] | Rejection:
        """Name and decoder of the format that messages of a topic have, or why none of them can be taken."""
        source = self._source_of(topic)
        if source is None:
            return Rejection(Reason.BAD_TOPIC, "no source of the estate file covers this topic: add one")
        found = self._formats[source.format]
        return found if isinstance(found, Rejection) else (source.format, found)

    def identity_of(self, topic: bytes) -> Identity:
        """Where messages of a topic have what is their device's own."""
        source = self._source_of(topic.decode(errors="replace"))
        if source is None:
            return NO_IDENTITY
        declared = getattr(self._formats[source.format], "identity", NO_IDENTITY)
        return IDENTITIES.get(source.format) or (declared if isinstance(declared, Identity) else NO_IDENTITY)

    def hub_of(self, topic: bytes) -> str:
        """The hub of the estate file that a topic names, else the source that covers it, else ""."""
        text = topic.decode(errors="replace")
        levels = text.split("/", 2)
        if levels[0] == "hubs" and len(levels) > 1 and levels[1] in self._hubs:
            return levels[1]
        source = self._source_of(text)
        return source.topic if source else ""

    def _source_of(self, topic: str) -> Source | None:
        return next((source for source in self._estate.sources if covers(source.topic, topic)), None)

    def decoder_of(self, device: str) -> FrameDecoder | Rejection | None:
        """The decoder of the model that the estate file names for a device; None where it names none."""
        known = self._devices.get(device) or self._devices.get(device.lower())
        model = self._sensors[known].model if known is not None else None
        if model is None:
            return None
        if model not in self._decoders:
            try:
                self._decoders[model] = find_decoder(model, self._codecs)
            except PluginError as error:
                self._decoders[model] = Rejection(Reason.BAD_SCHEMA, f"model {error}; its messages are kept until then")
        return self._decoders[model]

    def locate(self, device: str, kind: Kind, line: int = 1) -> SensorPlace | Rejection:
        """The place of what a device sends: one that the estate file names, or `<hub>/<sensor>`."""
        known = self._devices.get(device) or self._devices.get(device.lower())
        hub, _, sensor = device.partition("/")
        if known is not None:
            hub, sensor = known
        elif not (is_id(hub) and is_id(sensor)):
            # Whole, where it is of any use: the quarantine knows whether it is the device's own.
            name = repr(device) if len(device) <= _DEVICE_CHARS_MAX else quoted(device)
            where = f"device {name} is in no hub of the estate file"
            return Rejection(Reason.UNKNOWN_SENSOR, f"{where}: add it as `device:` of a sensor, then redrive")
        zoned = self._sensors.get((hub, sensor))
        if line > 1:
            sensor = f"{sensor}-line{line}"
            if not is_id(sensor):
                problem = f"{sensor!r} is too long for an id: give the sensor a shorter id, then redrive"
                return Rejection(Reason.UNKNOWN_SENSOR, problem)
        return self._place(hub, kind, sensor, self._sensors.get((hub, sensor)) or zoned)

    def _place(self, hub: str, kind: Kind, sensor: str, named: Sensor | None) -> SensorPlace | Rejection:
        known = self._hubs.get(hub)
        if (known is None and holds_mac(hub.encode())) or (named is None and holds_mac(sensor.encode())):
            problem = "there is a MAC address in the topic: give the sensor a name, or put it in the estate file"
            return Rejection(Reason.BAD_TOPIC, problem)
        if known is None and not self._estate.open:
            problem = f"hub {hub!r} is not in the estate file: add it under hubs, then redrive"
            return Rejection(Reason.UNKNOWN_HUB, problem)
        return SensorPlace(
            hub=hub,
            kind=kind,
            sensor=sensor,
            zone=named.zone if named else None,
            zone_info=ZoneInfo(known.timezone) if known and known.timezone else self._zone,
            every_s=(named.every_s or None) if named else None,
            max_step=named.max_step if named else None,
        )


def publisher_of(topic: bytes) -> str | None:
    """The hub whose user alone may publish on a topic (`hubpulse init`): the second level below hubs/; else None."""
    levels = topic.split(b"/", 2)
    return levels[1].decode(errors="replace") if levels[0] == b"hubs" and len(levels) > 1 else None


def _open_format(name: str) -> Format | Rejection:
    try:
        return find_format(name)
    except PluginError as error:
        return Rejection(Reason.BAD_SCHEMA, f"format {error}; its messages are kept until then: redrive them")
