"""The rules: of each kind of alert its name, its sentence, what to do, and how long it waits. Grafana's are the same.

What the estate file has otherwise is in `rules_of` alone.

A sentence has a place for `where`: "door-1 at Armley", "Armley", the name of an ingest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from schemas import Estate
from schemas.alert_rules import RulesInFile
from schemas.measures import (
    BATTERY_LOW_PCT,
    CO2_POOR_PPM,
    FROST_C,
    MOSTLY_COMPLETE_MIN,
    POOR_AIR_MINUTES,
    WORKROOM_MIN_C,
)
from schemas.texts import N_, _, number_text

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


class Severity(StrEnum):
    """How bad it is, in Grafana's words, too."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of alert. Times are in seconds."""

    name: str
    title: str
    sentence: str
    advice: str
    severity: Severity = Severity.WARNING
    urgent: bool = False
    """Whether people are told at night, too."""
    opening_day: bool = False
    """Whether it waits for a day on which the hub opens: nobody is there before."""
    is_event: bool = False
    """Whether it happened and is over by itself: nobody is told that it ended."""
    hold_s: int = 0
    """How long it must be so before it is an alert."""
    gather_s: int = 5 * _MINUTE_S
    """How long a notice waits for others of the same cause."""
    clear_s: int = 30 * _MINUTE_S
    """How long it must be well again before the alert is over; twice as long for each time within a day."""

    of_days: bool = False
    """Whether it is since a day, and not since an instant."""
    is_off: bool = False
    """Whether the estate file turns it off."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """What its texts have places for, beside `where`, and what the estate file may have otherwise: its limit first."""
    unit: float = 1
    """What one of its limit is in the figure that it is of: 60 seconds of a minute."""

    @property
    def limit(self) -> float:
        """Beyond what the figure that it is of is wrong."""
        return next(iter(self.numbers.values())) * self.unit

    @property
    def heading(self) -> str:
        """What it is called."""
        return _(self.title).format(**self._shown)

    def says(self, where: str) -> str:
        """What is wrong, in a sentence."""
        return _(self.sentence).format(where=where, **self._shown)

    @property
    def _shown(self) -> Mapping[str, str]:
        return {name: number_text(value, _decimals(value)) for name, value in self.numbers.items()}


def _decimals(value: float) -> int:
    return len(f"{value:g}".partition(".")[2])


SENSOR_SILENT = Rule(
    "sensor-silent",
    N_("Sensor silent"),
    N_("{where} missed three readings."),
    N_("Look at its battery, its power and the gateway; `hubpulse sensors list` shows when it last reported."),
    opening_day=True,
    hold_s=10 * _MINUTE_S,
    gather_s=30 * _MINUTE_S,
)
HUB_SILENT = Rule(
    "hub-silent",
    N_("Hub silent"),
    N_("No sensor of {where} reports."),
    N_("Look at the hub's gateway, its power and its line. Its sensors may send their history later."),
    Severity.CRITICAL,
    hold_s=5 * _MINUTE_S,
    gather_s=15 * _MINUTE_S,
)
ESTATE_SILENT = Rule(
    "estate-silent",
    N_("All hubs silent"),
    N_("No hub reports."),
    N_("Look at the broker and the line to it: `hubpulse doctor` says what answers."),
    Severity.CRITICAL,
    urgent=True,
)
BATTERY = Rule(
    "battery",
    N_("Battery low"),
    N_("The battery of {where} is under {under_pct}\u00a0%."),
    N_("Change it at the next visit."),
    opening_day=True,
    numbers={"under_pct": BATTERY_LOW_PCT},
)
BUFFER = Rule(
    "buffer",
    N_("Buffer older than {over_minutes} minutes"),
    N_("Readings wait for the store for more than {over_minutes} minutes at ingest {where}."),
    N_("Nothing is lost while the disk has room: `hubpulse doctor` shows what is wrong with the store or ingest."),
    Severity.CRITICAL,
    hold_s=_MINUTE_S,
    numbers={"over_minutes": 5},
    unit=_MINUTE_S,
)
QUARANTINE = Rule(
    "quarantine",
    N_("More than {over_pct}\u00a0% refused"),
    N_("More than {over_pct}\u00a0% of the messages of the last hour were refused by ingest {where}."),
    N_("`hubpulse quarantine list` shows which and why; fix the cause, then `hubpulse quarantine redrive`."),
    clear_s=2 * _HOUR_S,
    # A refused message or two of a quiet hour are no trend.
    numbers={"over_pct": 1, "at_least": 10},
    unit=0.01,
)
LEDGER = Rule(
    "ledger",
    N_("Ledger out of balance"),
    N_("The ledger of ingest {where} does not balance: a message or a reading is unaccounted for."),
    N_("This must never happen: keep the data folder as it is and report it with `hubpulse ledger --json`."),
    Severity.CRITICAL,
    urgent=True,
)
INGEST_AWAY = Rule(
    "ingest",
    N_("Ingest away"),
    N_("Ingest {where} is not connected to the broker, or reports nothing."),
    N_("`hubpulse doctor` on its machine says whether ingest runs and whether the broker answers."),
    Severity.CRITICAL,
    urgent=True,
    hold_s=2 * _MINUTE_S,
)
SESSION_LOST = Rule(
    "session-lost",
    N_("Session lost"),
    N_("The broker lost the session of ingest {where}: what was published meanwhile is missing."),
    N_("See why the broker keeps no sessions (`persistence true`); `hubpulse doctor` names the time in doubt."),
    is_event=True,
    clear_s=_DAY_S,
)
STORE_AWAY = Rule(
    "store-away",
    N_("Store away"),
    N_("The store can't be read."),
    N_("Readings wait in the buffer, nothing is lost while its disk has room: `hubpulse doctor` says what is wrong."),
    Severity.CRITICAL,
    hold_s=5 * _MINUTE_S,
    gather_s=0,
)
DISK = Rule(
    "disk",
    N_("Disk nearly full"),
    N_("The disk of ingest {where} is nearly full."),
    N_("Make room: without it ingest stops taking messages, and the broker holds them as long as it can."),
    Severity.CRITICAL,
    urgent=True,
    numbers={"under_gib": 1},
    unit=1024**3,
)
DOUBT = Rule(
    "doubt",
    N_("Counter in doubt"),
    N_("{where} counts otherwise than its witnesses let expect."),
    N_("Count by hand (`hubpulse audit start`); `hubpulse usage witnesses` shows who says so."),
    opening_day=True,
    clear_s=_DAY_S,
    of_days=True,
)
DOORS = Rule(
    "doors",
    N_("Doors count in part"),
    N_("The doors of {where} tell of less than {share}\u00a0% of the day's usual people: its figures will be missing."),
    N_("Look at the door counters, their power and gateway; `hubpulse usage why` shows which are silent since when."),
    numbers={"share": round(MOSTLY_COMPLETE_MIN * 100)},
)
"""Grafana's alone: here, the sensor that is silent is the alert."""
FROST = Rule(
    "frost",
    N_("Frost"),
    N_("{where} was under {limit}\u00a0°C."),
    N_("Turn the heating on, and see that the frost thermostat works: pipes burst."),
    Severity.CRITICAL,
    urgent=True,
    clear_s=_HOUR_S,
    numbers={"limit": FROST_C},
    of_days=True,
)
COLD = Rule(
    "cold",
    N_("Under {limit}\u00a0°C in opening hours"),
    N_("{where} is too cold while open: under {limit}\u00a0°C, or the hub's own limit."),
    N_("See to the heating: radiators, boiler, times of the timer."),
    opening_day=True,
    clear_s=_HOUR_S,
    numbers={"limit": WORKROOM_MIN_C},
    of_days=True,
)
CO2 = Rule(
    "co2",
    N_("CO₂ over {ppm}\u00a0ppm for {minutes} minutes"),
    N_("The air of {where} is poor while open: CO₂ over {ppm}\u00a0ppm, or the hub's own limit."),
    N_("Open windows or raise the ventilation; look at the hub's CO₂ for which room it is."),
    opening_day=True,
    clear_s=_HOUR_S,
    numbers={"ppm": CO2_POOR_PPM, "minutes": POOR_AIR_MINUTES},
    of_days=True,
)
DAMP = Rule(
    "damp",
    N_("Damp"),
    N_("{where} is damp enough for mould."),
    N_("Air and heat the rooms, look for leaks and for mould on cold walls."),
    opening_day=True,
    clear_s=_HOUR_S,
    of_days=True,
)
MOULD = Rule(
    "mould",
    N_("Mould likely"),
    N_("In {where} mould is likely to grow."),
    N_("Look at the coldest walls and behind cupboards; air, heat, and look for leaks."),
    opening_day=True,
    clear_s=_HOUR_S,
    of_days=True,
)
OVERHEATING = Rule(
    "overheating",
    N_("Overheating"),
    N_("{where} overheats by the criteria of CIBSE TM52."),
    N_("Shade the windows, air at night, and see what heats the room."),
    opening_day=True,
    clear_s=_HOUR_S,
    of_days=True,
)
HEAT = Rule(
    "heat",
    N_("Hot"),
    N_("{where} is hot while open."),
    N_("Shade the windows and air in the morning and at night."),
    opening_day=True,
    clear_s=_HOUR_S,
    of_days=True,
)

RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        *(STORE_AWAY, LEDGER, INGEST_AWAY, ESTATE_SILENT, DISK, BUFFER, SESSION_LOST, QUARANTINE),
        *(HUB_SILENT, SENSOR_SILENT, FROST, MOULD, CO2, COLD, OVERHEATING, HEAT, DAMP, DOUBT, BATTERY),
    )
}
"""Every rule by its name, in the order in which a notice tells them."""


def rules_of(estate: Estate) -> Mapping[str, Rule]:
    """Every rule as an estate has it, by its name, those that are off as well, and DOORS at the end."""
    return _rules_of(estate.alerts.rules)


@lru_cache(maxsize=4)
def _rules_of(given: RulesInFile) -> Mapping[str, Rule]:
    return {rule.name: _given(rule, given) for rule in (*RULES.values(), DOORS)}


def _given(rule: Rule, rules: RulesInFile) -> Rule:
    found = rules.of(rule.name)
    if found is None:
        return replace(rule, is_off=True)
    numbers = found.model_dump(exclude_none=True)
    severity, hold_s = numbers.pop("severity", rule.severity), numbers.pop("wait_s", rule.hold_s)
    return replace(rule, severity=Severity(severity), hold_s=hold_s, numbers={**rule.numbers, **numbers})
