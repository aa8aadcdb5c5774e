"""The cells of a publication: what one hub, or all hubs together, counted on a day or over a whole week, month...

Weeks cut across months, so that the cells are no tree: two tables that share their days. Whoever hides a cell has to
think of every sum that it is part of (`disclosure`), and whoever wants it back tries them (`attack`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple

from usage.calendar import dates
from usage.queries.periods import Period

FIGURES = ("entries", "exits", "entries_open")
"""The people of a cell that add up over days and hubs. They tell of each other, so they are hidden together."""
ALL_HUBS = "all hubs"
"""The hub of the cells that are sums over the hubs; no id has a blank."""
DAY = "day"

Base = tuple[str, date]
"""A hub and a day of it."""
Counts = tuple[int | None, ...]
"""One number for each of `FIGURES`."""
NOTHING: Counts = (None,) * len(FIGURES)
Cell = tuple[str, str]
"""Whose, and when: a hub's id or the scope of several, and the name of a unit."""


class Unit(NamedTuple):
    """A day, or a week, month, quarter, half or year."""

    kind: str
    name: str
    first: date
    last: date


@dataclass(frozen=True)
class Grid:
    """The cells of one publication: its hubs by the units that lie wholly in it."""

    hubs: tuple[str, ...]
    first: date
    last: date

    @cached_property
    def units(self) -> Sequence[Unit]:
        """The days, then what is longer."""
        days = list(dates(self.first, self.last))
        found = [Unit(DAY, day.isoformat(), day, day) for day in days]
        for period in Period:
            bounds = {name: Period.parse(name)[1:] for name in dict.fromkeys(map(period.name_of, days))}
            found += [
                Unit(period.value, name, first, last)
                for name, (first, last) in bounds.items()
                if self.first <= first and last <= self.last
            ]
        return found

    @cached_property
    def scopes(self) -> Mapping[str, tuple[str, ...]]:
        """The hubs of each scope: every hub by itself, and all of them where they are several."""
        alone = {hub: (hub,) for hub in self.hubs}
        return alone | ({self.together: self.hubs} if len(self.hubs) > 1 else {})

    @property
    def together(self) -> str:
        """The scope of all hubs: other hubs together are other cells."""
        return "+".join(self.hubs)

    @cached_property
    def _units_at(self) -> Mapping[date, Sequence[str]]:
        found: dict[date, list[str]] = {day: [] for day in dates(self.first, self.last)}
        for unit in self.units:
            for day in dates(unit.first, unit.last):
                found[day].append(unit.name)
        return found

    def at(self, hub: str, day: date) -> list[Cell]:
        """The cells that a hub's day is part of."""
        if hub not in self.hubs:
            return []
        scopes = (hub, self.together) if len(self.hubs) > 1 else (hub,)
        return [(scope, name) for name in self._units_at.get(day, ()) for scope in scopes]

    def cells(self) -> list[Cell]:
        """Every cell."""
        return [(scope, unit.name) for scope in self.scopes for unit in self.units]


def days_of(name: str) -> tuple[date, date]:
    """The first and last day of a unit by its name."""
    if len(name) == len("2026-10-31"):
        day = date.fromisoformat(name)
        return day, day
    _, first, last = Period.parse(name)
    return first, last


def total(values: Sequence[Counts]) -> Counts:
    """The figures of several cells together, of those that know their entries; None where there are none.

    Exits are no sum where they are known of some of them only.
    """
    known = [each for each in values if each[0] is not None]
    columns = zip(*known, strict=True)
    sums = tuple(None if None in column else sum(value or 0 for value in column) for column in columns)
    return sums or NOTHING
