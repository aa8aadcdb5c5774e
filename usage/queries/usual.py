"""How many people usually have come in by this hour of today, by the frozen profile of the week.

Only what is stored is taken: a hub whose week has no profile yet, or a profile that lacks one of today's opening hours
until now, or doors that it does not know, has no usual figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from schemas import Estate
from schemas.localtime import NS_AN_HOUR, Span, local_day, midnight_ns
from stores import Store
from usage.calendar import HubCalendar
from usage.profile import PERSON, Profile
from usage.rows import PROFILES

_WEEK_HOURS = 7 * 24
_Point = tuple[float, int, float]
"""A version, the hour of the week, and how many people an hour usually come in."""


def usual_so_far(store: Store, estate: Estate, now_ns: int) -> dict[str, int]:
    """People who usually have come in by now while the hub was open, by hub; hubs of which that is not known lack.

    Raises StoreError.
    """
    found = {}
    for hub, profile in _profiles_now(store, estate, now_ns).items():
        calendar = HubCalendar(estate, hub)
        today = calendar.day(calendar.date_of(now_ns))
        opened = [span for span in today.open if span.start_ns < now_ns]
        hours = [
            (hour, part.length_ns)
            for start_ns, stop_ns in opened
            for hour, part in calendar.open_hours(Span(start_ns, min(stop_ns, now_ns)))
        ]
        people = _people(profile, hours)
        if people is not None:
            found[hub] = people
    return found


def _people(profile: Profile, hours: list[tuple[int, int]]) -> int | None:
    doors = [by_hour for by_hour in profile.rates.values() if by_hour]
    if not profile.is_enough or not all(hour in by_hour for by_hour in doors for hour, _ in hours):
        return None
    return round(sum(by_hour[hour] * length_ns for by_hour in doors for hour, length_ns in hours) / PERSON / NS_AN_HOUR)


def _profiles_now(store: Store, estate: Estate, now_ns: int) -> Mapping[str, Profile]:
    """The latest version of each hub's profile of the week that it is there."""
    points: dict[str, dict[str, list[_Point]]] = {}
    for hub, door, known in _points(store, estate, now_ns):
        if known:
            points.setdefault(hub, {}).setdefault(door, []).extend(known)
    found = {}
    for hub, doors in points.items():
        latest, _hour, _rate = max(map(max, doors.values()))
        rates = {
            door: {hour: round(rate * PERSON) for version, hour, rate in known if version == latest}
            for door, known in doors.items()
        }
        found[hub] = Profile({door: by_hour for door, by_hour in rates.items() if by_hour})
    return found


def _points(store: Store, estate: Estate, now_ns: int) -> Iterator[tuple[str, str, list[_Point]]]:
    """Hub, door, and each rate of this week: one read for all hubs, whatever their zones."""
    zones = {estate.zone_of(""), *(estate.zone_of(hub.id) for hub in estate.hubs)}
    mondays = {zone: _monday_ns(now_ns, zone) for zone in zones}
    first_ns, last_ns = min(mondays.values()), max(mondays.values())
    for chunk in store.read(PROFILES, start_ns=first_ns, stop_ns=last_ns + _WEEK_HOURS):
        start_ns = mondays[estate.zone_of(chunk.tags["hub"])]
        columns = (chunk.times_ns, chunk.columns["version"], chunk.columns["people_per_hour"])
        known = [
            (version or 0, time_ns - start_ns, rate)
            for time_ns, version, rate in zip(*columns, strict=True)
            if rate is not None and start_ns <= time_ns < start_ns + _WEEK_HOURS
        ]
        yield chunk.tags["hub"], chunk.tags["sensor"], known


def _monday_ns(now_ns: int, zone: ZoneInfo) -> int:
    today = local_day(now_ns, zone)
    return midnight_ns(today - timedelta(days=today.weekday()), zone)
