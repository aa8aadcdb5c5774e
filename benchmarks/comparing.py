"""How often a comparison calls a change unusual: where nothing changed, and where something did.

python -m benchmarks.comparing [FOLDER_OF_LEEDS]

A hub and a period are drawn, the period is compared with the one before and with that of the year before, as it was
counted and with its people raised or lowered by a share. The simulated estate has seasons, days that are busy
everywhere, and chance; the Leeds set (8 cameras, 2009-2016) is used where its folder is, though nobody knows what
changed there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from benchmarks.estimates import FOLDER, Counters, day_of, leeds, simulated
from schemas import Estate
from usage.comparing import DateRange, Verdict
from usage.comparing.like_for_like import compare_days, reach
from usage.queries import DayFigures, Period

TRIES = 400
CHANGES = (0.0, -0.3, 0.3)
KINDS = (Period.WEEK, Period.MONTH, Period.QUARTER)
AGAINST: dict[str, Callable[[DateRange], DateRange]] = {"before": DateRange.before, "year": DateRange.year_before}
_PAST = timedelta(weeks=104)
WIDTHS = (10, 10, 8, 8, 10)


@dataclass(frozen=True, slots=True)
class Found:
    """How many comparisons had a verdict, and the share of these that were called unusual."""

    told: int
    unusual: float


def measure(
    counters: Counters, kind: Period, against: str, *, change: float = 0.0, tries: int = TRIES, seed: int = 1
) -> Found:
    """Compare periods at random, each with its people changed by a share."""
    random = np.random.default_rng(seed)
    daily = counters.people.sum(axis=2)
    first, number = counters.first, daily.shape[1]
    verdicts = []
    for _ in range(tries):
        hub = int(random.integers(len(daily)))
        period = DateRange.of(kind, first + timedelta(days=int(random.integers(_PAST.days, number - 100))))
        other = AGAINST[against](period)
        begin, end = reach(period, other)
        begin = max(begin, first)
        changed = daily[hub].copy()
        changed[(period.first - first).days : (period.last - first).days + 1] *= 1 + change
        days = [
            day_of(hub, day, changed[(day - first).days])
            for day in (begin + timedelta(days=i) for i in range((end - begin).days + 1))
        ]
        verdicts.append(_verdict(days, period, other))
    told = [each for each in verdicts if each not in (None, Verdict.UNKNOWN)]
    return Found(len(told), told.count(Verdict.UNUSUAL) / max(len(told), 1))


def _verdict(days: list[DayFigures], period: DateRange, other: DateRange) -> Verdict | None:
    found = compare_days(days, Estate(), period, other, today=lambda _: date.max)
    return found.together.verdict if found.together else None


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    sets: dict[str, Callable[[], Counters]] = {"simulated, 22 hubs": lambda: simulated(days=1500)}
    if folder.is_dir():
        sets["Leeds, 8 cameras"] = lambda: leeds(folder)
    else:
        print(f"without the Leeds set: {folder} is not there")
    heads = ("period", "against", "change", "told", "unusual")
    print(f"{'counters':20}" + "".join(f"{head:>{w}}" for head, w in zip(heads, WIDTHS, strict=True)))
    for name, load in sets.items():
        counters = load()
        for kind in KINDS:
            for against in AGAINST:
                for change in CHANGES:
                    found = measure(counters, kind, against, change=change)
                    print(
                        f"{name:20}{kind:>10}{against:>10}{change:>8.0%}{found.told:>8}{found.unusual:>10.1%}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
