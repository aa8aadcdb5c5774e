"""ESP32-Paxcounter on its own MQTT connection: `<topic>/<port>`, a frame as over LoRaWAN, in base64 or bare.

Source: ESP32-Paxcounter's README, "Payload format", and its MQTT client. Over a LoRaWAN network server the same device
is one of the model that is named here. The device is the topic before the port: give each counter a topic of its own.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from mqtt.messages import Message
from schemas.readings import Reason, Rejection
from sensors.formats import Answer, NoReading, Uplink
from sensors.formats.items import availability_of

MODEL = "paxcounter/esp32"
_TOPIC = re.compile(r"(.+)/(\d{1,3})", re.ASCII)
_BASE64 = re.compile(
    rb"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}="
)
_FRAME_BYTES = (2, 4)
"""A count of Wi-Fi, and one of Bluetooth where that is switched on: text of base64 is longer, or ends in `=`."""


class PaxcounterFormat:
    """Messages of ESP32-Paxcounter."""

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """The frame of each message, or what else it is."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        found = _TOPIC.fullmatch(message.topic.decode(errors="replace"))
        if found is None:
            return Rejection(Reason.BAD_TOPIC, "not a topic of a Paxcounter: <topic>/<port>")
        device, port = found[1], int(found[2])
        state = availability_of(message.payload, device)
        if state is not None:
            return state
        if not message.payload:
            return NoReading("an empty frame")
        return Uplink(device, (), port, _frame(message.payload), None, model=MODEL)


def _frame(payload: bytes) -> bytes:
    if len(payload) == _FRAME_BYTES[0] or (len(payload) == _FRAME_BYTES[1] and not _BASE64.fullmatch(payload)):
        return payload
    try:
        return base64.b64decode(payload, validate=True)
    except binascii.Error:
        return payload
