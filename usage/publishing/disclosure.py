r"""Hides small numbers in a publication so that no sum over what it shows, or what was published before, tells them.

A number is hidden where a count of people is 1 to `below` - 1 (primary); zero is shown, since nobody stands behind it.
More has to be hidden so that none can be computed from the rest (complementary suppression; Hundepool et al.,
Statistical Disclosure Control, Wiley 2012, chapter 4; the SDC handbook, sdctools.github.io/HandbookSDC, chapter 4).

What is hidden is proved here by exchanges: people moved between a few days and hubs so that every sum that is shown
stays the same.

                 day 1   day 2           The week, the month, and both days of all hubs stay as they are.
    hub 1         +n      -n             Where n can be anything from 0 to `below`, and all four numbers
    hub 2         -n      +n             are hidden, each of them could be any of `below` + 1 numbers.

Every hidden cell is changed by such an exchange, and all that the exchange changes is hidden. So a reader who knows
every number that is shown finds for each other one an interval at least `below` wide: integers, none below 1, and
with entries, exits and entries while open moved alike, so that their differences tell nothing either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from usage.calendar import dates
from usage.publishing.cells import Base, Cell, Counts, Grid, days_of, total

_DAYS_TRIED = 7
"""From how many days of a longer unit an exchange is sought."""

Exchange = Sequence[tuple[Base, int]]
"""By how much what was counted at some hubs and days changes: up or down by one."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was published before: its cells, what was counted then, and those of the cells that it hides."""

    grid: Grid
    hidden: frozenset[Cell] = frozenset()
    counts: Mapping[Base, Counts] = field(default_factory=dict)

    def shown(self, counts: Mapping[Base, Counts]) -> Iterator[Cell]:
        """The cells that it shows as they are now: what was restated since, nobody knows by it."""
        for scope, name in self.grid.cells():
            bases = [(hub, day) for hub in self.grid.scopes[scope] for day in dates(*days_of(name))]
            then, now = (total([known[base] for base in bases if base in known]) for known in (self.counts, counts))
            if (scope, name) not in self.hidden and then == now:
                yield scope, name


@dataclass(frozen=True, slots=True)
class Hidden:
    """The cells to hide; `small` of them are small, the others protect these. `told`: small, but known from before."""

    cells: frozenset[Cell]
    small: frozenset[Cell]
    told: frozenset[Cell]


def hide(counts: Mapping[Base, Counts], grid: Grid, below: int, earlier: Iterable[Published] = ()) -> Hidden:
    """What to hide of a publication; `counts` are of its days and of those of earlier ones that share days with it."""
    before = _linked(grid, earlier)
    hiding = _Hiding(counts, [grid, *(each.grid for each in before)], below)
    hiding.shown = {cell for each in before for cell in each.shown(counts)}
    hiding.hidden = {cell for each in before for cell in each.hidden} - hiding.shown
    small = {cell for cell in grid.cells() if hiding.is_small(cell)}
    told = small & hiding.shown
    hiding.hidden |= small - told
    # The longest first: what protects a week protects some of its days as well.
    for cell in sorted(hiding.hidden, key=lambda each: (len(hiding.bases(each)), each), reverse=True):
        if cell not in hiding.safe and not hiding.protect(cell):
            hiding.hidden.remove(cell)
            told.add(cell)
    own = frozenset(grid.cells())
    return Hidden(own & hiding.hidden, own & small - told, frozenset(told))


def _linked(grid: Grid, earlier: Iterable[Published]) -> list[Published]:
    """The earlier publications that share days with this one, or with such a one."""
    found, waiting = [], list(earlier)
    spans = [grid]
    while linked := [each for each in waiting if any(_overlap(each.grid, span) for span in spans)]:
        found += linked
        spans += [each.grid for each in linked]
        waiting = [each for each in waiting if each not in linked]
    return found


def _overlap(one: Grid, other: Grid) -> bool:
    return one.first <= other.last and other.first <= one.last and bool({*one.hubs} & {*other.hubs})


class _Hiding:
    """The hiding under way: `hidden` grows, `safe` are those that an exchange changes."""

    def __init__(self, counts: Mapping[Base, Counts], grids: Sequence[Grid], below: int) -> None:
        self._counts, self._grids, self._below = counts, grids, below
        self._least = {
            base: min(known) for base, each in counts.items() if (known := [n for n in each if n is not None])
        }
        self._reported = {base: tuple(number is not None for number in each) for base, each in counts.items()}
        self._cells_at: dict[Base, list[Cell]] = {}
        self._scopes = {scope: hubs for grid in grids for scope, hubs in grid.scopes.items()}
        self.hidden: set[Cell] = set()
        self.safe: set[Cell] = set()
        self.shown: set[Cell] = set()
        """Shown by an earlier publication, and for ever."""

    @cached_property
    def _people(self) -> set[Base]:
        """The hubs' days on which somebody was counted: on no other can people be moved."""
        return {base for base, counts in self._counts.items() if any(counts)}

    @cached_property
    def _days(self) -> Mapping[str, list[date]]:
        """These days by hub."""
        found: dict[str, list[date]] = {}
        for hub, day in sorted(self._people):
            found.setdefault(hub, []).append(day)
        return found

    def bases(self, cell: Cell) -> list[Base]:
        """The hubs' days in a cell on which somebody was counted."""
        first, last = days_of(cell[1])
        return [(hub, day) for hub in self._scopes[cell[0]] for day in self._days.get(hub, ()) if first <= day <= last]

    def is_small(self, cell: Cell) -> bool:
        """Whether a cell counts so few people that they could be known."""
        figures = total([self._counts[base] for base in self.bases(cell)])
        return any(0 < abs(value) < self._below for value in figures if value is not None)

    def protect(self, cell: Cell) -> bool:
        """Hide what an exchange takes that changes this cell: the one that costs least. Tells whether there is one."""
        for exchanges in (self._near(cell), self._far(cell)):
            found = [changed for each in exchanges if (changed := self._changed(each)) and cell in changed]
            if found:
                best = min(found, key=self._cost)
                self.hidden |= best
                self.safe |= best
                return True
        return False

    def _cost(self, changed: set[Cell]) -> tuple[int, list[Cell]]:
        """What would be lost: the days in what is hidden anew, by hub, so that totals are kept where that can be."""
        fresh = sorted(changed - self.hidden)
        lost = 0
        for scope, name in fresh:
            first, last = days_of(name)
            lost += (1 + (last - first).days) * len(self._scopes[scope])
        return lost, fresh

    def _changed(self, exchange: Exchange) -> set[Cell] | None:
        """The cells that an exchange changes; None where it can't be made without changing one that is shown."""
        if any(step < 0 and not self._can_fall(base) for base, step in exchange):
            return None
        if len({self._reported[base] for base, _ in exchange}) > 1:
            return None
        steps: Counter[Cell] = Counter()
        for base, step in exchange:
            for cell in self._at(base):
                steps[cell] += step
        changed = {cell for cell, step in steps.items() if step}
        return None if changed & self.shown else changed

    def _can_fall(self, base: Base) -> bool:
        """Whether `below` people can be taken away and one is left: a reader may take it that no hidden one is zero."""
        return self._least.get(base, 0) > self._below

    def _at(self, base: Base) -> list[Cell]:
        if base not in self._cells_at:
            self._cells_at[base] = list(dict.fromkeys(cell for grid in self._grids for cell in grid.at(*base)))
        return self._cells_at[base]

    def _starts(self, cell: Cell) -> list[Base]:
        """The days of a cell from which to exchange: those that are hidden anyway first."""
        bases = self.bases(cell)
        hidden = [base for base in bases if (base[0], base[1].isoformat()) in self.hidden]
        return list(dict.fromkeys([*hidden[:_DAYS_TRIED], *bases[:_DAYS_TRIED]]))

    def _near(self, cell: Cell) -> Iterator[Exchange]:
        """Exchanges with a day of the same week and month."""
        for hub, day in self._starts(cell):
            week = day.isocalendar()[:2]
            near = [d for d in self._days[hub] if d.isocalendar()[:2] == week and d.month == day.month]
            yield from self._exchanges(hub, day, near, alone=False)

    def _far(self, cell: Cell) -> Iterator[Exchange]:
        """Exchanges with any day, within a hub or with another hub alone."""
        for hub, day in self._starts(cell):
            yield from self._exchanges(hub, day, self._days[hub], alone=True)

    def _exchanges(self, hub: str, day: date, days: Iterable[date], *, alone: bool) -> Iterator[Exchange]:
        others = [other for other in self._days if other != hub and (other, day) in self._people]
        for sign in (1, -1):
            here = ((hub, day), sign)
            if sign < 0 and not self._can_fall((hub, day)):
                continue
            for then in (each for each in days if each != day):
                back = ((hub, then), -sign)
                if sign > 0 and not self._can_fall((hub, then)):
                    continue
                for other in others:
                    if (other, then) in self._people:
                        yield (here, back, ((other, day), -sign), ((other, then), sign))
                if alone:
                    yield (here, back)
            if alone:
                yield from ((here, ((other, day), -sign)) for other in others)
                yield (here,)
