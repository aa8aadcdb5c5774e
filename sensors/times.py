"""Device times: RFC 3339 with an offset, or a number of s, ms, us or ns since 1970 told apart by magnitude."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, cast

from schemas.localtime import NS_A_SECOND
from sensors.macs import quoted
from sensors.numbers import as_number

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):?([0-5]\d))",
    re.ASCII,
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_DIGITS = str.maketrans("123456789", "0" * 9)
_USUAL = ("0000-00-00T00:00:00Z", "0000-00-00T00:00:00.000Z", "0000-00-00T00:00:00.000000Z")
"""What nearly every text is but for its digits. Of these forms `datetime` takes what `_RFC3339` does, and midnight."""
_MIDNIGHT = "T24"
_DAY_S = 86_400
_SECONDS_BELOW, _MILLIS_BELOW, _MICROS_BELOW = 10**11, 10**14, 10**17
"""10**11 s is the year 5138 and 10**11 ms is 1973, so no magnitude stands for two units."""


class LocalTime(NamedTuple):
    """A time of the device's clock without an offset: it is one of the hub's time zone."""

    wall_ns: int
    """Nanoseconds since 1970-01-01T00:00 on that clock."""


class SinceReceipt(NamedTuple):
    """A time that counts from when the message came."""

    offset_ns: int


def number_ns(number: float) -> int:
    """UTC nanoseconds of a Unix time in s, ms, us or ns. A number with a fraction is rounded to a microsecond.

    Raises ValueError where the number is not finite.
    """
    size = abs(number)
    if size < _SECONDS_BELOW:
        scale = NS_A_SECOND
    elif size < _MILLIS_BELOW:
        scale = 1_000_000
    elif size < _MICROS_BELOW:
        scale = 1_000
    else:
        scale = 1
    if isinstance(number, int):
        return number * scale
    try:
        return round(number * (scale / 1_000)) * 1_000
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{number!r} is not a time") from error


def times_ns(times: Sequence[float | str]) -> list[int]:
    """UTC nanoseconds of each time, as `number_ns` and `text_or_number_ns` give them. Raises ValueError."""
    kinds = set(map(type, times))
    if kinds == {str}:
        texts = cast("Sequence[str]", times)
        distinct = list(set(texts))
        if len(distinct) > len(texts) // 2:
            return _texts_ns(texts)
        return list(map(dict(zip(distinct, _texts_ns(distinct), strict=True)).__getitem__, texts))
    if kinds == {int}:
        numbers = cast("Sequence[int]", times)
        if min(numbers) >= 0 and max(numbers) < _SECONDS_BELOW:
            return [number * NS_A_SECOND for number in numbers]
    return [text_or_number_ns(time) if isinstance(time, str) else number_ns(time) for time in times]


def _texts_ns(texts: Sequence[str]) -> list[int]:
    """What `text_or_number_ns` gives for each, in an eighth of its time where all are of one usual form."""
    form, joined = texts[0].translate(_DIGITS), "\n".join(texts)
    if form in _USUAL and joined.translate(_DIGITS) == "\n".join([form] * len(texts)) and _MIDNIGHT not in joined:
        return [(time - _EPOCH) // _MICROSECOND * 1000 for time in map(datetime.fromisoformat, texts)]
    return list(map(text_or_number_ns, texts))


@lru_cache(maxsize=4096)
def text_ns(text: str) -> int:
    """UTC nanoseconds of an RFC 3339 time with an offset and up to nine decimals. Raises ValueError."""
    return _rfc3339_ns(text)


@lru_cache(maxsize=4096)
def text_or_number_ns(text: str) -> int:
    """UTC nanoseconds of an RFC 3339 time, or of a Unix time that is written as text. Raises ValueError."""
    # Nearly every text is RFC 3339, as its fifth sign tells.
    number = None if text[4:5] == "-" else as_number(text)
    return _rfc3339_ns(text) if number is None else number_ns(number)


def _rfc3339_ns(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{quoted(text)} is not a time: write RFC 3339 with an offset, such as 2026-11-02T09:30:00Z")
    day, hours, minutes, seconds, decimals, sign, offset_hours, offset_minutes = match.groups()
    time_s = _day_s(day) + int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    if sign is not None:
        offset_s = int(offset_hours) * 3600 + int(offset_minutes) * 60
        time_s += offset_s if sign == "-" else -offset_s
    time_ns = time_s * NS_A_SECOND
    return time_ns if decimals is None else time_ns + int(decimals.ljust(9, "0"))


@lru_cache(maxsize=1024)
def _day_s(day: str) -> int:
    try:
        return (date.fromisoformat(day).toordinal() - _EPOCH_DAY) * _DAY_S
    except ValueError as error:
        raise ValueError(f"{day!r} is not a day of the calendar: write it as 2026-11-02") from error
