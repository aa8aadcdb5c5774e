"""When a hub of the simulated estate is open: its week, without closures and bank holidays, as instants.

The oracle judges by these times, so they are worked out apart from the pipeline's calendar on purpose: a mistake there
would otherwise move the simulated people and their truth alike, and never be found.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from schemas import Estate, Hub
from schemas.localtime import NS_A_MINUTE, Span, day_span, from_ns, to_ns


@lru_cache(maxsize=256)
def _bank_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))


def _at(day: date, minute: int, zone: ZoneInfo) -> int:
    """When the clock on the wall shows a minute, at the first of two times; where it is skipped, when that happens."""
    if minute == 24 * 60:
        return day_span(day, zone)[1]
    local = datetime.combine(day, time(*divmod(minute, 60)), tzinfo=zone)
    at_ns, otherwise_ns = to_ns(local), to_ns(local.replace(fold=1))
    if otherwise_ns >= at_ns:
        return at_ns
    offset = from_ns(at_ns).astimezone(zone).utcoffset()
    skipped = range(otherwise_ns, at_ns + 1, NS_A_MINUTE)
    return next(time_ns for time_ns in skipped if from_ns(time_ns).astimezone(zone).utcoffset() == offset)


def open_spans(estate: Estate, hub: Hub, day: date) -> tuple[Span, ...]:
    """The hub's opening times on a local day; a hub without `opening` is open from midnight to midnight.

    A closure or a bank holiday keeps it shut, whatever its week says.
    """
    calendar = estate.holidays
    if any(closure.first <= day <= closure.last for closure in hub.closures):
        return ()
    if calendar is not None and day in _bank_holidays(calendar.country, calendar.subdivision, day.year):
        return ()
    zone = estate.zone_of(hub.id)
    if hub.opening is None:
        return (day_span(day, zone),)
    times = (Span(_at(day, start, zone), _at(day, end, zone)) for start, end in hub.opening.week[day.weekday()])
    return tuple(time for time in times if time.length_ns)
