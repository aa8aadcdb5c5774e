"""A month of entries in the width of a word: a mark per day, its shape by the day's state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dashboards.web import wording
from dashboards.web.days import WORDS, Day, DayState
from schemas.texts import _

STEP_PX = 6
HEIGHT_PX = 34
_BAR_MIN_PX = 2.0
_BASE_PX = 4


class Mark(NamedTuple):
    """One day's mark: left edge, top and height of its bar, and what to draw."""

    x: float
    y: float
    height: float
    shape: str


class Sparkline(NamedTuple):
    """What the template draws, and the same in words."""

    width: int
    height: int
    base: int
    marks: tuple[Mark, ...]
    words: str


def sparkline(days: Sequence[Day]) -> Sparkline:
    """Marks for the days, oldest first, scaled to the busiest of them."""
    busiest = max((day.entries or 0 for day in days), default=0)
    base = HEIGHT_PX - _BASE_PX
    return Sparkline(
        width=STEP_PX * len(days),
        height=HEIGHT_PX,
        base=base,
        marks=tuple(_mark(day, index, busiest, base) for index, day in enumerate(days)),
        words=_words(days),
    )


def _mark(day: Day, index: int, busiest: int, base: int) -> Mark:
    height = max(_BAR_MIN_PX, (day.entries or 0) / busiest * (base - 1)) if day.entries else 0.0
    shape = "so-far" if day.today and day.state is DayState.COUNTED else day.state.value
    return Mark(index * STEP_PX, round(base - height, 1), round(height, 1), shape)


def _words(days: Sequence[Day]) -> str:
    counts = [day.entries for day in days if day.begun and day.entries is not None]
    states = [day.state for day in days]
    parts = []
    if counts:
        low, high = wording.number(min(counts)), wording.number(max(counts))
        parts.append(_("{low} to {high} entries a day").format(low=low, high=high))
    parts += [
        f"{wording.plural(states.count(state), 'day', 'days')} {_(WORDS[state])}"
        for state in (DayState.CLOSED, DayState.ZERO, DayState.PARTIAL, DayState.SILENT)
        if state in states
    ]
    return ", ".join(parts) or _("nothing measured yet")
