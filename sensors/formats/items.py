"""What formats of JSON share: reading a payload, a time, a number, and collecting fields into items."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from schemas.kinds import FIELD_KINDS, FIELDS, Kind
from schemas.localtime import to_ns
from schemas.readings import Reason, Rejection
from sensors.formats import Availability, Fields, Item
from sensors.macs import quoted
from sensors.numbers import as_number
from sensors.times import LocalTime, SinceReceipt, number_ns, text_ns
from sensors.units import convert

Time = int | LocalTime | SinceReceipt | None

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ON_LINE = {b"online": True, b"offline": False}
_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_BATTERY_PCT = (0, 100)


def text_of(payload: bytes) -> bytes:
    """The payload without a byte order mark before, and white space and zero bytes around it."""
    return payload.removeprefix(_BYTE_ORDER_MARK).strip(b" \t\r\n\0")


def json_of(payload: bytes) -> Any:
    """The JSON of a payload. Raises ValueError where it is none."""
    text = text_of(payload)
    if not text:
        raise ValueError("the payload is empty")
    return from_json(text, allow_inf_nan=False)


def object_of(payload: bytes) -> dict[str, Any]:
    """The JSON object of a payload. Raises ValueError where it is none."""
    content = json_of(payload)
    if not isinstance(content, dict):
        raise ValueError(f"{quoted(content)} is not an object")  # noqa: TRY004 - one kind of error for the message
    return content


def part_of(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object under a key, or one without anything."""
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def availability_of(payload: bytes, device: str) -> Availability | None:
    """What "online" or "offline" says of a device; None where the payload is anything else."""
    online = _ON_LINE.get(text_of(payload).strip(b'"').lower())
    return None if online is None else Availability(device, online)


def not_read(what: str, error: Exception) -> Rejection:
    """Why a message of a format can't be read."""
    return Rejection(Reason.BAD_PAYLOAD, f"not {what}: {quoted(str(error), 160)[1:-1]}")


def time_of(value: object) -> int | LocalTime | None:
    """The instant, or local time, that a device named: RFC 3339, or a Unix time told apart by its size.

    Raises ValueError where it is neither.
    """
    if value is None or value == "":
        return None
    number = as_number(value)
    if number is not None:
        return number_ns(number)
    if not isinstance(value, str):
        raise ValueError(f"time {quoted(value)} is neither a number nor text")  # noqa: TRY004 - as above
    local = _LOCAL.fullmatch(value)
    return text_ns(value) if local is None else _local_time(*local.groups())


def _local_time(day: str, clock: str, decimals: str | None) -> LocalTime:
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"{day}T{clock} is not a time") from error
    return LocalTime(to_ns(moment) + int((decimals or "0").ljust(9, "0")))


class Readings:
    """Collects the fields of one device at one time; what can't be read is refused by itself."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self._fields: dict[tuple[Kind, int], Fields] = {}
        self._faults: list[Rejection] = []

    def add(self, name: str, value: object, *, unit: object = None, line: int = 1) -> None:
        """Add a field's value; null is not given, and a battery outside 0..100 is none."""
        if value is None:
            return
        try:
            typed = typed_value(name, value, unit)
        except OverflowError:
            self._faults.append(Rejection(Reason.OUT_OF_RANGE, f"{name} {quoted(value)} is beyond any measure"))
        except ValueError as error:
            self._faults.append(Rejection(Reason.BAD_SCHEMA, str(error)))
        else:
            if name != "battery_pct" or _BATTERY_PCT[0] <= typed <= _BATTERY_PCT[1]:
                self._fields.setdefault((FIELD_KINDS[name], line), {})[name] = typed

    def refuse(self, problem: str) -> None:
        """Note a part that can't be read."""
        self._faults.append(Rejection(Reason.BAD_SCHEMA, problem))

    def items(self) -> list[Item | Rejection]:
        """An item for each kind and line, then what was refused."""
        items = (Item(kind, line, self._time, fields) for (kind, line), fields in self._fields.items())
        return [*items, *self._faults]


def typed_value(name: str, value: object, unit: object = None) -> int | float:
    """A field's value in its type and unit; no unit, or an empty one, is the field's own. Raises ValueError."""
    field = FIELDS[name]
    number = as_number(value)
    if number is None or (field.number is int and number != number // 1):
        raise ValueError(f"{name}: {quoted(value)} is not {'a whole number' if field.number is int else 'a number'}")
    if unit is not None and unit not in ("", field.unit):
        number = convert(number, unit, field.unit, name)
    return field.number(number)
