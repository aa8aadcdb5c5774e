"""Shelly, generation 2 and later: `<id>/events/rpc` with notifications, `<id>/online` with true or false.

Source: Shelly's documentation, "Notifications" and "MQTT". NotifyStatus has the components that changed and no others.
Component n of a kind is line n + 1. A battery beside external power tells nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from mqtt.messages import Message
from schemas.readings import Reason, Rejection
from sensors.formats import Answer, Availability, Decoded, NoReading
from sensors.formats.items import Readings, availability_of, not_read, object_of, part_of, text_of, time_of

_FIELDS = {"temperature": ("tC", "temperature_c"), "humidity": ("rh", "relative_humidity_pct")}
_COMPONENT = re.compile(r"(temperature|humidity):(\d{1,3})", re.ASCII)
_NOTICES = ("NotifyStatus", "NotifyFullStatus")
_ON_LINE = {b"true": True, b"false": False}
_LINE_MAX = 999


class ShellyFormat:
    """Messages of Shelly devices."""

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """What each message holds."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        topic = message.topic.decode(errors="replace")
        if topic.endswith("/online"):
            online = _ON_LINE.get(text_of(message.payload).lower())
            if online is None:
                return Rejection(Reason.BAD_PAYLOAD, "online is true or false")
            return Availability(topic.removesuffix("/online"), online)
        if not topic.endswith("/events/rpc"):
            return NoReading("no notification")
        device = topic.removesuffix("/events/rpc")
        try:
            return availability_of(message.payload, device) or _notice(device, object_of(message.payload))
        except ValueError as error:
            return not_read("a notification of Shelly", error)


def _notice(prefix: str, sent: dict[str, Any]) -> list[Decoded] | NoReading:
    if sent.get("method") not in _NOTICES:
        return NoReading("no status")
    status = part_of(sent, "params")
    readings = Readings(time_of(status.get("ts")))
    for name in status:
        found = _COMPONENT.fullmatch(name)
        if found and (line := int(found[2]) + 1) <= _LINE_MAX:
            key, field = _FIELDS[found[1]]
            readings.add(field, part_of(status, name).get(key), line=line)
    power = part_of(status, "devicepower:0")
    if part_of(power, "external").get("present") is not True:
        battery = part_of(power, "battery")
        readings.add("battery_pct", battery.get("percent"))
        readings.add("battery_v", battery.get("V"))
    readings.add("rssi_dbm", part_of(status, "wifi").get("rssi"))
    source = sent.get("src")
    device = source if isinstance(source, str) and source else prefix
    items = readings.items()
    return [Decoded(device, items, (prefix,))] if items else NoReading("no measure of ours")
