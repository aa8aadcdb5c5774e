"""The Things Stack v3: `v3/<application>[@<tenant>]/devices/<id>/up`, and beside it join, down, service and location.

Source: The Things Stack's documentation, "Data Formats". Fields that are empty, 0 or false are left out. The time is
the gateway's where it knows it, else that of the network server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mqtt.messages import Message
from schemas.readings import Reason, Rejection
from sensors.formats import Answer, NoReading, Uplink
from sensors.formats.items import not_read, object_of, part_of
from sensors.formats.lorawan import eui_of, frame_of, port_of, radio_of
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
            return _uplink(object_of(message.payload))
        except (OverflowError, ValueError) as error:
            return not_read("an uplink of The Things Stack", error)


def _uplink(sent: dict[str, Any]) -> Answer:
    up = part_of(sent, "uplink_message")
    if not up:
        return NoReading("no uplink")
    if sent.get("simulated") or up.get("simulated"):
        return NoReading("a simulated uplink")
    ids = part_of(sent, "end_device_ids")
    name = ids.get("device_id")
    names = (name,) if isinstance(name, str) and name else ()
    gateways = up.get("rx_metadata")
    gateways = gateways if isinstance(gateways, list) else []
    return Uplink(
        eui_of(ids.get("dev_eui"), names),
        names,
        port_of(up.get("f_port", 0)),
        frame_of(up.get("frm_payload", "")),
        _time_ns(sent, up, gateways),
        tuple(_objects(up)) if "decoded_payload" in up or "normalized_payload" in up else (),
        radio_of(gateways, up.get("f_cnt", 0), _spreading_factor(up)),
    )


def _spreading_factor(up: Mapping[str, Any]) -> object:
    return part_of(part_of(part_of(up, "settings"), "data_rate"), "lora").get("spreading_factor")


def _time_ns(sent: Mapping[str, Any], up: Mapping[str, Any], gateways: Sequence[Any]) -> int | None:
    """The first of the times that there are; None where there is none."""
    time = part_of(up, "settings").get("time")
    if not time:
        heard = (gateway.get("time") for gateway in gateways if isinstance(gateway, dict))
        time = next(filter(None, heard), None) or up.get("received_at") or sent.get("received_at")
    if not time:
        return None
    if not isinstance(time, str):
        raise ValueError(f"time {quoted(time)} is not text")  # noqa: TRY004 - one kind of error for the message
    return text_ns(time)


def _objects(up: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What the network server made of the frame: its normalized form, else its decoder's."""
    normalized = up.get("normalized_payload")
    listed = normalized if isinstance(normalized, list) else [normalized]
    found = [each for each in listed if isinstance(each, dict) and each]
    yield from found or ([decoded] if (decoded := part_of(up, "decoded_payload")) else [])
