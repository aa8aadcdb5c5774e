"""How many people usually come in by each door of a hub in each hour of the week: the profile of one week.

What nobody counted directly is shared out by it, and a door that is dead weighs by it what people usually come there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, partial
from itertools import accumulate
from operator import attrgetter
from typing import NamedTuple

from schemas.localtime import NS_AN_HOUR, Span
from usage.calendar import HubCalendar
from usage.shares import Part, Usual, passed

PERSON = 1000
"""Rates are in thousandths of a person per hour of opening."""
WEEK_MIN = 100 * PERSON
"""A hub with fewer people in a week has no profile: it would be made of chance."""
ON_CHANGE_PEOPLE = 5
"""A door that reports on change has gone silent once so many people should have come."""


class DoorHour(NamedTuple):
    """How many people came in by a door in a clock hour while the hub was open, which was for `open_ns` of it."""

    start_ns: int
    entries: int
    open_ns: int
    is_direct: bool
    """Whether the door's own readings covered all of the opening time, so that nothing of it was shared out."""

    @property
    def rate(self) -> int:
        """In thousandths of a person per hour of opening, rounded down."""
        return self.entries * PERSON * NS_AN_HOUR // self.open_ns


DoorHours = Mapping[str, Sequence[DoorHour]]
"""A day's hours by door."""


@dataclass(frozen=True)
class Profile:
    """Each door's usual rate by the hour of the week, 0 at Monday's midnight, where it is known."""

    rates: Mapping[str, Mapping[int, int]]

    @cached_property
    def is_enough(self) -> bool:
        """Whether it is of enough people to go by."""
        return sum(sum(by_hour.values()) for by_hour in self.rates.values()) >= WEEK_MIN

    def shape(self, door: str, hours: Sequence[int]) -> Sequence[int] | None:
        """How a door's people usually fall on hours of the week: as at the door, else as at all doors that are known.

        None where nobody knows it of one of the hours.
        """
        if not self.is_enough:
            return None
        known = [by_hour for by_hour in self.rates.values() if all(hour in by_hour for hour in hours)]
        own = self.rates.get(door)
        chosen = [own] if own is not None and own in known else known
        return [sum(by_hour[hour] for by_hour in chosen) for hour in hours] if chosen else None

    def weights(self, doors: Iterable[str], hours: Sequence[int]) -> Mapping[str, Sequence[int]]:
        """What an hour without a door's readings weighs, for each of the doors and hours; never nothing.

        An hour that is not known of a door weighs as its others do on average, a door of which none is known as the
        other doors do; without a profile all weigh alike.
        """
        wanted = list(doors)
        known = {door: self._filled(self.rates[door], hours) for door in wanted if self.rates.get(door)}
        if not known or not self.is_enough:
            return dict.fromkeys(wanted, [1] * len(hours))
        usual = [max(1, sum(column) // len(known)) for column in zip(*known.values(), strict=True)]
        return {door: known.get(door, usual) for door in wanted}

    @staticmethod
    def _filled(by_hour: Mapping[int, int], hours: Sequence[int]) -> Sequence[int]:
        mean = sum(by_hour.values()) // len(by_hour)
        return [max(1, by_hour.get(hour, mean)) for hour in hours]


ProfileOf = Callable[[int], Profile]
"""The profile of the local ISO week that holds an instant."""


def no_profile(_time_ns: int) -> Profile:
    """Nothing is usual."""
    return Profile({})


class Expected:
    """How many people should have come by a door since an instant."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._sums = [0, *accumulate(part.weight for part in parts)]

    def somebody_by(self, since_ns: int) -> int:
        """When so many should have come since an instant that silence means that the door is dead, not idle.

        The end of what is known where that is later.
        """
        i = bisect_right(self._parts, since_ns, key=attrgetter("stop_ns"))
        if i == len(self._parts):
            return max(since_ns, self._parts[-1].stop_ns)
        before = self._sums[i] + (passed(self._parts[i], since_ns) if since_ns > self._parts[i].start_ns else 0)
        due = before + ON_CHANGE_PEOPLE * PERSON * NS_AN_HOUR
        at = bisect_left(self._sums, due) - 1
        if at == len(self._parts):
            return self._parts[-1].stop_ns
        part = self._parts[at]
        return part.start_ns + (due - self._sums[at]) * (part.stop_ns - part.start_ns) // part.weight


@dataclass(frozen=True, slots=True)
class UsualOpening:
    """When people usually come: within opening time, by the profile where there is one."""

    calendar: HubCalendar
    profile_of: ProfileOf = no_profile

    def parts(self, span: Span, door: str | None = None) -> Sequence[Part]:
        """The opening time in a span, each part with what it weighs: by the week in which the span starts."""
        usual = None if door is None else self._by_profile(span, door, span.start_ns)
        return usual or [Part(*opening, opening.length_ns) for opening in self.calendar.open_within(span)]

    def people(self, door: str, span: Span) -> Fraction | None:
        """How many people usually come by a door in a span, by the week in which it starts; None without a profile."""
        parts = self._by_profile(span, door, span.start_ns)
        return None if parts is None else Fraction(sum(part.weight for part in parts), PERSON * NS_AN_HOUR)

    def by_door(self, door: str) -> Usual:
        """When people usually come by a door."""
        return partial(self.parts, door=door)

    def expected(self, door: str, span: Span, week_ns: int) -> Expected | None:
        """Who should have come by a door in a span, by the profile of the week of `week_ns`; None without one."""
        profile, hours = self.profile_of(week_ns), list(self.calendar.open_hours(span))
        if not hours or not profile.is_enough or not profile.rates.get(door):
            return None
        rates = profile.weights([door], [hour for hour, _ in hours])[door]
        return Expected([Part(*part, rate * part.length_ns) for (_, part), rate in zip(hours, rates, strict=True)])

    def _by_profile(self, span: Span, door: str, week_ns: int) -> Sequence[Part] | None:
        hours = list(self.calendar.open_hours(span))
        rates = self.profile_of(week_ns).shape(door, [hour for hour, _ in hours])
        if rates is None or not any(rates):
            return None
        return [Part(*part, rate * part.length_ns) for (_, part), rate in zip(hours, rates, strict=True)]
