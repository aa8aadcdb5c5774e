"""How many people usually have come in by this hour of today, by the frozen profile of the week.

Only what is stored is taken: a hub whose week has no profile yet, or a profile that lacks one of today's opening hours
until now, or doors that it does not know, has no usual figure. Of the week the sum is read, and today's hours; of all
hubs the whole week where a profile has no sum, which those have that were frozen before it was stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from schemas import Estate
from schemas.localtime import NS_AN_HOUR, Span, local_day, midnight_ns
from stores import Store
from usage.calendar import HubCalendar
from usage.profile import PERSON, WEEK_MIN
from usage.rows import PROFILES

_DAY_HOURS, _WEEK_HOURS = 24, 7 * 24
_WEEK_FIELDS = ("version", "people_per_week", "hours_known")


class _Week(NamedTuple):
    """A version of a door's profile summed up: its rates, and of how many hours they are known."""

    version: int
    people: int
    hours: int


@dataclass(slots=True)
class _Door:
    """A door's profile as far as it is read; rates by version and hour of the week."""

    week: _Week | None = None
    rates: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))

    def sum_up(self) -> None:
        """Take for its week what is read."""
        version = max(self.rates)
        self.week = _Week(version, sum(self.rates[version].values()), len(self.rates[version]))


_Hubs = dict[str, dict[str, _Door]]
"""By hub and door."""


def usual_so_far(store: Store, estate: Estate, now_ns: int) -> dict[str, int]:
    """People who usually have come in by now while the hub was open, by hub; hubs of which that is not known lack.

    Raises StoreError.
    """
    found = {}
    for hub, doors in _profiles_now(store, estate, now_ns).items():
        calendar = HubCalendar(estate, hub)
        today = calendar.day(calendar.date_of(now_ns))
        opened = [span for span in today.open if span.start_ns < now_ns]
        hours = [
            (hour, part.length_ns)
            for start_ns, stop_ns in opened
            for hour, part in calendar.open_hours(Span(start_ns, min(stop_ns, now_ns)))
        ]
        people = _people(doors.values(), hours)
        if people is not None:
            found[hub] = people
    return found


def _people(doors: Collection[_Door], hours: list[tuple[int, int]]) -> int | None:
    """By the latest version of a hub's profile, at the doors that it knows."""
    weeks = [(door.week, door) for door in doors if door.week is not None]
    latest = max(week.version for week, _ in weeks)
    known = [(week, door.rates[latest]) for week, door in weeks if week.version == latest and week.hours]
    if sum(week.people for week, _ in known) < WEEK_MIN:
        return None
    if not all(hour in by_hour for _, by_hour in known for hour, _ in hours):
        return None
    people = sum(by_hour[hour] * length_ns for _, by_hour in known for hour, length_ns in hours)
    return round(people / PERSON / NS_AN_HOUR)


def _profiles_now(store: Store, estate: Estate, now_ns: int) -> _Hubs:
    """The hubs' profiles of the week that it is there, today's hours at least."""
    hubs = _rates(store, estate, now_ns, lambda day: range(day * _DAY_HOURS, (day + 1) * _DAY_HOURS))
    for hub, door, _hour, version, people, known in _points(store, estate, now_ns, lambda _: range(1), _WEEK_FIELDS):
        of_door = hubs[hub][door]
        if people is not None and known is not None:
            of_door.week = _Week(int(version or 0), round(people * PERSON), int(known))
    if all(door.week for doors in hubs.values() for door in doors.values()):
        return hubs
    hubs = _rates(store, estate, now_ns, lambda _: range(_WEEK_HOURS))
    for doors in hubs.values():
        for of_door in doors.values():
            of_door.sum_up()
    return hubs


def _rates(store: Store, estate: Estate, now_ns: int, hours: Callable[[int], range]) -> _Hubs:
    hubs: _Hubs = defaultdict(lambda: defaultdict(_Door))
    for hub, door, hour, version, rate in _points(store, estate, now_ns, hours, ("version", "people_per_hour")):
        if rate is not None:
            hubs[hub][door].rates[int(version or 0)][hour] = round(rate * PERSON)
    return hubs


def _points(
    store: Store, estate: Estate, now_ns: int, hours: Callable[[int], range], fields: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """Hub, door, hour of the week and fields, of the hours of this week that a weekday asks for.

    One read for all hubs, whatever their zones.
    """
    mondays, wanted = {}, {}
    for zone in {estate.zone_of(""), *(estate.zone_of(hub.id) for hub in estate.hubs)}:
        today = local_day(now_ns, zone)
        mondays[zone] = midnight_ns(today - timedelta(days=today.weekday()), zone)
        wanted[zone] = hours(today.weekday())
    start_ns = min(mondays[zone] + each.start for zone, each in wanted.items())
    stop_ns = max(mondays[zone] + each.stop for zone, each in wanted.items())
    for chunk in store.read(PROFILES, start_ns=start_ns, stop_ns=stop_ns, fields=fields):
        hub, door = chunk.tags["hub"], chunk.tags["sensor"]
        zone = estate.zone_of(hub)
        columns = (chunk.columns[name] for name in fields)
        for time_ns, *values in zip(chunk.times_ns, *columns, strict=True):
            hour = time_ns - mondays[zone]
            if hour in wanted[zone]:
                yield hub, door, hour, *values
