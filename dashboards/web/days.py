"""What a day at a hub was, as people read it.

Zero visitors, closed, and sensor dead are three different things: every page, chart and table goes by `DayState`, which
has a word and a shape for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property

from dashboards.web import wording
from schemas.measures import COUNTED_MIN, PeopleState
from schemas.texts import N_, _
from stores.protocol import Number


class DayState(StrEnum):
    """What can be said of the people counted on one day."""

    COUNTED = "counted"
    PARTIAL = "partial"
    ZERO = "zero"
    CLOSED = "closed"
    SILENT = "silent"
    BEFORE = "before"
    UNCOUNTED = "uncounted"


WORDS: Mapping[DayState, str] = {
    DayState.COUNTED: N_("counted"),
    DayState.PARTIAL: N_("incomplete"),
    DayState.ZERO: N_("no visitors"),
    DayState.CLOSED: N_("closed"),
    DayState.SILENT: N_("no data"),
    DayState.BEFORE: N_("not yet measured"),
    DayState.UNCOUNTED: N_("no counter"),
}

WITHOUT_COUNT = (DayState.CLOSED, DayState.SILENT, DayState.BEFORE, DayState.UNCOUNTED)
"""The states that are shown by their word alone."""


@dataclass(frozen=True)
class Day:
    """One hub's local day: its row of `usage_daily` (empty where there is none) and whether it was to open.

    What is told from these is told once: every chart, sum and table of a page asks for it.
    """

    date: date
    opens: bool
    today: bool = False
    begun: bool = True
    """False before the hub's first figures: nothing was measured yet, so nothing is missing."""
    door_silent: bool = False
    """Today only: whether a door counter is silent."""
    has_counter: bool = True
    """Whether anything counts the hub's people, or did so on the days shown (not of today): else nobody is missed."""
    figures: Mapping[str, Number | None] = field(default_factory=dict)
    missed: int | None = None
    """How many people nobody counted, estimated; None where that can't be told."""
    bounds: tuple[int, int] | None = None
    """Low and high of all people of the day, counted and estimated together, with nine chances in ten."""
    notes: tuple[str, ...] = ()
    """What people wrote about the day."""

    def figure(self, name: str) -> float | None:
        """A field of `usage_daily`, or None."""
        return self.figures.get(name)

    @cached_property
    def entries(self) -> int | None:
        value = self.figures.get("entries")
        return None if value is None else int(value)

    @property
    def covered(self) -> str:
        """What of the day its door counters covered, in words."""
        share = self.figures.get("footfall_completeness")
        if share is not None and share >= COUNTED_MIN:
            return _("partly shared out over a midnight")
        return _("{share} of the day covered").format(share=wording.percent(share))

    @property
    def provisional(self) -> bool:
        """Whether the figures may still change: the day is not over, or late readings may still come."""
        return self.today or not self.figures.get("final")

    @cached_property
    def state(self) -> DayState:
        if not self.begun or self._nobody_counts:
            return DayState.BEFORE if self.has_counter else DayState.UNCOUNTED
        if self.today:
            return self._state_so_far
        match self.figures.get("people_state"):
            case PeopleState.PARTIAL:
                return DayState.PARTIAL
            case PeopleState.COUNTED:
                return DayState.COUNTED if self.entries else DayState.ZERO
            case PeopleState.CLOSED if self.entries:
                return DayState.COUNTED
        return DayState.SILENT if self.opens else DayState.CLOSED

    @cached_property
    def is_missing(self) -> bool:
        """Whether not everybody who came was counted: also where nothing was measured yet of a day that was to open."""
        unmeasured = self.state is DayState.BEFORE and self.opens and not self.today
        return unmeasured or self.state in (DayState.SILENT, DayState.PARTIAL)

    @property
    def _nobody_counts(self) -> bool:
        return not self.has_counter and self.entries is None and self.opens

    @property
    def _state_so_far(self) -> DayState:
        """The day under way goes by whether its counters report now: its completeness is of a day that is not over."""
        if not self.opens:
            return DayState.COUNTED if self.entries else DayState.CLOSED
        if self.door_silent:
            return DayState.PARTIAL if self.entries else DayState.SILENT
        if self.entries:
            return DayState.COUNTED
        return DayState.BEFORE if self.entries is None else DayState.ZERO

    @property
    def text(self) -> str:
        """The day's entries in as few words as are true: `318`, `0`, `closed`, `40 (71 % of the day covered)`."""
        state = self.state
        if state in WITHOUT_COUNT:
            return _(WORDS[state])
        if state is DayState.PARTIAL and not self.today:
            return f"{wording.number(self.entries)} ({self.covered})"
        return wording.number(self.entries)


@dataclass(frozen=True, slots=True)
class Hour:
    """People entering in one clock hour of today and of a week ago; None: not counted, or yet to come."""

    start: datetime
    entries: int | None
    week_ago: int | None
    usual: float | None = None
    """How many usually come in the hour while the hub is open, by the profile; None where it knows of none."""
    entries_open: int | None = None
    """Those of its people who came while the hub was open."""
    under_way: bool = False


@dataclass(frozen=True)
class EstateDay:
    """One date over all hubs: the sum of what was counted, and how much of the estate that is."""

    date: date
    today: bool
    entries: int | None
    states: Mapping[DayState, int]
    provisional: bool
    notes: tuple[str, ...] = ()
    """What people wrote about the day at any hub, with the hub's name."""

    @cached_property
    def state(self) -> DayState:
        """The estate's own state: closed where every hub was, incomplete where some hub was not counted in full."""
        there = {state for state, hubs in self.states.items() if hubs}
        reported = there - {DayState.BEFORE, DayState.UNCOUNTED}
        if not reported:
            return DayState.UNCOUNTED if there == {DayState.UNCOUNTED} else DayState.BEFORE
        if reported == {DayState.CLOSED}:
            return DayState.CLOSED
        if self.entries is None:
            return DayState.SILENT
        if reported & {DayState.SILENT, DayState.PARTIAL}:
            return DayState.PARTIAL
        return DayState.COUNTED if self.entries else DayState.ZERO

    @property
    def hubs_text(self) -> str:
        """`20 hubs counted, 1 closed, 1 no data`."""
        return self._hubs(*self.states)

    @property
    def lacking(self) -> str:
        """`1 hub incomplete, 2 no data`: what the sum lacks; empty where it lacks nothing."""
        return self._hubs(DayState.PARTIAL, DayState.SILENT)

    def _hubs(self, *states: DayState) -> str:
        shown = [(hubs, _(WORDS[state])) for state in states if (hubs := self.states[state])]
        # Not within an f-string: what is looked up there is not found by who collects the texts.
        counts = [str(hubs) if i else wording.plural(hubs, "hub", "hubs") for i, (hubs, _word) in enumerate(shown)]
        return ", ".join(f"{count} {word}" for count, (_hubs, word) in zip(counts, shown, strict=True))


def add_up(days: Sequence[Day], notes: Sequence[str] = ()) -> EstateDay:
    """The days of all hubs on one date as the estate's day."""
    counted = [day.entries for day in days if day.begun and day.entries is not None]
    states = Counter(day.state for day in days)
    return EstateDay(
        date=days[0].date,
        today=any(day.today for day in days),
        entries=sum(counted) if counted else None,
        states={state: states[state] for state in DayState},
        provisional=any(day.provisional for day in days if day.begun),
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class Total:
    """Entries over several days, and what is missing in them."""

    entries: int
    counted_days: int
    silent_days: int
    partial_days: int
    unmeasured_days: int
    """Those it was open on before its first figures."""
    missed: int | None
    """How many people all these days miss, estimated; None where that can't be told of all of them."""

    @property
    def missing_days(self) -> int:
        """Those on which not everybody was counted."""
        return self.silent_days + self.partial_days + self.unmeasured_days

    @classmethod
    def of(cls, parts: Sequence[Total]) -> Total:
        """Several hubs' together."""
        missed = [part.missed for part in parts]
        return cls(
            entries=sum(part.entries for part in parts),
            counted_days=sum(part.counted_days for part in parts),
            silent_days=sum(part.silent_days for part in parts),
            partial_days=sum(part.partial_days for part in parts),
            unmeasured_days=sum(part.unmeasured_days for part in parts),
            missed=None if None in missed else sum(people or 0 for people in missed),
        )


def total(days: Sequence[Day]) -> Total:
    """Add up a hub's days."""
    entries = counted = 0
    missed: int | None = 0
    for day in days:
        if day.begun and day.entries is not None:
            entries, counted = entries + day.entries, counted + 1
        if day.is_missing:
            missed = None if missed is None or day.missed is None else missed + day.missed
    states = Counter(day.state for day in days if day.is_missing)
    return Total(entries, counted, states[DayState.SILENT], states[DayState.PARTIAL], states[DayState.BEFORE], missed)
