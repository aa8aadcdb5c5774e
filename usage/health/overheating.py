"""Whether rooms overheat by CIBSE TM52 (2013): how their occupied hours lie above a limit that follows the weather.

    Tmax = 0.33 Trm + 21.8          category II; Trm is the running mean of the outdoor daily means
    Trm  = (Tod-1 + 0.8 Tod-2 + 0.6 Tod-3 + 0.5 Tod-4 + 0.4 Tod-5 + 0.3 Tod-6 + 0.2 Tod-7) / 3.8
    dT   = T - Tmax, rounded to the whole degree, of each occupied hour of May to September

    1  hours with dT >= 1:          more than 3 % of the season's occupied hours fail
    2  sum of hours times dT:       more than 6 on a day fails
    3  dT:                          more than 4 K in an hour fails

Two that fail are overheating. The air's temperature stands for the operative one, which sensors of air do not measure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import floor

from schemas.limits import (
    TM52_BASE_C,
    TM52_DELTA_MAX_K,
    TM52_HOURS_SHARE_MAX,
    TM52_MEAN_MIN_C,
    TM52_SLOPE,
    TM52_WEIGHTED_MAX,
)

_WEIGHTS = (1, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2)
_WEIGHT_MIN = sum(_WEIGHTS) / 2
_CRITERIA_FAILED_MIN = 2


def running_mean_c(outdoor: Mapping[date, float], day: date) -> float | None:
    """The outdoor running mean of a day; days without data are left out, None where they are half of it or more."""
    known = [
        (weight, outdoor[before])
        for back, weight in enumerate(_WEIGHTS, 1)
        if (before := day - timedelta(days=back)) in outdoor
    ]
    weight = sum(weight for weight, _ in known)
    return sum(weight * celsius for weight, celsius in known) / weight if weight > _WEIGHT_MIN else None


def limit_c(mean_c: float) -> float:
    """The highest acceptable temperature by an outdoor running mean."""
    return TM52_SLOPE * max(mean_c, TM52_MEAN_MIN_C) + TM52_BASE_C


def excess_k(temperature_c: float, mean_c: float) -> int:
    """How far above the limit, in whole degrees, halves up; 0 below it."""
    return max(0, floor(temperature_c - limit_c(mean_c) + 0.5))


@dataclass(frozen=True, slots=True)
class Season:
    """A zone's summer so far. `hours` were over the limit, of `occupied_hours` from May to September."""

    hours: float
    occupied_hours: float
    weighted_max: float
    """The highest weighted exceedance of a day, in degree-hours."""
    excess_max_k: int
    since: date | None
    """The day on which the second criterion failed; None where the zone does not overheat."""
    last_day: date
    unjudged_hours: float = 0
    """Hours that may have been too hot on days without an outdoor mean."""

    @property
    def share(self) -> float:
        """The share of the season's occupied hours that were over the limit."""
        return self.hours / self.occupied_hours if self.occupied_hours else 0.0

    @property
    def failed(self) -> tuple[int, ...]:
        """The criteria that fail."""
        return _failed(self.share, self.weighted_max, self.excess_max_k)


def _failed(share: float, weighted: float, excess: float) -> tuple[int, ...]:
    fails = (share > TM52_HOURS_SHARE_MAX, weighted > TM52_WEIGHTED_MAX, excess > TM52_DELTA_MAX_K)
    return tuple(number for number, fail in enumerate(fails, 1) if fail)


def season_of(
    hot_hours: Iterable[tuple[date, float, float]], outdoor: Mapping[date, float], occupied_hours: float, last_day: date
) -> Season:
    """A zone's season from its hot hours: the day of each, its temperature, and the hours (at most 1) it was occupied.

    More hours only ever fail more criteria.
    """
    by_day: dict[date, list[tuple[float, float]]] = {}
    for day, celsius, occupied in hot_hours:
        by_day.setdefault(day, []).append((celsius, occupied))
    found = Season(0, occupied_hours, 0, 0, None, last_day)
    for day in sorted(by_day):
        mean_c = running_mean_c(outdoor, day)
        if mean_c is None:
            found = replace(found, unjudged_hours=found.unjudged_hours + sum(hours for _, hours in by_day[day]))
            continue
        over = [(excess, hours) for celsius, hours in by_day[day] if (excess := excess_k(celsius, mean_c))]
        found = replace(
            found,
            hours=found.hours + sum(hours for _, hours in over),
            weighted_max=max(found.weighted_max, sum(excess * hours for excess, hours in over)),
            excess_max_k=max([found.excess_max_k, *(excess for excess, _ in over)]),
        )
        if found.since is None and len(found.failed) >= _CRITERIA_FAILED_MIN:
            found = replace(found, since=day)
    return found
