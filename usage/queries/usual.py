"""How many people usually have come in by this hour of today, by the frozen profile of the week.

Only what is stored is taken: a hub whose week has no profile yet, or a profile that lacks one of today's opening hours
until now, or doors that it does not know, has no usual figure.
"""

from __future__ import annotations

from collections import defaultdict
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
_Versions = dict[int, dict[int, int]]
"""Of a door's rates by the hour of the week, as a profile has them."""


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
    hubs: dict[str, dict[str, _Versions]] = {}
    for hub, door, versions in _rates(store, estate, now_ns):
        for version, by_hour in versions.items():
            hubs.setdefault(hub, {}).setdefault(door, {}).setdefault(version, {}).update(by_hour)
    found = {}
    for hub, doors in hubs.items():
        latest = max(map(max, doors.values()))
        found[hub] = Profile({door: versions[latest] for door, versions in doors.items() if latest in versions})
    return found


def _rates(store: Store, estate: Estate, now_ns: int) -> Iterator[tuple[str, str, _Versions]]:
    """Hub, door, and the rates of this week that are known: one read for all hubs, whatever their zones."""
    zones = {estate.zone_of(""), *(estate.zone_of(hub.id) for hub in estate.hubs)}
    mondays = {zone: _monday_ns(now_ns, zone) for zone in zones}
    first_ns, last_ns = min(mondays.values()), max(mondays.values())
    for chunk in store.read(PROFILES, start_ns=first_ns, stop_ns=last_ns + _WEEK_HOURS):
        start_ns = mondays[estate.zone_of(chunk.tags["hub"])]
        versions: _Versions = defaultdict(dict)
        columns = (chunk.times_ns, chunk.columns["version"], chunk.columns["people_per_hour"])
        for time_ns, version, rate in zip(*columns, strict=True):
            if rate is not None and 0 <= time_ns - start_ns < _WEEK_HOURS:
                versions[int(version or 0)][time_ns - start_ns] = round(rate * PERSON)
        yield chunk.tags["hub"], chunk.tags["sensor"], versions


def _monday_ns(now_ns: int, zone: ZoneInfo) -> int:
    today = local_day(now_ns, zone)
    return midnight_ns(today - timedelta(days=today.weekday()), zone)
