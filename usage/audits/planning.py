"""How many people an audit needs, and how long that takes at a door, said beforehand by its profile."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import Estate
from schemas.localtime import NS_A_MINUTE, NS_A_SECOND, NS_AN_HOUR, Span, from_ns, to_ns
from stores import Store
from usage.audits.comparison import OFFSET_MAX_S
from usage.audits.equivalence import people_needed
from usage.audits.records import AuditError
from usage.calendar import HubCalendar
from usage.plan import HubPlan
from usage.profile import UsualOpening
from usage.queries.figures import HubFigures

_ROUND_MINUTES = 5
_UNKNOWN_EDGES = 0.1
"""What is added for the edges of the count where nobody knows how many people come."""


@dataclass(frozen=True, slots=True)
class Length:
    """When an audit could begin, how many people are to be counted then, and how long it takes.

    `minutes` is None where the door closes before so many have come.
    """

    start: datetime
    target: int
    minutes: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How many people are to be compared, and how many to be counted so that they are; where and when how long.

    `asked` is for the hour that was asked for, `quickest` the best of the coming week; None without a profile.
    """

    people: int
    target: int
    every_s: int
    asked: Length | None
    quickest: Length | None


def plan_audit(
    store: Store, estate: Estate, hub: str, sensor: str, *, margin: float, loss: float, when: datetime, now_ns: int
) -> Plan:
    """Plan an audit of a door that begins `when`. Raises AuditError where no number of people would do."""
    people = people_needed(margin, loss)
    if people is None:
        raise AuditError(f"a counter that loses {loss:.1%} can't be shown to be within {margin:.1%}: give a wider one")
    figures = HubFigures(store, estate, hub, now_ns=now_ns)
    usual = UsualOpening(figures.calendar, figures.profiles([from_ns(now_ns).date()]).of)
    every_ns = HubPlan.of(estate, hub).patience_ns(sensor)
    edges_ns = 2 * (every_ns + OFFSET_MAX_S * NS_A_SECOND)
    asked = _length(usual, sensor, when, people, edges_ns)
    if asked is None:
        return Plan(people, math.ceil(people * (1 + _UNKNOWN_EDGES)), every_ns // NS_A_SECOND, None, None)
    hours = (_length(usual, sensor, start, people, edges_ns) for start in _hours(figures.calendar, now_ns))
    known = [length for length in hours if length is not None and length.minutes is not None]
    quickest = min(known, key=lambda length: length.minutes or 0, default=None)
    best = quickest if quickest is not None and asked.minutes is None else asked
    return Plan(people, best.target, every_ns // NS_A_SECOND, asked, quickest)


def _length(usual: UsualOpening, door: str, start: datetime, people: int, edges_ns: int) -> Length | None:
    """How long it takes from an hour on until so many have come, and those of the edges; None where nobody knows."""
    start_ns = to_ns(start)
    if not usual.profile_of(start_ns).rates.get(door):
        return None
    target = math.ceil(people * (1 + _UNKNOWN_EDGES))
    opening = usual.calendar.open_within(Span(start_ns, start_ns + 24 * NS_AN_HOUR))
    if not opening or opening[0].start_ns > start_ns:
        return Length(start, target, None)
    minutes = _minutes_until(usual, door, opening[0], people)
    if minutes is not None:
        at_edges = people * edges_ns / (minutes * NS_A_MINUTE)
        target = math.ceil(people + at_edges + 2 * math.sqrt(at_edges))
        minutes = _minutes_until(usual, door, opening[0], target)
    return Length(start, target, None if minutes is None else math.ceil(minutes / _ROUND_MINUTES) * _ROUND_MINUTES)


def _minutes_until(usual: UsualOpening, door: str, opening: Span, people: int) -> int | None:
    """After how many minutes of an opening time so many people have usually come; None where that is never."""

    def are_enough(minutes: int) -> bool:
        found = usual.people(door, Span(opening.start_ns, opening.start_ns + minutes * NS_A_MINUTE))
        return found is not None and found >= people

    longest = opening.length_ns // NS_A_MINUTE
    minutes = bisect_left(range(longest + 1), 1, key=are_enough)
    return minutes if 0 < minutes <= longest else None


def _hours(calendar: HubCalendar, now_ns: int) -> Iterator[datetime]:
    """The full hours of the coming week, in the hub's own time, in which it is open."""
    hour = from_ns(now_ns).astimezone(calendar.zone).replace(minute=0, second=0, microsecond=0)
    for _ in range(7 * 24):
        hour = (hour + timedelta(hours=1)).astimezone(calendar.zone)
        if calendar.open_within(Span(to_ns(hour), to_ns(hour) + 1)):
            yield hour
