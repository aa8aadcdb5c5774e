"""Device times: RFC 3339 with an offset, or a number of s, ms, us or ns since 1970 told apart by magnitude."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from schemas.localtime import NS_A_SECOND, to_ns

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)
_SECONDS_BELOW, _MILLIS_BELOW, _MICROS_BELOW = 10**11, 10**14, 10**17
"""10**11 s is the year 5138 and 10**11 ms is 1973, so no magnitude stands for two units."""


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


@lru_cache(maxsize=4096)
def text_ns(text: str) -> int:
    """UTC nanoseconds of an RFC 3339 time with an offset and up to nine decimals. Raises ValueError."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:64]!r} is not a time: write RFC 3339 with an offset, such as 2026-11-02T09:30:00Z")
    day, clock, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if offset in 'Zz' else offset}")
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time: {error}") from error
    return to_ns(moment) + int((fraction or "0").ljust(9, "0"))
