"""The VTT mould index: how far mould would have grown in the air of a room on bare pine, 0 (none) to 6 (all covered).

A running state, hour by hour: it grows while the relative humidity is at or above the critical one, and declines in dry
air. Hukka and Viitanen, *A mathematical model of mould growth on wooden material*, Wood Science and Technology 33
(1999), for pine sapwood.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

from usage.air import critical_humidity_pct

DRY_HOURS_MAX = 25.0
"""From here on it makes no difference for how long it has been dry."""
_WARM_MAX_C = 50.0
_DECLINE_AT_ONCE_HOURS, _DECLINE_AGAIN_HOURS = 6, 24
_DECLINE_AT_ONCE_A_DAY, _DECLINE_A_DAY = 0.032, 0.016


@dataclass(frozen=True, slots=True)
class MouldState:
    """The index, and for how many hours it has been dry since it last grew: 0 where it is 0."""

    index: float
    dry_hours: float


NO_MOULD = MouldState(0.0, 0.0)


def after(state: MouldState, hours: float, temperature_c: float, relative_humidity_pct: float) -> MouldState:
    """The state after so many hours of such air."""
    critical_pct = critical_humidity_pct(temperature_c)
    # At the freezing point the critical humidity reaches 100 %.
    if temperature_c < _WARM_MAX_C and relative_humidity_pct >= critical_pct and critical_pct < 100:  # noqa: PLR2004
        rate_a_day = _growth_a_day(state.index, temperature_c, relative_humidity_pct, critical_pct)
        return MouldState(state.index + rate_a_day * hours / 24, 0.0)
    dry_hours = min(state.dry_hours + hours, DRY_HOURS_MAX)
    rate_a_day = (
        _DECLINE_AT_ONCE_A_DAY
        if dry_hours <= _DECLINE_AT_ONCE_HOURS
        else 0.0
        if dry_hours <= _DECLINE_AGAIN_HOURS
        else _DECLINE_A_DAY
    )
    index = max(0.0, state.index - rate_a_day * hours / 24)
    return MouldState(index, dry_hours) if index else NO_MOULD


def _growth_a_day(index: float, temperature_c: float, relative_humidity_pct: float, critical_pct: float) -> float:
    """How much the index grows in a day of air that is not dry."""
    log_c, log_pct = log(temperature_c), log(relative_humidity_pct)
    weeks_to_begin = exp(-0.68 * log_c - 13.9 * log_pct + 66.02)
    weeks_to_see = exp(-0.74 * log_c - 12.72 * log_pct + 61.50)
    speed = 1.0 if index < 1 else 2 / (weeks_to_see / weeks_to_begin - 1)
    wetness = (critical_pct - relative_humidity_pct) / (critical_pct - 100)
    index_max = 1 + 7 * wetness - 2 * wetness**2
    slowing = max(0.0, 1 - exp(2.3 * (index - index_max)))
    return speed * slowing / (7 * weeks_to_begin)
