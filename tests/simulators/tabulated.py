"""Tables and mappings for tests, and what a table's messages hold."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from schemas.localtime import local_day, rfc3339
from simulators.mapping import load_mapping, parse_mapping
from simulators.messages import TimedMessage
from simulators.tables import Table
from tests.real_parts import REPOSITORY

DATA = REPOSITORY / "tests" / "data"

DOOR = """
time: {column: time, format: "%Y-%m-%d %H:%M", timezone: Europe/London}
readings:
  - {topic: hubs/armley/footfall/door-1, fields: {entries: in}}
"""


def table(tmp_path: Path, text: str, mapping: str = DOOR, *, name: str = "counts.csv", **options: int) -> Table:
    """A table of a file with this text, by way of a mapping."""
    path = tmp_path / name
    path.write_bytes(text.encode())
    return Table(path, parse_mapping(mapping), **options)


def shipped(path: Path, mapping: str) -> Table:
    """A table by way of a mapping that comes with Hubpulse."""
    return Table(path, load_mapping(mapping)[0])


def payloads(messages: Iterable[TimedMessage]) -> list[dict[str, Any]]:
    return [json.loads(message.payload) for message in messages]


def readings(messages: Iterable[TimedMessage]) -> list[tuple[str, float]]:
    """(time, entries) of each message, the time checked against the payload's."""
    found = []
    for message in messages:
        payload = json.loads(message.payload)
        assert payload["time"] == rfc3339(message.time_ns)
        found.append((payload["time"], payload["entries"]))
    return found


def day_sums(messages: Iterable[TimedMessage], zone: str, field: str) -> dict[tuple[str, date], int]:
    """The sum of a field by hub and local day."""
    sums: Counter[tuple[str, date]] = Counter()
    day_of = lru_cache(maxsize=4096)(lambda time_ns: local_day(time_ns, ZoneInfo(zone)))
    for message in messages:
        value = json.loads(message.payload).get(field)
        if value is not None:
            sums[message.topic.split("/")[1], day_of(message.time_ns)] += value
    return dict(sums)
