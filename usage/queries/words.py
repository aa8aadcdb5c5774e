"""Why a reading was corrected or left out, in words that say which limit it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas import Sensor
from schemas.kinds import FIELDS, Field
from usage.counters import GAP_STEPS, PLAUSIBLE_PEOPLE, Cause, Correction, Limit, LimitRule
from usage.readings import Number

_STANDARD = f"{PLAUSIBLE_PEOPLE:,} people per 10 minutes without a max_step in the estate file"
_OVER_GAP = f"per interval, over a gap at most {GAP_STEPS} times that"
_RULES = {
    LimitRule.MAX_STEP: "the max_step of the estate file",
    LimitRule.STANDARD: _STANDARD,
    LimitRule.MAX_STEP_OVER_GAP: f"by the max_step of the estate file {_OVER_GAP}",
    LimitRule.STANDARD_OVER_GAP: f"{_STANDARD}, {_OVER_GAP}",
}


def sentence(correction: Correction) -> str:
    """A correction in words."""
    cause, _, before, after, counted, limit = correction
    beyond = _beyond(limit)
    return {
        Cause.ROLLOVER: f"rolled over from {before} to {after}: counted {counted}",
        Cause.RESET: f"reset, from {before} to {after}: counted {counted}",
        Cause.SWAPPED: f"went from {before} to {after}{beyond}: another device, counted from there on",
        Cause.STEP_BACK: f"stepped back from {before} to {after}: counted nothing",
        Cause.GLITCH: f"read {after} once while it stood at {before}{beyond}: this reading was left out",
        Cause.SPLIT: f"grew by {counted} from {before} to {after} across midnight: shared out over the opening time",
        Cause.UNSETTLED: f"read {after} after {before}{beyond}: counts nothing until a later reading settles it",
        Cause.TOO_LONG: f"was silent for over a month, from {before} to {after}: counted on no day",
    }[cause]


def _beyond(limit: Limit | None) -> str:
    return f", too far to be people (at most {limit.people:,}: {_RULES[limit.rule]})" if limit else ""


def doubts(left_out: Iterable[Mapping[str, Number]], sensor: Sensor | None) -> list[str]:
    """Why suspect readings are, each reason once; `sensor` as the estate file has it."""
    every_s, max_step = (sensor.every_s, sensor.max_step) if sensor else (None, None)
    found: dict[str, None] = {}
    for fields in left_out:
        own = [why for name, value in fields.items() if (why := _doubt(FIELDS[name], value, every_s, max_step))]
        found |= dict.fromkeys(own or ["it was doubted when it came"])
    return list(found)


def _doubt(field: Field, value: Number, every_s: int | None, max_step: int | None) -> str | None:
    if value in field.no_values:
        return f"{field.name} {value:,} stands for no value"
    if value < field.plausible_low:
        return f"{field.name} {value:,} is below {field.plausible_low:,g} {field.unit}"
    high = field.plausible_up_to(every_s, max_step)
    if value <= high:
        return None
    if not field.per_interval:
        return f"{field.name} {value:,} is above {high:,g} {field.unit}"
    return f"{field.name} {value:,} is above {high:,g}, {_RULES[LimitRule.MAX_STEP] if max_step else _STANDARD}"
