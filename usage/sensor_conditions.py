"""What is wrong with each sensor, since when, and what to do: the one order in which sensors are visited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas import MEASURES, Estate
from schemas.measures import Tone
from schemas.texts import N_, _
from usage.attention.silences import Silence
from usage.plan import HubPlan
from usage.queries import SensorState
from usage.sensor_limit import is_named

LOST_SHARE_MAX: Final = 0.2
"""Above this share of a day's frames the radio loses too much: a choice, which leaves four readings of five."""


class Condition(StrEnum):
    """The worst that can be said of a sensor, in the order in which they are visited."""

    SILENT = "silent"
    IN_PART = "in_part"
    BATTERY = "battery"
    RADIO = "radio"
    NEW = "new"
    WELL = "well"


LABELS: Final[Mapping[Condition, str]] = {
    Condition.SILENT: N_("silent"),
    Condition.IN_PART: N_("sends in part"),
    Condition.BATTERY: N_("battery low"),
    Condition.RADIO: N_("radio loses much"),
    Condition.NEW: N_("not in the estate file"),
    Condition.WELL: N_("well"),
}
ADVICE: Final[Mapping[Condition, str]] = {
    Condition.SILENT: N_(
        "Look at its power or battery, then its gateway or network; if it is gone, end it (`until:` in the estate file)"
    ),
    Condition.IN_PART: N_("See that nothing stands before it, and that its interval in the estate file is right"),
    Condition.BATTERY: N_("Take a new battery along on the next visit"),
    Condition.RADIO: N_("Move it or its gateway closer to each other, or add a gateway"),
    Condition.NEW: N_("Write it into the estate file, or take it out of the field: hubpulse sensors new"),
    Condition.WELL: N_("Nothing to do"),
}
"""What to do about each, in a sentence: pages and the command line print the same."""


@dataclass(frozen=True, slots=True)
class SensorCondition:
    """A sensor with what is wrong with it; `silence` is what its silence costs, of a door that is quiet."""

    state: SensorState
    condition: Condition
    model: str | None
    silence: Silence | None = None

    @property
    def since_ns(self) -> int | None:
        """Since when it is silent: its last reading, in UTC nanoseconds; None where it is not, or never sent one."""
        return self.state.last_seen_ns if self.condition is Condition.SILENT else None

    @property
    def advice(self) -> str:
        """What to do about it."""
        return _(ADVICE[self.condition])


def sensor_conditions(
    estate: Estate, states: Iterable[SensorState], silences: Iterable[Silence]
) -> list[SensorCondition]:
    """Every sensor, the one to visit first at the top: what its silence costs in people, then the other conditions."""
    models = {(hub.id, sensor.id): sensor.model for hub in estate.hubs for sensor in hub.sensors}
    costs = {(silence.hub, silence.door): silence for silence in silences}
    plans: dict[str, HubPlan] = {}
    found = []
    for state in states:
        plan = plans.setdefault(state.hub, HubPlan.of(estate, state.hub))
        silence = costs.get((state.hub, state.sensor))
        condition = _condition(state, silence, named=is_named(plan, state.sensor))
        found.append(SensorCondition(state, condition, models.get((state.hub, state.sensor)), silence))
    return sorted(found, key=_urgency)


def _condition(state: SensorState, silence: Silence | None, *, named: bool) -> Condition:
    band = MEASURES["battery_pct"].band(state.battery_pct)
    if state.silent:
        return Condition.SILENT
    if silence is not None and not silence.is_silent:
        return Condition.IN_PART
    if band is not None and band.tone is not Tone.GOOD:
        return Condition.BATTERY
    if state.lost_share is not None and state.lost_share > LOST_SHARE_MAX:
        return Condition.RADIO
    return Condition.WELL if named else Condition.NEW


def _urgency(each: SensorCondition) -> tuple[float, int, float, int, str, str]:
    state = each.state
    battery = 100.0 if state.battery_pct is None else state.battery_pct
    cost = 0.0 if each.silence is None else each.silence.cost
    order = list(Condition).index(each.condition)
    return -cost, order, battery, state.last_seen_ns or 0, state.hub, state.sensor
