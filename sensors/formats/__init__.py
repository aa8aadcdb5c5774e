"""Formats: how messages are written, one for each `format:` of the estate file.

    messages -> decode -> for each message   [Decoded(device, [Item(kind, line, time, fields)])]
                                           | Uplink (a LoRaWAN frame, which the decoder of its device's model reads)
                                           | Availability (a device is on line, or is not)
                                           | Announcement (how messages of another topic are to be read)
                                           | NoReading (a device that joins, a status)
                                           | Rejection (the message goes to the quarantine)

A format reads bytes and knows nothing of the estate: the registry finds whose a device is and by which decoder its
frames are read (`sensors.uplinks`), ingest validates. An installed package adds a format by an entry point of the group
`hubpulse.formats`, which is called without arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

from mqtt.messages import Message
from schemas.kinds import Kind
from schemas.mapping import JsonMapping
from schemas.plugins import load_plugin
from schemas.readings import Rejection
from schemas.sources import FORMAT_GROUP
from sensors.times import LocalTime, SinceReceipt

BUILT_IN = {
    "native": "sensors.formats.native:NativeFormat",
    "tts": "sensors.formats.tts:TtsFormat",
    "chirpstack": "sensors.formats.chirpstack:ChirpstackFormat",
    "senml": "sensors.formats.senml:SenmlFormat",
    "tasmota": "sensors.formats.tasmota:TasmotaFormat",
    "zigbee2mqtt": "sensors.formats.zigbee2mqtt:Zigbee2MqttFormat",
    "shelly": "sensors.formats.shelly:ShellyFormat",
    "collectd": "sensors.formats.collectd:CollectdFormat",
    "homeassistant": "sensors.formats.homeassistant:HomeAssistantFormat",
    "paxcounter": "sensors.formats.paxcounter:PaxcounterFormat",
    "unpoller": "sensors.formats.unpoller:UnpollerFormat",
}

Fields = dict[str, int | float]

READINGS_MAX = 32_768
"""So many readings may one message hold, as many as fit into a MiB with a time each: memory is bounded."""

_READINGS_OF_A_SMALL_ONE = 256
"""So many a message may hold however short it is: a binary frame may pack several into a byte."""


def readings_max(message: Message) -> int:
    """How many readings a message can hold at most, before it is read; each needs a time of its own."""
    return min(READINGS_MAX, max(_READINGS_OF_A_SMALL_ONE, message.payload_bytes))


class Item(NamedTuple):
    """One reading as the device sent it, not yet validated."""

    kind: Kind
    line: int
    """1, or the number (to 999) of a further line of a people counter: line 2 is sensor `<id>-line2`."""
    time_ns: int | LocalTime | SinceReceipt | None
    """UTC nanoseconds; None where the device named no time, so that the receive time serves. A time of the hub's own
    zone, or one that counts from the receipt, is resolved once the hub and the receipt are known."""
    fields: Fields


class Decoded(NamedTuple):
    """What one device sent. A part that can't be read is a Rejection among the items and leaves the others."""

    device: str
    """As the estate file's `device:` has it, or `<hub>/<sensor>`."""
    items: Sequence[Item | Rejection]
    also: tuple[str, ...] = ()
    """Other names of the device: a `device:` may be any of them."""


class NoReading(NamedTuple):
    """The message carries no reading, and that is right."""

    what: str
    """What it is instead, such as "a device joins"."""


class Uplink(NamedTuple):
    """A frame of a LoRaWAN device, as its network server passed it on: the decoder of its model reads it."""

    device: str
    """Its DevEUI, 16 hex digits in lower case."""
    also: tuple[str, ...]
    """What the network server calls it: a `device:` of the estate file may be that, too."""
    f_port: int
    frame: bytes
    time_ns: int | None
    """When it was received by the first gateway that knew the time; UTC nanoseconds."""
    objects: Sequence[Mapping[str, Any]] = ()
    """What the network server itself made of the frame: read by the alias table where no decoder of ours is named."""
    radio: Fields = {}  # noqa: RUF012 - a tuple's default is never changed
    """Fields of kind `device` that the network server knows: signal, frame counter, spreading factor."""
    model: str = ""
    """Its model, where the format itself knows it; one that the estate file names goes before."""


class Availability(NamedTuple):
    """A device said that it is on line or off line, or its broker did; it carries no reading."""

    device: str
    online: bool


class Announcement(NamedTuple):
    """The message says how messages of another topic are to be read; the format keeps that in mind."""

    what: str


Other = Uplink | Availability | Announcement | NoReading | Rejection
OTHERS = (Uplink, NoReading, Rejection, Availability, Announcement)
"""The same, the most frequent first: asking for a union takes several times as long."""

Answer = Sequence[Decoded] | Other


class Format(Protocol):
    """How messages of one format are read."""

    def decode(self, messages: Sequence[Message]) -> Sequence[Answer]:
        """An answer for each message, in their order. Never raises for what a message holds."""


def find_format(name: str, mapping: JsonMapping | None = None) -> Format:
    """The format of that name; `mapping` is that of a source of format `json`. Raises PluginError."""
    if mapping is not None:
        from sensors.formats.mapped import MappedFormat  # noqa: PLC0415 - it imports what is defined here

        return MappedFormat(mapping)
    return cast("Format", load_plugin(FORMAT_GROUP, name, method="decode", built_in=BUILT_IN))
