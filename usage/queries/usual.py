"""How many people usually have come in by this hour of today, by the frozen profile of the week.

Only what is stored is taken: a hub whose week has no profile yet, or a profile that lacks one of today's opening hours
until now, or doors that it does not know, has no usual figure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta

from schemas import Estate
from schemas.localtime import NS_AN_HOUR, Span, midnight_ns
from stores import Store
from usage.calendar import HubCalendar
from usage.profile import PERSON, Profile
from usage.rows import PROFILES

_WEEK_HOURS = 7 * 24
_DAY_NS = 24 * NS_AN_HOUR


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
    points: dict[str, dict[str, list[tuple[int, int, float]]]] = defaultdict(lambda: defaultdict(list))
    for hub, door, known in _points(store, estate, now_ns):
        if known:
            points[hub][door] += known
    found = {}
    for hub, doors in points.items():
        latest = max(version for known in doors.values() for version, _, _ in known)
        rates = {
            door: {hour: round(rate * PERSON) for version, hour, rate in known if version == latest}
            for door, known in doors.items()
        }
        found[hub] = Profile({door: by_hour for door, by_hour in rates.items() if by_hour})
    return found


def _points(store: Store, estate: Estate, now_ns: int) -> Iterator[tuple[str, str, list[tuple[int, int, float]]]]:
    """Hub, door, and each rate's version and hour of this week: one read for all hubs, whatever their zones."""
    starts: dict[str, int] = {}
    span = Span(now_ns - 9 * _DAY_NS, now_ns + 2 * _DAY_NS)
    for chunk in store.read(PROFILES, start_ns=span.start_ns, stop_ns=span.stop_ns):
        hub = chunk.tags["hub"]
        if hub not in starts:
            calendar = HubCalendar(estate, hub)
            today = calendar.date_of(now_ns)
            starts[hub] = midnight_ns(today - timedelta(days=today.weekday()), calendar.zone)
        start_ns = starts[hub]
        columns = (chunk.times_ns, chunk.columns["version"], chunk.columns["people_per_hour"])
        known = [
            (int(version or 0), time_ns - start_ns, rate)
            for time_ns, version, rate in zip(*columns, strict=True)
            if rate is not None and 0 <= time_ns - start_ns < _WEEK_HOURS
        ]
        yield hub, chunk.tags["sensor"], known
