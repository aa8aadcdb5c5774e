"""Tries to get back what releases hide, from nothing but what they show: what a curious reader would do.

Every number that is shown is an equation over the hidden ones in it. Elimination over integers tells what the equations
say together; from them and from counts being whole and not below zero, bounds are drawn until they get no closer.
What it can't do: it does not search for the closest bounds of all (a linear program would, and could find closer ones
for three or more hidden numbers that hang together), it knows nothing of the hubs besides the releases, and it goes by
sums alone, not by estimates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import gcd, inf
from typing import Any

from usage.calendar import dates
from usage.publishing.cells import ALL_HUBS, DAY, FIGURES, Base
from usage.publishing.suppression import SUPPRESSED

_ROUNDS_MAX = 100
_GIVEN, _TARGET = -1, -2
"""In an equation: what it comes to, and the number that is looked for."""

Release = Mapping[str, Any]
Equation = dict[int, int]
"""The factors of the hidden days in a sum, and under `_GIVEN` what the sum is."""
Days = Mapping[Base, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """Between what a hidden number lies, by all that is shown."""

    hub: str
    period: str
    figure: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Attack:
    """`hidden` numbers were looked for; `recovered` are those whose bounds are closer than the releases promise.

    `contradicted`: figures of which the releases say different things, since they were restated in between; of those
    only what elimination tells is found.
    """

    hidden: int
    recovered: tuple[Found, ...]
    contradicted: tuple[str, ...] = ()


def attack(releases: Sequence[Release]) -> Attack:
    """Try to recover every number that one of the releases hides, from all of them together."""
    width = max((release["small_below"] or 0 for release in releases), default=0)
    hidden, recovered, contradicted = 0, [], []
    for figure in FIGURES:
        puzzle = _Puzzle(releases, figure)
        if not puzzle.draw_bounds():
            contradicted.append(figure)
        targets = puzzle.targets()
        hidden += len(targets)
        for (hub, period), target in targets.items():
            low, high = puzzle.bounds_of(target)
            if high - low < width:
                recovered.append(Found(hub, period, figure, int(low), int(high)))
    return Attack(hidden, tuple(recovered), tuple(contradicted))


class _Puzzle:
    """What the releases say of one figure, as equations over the days that all of them hide."""

    def __init__(self, releases: Sequence[Release], figure: str) -> None:
        self._figure = figure
        self._days: list[Days] = [
            {
                (cell["hub"], date.fromisoformat(cell["first"])): cell[figure]
                for cell in release["cells"]
                if cell["unit"] == DAY and cell["hub"] != ALL_HUBS
            }
            for release in releases
        ]
        self._shown = {base: value for days in self._days for base, value in days.items() if value != SUPPRESSED}
        self._numbers: dict[Base, int] = {}
        self._cells = [
            (cell, self._equation(cell, release["hubs"], days))
            for release, days in zip(releases, self._days, strict=True)
            for cell in release["cells"]
            if cell[figure] is not None
        ]
        shown = {
            tuple(sorted((equation | {_GIVEN: cell[figure] + equation[_GIVEN]}).items()))
            for cell, equation in self._cells
            if cell[figure] != SUPPRESSED and len(equation) > 1
        }
        self._equations = [dict(row) for row in sorted(shown, key=lambda row: (len(row), row))]
        self._reduced: dict[int, Equation] = {}
        for equation in self._equations:
            self._eliminate(equation)
        self._open_bounds()

    def _open_bounds(self) -> None:
        self._low: list[float] = [0] * len(self._numbers)
        self._high: list[float] = [inf] * len(self._numbers)

    def _equation(self, cell: Mapping[str, Any], hubs: Sequence[str], days: Days) -> Equation:
        """The hidden days of a cell, and less the days that are known; what the cell comes to is to be added."""
        equation = {_GIVEN: 0}
        first, last = date.fromisoformat(cell["first"]), date.fromisoformat(cell["last"])
        for hub in hubs if cell["hub"] == ALL_HUBS else [cell["hub"]]:
            for day in dates(first, last):
                value = days.get((hub, day))
                value = self._shown.get((hub, day), value) if value == SUPPRESSED else value
                if value == SUPPRESSED:
                    equation[self._numbers.setdefault((hub, day), len(self._numbers))] = 1
                else:
                    equation[_GIVEN] -= value or 0
        return equation

    def _eliminate(self, equation: Equation) -> None:
        """Take an equation in, and what it tells out of the others."""
        fresh = self._without_pivots(equation)
        pivot = min((each for each in fresh if each >= 0), key=lambda each: (abs(fresh[each]), each), default=None)
        if pivot is None:
            return
        for other in [each for each, row in self._reduced.items() if pivot in row]:
            self._reduced[other] = _combined(self._reduced[other], fresh, pivot)
        self._reduced[pivot] = fresh

    def _without_pivots(self, equation: Equation) -> Equation:
        for pivot in [each for each in equation if each in self._reduced]:
            equation = _combined(equation, self._reduced[pivot], pivot)
        return equation

    def draw_bounds(self) -> bool:
        """Draw every day's bounds closer until they stay. False where no numbers are as the releases say together."""
        equations = [*self._equations, *self._reduced.values()]
        for _ in range(_ROUNDS_MAX):
            if not sum(map(self._draw_closer, equations)):
                break
            if any(low > high for low, high in zip(self._low, self._high, strict=True)):
                self._open_bounds()
                return False
        return True

    def _draw_closer(self, equation: Equation) -> bool:
        """Draw the bounds of an equation's days closer by it; tells whether any was."""
        closer = False
        for number, low, high in self._implied(equation):
            if low > self._low[number]:
                self._low[number], closer = low, True
            if high < self._high[number]:
                self._high[number], closer = high, True
        return closer

    def targets(self) -> dict[tuple[str, str], Equation]:
        """The hidden cells, by hub and period: each the sum of its days, less itself."""
        return {
            (cell["hub"], cell["period"]): {**equation, _TARGET: -1}
            for cell, equation in self._cells
            if cell[self._figure] == SUPPRESSED
        }

    def bounds_of(self, target: Equation) -> tuple[float, float]:
        """Between what a cell lies: by its days, and by what the equations say of their sum."""
        (_, low, high), (_, other_low, other_high) = (
            next(each for each in self._implied(equation) if each[0] == _TARGET)
            for equation in (target, self._without_pivots(target))
        )
        return max(low, other_low), min(high, other_high)

    def _implied(self, equation: Equation) -> Iterator[tuple[int, float, float]]:
        """Between what whole numbers each of an equation's lies by the bounds of its others."""
        parts = [(number, factor) for number, factor in equation.items() if number != _GIVEN]
        ends = [self._ends(number, factor) for number, factor in parts]
        open_below, open_above = (sum(abs(end) == inf for end in column) for column in zip(*ends, strict=True))
        least, most = (sum(end for end in column if abs(end) < inf) for column in zip(*ends, strict=True))
        for (number, factor), (own_least, own_most) in zip(parts, ends, strict=True):
            # What the others come to has a bound where none of them is without one.
            above = equation[_GIVEN] - _less(least, own_least) if open_below == (own_least == -inf) else inf
            below = equation[_GIVEN] - _less(most, own_most) if open_above == (own_most == inf) else -inf
            low, high = (below, above) if factor > 0 else (above, below)
            yield number, _ceil(low, factor), _floor(high, factor)

    def _ends(self, number: int, factor: int) -> tuple[float, float]:
        low, high = (-inf, inf) if number == _TARGET else (self._low[number], self._high[number])
        return (factor * low, factor * high) if factor > 0 else (factor * high, factor * low)


def _less(total: float, own: float) -> float:
    return total if abs(own) == inf else total - own


def _floor(value: float, divisor: int) -> float:
    return inf if abs(value) == inf else value // divisor


def _ceil(value: float, divisor: int) -> float:
    return -inf if abs(value) == inf else -(-value // divisor)


def _combined(equation: Equation, other: Equation, number: int) -> Equation:
    """An equation without a number, by another one that has it; its factors as small as they can be."""
    by, less = other[number], equation[number]
    sign = 1 if by > 0 else -1
    found = {
        each: sign * (by * equation.get(each, 0) - less * other.get(each, 0)) for each in equation.keys() | other.keys()
    }
    divisor = gcd(*found.values()) or 1
    return {each: factor // divisor for each, factor in sorted(found.items()) if factor or each == _GIVEN}
