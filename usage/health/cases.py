"""A case of building health: what is wrong, where, since when, by how much, what to do, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
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
class Note:
    """What somebody wrote about the case that was open then; `closes` says that it is dealt with."""

    kind: CaseKind
    hub: str
    zone: str
    by: str
    at: datetime
    text: str
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """Something unhealthy in a zone of a hub. Days are the hub's local days."""

    kind: CaseKind
    hub: str
    zone: str
    since: date
    """The first day of it."""
    until: date | None
    """The first day on which it was over; None while it is open."""
    value: float | None
    """What it was on the last day with data, in `unit`: what the limit is about."""
    limit: float
    unit: str
    minutes: float | None
    """How long it was beyond the limit on that day; None where time does not matter."""
    people: float | None
    """CO2 alone: people in the building, on average, while it was over the limit on that day."""
    advice: str
    """What to do, in a sentence."""
    source: str
    """Whose limit it is."""
    last_data: date
    """The last day with data: today, or else there has been none since."""
    has_data: bool
    """Whether yesterday or today gave data: without, nobody knows how it is, and it stays open."""
    investigate_by: date | None = None
    """Damp and mould: ten working days after `since`, the clock of Awaab's law, as information."""
    notes: tuple[Note, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is still so, as far as anybody knows."""
        return self.until is None
