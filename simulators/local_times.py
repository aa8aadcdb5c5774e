"""Times as tables write them: several formats in one file, local clocks without an offset, both clock changes.

In autumn a local time happens twice: a series takes the first, and the second once it repeats or goes back. In spring
some local times never happen, and files have rows for them all the same: such a time is squeezed into the second after
the change, so that it keeps its local day and no other row of the file has its instant.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.localtime import NS_A_SECOND, to_ns
from sensors.times import number_ns

ISO = "iso"
UNIX = "unix"
_OFFSET_APART = re.compile(r"\s+([+-]\d\d:?\d\d)$")
_SQUEEZE = 3600  # an hour of local times that never happen takes a second
_CLEAR_NS = 1_000_000  # apart from the instant of the change itself, which a row of its own may have


class RowTime(NamedTuple):
    """When a row is, in UTC nanoseconds.

    `again_ns` is the second instant of a local time that happens twice; `skipped` marks one that never happens.
    """

    time_ns: int
    again_ns: int | None = None
    skipped: bool = False


def time_reader(formats: Sequence[str], zone: ZoneInfo | None) -> Callable[[str], RowTime]:
    """What reads the times of one file. `formats` are tried in order: strptime directives, `iso` or `unix`.

    It raises ValueError with what is wrong.
    """
    parsers = [_parser(format_) for format_ in formats]

    @lru_cache(maxsize=65536)
    def read(text: str) -> RowTime:
        text = " ".join(text.replace('"', " ").split())  # a stray quote or line break is no part of a time
        for parse in parsers:
            try:
                parsed = parse(text)
            except (ValueError, OverflowError):
                continue
            if isinstance(parsed, int):
                return RowTime(parsed)
            if parsed.tzinfo is not None:
                return RowTime(to_ns(parsed))
            if zone is None:
                raise ValueError(f"{text!r} has no offset: name the file's zone as time.timezone in the mapping")
            return local_row_time(parsed, zone)
        raise ValueError(f"{text!r} is in none of the formats of time.format")

    return read


class RowOrder:
    """The order of one series' rows, by which the two instants of a local time that happens twice are distinguished."""

    __slots__ = ("_falling", "_latest_ns")

    def __init__(self) -> None:
        self._latest_ns: int | None = None
        self._falling = False

    def place(self, moment: RowTime) -> int:
        """The instant, in UTC nanoseconds, of the series' next row. Files may run forwards or backwards in time."""
        time_ns, again_ns, _ = moment
        latest_ns = self._latest_ns
        if latest_ns is None:
            pass  # the first row: nothing is known of the order yet
        elif again_ns is None:
            self._falling = time_ns < latest_ns or (self._falling and time_ns == latest_ns)
        elif again_ns < latest_ns:
            self._falling, time_ns = True, again_ns
        elif time_ns > latest_ns:
            self._falling = False
        elif not self._falling:
            time_ns = again_ns
        self._latest_ns = time_ns
        return time_ns


def local_row_time(local: datetime, zone: ZoneInfo) -> RowTime:
    """The moment of a naive local time."""
    early = local.replace(tzinfo=zone)
    late = early.replace(fold=1)
    before, after = early.utcoffset(), late.utcoffset()
    if before is None or after is None or before == after:
        return RowTime(to_ns(early))
    if before > after:
        return RowTime(to_ns(early), again_ns=to_ns(late))
    # The clock jumped over this time: the offset before the change puts it after the change, and the other before.
    seconds = range(to_ns(late) // NS_A_SECOND, to_ns(early) // NS_A_SECOND + 1)
    change = seconds[bisect_right(seconds, local, key=lambda second: _wall_clock(second, zone))]
    change_ns = change * NS_A_SECOND
    resumed = _wall_clock(change, zone)
    left = resumed - (after - before)
    if resumed.date() == local.date():
        return RowTime(change_ns + _CLEAR_NS + _squeezed_ns(local - left), skipped=True)
    return RowTime(change_ns - _CLEAR_NS - _squeezed_ns(resumed - local), skipped=True)


def _squeezed_ns(span: timedelta) -> int:
    return (span.seconds * NS_A_SECOND + span.microseconds * 1000) // _SQUEEZE


def _wall_clock(second: int, zone: ZoneInfo) -> datetime:
    """The naive local time at a Unix second."""
    return datetime.fromtimestamp(second, zone).replace(tzinfo=None)


def _parser(format_: str) -> Callable[[str], datetime | int]:
    if format_ == ISO:
        return lambda text: datetime.fromisoformat(_OFFSET_APART.sub(r"\1", text))
    if format_ == UNIX:
        return lambda text: number_ns(int(text) if text.lstrip("-").isdigit() else float(text))
    return lambda text: datetime.strptime(text, format_)  # noqa: DTZ007 - the mapping's zone is applied afterwards


def check_format(format_: str) -> None:
    """Raises ValueError where a format is no known word and no pattern that strptime understands."""
    if format_ in (ISO, UNIX):
        return
    if "%" not in format_:
        raise ValueError(f'{format_!r} is not a time format: write iso, unix or a pattern such as "%d/%m/%Y %H:%M"')
    sample = datetime(2000, 12, 31, 23, 59, 59, tzinfo=UTC)
    try:
        datetime.strptime(sample.strftime(format_), format_)  # noqa: DTZ007 - only whether the pattern is understood
    except ValueError as error:
        raise ValueError(f"{format_!r} is not a time format: {error}") from error
