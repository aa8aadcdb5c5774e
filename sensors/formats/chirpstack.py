"""ChirpStack v4: `application/<id>/device/<DevEUI>/event/<event>`: `up`, and `status` with the battery.

Source: ChirpStack's documentation, "Event types". Fields of the default value are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mqtt.messages import Message
from schemas.readings import Reason, Rejection
from sensors.formats import Answer, Decoded, NoReading, Uplink
from sensors.formats.items import Readings, not_read, object_of, part_of, time_of
from sensors.formats.lorawan import eui_of, frame_of, port_of, radio_of
from sensors.times import text_ns

_TOPIC = re.compile(rb"(?:^|/)device/([^/]+)/((?:event|command|state)/[a-z]{1,16})$")


class ChirpstackFormat:
    """Messages of ChirpStack."""

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """The uplink of each message, or what else it is."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        found = _TOPIC.search(message.topic)
        if found is None:
            problem = "not a topic of ChirpStack: application/<id>/device/<DevEUI>/event/up"
            return Rejection(Reason.BAD_TOPIC, problem)
        event = found[2].decode()
        if event not in ("event/up", "event/status"):
            return NoReading(event)
        try:
            sent = object_of(message.payload)
            return _uplink(sent) if event == "event/up" else _status(sent)
        except (OverflowError, ValueError) as error:
            return not_read("an event of ChirpStack", error)


def _names(sent: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The device's EUI, and what ChirpStack calls it. Raises ValueError where it has neither."""
    info = part_of(sent, "deviceInfo")
    name = info.get("deviceName")
    names = (name,) if isinstance(name, str) and name else ()
    return eui_of(info.get("devEui"), names), names


def _uplink(sent: dict[str, Any]) -> Uplink:
    eui, names = _names(sent)
    time = sent.get("time")
    decoded = part_of(sent, "object")
    return Uplink(
        eui,
        names,
        port_of(sent.get("fPort", 0)),
        frame_of(sent.get("data", "")),
        text_ns(time) if isinstance(time, str) else None,
        (decoded,) if decoded else (),
        radio_of(sent.get("rxInfo"), sent.get("fCnt", 0), _spreading_factor(sent)),
    )


def _spreading_factor(sent: dict[str, Any]) -> object:
    modulation = part_of(part_of(sent, "txInfo"), "modulation")
    return part_of(modulation, "lora").get("spreadingFactor")


def _status(sent: dict[str, Any]) -> list[Decoded] | NoReading:
    """What the device answered when its network server asked how it is."""
    eui, names = _names(sent)
    if sent.get("externalPowerSource") or sent.get("batteryLevelUnavailable"):
        return NoReading("a status without a battery")
    readings = Readings(time_of(sent.get("time")))
    readings.add("battery_pct", sent.get("batteryLevel"))
    items = readings.items()
    return [Decoded(eui, items, names)] if items else NoReading("a status without a battery")
