"""What other opening times would make of a hub's figures, in rows: all the days together first, then day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from dashboards.web import wording
from schemas.measures import USAGE_MEASURES, Aggregation, Covers
from schemas.texts import _
from usage.hours_preview import ChangedDay, HoursPreview

_OPEN = "open_minutes"
OF_EACH_DAY = ("entries_open", _OPEN)
"""The figures that stand in each day's row; the others that change are folded away."""


class Pair(NamedTuple):
    """A figure as it is, and as it would be."""

    now: str
    then: str


class ChangedFigure(NamedTuple):
    """A figure, over all the days on which it would change."""

    label: str
    days: str
    values: Pair


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A day: the figures of `OF_EACH_DAY`, None for one that stays as it is, and the others that change."""

    day: str
    shown: tuple[Pair | None, ...]
    others: tuple[tuple[str, Pair], ...]


@dataclass(frozen=True, slots=True)
class HoursRows:
    """The preview as the page shows it."""

    labels: tuple[str, ...]
    together: tuple[ChangedFigure, ...]
    days: tuple[ChangedRow, ...]
    unchanged: tuple[str, ...]
    """Days of which no figure changes but how long the hub was to be open, at the most."""
    other_hours: int
    """How many days have other opening times."""
    left_out: int


def hours_rows(found: HoursPreview, today: date) -> HoursRows:
    """What is shown of a preview, days as people at `today` write them."""
    changed = [day for day in found.days if day.figures.keys() != {_OPEN}]
    unchanged = {*found.unchanged, *(day.date for day in found.days)} - {day.date for day in changed}
    return HoursRows(
        tuple(_(USAGE_MEASURES[name].label) for name in OF_EACH_DAY),
        tuple(_together(found.days)),
        tuple(_row(day, today) for day in changed),
        tuple(wording.day(day, today) for day in sorted(unchanged)),
        len(found.days) + len(found.unchanged) + found.left_out,
        found.left_out,
    )


def _row(day: ChangedDay, today: date) -> ChangedRow:
    pairs = {
        name: Pair(*(_shown(name, *each) for each in zip(values, _is_closed(day), strict=True)))
        for name, values in day.figures.items()
    }
    shown = tuple(pairs.pop(name, None) for name in OF_EACH_DAY)
    others = tuple((_(USAGE_MEASURES[name].label), pair) for name, pair in pairs.items())
    return ChangedRow(wording.day(day.date, today), shown, others)


def _together(days: Sequence[ChangedDay]) -> Iterator[ChangedFigure]:
    for name, measure in USAGE_MEASURES.items():
        if changed := [day for day in days if name in day.figures]:
            sides = ([(day.figures[name][side], _is_closed(day)[side]) for day in changed] for side in (0, 1))
            now, then = (_over_days(name, each) for each in sides)
            yield ChangedFigure(_(measure.label), wording.number(len(changed)), Pair(now, then))


def _over_days(name: str, values: Sequence[tuple[float | None, bool]]) -> str:
    """What can be said of all the days: the sum where days add up, how many are of each state, else the range.

    Each value with whether the hub is closed on its day.
    """
    measure, known = USAGE_MEASURES[name], [value for value, _closed in values if value is not None]
    lacking = Counter(_shown(name, *each) for each in values if each[0] is None)
    if measure.words:
        counts = Counter(_shown(name, *each) for each in values)
        return ", ".join(f"{wording.number(count)} {word}" for word, count in counts.items())
    if not known and len(lacking) == 1:
        return next(iter(lacking))
    lacks = ", ".join(f"{wording.plural(count, 'day', 'days')} {what}" for what, count in lacking.items())
    if not known:
        return lacks
    if measure.over_days is Aggregation.SUM:
        text = wording.measure(sum(known), name)
    else:
        low, high = (wording.measure(value, name) for value in (min(known), max(known)))
        text = low if low == high else _("{low} to {high}").format(low=low, high=high)
    return f"{text} ({lacks})" if lacks else text


def _is_closed(day: ChangedDay) -> tuple[bool, bool]:
    """Whether the hub is closed all day, as it is and as it would be."""
    now, then = day.figures.get(_OPEN, (None, None))
    return now == 0, then == 0


def _shown(name: str, value: float | None, is_closed: bool) -> str:  # noqa: FBT001 - told of each value
    """A figure in words; that a closed day has none of its opening hours is not to say that it isn't known."""
    if value is not None:
        return wording.measure(value, name)
    return _("closed") if is_closed and USAGE_MEASURES[name].covers is Covers.OPENING_HOURS else _("not known")
