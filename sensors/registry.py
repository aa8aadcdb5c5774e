"""The estate, ready for look-ups: which format the messages of a topic have, and whose a device is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from mqtt.messages import covers
from schemas.devices import NO_CALIBRATION, Calibrations, device_key
from schemas.estate import Estate, Hub, Sensor
from schemas.ids import is_id
from schemas.kinds import Kind
from schemas.plugins import PluginError
from schemas.readings import Reason, Rejection
from schemas.sources import Source
from sensors.binding import cannot, carries
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
    swapped: bool = False
    """Whether what the device calls entries are exits."""
    calibration: Calibrations = NO_CALIBRATION
    is_named: bool = True
    """Whether the estate file names the sensor."""


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
            device_key(sensor.device): (hub.id, sensor.id)
            for hub in estate.hubs
            for sensor in hub.sensors
            if sensor.device
        }
        self._zone = ZoneInfo(estate.timezone)
        self._formats: dict[str, Format | Rejection] = {}
        for source in estate.sources:
            self._formats.setdefault(_format_key(source), _open_format(source))

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens formats and decoders of its own."""
        return partial(Registry, self._estate, codecs=self._codecs), ()

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
            if isinstance(problem := self._formats[_format_key(source)], Rejection)
        ]

    @property
    def limits(self) -> list[str]:
        """A line for each thing that a sensor is to do and no source of the file can."""
        return [
            f"{hub.id}/{sensor.id}: {problem}"
            for hub in self._estate.hubs
            for sensor in hub.sensors
            for problem in self._limits(sensor)
        ]

    def _limits(self, sensor: Sensor) -> Iterator[str]:
        yield from cannot(sensor, self._estate.sources)
        if sensor.device and isinstance(decoder := self.decoder_of(sensor.device), Rejection):
            yield decoder.detail
        elif sensor.device and (problem := getattr(decoder, "problem", None)):
            yield str(problem)

    def source_of(self, topic: str) -> Source | None:
        """The source that a message of a topic belongs to: the first that covers it."""
        return next((source for source in self._estate.sources if covers(source.topic, topic)), None)

    def format_of(self, topic: str) -> tuple[str, Format] | Rejection:
        """Name and decoder of the format that messages of a topic have, or why none of them can be taken."""
        source = self.source_of(topic)
        if source is None:
            return Rejection(Reason.BAD_TOPIC, "no source of the estate file covers this topic: add one")
        found = self._formats[_format_key(source)]
        return found if isinstance(found, Rejection) else (source.format, found)

    def identity_of(self, topic: bytes) -> Identity:
        """Where messages of a topic have what is their device's own."""
        source = self.source_of(topic.decode(errors="replace"))
        if source is None:
            return NO_IDENTITY
        declared = getattr(self._formats[_format_key(source)], "identity", NO_IDENTITY)
        return IDENTITIES.get(source.format) or (declared if isinstance(declared, Identity) else NO_IDENTITY)

    def hub_of(self, topic: bytes) -> str:
        """The hub of the estate file that a topic names, else the source that covers it, else ""."""
        text = topic.decode(errors="replace")
        levels = text.split("/", 2)
        if levels[0] == "hubs" and len(levels) > 1 and levels[1] in self._hubs:
            return levels[1]
        source = self.source_of(text)
        return source.topic if source else ""

    def order_key(self, topic: bytes) -> bytes:
        """What messages have in common that are decoded one after the other: those of one sensor have one key.

        It is what the filter of the source leaves open of the topic: the levels of its +, else the first one of its #.
        Native topics have that of their hub, whose new sensors are counted in one place; one that no source covers is
        its own. A format that announces how others of its messages are read has one key for all.
        """
        source = self.source_of(topic.decode(errors="replace"))
        if source is None:
            return topic
        if source.format == "native":
            return b"/".join(topic.split(b"/", 2)[:2])
        if getattr(self._formats[_format_key(source)], "announces", False):
            return source.format.encode()
        wanted, levels = source.topic.split("/"), topic.split(b"/")
        named = [level for name, level in zip(wanted, levels, strict=False) if name == "+"]
        return b"/".join(named or levels[len(wanted) - 1 : len(wanted)])

    def owner_of(self, topic: bytes) -> str:
        """Whose rate the messages of a topic take: as `hub_of`, but without an estate file every hub's is its own."""
        levels = topic.decode(errors="replace").split("/", 2)
        if self._estate.open and levels[0] == "hubs" and len(levels) > 1:
            return levels[1]
        return self.hub_of(topic)

    def hubs_behind(self, owner: str) -> int:
        """How many hubs send by an owner of a rate: one, or all of the estate where it is a source."""
        return 1 if owner in self._hubs or self._estate.open else max(1, len(self._hubs))

    def is_named(self, topic: bytes) -> bool:
        """Whether a native topic is that of a sensor which the estate file names."""
        levels = topic.decode(errors="replace").split("/")
        return len(levels) == 4 and levels[0] == "hubs" and (levels[1], levels[3]) in self._sensors  # noqa: PLR2004 - hubs/<hub>/<kind>/<sensor>

    def decoder_of(self, device: str, model: str = "") -> FrameDecoder | Rejection | None:
        """The decoder of the model that the estate file names for a device, else of `model`; None without either."""
        known = self._devices.get(device_key(device))
        model = (self._sensors[known].model if known is not None else None) or model
        if not model:
            return None
        if model not in self._decoders:
            try:
                self._decoders[model] = find_decoder(model, self._codecs)
            except PluginError as error:
                self._decoders[model] = Rejection(Reason.BAD_SCHEMA, f"model {error}; its messages are kept until then")
        return self._decoders[model]

    def find(self, device: str, source: Source | None = None) -> tuple[str, str] | Rejection:
        """Hub and sensor of a device, or why messages of this source are not taken for it.

        A device is one that the estate file names, or `<hub>/<sensor>`.
        """
        known = self._devices.get(device_key(device))
        hub, _, sensor = device.partition("/")
        place = known or ((hub, sensor) if is_id(hub) and is_id(sensor) else None)
        # Whole, where it is of any use: the quarantine knows whether it is the device's own.
        name = repr(device) if len(device) <= _DEVICE_CHARS_MAX else quoted(device)
        if place is None or (known is None and source is not None and not carries(source, None)):
            where = f"device {name} is in no hub of the estate file"
            return Rejection(Reason.UNKNOWN_SENSOR, f"{where}: add it as `device:` of a sensor, then redrive")
        if source is not None and (named := self._sensors.get(place)) is not None and named.device:
            bound = [other.topic for other in self._estate.sources if carries(other, named)]
            if bound and source.topic not in bound:
                problem = f"{name} belongs to {'/'.join(place)}, whose messages come by {', '.join(bound)}"
                return Rejection(Reason.UNKNOWN_SENSOR, f"{problem}: name this one as its `source:`, then redrive")
        return place

    def describe(self, names: Sequence[str]) -> dict[str, str]:
        """What the estate file says of the device that has one of these names; empty where it has none of them."""
        known = next((self._devices[key] for name in names if (key := device_key(name)) in self._devices), None)
        if known is None:
            return {}
        hub, sensor = known
        named = self._sensors[known]
        told = {"hub": hub, "sensor": sensor, "zone": named.zone, "model": named.model}
        told["swapped"] = "entries are exits" if named.swapped else None
        told["calibration"] = ", ".join(f"{name}: {text}" for name, text in named.calibration.described()) or None
        return {name: text for name, text in told.items() if text is not None}

    def find_any(self, names: Sequence[str], source: Source) -> str | Rejection:
        """The first of a device's names that a sensor has, or why messages of this source are not taken for it."""
        refused: Rejection | None = None
        for name in names:
            found = self.find(name, source)
            if not isinstance(found, Rejection):
                return name
            refused = refused or found
        return refused or Rejection(Reason.BAD_PAYLOAD, "the message names no device")

    def locate(self, device: str, kind: Kind, line: int = 1, source: Source | None = None) -> SensorPlace | Rejection:
        """The place of what a device sends."""
        found = self.find(device, source)
        if isinstance(found, Rejection):
            return found
        hub, sensor = found
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
        zone_info = ZoneInfo(known.timezone) if known and known.timezone else self._zone
        if named is None:
            return SensorPlace(hub, kind, sensor, None, zone_info, every_s=None, max_step=None, is_named=False)
        return SensorPlace(
            hub,
            kind,
            sensor,
            named.zone,
            zone_info,
            every_s=named.every_s or None,
            max_step=named.max_step,
            swapped=named.swapped,
            calibration=named.calibration,
        )


def publisher_of(topic: bytes) -> str | None:
    """The hub whose user alone may publish on a topic (`hubpulse init`): the second level below hubs/; else None."""
    levels = topic.split(b"/", 2)
    return levels[1].decode(errors="replace") if levels[0] == b"hubs" and len(levels) > 1 else None


def _format_key(source: Source) -> str:
    """What sources share a format's object by: each mapping has one of its own."""
    return source.format if source.mapping is None else f"{source.format} {source.topic}"


def _open_format(source: Source) -> Format | Rejection:
    try:
        return find_format(source.format, source.mapping)
    except PluginError as error:
        return Rejection(Reason.BAD_SCHEMA, f"format {error}; its messages are kept until then: redrive them")
