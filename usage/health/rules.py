"""When cases of building health open and close, day by day, and what is to be done about each.

A case opens on a day that is at or beyond one figure and closes only after a whole, well covered day that is at or
below another, smaller one: between the two it stays as it is. A day without data does neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from schemas import limits, units
from schemas.limits import (
    COLD_CLOSES_MINUTES,
    COLD_OPENS_MINUTES,
    DAMP_CLOSES_MINUTES,
    DAMP_OPENS_MINUTES,
    FROST_OPENS_MINUTES,
    HEAT_CLOSES_MINUTES,
    HEAT_OPENS_MINUTES,
    MOULD_CLOSES,
)
from schemas.measures import CO2_POOR_PPM, FROST_C, MOULD_ALARM, WORKROOM_MIN_C
from schemas.texts import N_
from usage.health.cases import CaseKind
from usage.plan import HubPlan

Row = Mapping[str, float | None]
"""A zone's figures of a day."""


class Edges(NamedTuple):
    """From which figure on a case opens, and down to which it closes."""

    opens: float
    closes: float


@dataclass(frozen=True, slots=True)
class Rule:
    """How cases of a kind are told from a zone's days."""

    kind: CaseKind
    judged: Callable[[Row], float | None]
    """The figure that opens and closes; None on a day that tells nothing."""
    edges: Edges
    value: Callable[[Row], float | None]
    """What people are shown of a day, in `unit`."""
    limit: Callable[[HubPlan], float]
    unit: str
    covers_closed: bool
    """Whether days without opening hours tell of it, too."""
    has_minutes: bool
    quiet_days: int
    """How long a case that somebody closed stays closed although it goes on."""


def _figure(name: str) -> Callable[[Row], float | None]:
    return lambda row: row.get(name)


def damp_minutes(row: Row) -> float | None:
    """How long it was damp, open or closed; None where neither is known."""
    known = [value for name in ("damp_minutes", "damp_minutes_closed") if (value := row.get(name)) is not None]
    return sum(known) if known else None


def _damp_hours(row: Row) -> float | None:
    minutes = damp_minutes(row)
    return None if minutes is None else minutes / 60


def _mould(row: Row) -> float | None:
    """The index, of a day on which it was known whether it is damp: without, the index only stands still."""
    return None if damp_minutes(row) is None else row.get("mould_index")


_CELSIUS, _PPM = units.CELSIUS.symbol, units.PPM.symbol

RULES = {
    rule.kind: rule
    for rule in (
        Rule(
            CaseKind.FROST,
            _figure("frost_minutes_closed"),
            Edges(FROST_OPENS_MINUTES, 0),
            _figure("temperature_min_c"),
            lambda _: FROST_C,
            _CELSIUS,
            covers_closed=True,
            has_minutes=True,
            quiet_days=1,
        ),
        Rule(
            CaseKind.MOULD,
            _mould,
            Edges(MOULD_ALARM, MOULD_CLOSES),
            _figure("mould_index"),
            lambda _: MOULD_ALARM,
            "",
            covers_closed=True,
            has_minutes=False,
            quiet_days=28,
        ),
        Rule(
            CaseKind.CO2,
            _figure("co2_minutes_over_limit"),
            Edges(limits.CO2_OPENS_MINUTES, limits.CO2_CLOSES_MINUTES),
            _figure("co2_max_ppm"),
            lambda plan: plan.co2_limit_ppm,
            _PPM,
            covers_closed=False,
            has_minutes=True,
            quiet_days=1,
        ),
        Rule(
            CaseKind.COLD,
            _figure("cold_minutes"),
            Edges(COLD_OPENS_MINUTES, COLD_CLOSES_MINUTES),
            _figure("temperature_mean_c"),
            lambda plan: plan.cold_limit_c,
            _CELSIUS,
            covers_closed=False,
            has_minutes=True,
            quiet_days=1,
        ),
        Rule(
            CaseKind.HEAT,
            _figure("heat_minutes"),
            Edges(HEAT_OPENS_MINUTES, HEAT_CLOSES_MINUTES),
            _figure("temperature_max_c"),
            lambda _: limits.HEAT_C,
            _CELSIUS,
            covers_closed=False,
            has_minutes=True,
            quiet_days=1,
        ),
        Rule(
            CaseKind.DAMP,
            damp_minutes,
            Edges(DAMP_OPENS_MINUTES, DAMP_CLOSES_MINUTES),
            _damp_hours,
            lambda _: DAMP_OPENS_MINUTES / 60,
            "h",
            covers_closed=True,
            has_minutes=False,
            quiet_days=7,
        ),
    )
}

_USUAL_LIMITS = {CaseKind.CO2: CO2_POOR_PPM, CaseKind.COLD: WORKROOM_MIN_C}
_SOURCES = {
    CaseKind.FROST: limits.FROST,
    CaseKind.MOULD: limits.MOULD_INDEX,
    CaseKind.CO2: limits.VENTILATION,
    CaseKind.COLD: limits.WORKROOM,
    CaseKind.OVERHEATING: limits.TM52,
    CaseKind.HEAT: limits.HEAT,
    CaseKind.DAMP: limits.MOULD,
}
_ADVICE = {
    CaseKind.FROST: N_("Turn the heating to frost protection today and check pipes and the boiler: water may freeze."),
    CaseKind.MOULD: N_(
        "Look behind furniture and on cold outside walls for mould; air, heat and find where it is wet."
    ),
    CaseKind.CO2: N_("Open windows or raise the ventilation while people are in, and look whether it is blocked."),
    CaseKind.COLD: N_("Check radiators, thermostat and heating times, and start heating earlier before opening."),
    CaseKind.OVERHEATING: N_("Shade the windows, air at night, and plan for less heat before the next summer."),
    CaseKind.HEAT: N_("Shade the windows, air early and at night, bring fans and offer a cooler room."),
    CaseKind.DAMP: N_("Air the room more, keep it evenly warm, and look for leaks and wet walls."),
}


def unit_of(kind: CaseKind) -> str:
    """The sign of the unit of a case's value and limit."""
    return RULES[kind].unit if kind in RULES else "K·h"


def source_of(kind: CaseKind, limit: float) -> str:
    """Whose limit a case goes by."""
    return limits.OWN if limit != _USUAL_LIMITS.get(kind, limit) else _SOURCES[kind]


def advice_of(kind: CaseKind) -> str:
    """What to do about a case, as a text of the catalogue."""
    return _ADVICE[kind]
