"""Line protocol, the subset that Hubpulse writes: ids as tags, numbers and booleans as fields, nanoseconds.

`measurement,tag=id,... field=1i,field=2.5,field=true time_ns`. Ids, and text that is percent-encoded, need no escaping
(see `schemas.ids`), and every field is a number or a boolean, so a line has exactly two spaces. Grammar:
InfluxDB's line protocol reference.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from schemas import MEASUREMENTS, Policy
from schemas.kinds import INT64_MAX

Value = int | float | bool

_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
_FLOAT = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_LATEST = str(INT64_MAX)
_TIME_TEXT = itemgetter(slice(-len(_LATEST), None))
_USAGE_STARTS = tuple(
    f"{m.name}{end}".encode() for m in MEASUREMENTS.values() if m.policy is Policy.USAGE for end in ", "
)
_USAGE_LINE = re.compile(
    rb"\n(?=[%b])(?:%b)" % (bytes({start[0] for start in _USAGE_STARTS}), b"|".join(_USAGE_STARTS))
)
"""One search for all of them, which looks at a letter of most lines: it goes through every batch."""


class Point(NamedTuple):
    """One parsed line."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, Value]
    time_ns: int


def series_prefix(measurement: str, tags: Iterable[tuple[str, str | None]]) -> str:
    """`measurement,tag=value,...` with the tags in sorted order; a tag without a value is left out."""
    return ",".join([measurement, *[f"{key}={value}" for key, value in sorted(tags, key=itemgetter(0)) if value]])


def field_text(value: Value) -> str:
    """A field's value as the line protocol writes it: `true`, `3i`, `21.5`.

    An integer of more than 64 bits, as a sum of totals that somebody invented may be, is written as the largest.
    """
    if isinstance(value, float):
        return repr(value)
    if value is True or value is False:
        return "true" if value else "false"
    return f"{value}i" if -INT64_MAX <= value <= INT64_MAX else f"{max(-INT64_MAX - 1, min(INT64_MAX, value))}i"


def encode(measurement: str, tags: Mapping[str, str | None], fields: Mapping[str, Value], time_ns: int) -> str:
    """One line, without its newline. Fields must be finite and not empty."""
    values = ",".join(
        [
            f"{name}={value!r}" if type(value) is float else f"{name}={field_text(value)}"
            for name, value in fields.items()
        ]
    )
    return f"{series_prefix(measurement, tags.items())} {values} {time_ns}"


def oldest_since(lines: Sequence[str], since_ns: int) -> int | None:
    """The earliest time of any line that is not before `since_ns`, a time of this century; None where there is none."""
    since = str(since_ns)
    oldest = min(map(_TIME_TEXT, lines))
    # Times of 19 digits, which all since 2001 have, are in the same order as their texts.
    if not since <= oldest <= _LATEST:
        oldest = min((text for text in map(_TIME_TEXT, lines) if since <= text <= _LATEST), default="")
    return int(oldest) if oldest else None


def pieces(lines: bytes, bytes_at_least: int) -> Iterator[bytes]:
    """The lines, a piece at a time: of whole lines, and each but the last of so many bytes or more."""
    start = 0
    while (stop := lines.find(b"\n", start + bytes_at_least)) >= 0:
        yield lines[start:stop]
        start = stop + 1
    yield lines[start:]


def by_policy(lines: bytes) -> Iterator[tuple[Policy, bytes]]:
    """The lines of each retention policy, in their order; a batch of readings is passed on as it is."""
    if not (lines.startswith(_USAGE_STARTS) or _USAGE_LINE.search(lines)):
        yield Policy.RAW, lines
        return
    parts: dict[bool, list[bytes]] = {False: [], True: []}
    for line in filter(None, lines.split(b"\n")):
        parts[line.startswith(_USAGE_STARTS)].append(line)
    for is_usage, policy in ((False, Policy.RAW), (True, Policy.USAGE)):
        if parts[is_usage]:
            yield policy, b"\n".join(parts[is_usage])


def parse(line: str) -> Point:
    """Read a line back. Raises ValueError, naming the line, where it is not of our subset."""
    try:
        series, values, time_text = line.split(" ")
        measurement, *tags = series.split(",")
        fields = dict(_parse_field(part) for part in values.split(","))
        return Point(measurement, dict(_pair(tag) for tag in tags), fields, _integer(time_text))
    except ValueError as error:
        raise ValueError(f"not a line of ours: {line[:200]!r} ({error})") from error


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise ValueError(f"{text!r} is not key=value")
    return key, value


def _parse_field(text: str) -> tuple[str, Value]:
    name, value = _pair(text)
    if value in ("true", "false"):
        return name, value == "true"
    return name, _integer(value[:-1]) if value.endswith("i") else _float(value)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or not -INT64_MAX - 1 <= int(text) <= INT64_MAX:
        raise ValueError(f"{text!r} is not an integer of 64 bits")
    return int(text)


def _float(text: str) -> float:
    if not _FLOAT.fullmatch(text) or math.isinf(float(text)):
        raise ValueError(f"{text!r} is not a finite number")
    return float(text)
