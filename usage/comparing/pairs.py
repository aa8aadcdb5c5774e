"""Which days of two periods are compared: each with its like in the other, where both were counted.

Days are alike on the same weekday and, where the estate file names the school terms of both periods, both in term or
both out of it. Bank holidays and closures are no open days, and have no like. The n-th of a kind is the like of the
n-th: the calendar decides it, never what was counted, so that a day nobody counted takes its like with it and moves no
other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache

from schemas import Estate
from schemas.measures import PeopleState
from usage.calendar import HubCalendar, dates
from usage.queries.date_ranges import DateRange
from usage.rollup import Figures

COMPARED_BY = ("entries", "people_state", "open_minutes")
"""The figures of days that comparisons go by."""
Pair = tuple[date, date]
"""A day of the period, and its like in the other."""
KindOfDay = Callable[[date], Hashable | None]
"""What a day is like: equal for days that are alike; None where the hub is closed."""
Days = Mapping[date, Figures]


class Why(StrEnum):
    """Why an open day is not compared."""

    NOT_COUNTED = "not counted"
    LIKE_NOT_COUNTED = "its like was not counted"
    NO_LIKE = "no such day in the other period"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An open day of either period that is not compared."""

    day: date
    why: Why


def term_days(estate: Estate, *ranges: DateRange) -> frozenset[date] | None:
    """The days of school terms; None where the estate file does not name the terms of all of these days."""
    if not estate.terms:
        return None
    first, last = min(term.first for term in estate.terms), max(term.last for term in estate.terms)
    if any(each.first < first or each.last > last for each in ranges):
        return None
    return frozenset(day for term in estate.terms for day in dates(term.first, term.last))


def kind_of_day(estate: Estate, hub: str, terms: frozenset[date] | None) -> KindOfDay:
    """What a hub's days are like: their weekday, and whether schools are in session."""
    calendar = HubCalendar(estate, hub)

    @cache
    def kind(day: date) -> Hashable | None:
        return (day.weekday(), terms is not None and day in terms) if calendar.opens(day) else None

    return kind


def paired(days: Iterable[date], others: Iterable[date], kind: KindOfDay) -> tuple[list[Pair], list[LeftOut]]:
    """Each open day with its like, in order, and those that have none."""
    likes: dict[Hashable, list[date]] = defaultdict(list)
    for other in others:
        likes[kind(other)].append(other)
    pairs, left_out = [], []
    for day in days:
        key = kind(day)
        if key is None:
            continue
        if likes[key]:
            pairs.append((day, likes[key].pop(0)))
        else:
            left_out.append(LeftOut(day, Why.NO_LIKE))
    left_out += [LeftOut(other, Why.NO_LIKE) for key, rest in likes.items() if key is not None for other in rest]
    return pairs, left_out


def counted_on_both(pairs: Iterable[Pair], rows: Days) -> tuple[list[Pair], list[LeftOut]]:
    """The pairs of which both days were counted whole, and the days of the others."""
    kept, left_out = [], []
    for pair in pairs:
        counted = [is_counted(rows.get(day)) for day in pair]
        if all(counted):
            kept.append(pair)
            continue
        left_out += [
            LeftOut(day, Why.LIKE_NOT_COUNTED if itself else Why.NOT_COUNTED)
            for day, itself in zip(pair, counted, strict=True)
        ]
    return kept, left_out


def is_counted(figures: Figures | None) -> bool:
    """Whether all people of an open day were counted."""
    return figures is not None and figures["people_state"] == PeopleState.COUNTED and figures["entries"] is not None
