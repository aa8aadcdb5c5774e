"""Which days of two periods are compared: each with its like in the other, where both were counted.

Days are alike on the same weekday and, where the estate file names the school terms of both periods, both in term or
both out of it. Bank holidays and closures are no open days, and have no like. The n-th of a kind is the like of the
n-th: the calendar decides it, never what was counted, so that a day nobody counted takes its like with it and moves no
other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from schemas import Estate
from usage.calendar import HubCalendar, dates
from usage.queries.date_ranges import DateRange

COMPARED_BY = ("entries", "people_state", "open_minutes")
"""The figures of days that comparisons go by."""
Kinds = NDArray[np.int8]
"""What each day of a range is like: equal for days that are alike, below 0 where the hub is closed."""
Places = NDArray[np.int64]
"""Days of a range, by how many days after its first they are."""
_WEEK = 7


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


def kinds_of_days(calendar: HubCalendar, days: DateRange, last: date, terms: frozenset[date] | None) -> Kinds:
    """What a hub's days up to the last are like: their weekday, and whether schools are in session."""
    is_open = np.array(calendar.open_days(days.first, min(days.last, last)), dtype=bool)
    kinds = (np.arange(len(is_open)) + days.first.weekday()) % _WEEK
    if terms is not None:
        kinds += _WEEK * np.array([day in terms for day in dates(days.first, min(days.last, last))], dtype=np.int64)
    return np.where(is_open, kinds, -1).astype(np.int8)


def paired(days: Kinds, others: Kinds) -> tuple[Places, Places]:
    """Each open day with its like, in order."""
    pairs = []
    for kind in np.unique(days[days >= 0]):
        of_days, of_others = np.nonzero(days == kind)[0], np.nonzero(others == kind)[0]
        number = min(len(of_days), len(of_others))
        pairs.append((of_days[:number], of_others[:number]))
    if not pairs:
        return np.array([], dtype=np.int64), np.array([], dtype=np.int64)
    of_days, of_others = (np.concatenate(each) for each in zip(*pairs, strict=True))
    order = np.argsort(of_days)
    return of_days[order], of_others[order]
