"""No MAC address is stored or logged: what the quarantine and the log keep has them masked (see `sensors.macs`)."""

from __future__ import annotations

import re
import traceback

from mqtt.messages import Message
from sensors.formats.identities import Identity, without_client_lists
from sensors.macs import mask_macs

_OWN_BYTES_MAX = 256
"""An identity that is longer is a frame, and quoted nowhere."""


def masked_message(message: Message, identity: Identity, detail: str) -> tuple[str, bytes, str]:
    """Topic, payload and a sentence about them as they may be kept: without addresses but the device's own."""
    topic, payload = message.topic, without_client_lists(message.payload)
    spans = list(identity.spans(payload))
    own = [payload[start:stop].strip(b'"') for start, stop in spans]
    own += topic.split(b"/") if identity.topic else []
    named = [re.escape(name) for name in sorted(own, key=len, reverse=True) if 0 < len(name) <= _OWN_BYTES_MAX]
    text = detail.encode()
    quoted = [found.span() for found in re.finditer(b"|".join(named), text)] if named else []
    return (
        (topic if identity.topic else mask_macs(topic)).decode(errors="backslashreplace"),
        mask_macs(payload, kept=spans, is_cut=message.cut_from_bytes > 0),
        mask_macs(text, kept=quoted).decode(),
    )


def masked_device(device: str, message: Message, identity: Identity) -> str:
    """A device as it may be kept: whole where the format says that the message has its identity there."""
    own = [message.payload[start:stop].strip(b'"') for start, stop in identity.spans(message.payload)]
    name = device.encode(errors="backslashreplace")
    is_own = (identity.topic and name in message.topic) or any(name.lower() in each.lower() for each in own)
    return (name if is_own else mask_macs(name)).decode()


def masked_trace(error: BaseException) -> str:
    """Where an error came from, for a log: no values of variables, and no address in its message."""
    return mask_macs("".join(traceback.format_exception(error)).encode(errors="replace")).decode()
