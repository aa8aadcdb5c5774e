"""Finds the day since which a series of daily ratios lies higher or lower than before: a two-sided CUSUM.

Page 1954 (Biometrika 41): what lies beyond half of the change that is looked for adds up; an alarm is where the sum
passes a limit, which follows from how often a series without any change may raise one (Siegmund 1985, formula 2.56).
Level, weekdays and spread are those of the year before, less the last two weeks and what an alarm was about. The spread
is robust, and wider where one day is like the one before: `sd * sqrt((1 + r) / (1 - r))`, r from one day to the next
(the variance of a mean of an AR(1) series).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log, sqrt

import numpy as np
from numpy.typing import NDArray

LOSS = 0.3
"""The share of people whose loss is looked for."""
FOUND_DAYS = 14
"""Within so many comparable days it is to be found."""
SD_MAX = 0.3
"""A ratio that varies more from day to day gives no verdict."""
SD_MIN = 0.15
"""No ratio is taken for steadier: habits and seasons move its level, too."""
REFERENCE_DAYS, REFERENCE_LAG_DAYS = 364, 14
REFERENCE_MIN = 40
"""So many comparable days the reference needs."""
ALARM_DAYS_MAX = 91
"""After so many days the new level is what is usual."""
_REACH = -log(1 - LOSS) / 2
_ALLOWANCE_MAX = 1.0
"""In units of the spread; a smaller change than the one looked for is found where a ratio is steady."""
_SHARE_UP = 0.1
"""Of the alarms by chance, the share that may say "too many": few counters do."""
_Z_MAX = 3.0
_OVERSHOOT = 1.166
"""How far beyond the limit a sum ends, on average (Siegmund 1985)."""
_MARGIN = 1.05
"""What the limit is raised by since level and spread are only estimated (measured: `benchmarks/witnesses.py`)."""
_PERSISTENCE_MAX = 0.6
_MAD = 1.4826

Numbers = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Shift:
    """A series lies elsewhere than before. Days are places in the series; `end` is the first day it is back, if any."""

    row: int
    start: int
    found: int
    end: int | None
    change: float
    """The logarithm of what the ratio was multiplied by."""
    spread: float


@dataclass(frozen=True, slots=True)
class Course:
    """What was found in many series, and by row and day what is usual: NaN where that is not known yet."""

    shifts: tuple[Shift, ...]
    level: Numbers
    spread: Numbers


def limit_of(spread: Numbers | float, days_between: Numbers | float) -> tuple[Numbers, Numbers]:
    """Allowance and limit, in units of the spread, for an alarm by chance once in so many days."""
    allowance = np.minimum(_REACH / np.asarray(spread, dtype=np.float64), _ALLOWANCE_MAX)
    wanted = 2 * allowance**2 * days_between
    power = np.log(1 + wanted)
    for _ in range(6):
        power = np.log(1 + wanted + power)
    return allowance, _MARGIN * (power / (2 * allowance) - _OVERSHOOT)


def days_until_found(spread: float, days_between: float, loss: float = LOSS) -> float:
    """Within how many comparable days nine of ten such losses are found; infinite where it takes for ever."""
    allowance, limit = (float(each) for each in limit_of(spread, days_between / (1 - _SHARE_UP)))
    drift = -log(1 - loss) / spread - allowance
    if drift <= 0:
        return inf
    height = limit + _OVERSHOOT
    mean = (exp(-2 * drift * height) + 2 * drift * height - 1) / (2 * drift**2)
    return mean + 1.28 * sqrt(height / drift**3)


def detectable_loss(spread: float, days_between: float) -> float | None:
    """The smallest loss, in whole per cent as a share, that is found within FOUND_DAYS; None where there is none."""
    shares = (share / 100 for share in range(5, 96))
    return next((share for share in shares if days_until_found(spread, days_between, share) <= FOUND_DAYS), None)


class _Reference:
    """What is usual, by row: level by weekday, and spread."""

    def __init__(self, window: Numbers, weekdays: NDArray[np.int64]) -> None:
        known = np.isfinite(window)
        number = known.sum(axis=1)
        self.is_known = number >= REFERENCE_MIN
        middle = _median(window)[:, None]
        wide = 4 * _MAD * _median(np.abs(window - middle))[:, None]
        calm = np.clip(window, middle - wide, middle + wide)
        mean = _mean(calm, axis=1)
        effect = np.zeros((len(window), 7))
        for weekday in range(7):
            of_weekday = calm[:, weekdays == weekday]
            days = np.isfinite(of_weekday).sum(axis=1)
            effect[:, weekday] = (_mean(of_weekday, axis=1) - mean) * days / (days + 2)
        rest = window - mean[:, None] - effect[:, weekdays]
        typical = _MAD * _median(np.abs(rest))
        rest = np.clip(rest, -2.5 * typical[:, None], 2.5 * typical[:, None])
        middle_of_rest = _mean(rest, axis=1)
        self.level = mean[:, None] + effect + middle_of_rest[:, None]
        rest -= middle_of_rest[:, None]
        squares = np.nansum(rest**2, axis=1)
        before, after = rest[:, :-1], rest[:, 1:]
        pairs = np.isfinite(before * after).sum(axis=1)
        spread = np.sqrt(squares / np.maximum(number - 7, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            persistence = np.nansum(before * after, axis=1) / np.maximum(pairs, 1) / (squares / np.maximum(number, 1))
        persistence = persistence + (1 + 3 * persistence) / np.maximum(number, 1)  # an estimate from few days is low
        persistence = np.clip(np.nan_to_num(persistence), 0, _PERSISTENCE_MAX)
        self.spread = np.maximum(spread * np.sqrt((1 + persistence) / (1 - persistence)), SD_MIN)


def _median(table: Numbers) -> Numbers:
    """By row the median of what is known; NaN where nothing is. As `np.nanmedian`, thirty times as fast."""
    number = np.isfinite(table).sum(axis=1, keepdims=True)
    ordered = np.sort(table, axis=1)
    low, high = (np.take_along_axis(ordered, place, axis=1) for place in (np.maximum(number - 1, 0) // 2, number // 2))
    return np.asarray((low + high)[:, 0] / 2)


def _mean(table: Numbers, axis: int) -> Numbers:
    """The mean of what is known; zero where nothing is."""
    number = np.isfinite(table).sum(axis=axis)
    return np.asarray(np.nansum(table, axis=axis) / np.maximum(number, 1))


class _Side:
    """One side of the chart for all series: sums, alarms, and whether they are over."""

    def __init__(self, rows: int, sign: int, share: float) -> None:
        self._sign, self._share = sign, share
        self._allowance, self._limit = np.zeros(rows), np.full(rows, np.inf)
        self.sum, self.back = np.zeros(rows), np.zeros(rows)
        self.since, self.back_since = np.full(rows, -1), np.full(rows, -1)
        self.found = np.full(rows, -1)

    def limit(self, spread: Numbers, days_between: Numbers) -> None:
        """Set the limits anew: of the alarms by chance, a share is of this side."""
        self._allowance, self._limit = limit_of(spread, days_between / self._share)

    def take(self, day: int, z: Numbers) -> tuple[Bools, Bools]:
        """A day's values; which alarms begin and which are over."""
        is_known, is_on = np.isfinite(z), self.found >= 0
        beyond = np.where(is_known, self._sign * z - self._allowance, 0.0)
        self.since = np.where(is_known & (self.sum <= 0), day, self.since)
        self.sum = np.where(is_on, self.sum, np.maximum(self.sum + beyond, 0))
        self.back_since = np.where(is_known & (self.back <= 0), day, self.back_since)
        self.back = np.where(is_on, np.maximum(self.back - beyond, 0), 0)
        begins = ~is_on & (self.sum >= self._limit)
        self.found[begins] = day
        return begins, is_on & ((self.back >= self._limit) | (day - self.found >= ALARM_DAYS_MAX))

    def end(self, rows: Bools) -> None:
        self.found[rows], self.sum[rows], self.back[rows] = -1, 0.0, 0.0


def watch(ratios: Numbers, weekdays: NDArray[np.int64], days_between: Numbers) -> Course:
    """Look for shifts in series of logarithms of ratios, one a row, one value a day, NaN where a day can't be compared.

    `weekdays` are 0 to 6 by day; `days_between` says by row how many days two alarms by chance are apart at least, of
    both sides together, on average.
    """
    chart = _Chart(ratios, weekdays, days_between)
    for day in range(ratios.shape[1]):
        if day % 7 == 0:
            chart.learn(day)
        chart.take(day)
    return chart.course()


class _Chart:
    """Both sides of all series, day by day."""

    def __init__(self, ratios: Numbers, weekdays: NDArray[np.int64], days_between: Numbers) -> None:
        self._ratios, self._weekdays, self._days_between = ratios, weekdays, days_between
        rows = len(ratios)
        self._clean = np.isfinite(ratios)
        self._level, self._spread = np.full(ratios.shape, np.nan), np.full(ratios.shape, np.nan)
        self._usual_spread = np.full(rows, np.nan)
        self._usual = np.full((rows, 7), np.nan)
        self._sides = (_Side(rows, -1, 1 - _SHARE_UP), _Side(rows, 1, _SHARE_UP))
        self._shifts: list[Shift] = []

    def learn(self, day: int) -> None:
        """Take what is usual from the days before, for every series that has no alarm."""
        stop = max(0, day - REFERENCE_LAG_DAYS)
        window = slice(max(0, stop - REFERENCE_DAYS), stop)
        if stop < REFERENCE_MIN:
            return
        found = _Reference(np.where(self._clean[:, window], self._ratios[:, window], np.nan), self._weekdays[window])
        is_free = found.is_known & np.all([side.found < 0 for side in self._sides], axis=0)
        self._usual[is_free], self._usual_spread[is_free] = found.level[is_free], found.spread[is_free]
        for side in self._sides:
            side.limit(self._usual_spread, self._days_between)

    def take(self, day: int) -> None:
        """Take a day's ratios."""
        self._level[:, day] = self._usual[:, self._weekdays[day]]
        self._spread[:, day] = self._usual_spread
        z = np.clip((self._ratios[:, day] - self._level[:, day]) / self._usual_spread, -_Z_MAX, _Z_MAX)
        for side in self._sides:
            begins, over = side.take(day, z)
            for row in np.flatnonzero(begins):
                self._clean[row, side.since[row] :] = False
            for row in np.flatnonzero(over):
                is_back = day - side.found[row] < ALARM_DAYS_MAX
                end = int(side.back_since[row]) if is_back else day
                self._shifts.append(self._shift(int(row), side, end))
                anew = end if is_back else int(side.since[row])
                self._clean[row, anew:] = np.isfinite(self._ratios[row, anew:])
                if not is_back:  # only days since then tell what is usual, from the next look on
                    self._clean[row, :anew] = False
                    self._usual[row] = np.nan
            side.end(over)

    def course(self) -> Course:
        """What was found; alarms that stand have no end."""
        standing = [
            self._shift(int(row), side, None) for side in self._sides for row in np.flatnonzero(side.found >= 0)
        ]
        found = sorted([*self._shifts, *standing], key=lambda shift: (shift.row, shift.start))
        return Course(tuple(found), self._level, self._spread)

    def _shift(self, row: int, side: _Side, end: int | None) -> Shift:
        start, found = int(side.since[row]), int(side.found[row])
        change = float(np.nanmedian((self._ratios - self._level)[row, start:end]))
        return Shift(row, start, found, end, change, float(self._spread[row, found]))
