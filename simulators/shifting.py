"""Moving messages in time: the device times inside native payloads move along with the message."""

from __future__ import annotations

import json

from schemas.localtime import rfc3339
from simulators.messages import TimedMessage, time_ns_of


def shifted(message: TimedMessage, shift_ns: int) -> tuple[TimedMessage, bool]:
    """The message, later by `shift_ns`, and whether that is the whole truth.

    False where the payload may hold times that were not moved: everything but native JSON.
    """
    payload = _shifted_native(message.payload, shift_ns) if message.topic.startswith("hubs/") else None
    moved = message._replace(time_ns=message.time_ns + shift_ns)
    return (moved, False) if payload is None else (moved._replace(payload=payload), True)


def _shifted_native(payload: bytes, shift_ns: int) -> bytes | None:
    """The native payload with its times moved; None where it is no JSON, or a time in it is none."""
    try:
        content = json.loads(payload)
        timed = [item for item in _items(content) if "time" in item]
        for item in timed:
            item["time"] = rfc3339(time_ns_of(item["time"]) + shift_ns)
    except (ValueError, OverflowError, RecursionError):
        return None
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode() if timed else payload


def _items(content: object) -> list[dict[str, object]]:
    items = content if isinstance(content, list) else [content]
    return [item for item in items if isinstance(item, dict)]
