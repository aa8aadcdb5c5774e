"""What a doubt about a counter is: since a day it counts otherwise than its witnesses; `witnesses` finds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from schemas.texts import N_, _, day_and_month, percent_text

SURE_MIN = 2
"""So many witnesses have to agree until a counter is said to be wrong."""

DOUBT_DAYS_MAX = 183
"""Longer than a doubt lasts: after a quarter of a year what was found is what is usual."""


class Witness(StrEnum):
    """What a count of people is held against, day by day."""

    WIFI = "wifi"
    """Devices, else connected clients, of the hub's Wi-Fi."""
    EXITS = "exits"
    """Who left by the same doors."""
    SISTERS = "sisters"
    """The other hubs' entries: the median of what each counts by what is usual there."""
    CO2 = "co2"
    """The air's CO2 above that outdoors, in hubs where it follows the people."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A counter's entries lie elsewhere than its witnesses let expect.

    `door` is None where the doubt is about a hub of several doors. `until` is the first day on which it was as before
    again, None where it still is not. `change` is the share by which it counts otherwise, such as -0.3.
    """

    hub: str
    door: str | None
    since: date
    found: date
    until: date | None
    change: float
    witnesses: tuple[Witness, ...]
    """Those that say so; it is the counter's fault, probably, where at least two do."""
    moved: bool = False
    """Whether the hub as a whole shows no such change: people may use another door."""

    @property
    def is_sure(self) -> bool:
        return len(self.witnesses) >= SURE_MIN and not self.moved

    @property
    def wants_attention(self) -> bool:
        """Whether it stands, and is more than that the other hubs got other people: streets differ of themselves."""
        return self.until is None and self.witnesses != (Witness.SISTERS,)

    def sentence(self, today: date) -> str:
        """`door-1 probably counts 30 % too few since 3 November`."""
        name, share = self.door or self.hub, percent_text(abs(self.change))
        since = day_and_month(self.since, today)
        when = _("since {day}").format(day=since)
        if self.until is not None:
            when = _("from {day} until {until}").format(day=since, until=day_and_month(self.until, today))
        fewer, more = _MOVED if self.moved else _SURE if self.is_sure else _ALONE[self.witnesses[0]]
        return _(fewer if self.change < 0 else more).format(name=name, share=share, when=when)


_MOVED = (
    N_("{name} counts {share} fewer people {when}, the hub does not: they may use another door"),
    N_("{name} counts {share} more people {when}, the hub does not: they may use another door"),
)
_SURE = (N_("{name} probably counts {share} too few {when}"), N_("{name} probably counts {share} too many {when}"))
_ALONE = {
    Witness.WIFI: (
        N_("{name} counts {share} fewer people for its Wi-Fi {when}: entries or Wi-Fi changed"),
        N_("{name} counts {share} more people for its Wi-Fi {when}: entries or Wi-Fi changed"),
    ),
    Witness.EXITS: (
        N_("{name} counts {share} fewer people in than out {when}, compared with before: entries or exits changed"),
        N_("{name} counts {share} more people in than out {when}, compared with before: entries or exits changed"),
    ),
    Witness.SISTERS: (
        N_(
            "{name} counts {share} fewer people than the other hubs let expect {when}: "
            "the counter, or the number of people, changed"
        ),
        N_(
            "{name} counts {share} more people than the other hubs let expect {when}: "
            "the counter, or the number of people, changed"
        ),
    ),
    Witness.CO2: (
        N_("{name} counts {share} fewer people for its CO₂ {when}: entries or air changed"),
        N_("{name} counts {share} more people for its CO₂ {when}: entries or air changed"),
    ),
}
"""What is said where one witness speaks alone: of fewer people, of more."""


def bits_of(witnesses: Iterable[Witness]) -> int:
    """Witnesses as a number, as they are stored."""
    return sum(1 << place for place, witness in enumerate(Witness) if witness in set(witnesses))


def of_bits(bits: int) -> tuple[Witness, ...]:
    """The witnesses of a stored number."""
    return tuple(witness for place, witness in enumerate(Witness) if bits >> place & 1)
