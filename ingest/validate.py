"""Whether a reading can be taken: its clock, its fields, their ranges and what is plausible."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from mqtt.messages import Message
from schemas.kinds import KINDS, Field, Kind
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, from_ns, rfc3339
from schemas.readings import Reason, Rejection
from schemas.settings import Settings
from sensors.formats import Fields
from sensors.macs import quoted

OLDEST_NS = 946_684_800 * NS_A_SECOND
"""2000-01-01: a clock that reads earlier was never set, whatever the retention."""

Limits = tuple[float, float, float, float, frozenset[int]]
"""Refused below and above, suspect below and above, and what stands for no value."""

RETAINED = Rejection(
    Reason.BAD_SCHEMA,
    "retained and without a time: it would count again at each connection; send a time, or don't retain it",
)

_SHOWN_CHARS = 24


def too_large(message: Message, bytes_max: int) -> Rejection:
    """Why a message is not looked into that is longer than that or was cut."""
    return Rejection(Reason.TOO_LARGE, f"{message.payload_bytes} bytes: send at most {bytes_max} in one message")


class ClockWindow:
    """The times that are taken, as of a look at the clock for each batch."""

    __slots__ = ("_ahead_ns", "_retention_ns", "latest_ns", "oldest_ns")

    def __init__(self, settings: Settings) -> None:
        self._ahead_ns = settings.ingest.clock_ahead_max_s * NS_A_SECOND
        self._retention_ns = (settings.retention_days or 0) * 24 * NS_AN_HOUR
        self.oldest_ns = self.latest_ns = 0

    def move(self, now_ns: int) -> None:
        """Take `now_ns` for now."""
        self.latest_ns = now_ns + self._ahead_ns
        self.oldest_ns = max(OLDEST_NS, now_ns - self._retention_ns) if self._retention_ns else OLDEST_NS

    def refusal(self, time_ns: int) -> Rejection:
        """Why a time outside is refused."""
        if time_ns > self.latest_ns:
            problem = f"time {_shown_time(time_ns)} is more than {self._ahead_ns // NS_A_SECOND} s in the future"
            return Rejection(Reason.CLOCK_AHEAD, f"{problem}: set the device's clock")
        problem = f"time {_shown_time(time_ns)} is before {rfc3339(self.oldest_ns)}, the oldest that is kept"
        return Rejection(Reason.TOO_OLD, f"{problem}: set the device's clock or raise HUBPULSE_RETENTION_DAYS")


@lru_cache(maxsize=1024)
def limits_of(kind: Kind, every_s: int | None, max_step: int | None) -> Mapping[str, Limits]:
    """The limits of a kind's fields for a sensor that reports so often and counts at most so many in between."""
    return {field.name: _limits(field, every_s, max_step) for field in KINDS[kind].fields}


def _limits(field: Field, every_s: int | None, max_step: int | None) -> Limits:
    plausible_high = field.plausible_up_to(every_s, max_step)
    return field.low, field.high, field.plausible_low, plausible_high, field.no_values


def out_of_range(kind: Kind, name: str, value: float) -> Rejection:
    """Why a value outside its field's range is refused."""
    field = _field(kind, name)
    text = str(value)
    text = text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
    return Rejection(Reason.OUT_OF_RANGE, f"{name} {text} is outside {field.low:g}..{field.high:g} {field.unit}")


def typed_fields(kind: Kind, fields: Fields) -> Fields:
    """The fields with each value in its field's type, which never changes. Raises ValueError where one is not so."""
    if not fields:
        raise ValueError(f"a {kind} item without a field")
    return {name: _typed(kind, name, value) for name, value in fields.items()}


def _typed(kind: Kind, name: str, value: float) -> int | float:
    number = _field(kind, name).number
    if type(value) not in (int, float) or (number is int and value != int(value)):
        raise ValueError(f"{name} {quoted(value)} is not {'a whole number' if number is int else 'a number'}")
    return number(value)


def _field(kind: Kind, name: str) -> Field:
    for field in KINDS[kind].fields:
        if field.name == name:
            return field
    raise ValueError(f"{kind} has no field {quoted(name)}")


def _shown_time(time_ns: int) -> str:
    try:
        return from_ns(time_ns).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return "beyond the calendar"
