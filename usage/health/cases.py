"""A case of building health: what is wrong, where, since when, by how much, what to do, and who says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class CaseKind(StrEnum):
    """What is wrong, the worst first: what may burst, rot or harm comes before what is uncomfortable."""

    FROST = "frost"
    MOULD = "mould"
    CO2 = "co2"
    COLD = "cold"
    OVERHEATING = "overheating"
    HEAT = "heat"
    DAMP = "damp"


@dataclass(frozen=True, slots=True)
class Judged:
    """A case as the figures alone tell it. Days are the hub's local days."""

    kind: CaseKind
    hub: str
    zone: str
    since: date
    """The first day of it."""
    until: date | None
    """The first day on which it was over; None while it is open."""
    latest: date
    """The last day on which it was so."""
    value: float | None
    """What it was on that day, in the unit of `limit`."""
    limit: float
    minutes: float | None
    """How long it was beyond the limit on that day; None where time does not matter."""
    people: float | None
    """CO2 alone: people in the building, on average, while it was over the limit on that day."""
    last_data: date
    """The last day that tells anything of it."""
    worst_on: date | None = field(default=None, kw_only=True)
    """The day on which it was worst, by the figure that opens and closes it, the earliest of several.

    None where no day tells, as of a summer, or where it was judged before this was kept.
    """
    worst_value: float | None = field(default=None, kw_only=True)
    """What it was on that day."""
    worst_minutes: float | None = field(default=None, kw_only=True)
    """How long it was beyond the limit on that day."""


@dataclass(frozen=True, slots=True)
class CaseNote:
    """What somebody wrote about the case that was open then; `closes` says that it is dealt with."""

    kind: CaseKind
    hub: str
    zone: str
    at: datetime
    by: str
    text: str
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Case(Judged):
    """A case with what people need of it."""

    unit: str
    advice: str
    """What to do, in a sentence."""
    source: str
    """Whose limit it is."""
    has_data: bool
    """False where days since `last_data` should have told of it: nobody knows how it is, and it stays open."""
    investigate_by: date | None = None
    """Damp and mould: ten working days after `since`, the clock of Awaab's law, as information."""
    notes: tuple[CaseNote, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is still so, as far as anybody knows."""
        return self.until is None

    @property
    def closed_by(self) -> str | None:
        """Who said that it is dealt with, where that is why it is over."""
        last = self.notes[-1] if self.notes else None
        return last.by if last is not None and last.closes and not self.is_open else None
