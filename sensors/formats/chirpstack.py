"""ChirpStack v4: events as its MQTT integration publishes them, `application/<id>/device/<DevEUI>/event/<event>`.

Source: ChirpStack's documentation, "Event types". Fields of the default value are left out.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from mqtt.messages import Message
from schemas.readings import Reason, Rejection
from sensors.formats import Answer, NoReading, Uplink
from sensors.macs import quoted
from sensors.times import text_ns

_TOPIC = re.compile(rb"(?:^|/)device/[^/]+/((?:event|command|state)/[a-z]{1,16})$")


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
        if found[1] != b"event/up":
            return NoReading(found[1].decode())
        try:
            return _uplink(from_json(message.payload))
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            return Rejection(Reason.BAD_PAYLOAD, f"not an uplink of ChirpStack: {quoted(str(error))}")


def _uplink(sent: dict[str, Any]) -> Answer:
    info = sent["deviceInfo"]
    try:
        frame = base64.b64decode(sent.get("data", ""), validate=True)
    except binascii.Error as error:
        return Rejection(Reason.BAD_PAYLOAD, f"data is not base64: {error}")
    objects = [sent["object"]] if "object" in sent else []
    time_ns = text_ns(sent["time"]) if "time" in sent else None
    name = info.get("deviceName", "")
    return Uplink(info["devEui"].lower(), name, sent.get("fPort", 0), frame, time_ns, objects)
