"""Local days: where midnight falls in UTC nanoseconds. A local day is 23, 24 or 25 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

NS_A_MICROSECOND = 1000
NS_A_SECOND = 1_000_000_000
NS_A_MINUTE = 60 * NS_A_SECOND
NS_AN_HOUR = 60 * NS_A_MINUTE
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Span(NamedTuple):
    """A stretch of time: start inclusive, stop exclusive, UTC nanoseconds."""

    start_ns: int
    stop_ns: int

    @property
    def length_ns(self) -> int:
        return self.stop_ns - self.start_ns


def to_ns(moment: datetime) -> int:
    """An aware datetime as UTC nanoseconds since 1970."""
    since = moment - _EPOCH
    return (since.days * 86400 + since.seconds) * NS_A_SECOND + since.microseconds * 1000


def from_ns(time_ns: int) -> datetime:
    """UTC nanoseconds as an aware datetime, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def instant_ns(time_ns: int) -> int:
    """The instant that a device named: readings of the same one are told apart by nanoseconds."""
    return time_ns - time_ns % NS_A_MICROSECOND


def on_clock_ns(wall_ns: int, zone: ZoneInfo, fold: int) -> int:
    """The instant at which the clocks of a zone show so many nanoseconds since 1970; the second one with fold 1."""
    wall = (_EPOCH + timedelta(microseconds=wall_ns // NS_A_MICROSECOND)).replace(tzinfo=zone, fold=fold)
    return to_ns(wall.astimezone(UTC)) + wall_ns % NS_A_MICROSECOND


@lru_cache(maxsize=4096)
def midnight_ns(day: date, zone: ZoneInfo) -> int:
    """The instant at which the local day starts; where a clock change skips midnight, the first instant after."""
    local = datetime(day.year, day.month, day.day, tzinfo=zone)
    return to_ns(local.astimezone(UTC))


def day_span(day: date, zone: ZoneInfo) -> Span:
    """A local day, from its midnight to the next."""
    return Span(midnight_ns(day, zone), midnight_ns(day + timedelta(days=1), zone))


@lru_cache(maxsize=256)
def uneven_days(year: int, zone: ZoneInfo) -> tuple[date, ...]:
    """The local days of a year that have no 24 hours: those of clock changes."""
    days = (date(year, 1, 1) + timedelta(days=number) for number in range(366))
    return tuple(day for day in days if day_span(day, zone).length_ns != 24 * NS_AN_HOUR)


def local_day(time_ns: int, zone: ZoneInfo) -> date:
    """The local day that an instant belongs to."""
    return from_ns(time_ns).astimezone(zone).date()


@lru_cache(maxsize=8192)
def day_begun_at(time_ns: int, zone: ZoneInfo) -> date | None:
    """The local day whose midnight an instant is; None where it is none."""
    day = local_day(time_ns, zone)
    return day if time_ns == midnight_ns(day, zone) else None


def rfc3339(time_ns: int) -> str:
    """UTC nanoseconds as text: `2026-10-25T01:00:00Z`, with up to nine decimals where there are any."""
    seconds, ns = divmod(time_ns, NS_A_SECOND)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ns:09d}".rstrip("0") + "Z" if ns else f"{text}Z"
