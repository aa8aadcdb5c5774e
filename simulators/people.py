"""Who comes to a hub: staff and visitors of a local day, and which of them the door counters notice.

Visitors arrive as an inhomogeneous Poisson process: their number is a Poisson draw around what weekday, season,
opening hours and the mood of the day lead one to expect, and given the number their times are independent draws from
the day's profile. How many there are, and how many each counter misses, is decided before when: so the totals of a
counter are known for any day without placing a single visitor of the days before. Everybody is out by local midnight.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import NamedTuple

from schemas import Estate, Hub, HubpulseError, Kind
from schemas.localtime import NS_A_MINUTE, NS_A_SECOND, Span, day_span
from simulators.hours import open_spans
from simulators.seeded import poisson, seeded_rng

OPENED = date(2024, 1, 1)
"""The simulated estate's first day: every counter stood at zero."""

_BIN_NS = 900 * NS_A_SECOND
_DWELL_MEDIAN_MIN = 32
_DWELL_SPREAD = 0.8


class Visit(NamedTuple):
    """One person's stay, the door they used, and whether its counter noticed them."""

    arrive_ns: int
    leave_ns: int
    door: int
    counted_in: bool
    counted_out: bool


class Counted(NamedTuple):
    """What a door counter noticed."""

    entries: int
    exits: int


def sum_counted(counted: Iterable[Counted]) -> Counted:
    """What was noticed in all."""
    return Counted(*map(sum, zip((0, 0), *counted, strict=True)))


@dataclass(frozen=True, slots=True)
class Door:
    """A door's share of the people, and the share of them that its counter misses each way."""

    share: float
    missed_in: float
    missed_out: float


class _DayPlan(NamedTuple):
    staff: int
    people_by_door: tuple[int, ...]
    missed: tuple[Counted, ...]


class Totals(NamedTuple):
    """People who came since the estate's first day, and what each door's counter noticed of them."""

    people: int
    by_door: tuple[Counted, ...]


class HubPeople:
    """The people of one hub, day by day: a function of the seed, the hub and the day."""

    def __init__(self, estate: Estate, hub: Hub, *, seed: int, crowds: dict[date, float] | None = None) -> None:
        """`crowds` multiplies the visitors of single days."""
        self._estate = estate
        self._hub = hub
        self._seed = seed
        self._crowds = crowds or {}
        self._zone = estate.zone_of(hub.id)
        rng = seeded_rng(seed, "people", hub.id)
        self._visitors_an_hour = rng.uniform(9, 30)
        self._weekday = [rng.uniform(0.8, 1.2) for _ in range(7)]
        self._staff = rng.randint(2, 6)
        self.doors = _doors(sum(Kind.FOOTFALL in sensor.kinds for sensor in hub.sensors), rng)
        self._totals = [Totals(0, tuple(Counted(0, 0) for _ in self.doors))]
        self.visits = lru_cache(maxsize=3)(self._visits)

    def totals_until(self, day: date) -> Totals:
        """The totals from the estate's first day until the start of `day`."""
        past = (day - OPENED).days
        if past < 0:
            raise HubpulseError(f"the simulated estate opened on {OPENED}: simulate days from then on, not {day}")
        while len(self._totals) <= past:
            self._totals.append(self._add_day(self._totals[-1], OPENED + timedelta(days=len(self._totals) - 1)))
        return self._totals[past]

    def _add_day(self, totals: Totals, day: date) -> Totals:
        plan = self._plan(day, self._rng(day))
        return Totals(
            totals.people + sum(plan.people_by_door),
            tuple(
                Counted(total.entries + people - missed.entries, total.exits + people - missed.exits)
                for total, people, missed in zip(totals.by_door, plan.people_by_door, plan.missed, strict=True)
            ),
        )

    def _rng(self, day: date) -> Random:
        return seeded_rng(self._seed, "people", self._hub.id, day)

    def _expected(self, day: date, spans: Sequence[Span]) -> float:
        hours = sum(stop - start for start, stop in spans) / (60 * NS_A_MINUTE)
        season = 1 + 0.15 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 45) / 365)
        weekday = self._weekday[day.weekday()]
        return self._visitors_an_hour * math.pow(hours, 0.85) * weekday * season * self._crowds.get(day, 1.0)

    def _plan(self, day: date, rng: Random) -> _DayPlan:
        spans = open_spans(self._estate, self._hub, day)
        staff = self._staff if spans else 0
        people = staff + (poisson(self._expected(day, spans) * rng.uniform(0.9, 1.1), rng) if spans else 0)
        edges = [0]
        for door in self.doors:
            edges.append(min(people, edges[-1] + round(people * door.share)))
        edges[-1] = people
        by_door = tuple(stop - start for start, stop in pairwise(edges))
        missed = tuple(
            Counted(int(number * door.missed_in + rng.random()), int(number * door.missed_out + rng.random()))
            for number, door in zip(by_door, self.doors, strict=True)
        )
        return _DayPlan(staff, by_door, missed)

    def _visits(self, day: date) -> tuple[Visit, ...]:
        """Everybody who came on a local day, in order of arrival."""
        if day < OPENED:
            return ()
        rng = self._rng(day)
        plan = self._plan(day, rng)
        spans = open_spans(self._estate, self._hub, day)
        bounds = day_span(day, self._zone)
        stays = [_shift(spans, bounds, rng) for _ in range(plan.staff)]
        stays += _stays(spans, bounds, sum(plan.people_by_door) - plan.staff, rng)
        visits = []
        taken = 0
        for index, (number, missed) in enumerate(zip(plan.people_by_door, plan.missed, strict=True)):
            missed_in = set(rng.sample(range(number), missed.entries))
            missed_out = set(rng.sample(range(number), missed.exits))
            visits += [
                Visit(*stays[taken + at], index, at not in missed_in, at not in missed_out) for at in range(number)
            ]
            taken += number
        return tuple(sorted(visits))


def _doors(number: int, rng: Random) -> tuple[Door, ...]:
    """The first door takes most people. A hub without a counter has a door that nobody counts at."""
    if number == 0:
        return (Door(1.0, 1.0, 1.0),)
    weights = [3.0] + [1.0] * (number - 1)
    return tuple(Door(w / sum(weights), rng.uniform(0.0, 0.05), rng.uniform(0.0, 0.09)) for w in weights)


def _shift(spans: Sequence[Span], bounds: Span, rng: Random) -> Span:
    arrive = spans[0].start_ns - int(rng.uniform(5, 35) * NS_A_MINUTE)
    leave = spans[-1].stop_ns + int(rng.uniform(2, 20) * NS_A_MINUTE)
    return _within(arrive, leave, bounds)


def _within(arrive_ns: int, leave_ns: int, bounds: Span) -> Span:
    """Whole seconds inside the local day, at least one second apart."""
    arrive_s = max(arrive_ns, bounds.start_ns) // NS_A_SECOND
    leave_s = min(leave_ns // NS_A_SECOND, bounds.stop_ns // NS_A_SECOND - 1)
    arrive_s = min(arrive_s, leave_s - 1)
    return Span(arrive_s * NS_A_SECOND, leave_s * NS_A_SECOND)


def _stays(spans: Sequence[Span], bounds: Span, number: int, rng: Random) -> list[Span]:
    """Arrive by the profile of the day, stay a log-normal time, leave at closing time at the latest."""
    if not number:
        return []
    bins = [start for span in spans for start in range(span.start_ns, span.stop_ns, _BIN_NS)]
    opens, closes = spans[0].start_ns, spans[-1].stop_ns
    weights = [_profile((start - opens) / (closes - opens)) for start in bins]
    stops = [span.stop_ns for span in spans]
    stays = []
    for start in rng.choices(bins, weights, k=number):
        closing = stops[bisect_right(stops, start)]
        arrive = start + int(rng.random() * min(_BIN_NS, closing - start))
        dwell = rng.lognormvariate(math.log(_DWELL_MEDIAN_MIN), _DWELL_SPREAD)
        leave = min(arrive + int(dwell * NS_A_MINUTE), closing + int(rng.uniform(-6, 4) * NS_A_MINUTE))
        stays.append(_within(arrive, max(leave, arrive + NS_A_MINUTE), bounds))
    return stays


def _profile(share: float) -> float:
    """How busy a share of the opening day is: a peak in the late morning, a lower one in the afternoon."""
    return 0.15 + math.exp(-(((share - 0.3) / 0.17) ** 2)) + 0.8 * math.exp(-(((share - 0.68) / 0.15) ** 2))


class Occupancy:
    """The people in the building over a day. Someone is inside from their arrival until just before they leave."""

    def __init__(self, visits: Sequence[Visit]) -> None:
        self._arrivals_ns = sorted(visit.arrive_ns for visit in visits)
        self._leaves_ns = sorted(visit.leave_ns for visit in visits)
        moves = sorted([(t, 1) for t in self._arrivals_ns] + [(t, -1) for t in self._leaves_ns])
        self._moves_ns = [time_ns for time_ns, _ in moves]
        self._stayed_ns = [0]
        """Time stayed by all together until each move, in person nanoseconds."""
        inside = before_ns = 0
        for time_ns, change in moves:
            self._stayed_ns.append(self._stayed_ns[-1] + inside * (time_ns - before_ns))
            inside, before_ns = inside + change, time_ns

    def at(self, time_ns: int) -> int:
        """People inside just after an instant."""
        return bisect_right(self._arrivals_ns, time_ns) - bisect_right(self._leaves_ns, time_ns)

    def between(self, start_ns: int, stop_ns: int) -> int:
        """People who were inside at some time from start to stop, both inclusive."""
        return bisect_right(self._arrivals_ns, stop_ns) - bisect_right(self._leaves_ns, start_ns)

    def stayed_share(self, time_ns: int) -> float:
        """The share (0..1) of the day's time stayed, of all people together, that lies before an instant."""
        moves = bisect_right(self._moves_ns, time_ns)
        if moves == 0:
            return 0.0
        stayed = self._stayed_ns[moves] + self.at(time_ns) * (time_ns - self._moves_ns[moves - 1])
        return stayed / self._stayed_ns[-1]
