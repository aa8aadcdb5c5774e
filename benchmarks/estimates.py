"""How far off the estimates of people whom nobody counted are, and how often the truth lies within their bounds.

python -m benchmarks.estimates [FOLDER_OF_LEEDS]

Days of counters that were there are taken away, estimated from the rest, and held against what was counted. The error
is that of the month's total, in per cent; beside it what a sum over the counted days alone would be off by. "Before
alone" is the estimate as on the day after the gap, when no later week is known yet. The simulated estate has seasons,
days that are busy everywhere, and chance; the Leeds set (8 cameras, 2009-2016) is used where its folder is.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.measurements import USAGE_FIELDS
from schemas.measures import PeopleState
from usage.estimates.estimator import REACH_AFTER, REACH_BEFORE, Estimator
from usage.queries import DayFigures
from usage.rollup import Figures

TRIES = 300
LENGTHS = (1, 3, 7, 14)
WIDTHS = (10, 14, 7, 10, 8, 8, 10)
FOLDER = Path("../shared/data/leeds_footfall")


@dataclass(frozen=True, slots=True)
class Counters:
    """People by counter, day from `first` on, and hour; NaN where nobody counted."""

    first: date
    people: NDArray[np.float64]

    def month_of(self, place: int) -> slice:
        """The days of the month that a day is in."""
        day = self.first + timedelta(days=place)
        start = day.replace(day=1)
        stop = (start + timedelta(days=31)).replace(day=1)
        return slice((start - self.first).days, (stop - self.first).days)


@dataclass(frozen=True, slots=True)
class Found:
    """What tries came to: errors of a month's total, as a share of it; how many truths lay within the bounds."""

    tried: int
    error: float
    naive_error: float
    held: float
    backtest: float


def leeds(folder: Path) -> Counters:
    """The Leeds counters, each clock hour; rows that were written twice count once."""
    with gzip.open(folder / "leeds_footfall_hourly.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = {
            (row["LocationName"], row["NewDate"], int(row["Hour"])): float(row["InCount"])
            for row in csv.DictReader(file)
        }
    dates = {text: datetime.strptime(text, "%d-%b-%Y").date() for text in {key[1] for key in rows}}  # noqa: DTZ007 - a date
    names = sorted({key[0] for key in rows})
    first = min(dates.values())
    people = np.full((len(names), (max(dates.values()) - first).days + 1, 24), np.nan)
    for (name, text, hour), count in rows.items():
        people[names.index(name), (dates[text] - first).days, hour] = count
    return Counters(first, people)


def simulated(hubs: int = 22, days: int = 800, seed: int = 1) -> Counters:
    """An estate with a season, days that are busy everywhere, and chance."""
    random = np.random.default_rng(seed)
    size = random.uniform(40, 400, (hubs, 1))
    week = np.tile([1.0, 1.1, 1.2, 1.1, 1.3, 0.5, 0.2], days // 7 + 1)[:days]
    season = 1 + 0.2 * np.sin(np.arange(days) / 365 * 2 * np.pi)
    busy = np.exp(random.normal(0, 0.12, days))
    mean = size * week * season * busy * np.exp(random.normal(0, 0.08, (hubs, days)))
    hours = np.zeros(24)
    hours[9:17] = np.array([4, 8, 9, 7, 6, 8, 7, 4]) / 53
    return Counters(date(2024, 1, 1), random.poisson(mean[:, :, None] * hours).astype(float))


def measure(counters: Counters, length: int, *, tries: int, seed: int = 1, before_alone: bool = False) -> Found:
    """Take `length` days away again and again, and estimate them."""
    random = np.random.default_rng(seed)
    daily = counters.people.sum(axis=2)
    dates = [counters.first + timedelta(days=place) for place in range(daily.shape[1])]
    days = [[day_of(hub, *each) for each in zip(dates, counts, strict=True)] for hub, counts in enumerate(daily)]
    errors, naive, held, backtests = [], [], 0, []
    for _ in range(tries):
        row = int(random.integers(len(daily)))
        start = int(random.integers(REACH_BEFORE.days, daily.shape[1] - length - REACH_AFTER.days))
        month = counters.month_of(start)
        gap = range(start := min(start, month.stop - length), start + length)
        if np.isnan(daily[row, month]).any():
            continue
        last = gap[-1] if before_alone else gap[-1] + REACH_AFTER.days
        window = slice(start - REACH_BEFORE.days, last + 1)
        gone = {dates[place] for place in gap}
        seen = [day for of_hub in days for day in of_hub[window] if day.hub != str(row) or day.date not in gone]
        found = Estimator([*seen, *(day_of(row, day, np.nan) for day in gone)]).of(str(row), sorted(gone))
        if found.people is None or found.low is None or found.high is None:
            continue
        truth, whole = daily[row, gap].sum(), daily[row, month].sum()
        errors.append(abs(found.people - truth) / whole)
        naive.append(truth / whole)
        held += bool(found.low <= truth <= found.high)
        backtests.append(found.backtest or 0.0)
    number = len(errors)
    return Found(number, float(np.mean(errors)), float(np.mean(naive)), held / number, float(np.mean(backtests)))


def day_of(hub: int, day: date, count: float) -> DayFigures:
    """A day of a counter; NaN where nobody counted."""
    is_known = not np.isnan(count)
    figures: Figures = dict.fromkeys(USAGE_FIELDS)
    figures["people_state"] = PeopleState.COUNTED if is_known else PeopleState.NONE
    figures["footfall_completeness"] = float(is_known)
    figures["entries"] = int(count) if is_known else None
    return DayFigures(str(hub), day, figures)


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    sets: dict[str, Callable[[], Counters]] = {"simulated, 22 hubs": simulated}
    if folder.is_dir():
        sets["Leeds, 8 cameras"] = lambda: leeds(folder)
    else:
        print(f"without the Leeds set: {folder} is not there")
    heads = ("days gone", "weeks", "tries", "sum alone", "error", "held", "back-test")
    print(f"{'counters':20}" + "".join(f"{head:>{w}}" for head, w in zip(heads, WIDTHS, strict=True)))
    for name, load in sets.items():
        counters = load()
        for length in LENGTHS:
            for before_alone in (False, True):
                found = measure(counters, length, tries=TRIES, before_alone=before_alone)
                weeks = "before alone" if before_alone else "around"
                print(
                    f"{name:20}{length:>10}{weeks:>14}{found.tried:>7}{found.naive_error:>10.1%}{found.error:>8.2%}"
                    f"{found.held:>8.1%}{found.backtest:>10.1%}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
