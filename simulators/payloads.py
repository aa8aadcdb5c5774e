"""Readings as native messages; their time in milliseconds since 1970."""

from __future__ import annotations

import json
from collections.abc import Iterable

from schemas import Kind
from simulators.devices import Fields, Observation

_MS_NS = 1_000_000


def topic_of(hub: str, kind: Kind, sensor: str) -> str:
    """The native topic of a sensor's readings."""
    return f"hubs/{hub}/{kind}/{sensor}"


def payload(time_ns: int, fields: Fields) -> bytes:
    """One reading."""
    return dump({"time": time_ns // _MS_NS, **fields})


def batch_payload(observations: Iterable[Observation]) -> bytes:
    """Several readings in one message."""
    return dump([{"time": o.time_ns // _MS_NS, **o.fields} for o in observations])


def dump(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()
