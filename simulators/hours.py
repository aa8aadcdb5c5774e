"""When a hub of the simulated estate is open: its week, without closures and bank holidays, as instants."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

from schemas import Estate, Hub
from schemas.localtime import day_bounds_ns, to_ns


class Span(NamedTuple):
    """From start_ns (inclusive) to stop_ns (exclusive)."""

    start_ns: int
    stop_ns: int


@lru_cache(maxsize=256)
def _bank_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))


def _at(day: date, minute: int, zone: ZoneInfo) -> int:
    if minute == 24 * 60:
        return day_bounds_ns(day, zone)[1]
    return to_ns(datetime.combine(day, time(*divmod(minute, 60)), tzinfo=zone))


def is_closed(estate: Estate, hub: Hub, day: date) -> bool:
    """Whether a closure or a bank holiday keeps the hub shut that day, whatever its week says."""
    if any(closure.first <= day <= closure.last for closure in hub.closures):
        return True
    calendar = estate.holidays
    return calendar is not None and day in _bank_holidays(calendar.country, calendar.subdivision, day.year)


def open_spans(estate: Estate, hub: Hub, day: date) -> tuple[Span, ...]:
    """The hub's opening times on a local day; a hub without `opening` is open from midnight to midnight."""
    if is_closed(estate, hub, day):
        return ()
    zone = estate.zone_of(hub.id)
    if hub.opening is None:
        return (Span(*day_bounds_ns(day, zone)),)
    return tuple(Span(_at(day, start, zone), _at(day, end, zone)) for start, end in hub.opening.week[day.weekday()])
