"""A message on its way to the broker, and its line in a recording.

A recording is JSON lines, gzipped where the name ends in `.gz`: `{"time": RFC 3339, "topic": ..., "payload": text}`, or
`payload_b64` where the payload is not UTF-8. `time` is when the message was received.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from typing import Any, NamedTuple

from mqtt.packets import encode_topic
from schemas.localtime import rfc3339
from sensors.times import number_ns, text_ns


class TimedMessage(NamedTuple):
    """One MQTT message: its time in UTC nanoseconds (it paces a replay; no broker sees it), topic and payload."""

    time_ns: int
    topic: str
    payload: bytes


def encode(message: TimedMessage) -> bytes:
    """The message's line in a recording, with its newline."""
    head = {"time": rfc3339(message.time_ns), "topic": message.topic}
    try:
        body = {"payload": message.payload.decode()}
    except UnicodeDecodeError:
        body = {"payload_b64": b64encode(message.payload).decode()}
    return json.dumps(head | body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> TimedMessage:
    """The message of a recording's line. Raises ValueError with what is wrong."""
    try:
        parts = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(parts, dict) or not {"time", "topic"} <= parts.keys():
        raise ValueError("not an object with time and topic")
    topic = str(parts["topic"])
    encode_topic(topic)
    return TimedMessage(time_ns_of(parts["time"]), topic, _payload(parts))


def time_ns_of(time: object) -> int:
    """UTC nanoseconds of a JSON value: RFC 3339, or a Unix time in s, ms, us or ns. Raises ValueError."""
    if isinstance(time, str):
        return text_ns(time)
    if isinstance(time, int | float) and not isinstance(time, bool):
        return number_ns(time)
    raise ValueError(f"{time!r} is no time: write RFC 3339 or a Unix time")


def _payload(parts: dict[str, Any]) -> bytes:
    text, encoded = parts.get("payload"), parts.get("payload_b64")
    if isinstance(text, str) and encoded is None:
        return text.encode()
    if isinstance(encoded, str) and text is None:
        try:
            return b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"payload_b64 is not base64: {error}") from error
    raise ValueError("needs payload (text) or payload_b64 (base64), one of them")
