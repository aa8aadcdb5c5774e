"""Zigbee2MQTT: `<base>/<friendly name>` with a device's values, `.../availability` after it, and `<base>/bridge/#`.

Source: Zigbee2MQTT's documentation, "MQTT Topics and Messages". A friendly name may hold `/`. There is a time only
where `last_seen` is switched on. With `output: attribute` the last level is the value's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mqtt.messages import Message
from schemas.readings import Reason, Rejection
from sensors.formats import Answer, Availability, Decoded, NoReading
from sensors.formats.items import Readings, availability_of, json_of, not_read, part_of, time_of

_FIELDS = {
    "temperature": "temperature_c",
    "humidity": "relative_humidity_pct",
    "pressure": "pressure_hpa",
    "co2": "co2_ppm",
    "battery": "battery_pct",
}
_REQUESTS = ("set", "get")


class Zigbee2MqttFormat:
    """Messages of Zigbee devices behind Zigbee2MQTT."""

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """What each message holds."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        _, _, name = message.topic.decode(errors="replace").partition("/")
        if not name:
            return Rejection(Reason.BAD_TOPIC, "not a topic of Zigbee2MQTT: zigbee2mqtt/<friendly name>")
        if name == "bridge" or name.startswith("bridge/"):
            return NoReading("a message of the bridge")
        device, _, what = name.rpartition("/")
        if device and what in _REQUESTS:
            return NoReading("a request to a device")
        try:
            if device and what == "availability":
                return _availability(device, message.payload)
            return availability_of(message.payload, name) or _values(name, json_of(message.payload))
        except ValueError as error:
            return not_read("a message of Zigbee2MQTT", error)


def _availability(device: str, payload: bytes) -> Availability:
    state = availability_of(payload, device)
    if state is None:
        said = json_of(payload)
        text = said.get("state") if isinstance(said, dict) else said
        state = availability_of(str(text).encode(errors="replace"), device)
    if state is None:
        raise ValueError("availability is online or offline")
    return state


def _values(name: str, sent: Any) -> list[Decoded] | NoReading:
    device, _, attribute = name.rpartition("/")
    if not isinstance(sent, dict):
        if not device or attribute not in _FIELDS:
            return NoReading("a value that is no measure of ours")
        name, sent = device, {attribute: sent}
    readings = Readings(time_of(sent.get("last_seen")))
    for key, field in _FIELDS.items():
        readings.add(field, sent.get(key))
    address = part_of(sent, "device").get("ieeeAddr")
    items = readings.items()
    also = (address,) if isinstance(address, str) else ()
    return [Decoded(name, items, also)] if items else NoReading("no measure of ours")
