"""What an estimate of people whom nobody counted is; `usage.estimates.estimator` makes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from schemas.measures import PeopleState
from schemas.texts import N_, _
from usage.rollup import Figures

ESTIMATED = ("entries_estimated", "entries_low", "entries_high", "method")
"""What is told of the people of a period beside those who were counted."""
ESTIMATED_BY = ("entries", "people_state", "open_minutes", "footfall_completeness", "transfer_share")
"""The figures of days that estimates go by."""


class Method(StrEnum):
    """How what is missing was estimated."""

    NONE = "none"
    HOURS = "hours"
    """By what was counted in the other hours of the day."""
    WEEKDAY = "weekday"
    """By the same weekday in the weeks around."""
    WEEKDAY_SISTER = "weekday_sister"
    """By the same weekday, and what the other hubs counted on the day."""
    TRANSFER = "transfer?"
    """Beside one of those: they may have used another door, which counted, so that `low` adds nobody."""


_METHOD_WORDS = {
    Method.HOURS: N_("the other hours of the day"),
    Method.WEEKDAY: N_("the same weekday in the weeks around"),
    Method.WEEKDAY_SISTER: N_("the same weekday in the weeks around and what the other hubs counted on the day"),
}
"""What each goes by, as people read it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is missing from a hub's count over some days, in people.

    `people` is to be added to what was counted; `low` and `high` bound it, with nine chances in ten. All three are None
    where something is missing and there is too little history to tell. `backtest` is the share of the hub's own last
    year in which such an interval, made of the other weeks alone, held the truth; None where no whole day is missing.
    """

    people: int | None = 0
    low: int | None = 0
    high: int | None = 0
    method: str = Method.NONE
    """The methods used, joined by `+`."""
    backtest: float | None = None


Estimates = Callable[[str, Sequence[date]], Estimate]
"""Tells what is missing from a hub's days."""

UNKNOWN = Estimate(None, None, None)


def of_days(parts: Mapping[date, Estimate]) -> Estimate:
    """Single days' estimates as one; unknown where one is. Its bounds are rather wider than those of a period.

    Days in a row are taken to err all alike, so that their bounds add up; what is apart errs independently, and adds
    up by its squares. Who may have used another door did so on all of the days or on none: low has none of them.
    """
    if any(part.people is None or part.low is None or part.high is None for part in parts.values()):
        return UNKNOWN
    sure = {day: part for day, part in parts.items() if Method.TRANSFER not in part.method.split("+")}
    people = sum(part.people or 0 for part in parts.values())
    below = _off({day: (part.people or 0) - (part.low or 0) for day, part in sure.items()})
    above = _off({day: (part.high or 0) - (part.people or 0) for day, part in parts.items()})
    methods = {method for part in parts.values() for method in part.method.split("+")}
    low = sum(part.people or 0 for part in sure.values()) - below
    return Estimate(people, max(0, round(low)), round(people + above), "+".join(sorted(methods)) or Method.NONE)


def _off(bounds: Mapping[date, int]) -> float:
    """How far off days are together, by how far off each of them is."""
    runs: list[int] = []
    for day in sorted(bounds):
        if runs and day - timedelta(days=1) in bounds:
            runs[-1] += bounds[day]
        else:
            runs.append(bounds[day])
    return math.hypot(*runs)


METHOD_NUMBERS: Mapping[Method, int] = {method: number for number, method in enumerate(Method)}
"""How a day's method is stored; with `TRANSFER`, the last, its number is the sum of both."""


def method_of(number: int) -> str:
    """The method that a stored number stands for."""
    methods = list(Method)
    transfer = METHOD_NUMBERS[Method.TRANSFER]
    return methods[number] if number <= transfer else f"{methods[number - transfer]}+{Method.TRANSFER}"


def in_words(method: str, look_up: Callable[[str], str] = _) -> str:
    """What an estimate goes by, from its methods joined by `+`, as people read it: in their language."""
    methods = [Method(each) for each in method.split("+")]
    *most, by = (look_up(_METHOD_WORDS[each]) for each in methods if each is not Method.TRANSFER)
    if most:
        by = look_up(N_("{most} and {last}")).format(most=", ".join(most), last=by)
    if Method.TRANSFER in methods:
        by = look_up(N_("{methods}; some may have used a door that counted")).format(methods=by)
    return by


def missing_share(figures: Figures) -> float:
    """The share of a day's people whose time nobody counted; 0 on a closed day, and before a hub opens."""
    match figures["people_state"]:
        case PeopleState.COUNTED | PeopleState.PARTIAL:
            return 1 - (figures["footfall_completeness"] or 0)
        case PeopleState.NONE:
            return 1.0
    return 0.0
