"""A message on its way to the broker, and its line in a recording.

A recording is JSON lines, gzipped where the name ends in `.gz`: `{"time": RFC 3339, "topic": ..., "payload": text}`, or
`payload_b64` where the payload is not UTF-8. `time` is when the message was received.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from schemas.localtime import NS_A_SECOND, rfc3339, to_ns


class Message(NamedTuple):
    """One MQTT message: its time in UTC nanoseconds (it paces a replay; no broker sees it), topic and payload."""

    time_ns: int
    topic: str
    payload: bytes


_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)")
_TOPIC_BYTES_MAX = 65535


@lru_cache(maxsize=1024)
def _second_ns(text: str, offset: str) -> int:
    return to_ns(datetime.fromisoformat(text + ("+00:00" if offset in "Zz" else offset)).astimezone(UTC))


def parse_rfc3339(text: str) -> int:
    """UTC nanoseconds of an RFC 3339 time with an offset; decimals beyond the ninth are cut. Raises ValueError."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no RFC 3339 time with an offset, such as 2026-10-25T01:00:00Z")
    second, decimals, offset = match.groups()
    time_ns = _second_ns(second, offset)
    return time_ns + int(decimals.ljust(9, "0")) if decimals else time_ns


@lru_cache(maxsize=65536)
def encode_topic(topic: str) -> bytes:
    """The topic's UTF-8 bytes. Raises ValueError for one that no client may publish to."""
    try:
        encoded = topic.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"topic {topic!r} is no valid text") from error
    if not 0 < len(encoded) <= _TOPIC_BYTES_MAX or "\0" in topic or "+" in topic or "#" in topic:
        raise ValueError(f"topic {topic[:80]!r} can't be published to: it is empty, too long or holds +, # or NUL")
    return encoded


def encode(message: Message) -> bytes:
    """The message's line in a recording, with its newline."""
    head = {"time": rfc3339(message.time_ns), "topic": message.topic}
    try:
        body = {"payload": message.payload.decode()}
    except UnicodeDecodeError:
        body = {"payload_b64": b64encode(message.payload).decode()}
    return json.dumps(head | body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of a recording's line. Raises ValueError that says what is wrong with it."""
    try:
        parts = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(parts, dict) or not {"time", "topic"} <= parts.keys():
        raise ValueError("not an object with time and topic")
    topic = str(parts["topic"])
    encode_topic(topic)
    return Message(_time_ns(parts["time"]), topic, _payload(parts))


def _time_ns(time: object) -> int:
    if isinstance(time, str):
        return parse_rfc3339(time)
    if isinstance(time, int | float) and not isinstance(time, bool):
        return round(time * NS_A_SECOND) if isinstance(time, float) else time * NS_A_SECOND
    raise ValueError("time is neither RFC 3339 nor seconds since 1970")


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
