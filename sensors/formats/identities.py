"""Which parts of a format's messages are the sending device's own, and which hold lists of people's devices.

What is kept of a message has MAC addresses masked (`sensors.macs`). A sensor may have such an address for its name,
too, and a raw frame may look like one: without them nobody could adopt the device and decode its messages later. So a
format says where they are. A format of another package does so by an attribute `identity`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sensors.macs import Span

_CLIENT_LISTS = (
    *("clients", "client_list", "clientList", "client_table", "stations", "sta_table", "user_table"),
    *("associations", "leases", "observations"),
)
"""UniFi, Omada, Meraki, Aruba, Ruckus, OpenWrt: lists, or objects, by the MAC addresses of who is connected."""

_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_LIST = re.compile(rb'"(?:%b)"\s*:\s*(?=[\[{])' % "|".join(_CLIENT_LISTS).encode())


class Identity(NamedTuple):
    """Where a format's messages have what tells the sending device from others, and its raw frames."""

    topic: bool = False
    """Whether the topic names the device."""
    keys: tuple[str, ...] = ()
    """The keys of JSON whose text, or list of texts, is an identity or a frame, wherever they are."""

    def spans(self, payload: bytes) -> Iterator[Span]:
        """Where the values of `keys` are."""
        if self.keys:
            names = b"|".join(re.escape(key.encode()) for key in self.keys)
            pattern = re.compile(rb'"(?:%b)"\s*:\s*("[^"\\]*"|\[[^\[\]{}\\]*\])' % names)
            yield from (match.span(1) for match in pattern.finditer(payload))


NO_IDENTITY = Identity()
IDENTITIES: Mapping[str, Identity] = {
    "tts": Identity(topic=True, keys=("device_id", "dev_eui", "join_eui", "dev_addr", "frm_payload", "bytes")),
    "chirpstack": Identity(topic=True, keys=("devEui", "deviceName", "devAddr", "data")),
    "senml": Identity(topic=True, keys=("bn", "n")),
    "tasmota": Identity(topic=True),
    "zigbee2mqtt": Identity(topic=True, keys=("ieee_address", "ieeeAddr", "friendly_name", "friendlyName")),
    "shelly": Identity(topic=True, keys=("src",)),
    "homeassistant": Identity(
        topic=True, keys=("unique_id", "uniq_id", "identifiers", "ids", "state_topic", "stat_t", "~")
    ),
}
"""Those of the formats that Hubpulse knows by name. A native topic names its sensor by an id that people chose."""


def without_client_lists(payload: bytes) -> bytes:
    """The payload with `[]` in the place of each list of people's devices, which nobody reads."""
    pieces: list[bytes] = []
    done = 0
    for found in _LIST.finditer(payload):
        if found.end() >= done:
            pieces += (payload[done : found.end()], b"[]")
            done = _end_of_value(payload, found.end())
    return b"".join((*pieces, payload[done:])) if pieces else payload


def _end_of_value(payload: bytes, start: int) -> int:
    """Where an array or object that starts there ends; where it does not, the end of all."""
    depth = 0
    for found in _BRACKETS.finditer(payload, start):
        if found[0] in (b"[", b"{"):
            depth += 1
        elif found[0] in (b"]", b"}"):
            depth -= 1
            if depth == 0:
                return found.end()
    return len(payload)
