"""The Things Stack v3: uplinks as its MQTT server publishes them, `v3/<application>[@<tenant>]/devices/<id>/up`.

Source: The Things Stack's documentation, "Data Formats". Fields that are empty, 0 or false are left out.
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

_TOPIC = re.compile(rb"(?:^|/)devices/[^/]+/(up|join|down/[a-z]{1,16}|service/data|location/solved)$")


class TtsFormat:
    """Messages of The Things Stack."""

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """The uplink of each message, or what else it is."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        found = _TOPIC.search(message.topic)
        if found is None:
            return Rejection(Reason.BAD_TOPIC, "not a topic of The Things Stack: v3/<application>/devices/<id>/up")
        if found[1] != b"up":
            return NoReading(f"event {found[1].decode()}")
        try:
            return _uplink(from_json(message.payload))
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            return Rejection(Reason.BAD_PAYLOAD, f"not an uplink of The Things Stack: {quoted(str(error))}")


def _uplink(sent: dict[str, Any]) -> Answer:
    ids, up = sent["end_device_ids"], sent["uplink_message"]
    if sent.get("simulated"):
        return NoReading("a simulated uplink")
    objects = up.get("normalized_payload") or [up["decoded_payload"]] if "decoded_payload" in up else []
    try:
        frame = base64.b64decode(up.get("frm_payload", ""), validate=True)
    except binascii.Error as error:
        return Rejection(Reason.BAD_PAYLOAD, f"frm_payload is not base64: {error}")
    eui = ids.get("dev_eui", "").lower()
    return Uplink(eui, ids["device_id"], up.get("f_port", 0), frame, _time_ns(sent, up), objects)


def _time_ns(sent: dict[str, Any], up: dict[str, Any]) -> int | None:
    gateways = (gateway.get("time") for gateway in up.get("rx_metadata", ()))
    times = (up.get("settings", {}).get("time"), *gateways, up.get("received_at"), sent.get("received_at"))
    return next((text_ns(time) for time in times if time), None)
