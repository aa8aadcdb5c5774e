"""A month of entries in the width of a word: a mark per day, its shape by the day's state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from dashboards.web import wording
from dashboards.web.days import WORDS, Day, DayState
from schemas.texts import _

STEP_PX = 6
HEIGHT_PX = 34
_BAR_MIN_PX = 2.0
_BASE_PX = 4
_SO_FAR = "so-far"


class Sparkline(NamedTuple):
    """The drawing, and the same in words."""

    width: int
    height: int
    marks: Markup
    words: str


def sparkline(days: Sequence[Day]) -> Sparkline:
    """Marks for the days, oldest first, scaled to the busiest of them."""
    busiest = max((day.entries or 0 for day in days), default=0)
    base = HEIGHT_PX - _BASE_PX
    marks = Markup().join(_mark(day, index, busiest, base) for index, day in enumerate(days))
    return Sparkline(STEP_PX * len(days), HEIGHT_PX, marks, _words(days))


def _mark(day: Day, index: int, busiest: int, base: int) -> Markup:
    height = max(_BAR_MIN_PX, (day.entries or 0) / busiest * (base - 1)) if day.entries else 0.0
    shape = _SO_FAR if day.today and day.state is DayState.COUNTED else day.state.value
    return mark_shape(shape, index * STEP_PX, round(base - height, 1), round(height, 1), base)


def mark_shape(shape: str, x: float, y: float, height: float, base: float) -> Markup:
    """A mark in pixels: its left edge, the top and the height of its bar, and where all bars stand.

    Drawn here, not in the template: a page has thousands, and each expression of a template costs.
    """
    match shape:
        case DayState.COUNTED | "so-far":
            drawn = f'<rect class="mark {shape}" x="{x + 0.5}" y="{y}" width="4.5" height="{height}"/>\n'
        case DayState.PARTIAL:
            tall = max(height - 0.5, 1.5)
            drawn = f'<rect class="mark partial" x="{x + 1}" y="{y + 0.5}" width="3.5" height="{tall}"/>\n'
        case DayState.ZERO:
            drawn = f'<circle class="mark zero" cx="{x + 2.75}" cy="{base - 1.5}" r="1.6"/>\n'
        case DayState.CLOSED:
            drawn = f'<rect class="mark closed" x="{x + 0.5}" y="{base - 1}" width="4.5" height="1.2"/>\n'
        case DayState.SILENT:
            drawn = f'<path class="mark silent" d="M{x + 0.7} {base - 4}l4 4m0-4l-4 4"/>\n'
        case _:
            drawn = ""
    return Markup(drawn)  # noqa: S704 - made of numbers and names of shapes alone


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
