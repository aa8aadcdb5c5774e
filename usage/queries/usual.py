"""How many people usually have come in by this hour of today, by the frozen profile of the week.

Only what is stored is taken: a hub whose week has no profile yet, or a profile that lacks one of today's opening hours
until now, or doors that it does not know, has no usual figure. Of the week the sum is read, and today's hours; of all
hubs the whole week where a profile has no sum, which those have that were frozen before it was stored.
What was counted is held against what is usual until the doors' last readings: of the time after them nobody was
counted yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from schemas import Estate
from schemas.localtime import NS_AN_HOUR, Span, local_day, midnight_ns
from schemas.measures import COUNTED_MIN
from stores import Store
from usage.calendar import HubCalendar
from usage.plan import HubPlan
from usage.profile import PERSON, WEEK_MIN
from usage.queries.sensors import SensorState
from usage.rows import PROFILES

_COUNTS = frozenset({"entries", "entries_total"})
_DAY_HOURS, _WEEK_HOURS = 24, 7 * 24
_WEEK_FIELDS = ("version", "people_per_week", "hours_known")


@dataclass(frozen=True, slots=True)
class UsualSoFar:
    """How many people usually come in by each door of a hub while it is open, over today's opening time until now."""

    doors: Mapping[str, Sequence[tuple[Span, int]]]
    """The parts of that time, each with its rate."""
    now_ns: int

    @property
    def by_now(self) -> float:
        """People who usually have come in by now while the hub was open."""
        return self._until(dict.fromkeys(self.doors, self.now_ns))

    def counted(self, plan: HubPlan, sensors: Iterable[SensorState], covered: float | None) -> float | None:
        """People who usually come in until the doors' last readings while the hub is open.

        `covered` is the share of those until now whose time the doors' readings cover (`footfall_completeness`). None
        where that is less than a counted day has, and where other doors count than those of which it is usual.
        """
        states = {state.sensor: state for state in sensors if state.values.keys() & _COUNTS}
        if covered is None or self.doors.keys() != states.keys():
            return None
        people = self._until({door: _counted_until_ns(plan, states[door], self.now_ns) for door in self.doors})
        return people if covered * self.by_now >= COUNTED_MIN * people else None

    def _until(self, until_ns: Mapping[str, int]) -> float:
        people = sum(
            rate * max(0, min(part.stop_ns, until_ns[door]) - part.start_ns)
            for door, parts in self.doors.items()
            for part, rate in parts
        )
        return people / PERSON / NS_AN_HOUR


def _counted_until_ns(plan: HubPlan, door: SensorState, now_ns: int) -> int:
    """Until when a door's last reading tells who came in.

    A count that is stamped with the begin of an interval that is not over is of the one before.
    """
    known = plan.sensor(door.sensor)
    if known is not None and known.on_change:
        return now_ns
    if door.last_seen_ns is None:
        return 0
    over_ns = door.last_seen_ns + plan.patience_ns(door.sensor)
    is_begun = not plan.stamps_end(door.sensor) and "entries_total" not in door.values
    return over_ns if is_begun and over_ns <= now_ns else door.last_seen_ns


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


_Doors = dict[str, _Door]
_Hubs = dict[str, _Doors]
"""By hub and door."""


def usual_so_far(store: Store, estate: Estate, now_ns: int) -> dict[str, UsualSoFar]:
    """What is usual until now while the hub was open, by hub; hubs of which that is not known lack.

    Raises StoreError.
    """
    found = {}
    for hub, doors in _profiles_now(store, estate, now_ns).items():
        calendar = HubCalendar(estate, hub)
        today = calendar.day(calendar.date_of(now_ns))
        opened = [span for span in today.open if span.start_ns < now_ns]
        hours = [
            (hour, part)
            for start_ns, stop_ns in opened
            for hour, part in calendar.open_hours(Span(start_ns, min(stop_ns, now_ns)))
        ]
        rates = _rates_of(doors, hours)
        if rates is not None:
            found[hub] = UsualSoFar(rates, now_ns)
    return found


def _rates_of(doors: _Doors, hours: Sequence[tuple[int, Span]]) -> dict[str, list[tuple[Span, int]]] | None:
    """Parts of hours of the week with the rates of a hub's doors, of those that its latest profile knows."""
    weeks = [(name, door, door.week) for name, door in doors.items() if door.week is not None]
    latest = max(week.version for _, _, week in weeks)
    known = {name: (week, door.rates[latest]) for name, door, week in weeks if week.version == latest and week.hours}
    if sum(week.people for week, _ in known.values()) < WEEK_MIN:
        return None
    if not all(hour in by_hour for _, by_hour in known.values() for hour, _ in hours):
        return None
    return {name: [(part, by_hour[hour]) for hour, part in hours] for name, (_, by_hour) in known.items()}


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
