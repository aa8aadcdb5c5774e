"""What is usual at each hub by its weekdays, and how far off estimates by that were in the year before.

counted whole, by weekday, hub and week -> usual: the mean of the nearest weeks -> by what the others had of theirs
the same days, in each of the 52 weeks before -> estimated as if they were missing -> errors -> an interval

All hubs at once, as columns: a trial of a gap at 22 hubs costs little more than at one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

WEEKS_BEFORE, WEEKS_AFTER = 13, 4
"""How many weeks away a day of the same weekday may be that tells what is usual: an estimate is final after four."""
YEAR_WEEKS = 52
CONFIDENCE = 0.9
_OUTSIDE = (1 - CONFIDENCE) / 2
_NEIGHBOURS, _NEIGHBOURS_MIN = 8, 3
_SISTERS_MIN = 2
_ERRORS_MIN, _ERRORS_OF_A_HUB_MIN = 10, 5
"""So many errors, of all hubs and of the hub itself, are needed to tell an interval and the hub's part in it."""
_KNOWN_MIN = 0.8
"""Of what is missing, this share has to be known in an earlier week to try the estimate there."""
_WEEK = 7
_PAD = YEAR_WEEKS + WEEKS_BEFORE
"""So many weeks of nothing stand before the first, that none has to be asked whether it is there."""
_TRIALS_BYTES_MAX = 32_000_000
"""Trials of so many bytes are kept: hubs that miss the same days share them."""

WEEKS_AWAY = sorted((week for week in range(-WEEKS_BEFORE, WEEKS_AFTER + 1) if week), key=abs)
"""The weeks that tell what is usual in one, the nearest first. Some of them are a number with a bit for each."""
_AHEAD = {week: 1 << place for place, week in enumerate(WEEKS_AWAY) if week > 0}

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


class Trials:
    """Of days at hand by hub and place, NaN where they were not counted whole: what is usual, and how sure that is."""

    def __init__(self, whole: Numbers) -> None:
        self._hubs, self._days = whole.shape
        self._weeks = range(_PAD, _PAD - (-self._days // _WEEK))
        padded = np.full((self._hubs, (self._weeks.stop + WEEKS_AFTER) * _WEEK), np.nan)
        padded[:, _PAD * _WEEK : _PAD * _WEEK + self._days] = whole
        self._whole = np.ascontiguousarray(padded.reshape(self._hubs, -1, _WEEK).transpose(2, 0, 1))
        """By weekday, hub and week."""
        self._is_known = np.isfinite(self._whole)
        self._or_zero = np.where(self._is_known, self._whole, 0)
        self._usual, self._effect = np.full(self._whole.shape, np.nan), np.full(self._whole.shape, np.nan)
        there = np.s_[:, :, self._weeks.start : self._weeks.stop]
        self._usual[there] = usual = self._mean(slice(None), self._weeks)
        self._effect[there] = np.stack([_effect(*of_day) for of_day in zip(self._whole[there], usual, strict=True)])
        kept = max(1, _TRIALS_BYTES_MAX // max(1, whole.itemsize * self._hubs * YEAR_WEEKS))
        self._errors = lru_cache(maxsize=kept)(self._find_errors)
        self._before_to_come = lru_cache(maxsize=WEEKS_AFTER * _WEEK)(self._find_before_to_come)

    def usual(self, row: int, places: Sequence[int]) -> list[float]:
        """What is usual at a hub on these days, themselves left out; NaN where too few others are known."""
        gone = frozenset(places)
        return [self._usual_without(row, place, gone) for place in places]

    def effect(self, row: int, place: int) -> float:
        """What the other hubs counted on a day by what was usual there; NaN where too few of them counted."""
        return float(self._effect[place % _WEEK, row, place // _WEEK + _PAD])

    def errors(self, row: int, places: Sequence[int]) -> Errors | None:
        """How far off the estimate of such days is in the year before, at every hub; None where too little is known.

        The weeks that are unknown around the hub's own days are left out there, too, and for the other hubs those that
        are still to come.
        """
        found: Errors | None = self._errors(tuple(places), tuple(self._unknown_around(row, each) for each in places))
        return found

    def _usual_without(self, row: int, place: int, gone: frozenset[int]) -> float:
        left_out = sum(1 << at for at, week in enumerate(WEEKS_AWAY) if place + _WEEK * week in gone)
        weekday, week = place % _WEEK, place // _WEEK + _PAD
        if not left_out:
            return float(self._usual[weekday, row, week])
        return float(self._mean(weekday, range(week, week + 1), left_out)[row, 0])

    def _unknown_around(self, row: int, place: int) -> int:
        """Which of the weeks around a hub's day are not known."""
        known = self._is_known[place % _WEEK, row]
        week = place // _WEEK + _PAD
        return sum(1 << at for at, away in enumerate(WEEKS_AWAY) if not known[week + away])

    def _to_come(self, place: int) -> int:
        """Which of the weeks around a day are still to come."""
        return sum(bit for week, bit in _AHEAD.items() if place + _WEEK * week >= self._days)

    def _mean(self, weekday: int | slice, weeks: range, left_out: int = 0) -> Numbers:
        """The mean of the nearest weeks around each, less those left out; NaN where too few are known."""
        near = [week for place, week in enumerate(WEEKS_AWAY) if not left_out >> place & 1]

        def around(week: int) -> tuple[int | slice, slice, slice]:
            return weekday, slice(None), slice(weeks.start + week, weeks.stop + week)

        shape = self._whole[around(0)].shape
        number, total = np.zeros(shape, dtype=np.int8), np.zeros(shape)
        for week in near[:_NEIGHBOURS]:
            number += self._is_known[around(week)]
            total += self._or_zero[around(week)]
        lacking = np.nonzero(number < _NEIGHBOURS)
        of_lacking, people = number[lacking], total[lacking]
        for week in near[_NEIGHBOURS:] if len(of_lacking) else ():
            taken = self._is_known[around(week)][lacking] & (of_lacking < _NEIGHBOURS)
            of_lacking += taken
            people += self._or_zero[around(week)][lacking] * taken
        number[lacking], total[lacking] = of_lacking, people
        return np.where(number >= _NEIGHBOURS_MIN, total / np.maximum(number, 1), np.nan)

    def _find_errors(self, places: tuple[int, ...], left_out: tuple[int, ...]) -> Errors | None:
        weeks = min(YEAR_WEEKS, max(places) // _WEEK)
        if not weeks:
            return None
        truth, people = np.zeros((2, self._hubs, weeks))
        number = np.zeros((self._hubs, weeks), dtype=np.int64)
        for place, weeks_out in zip(places, left_out, strict=True):
            was, found = self._tried(place, weeks, weeks_out)
            known = np.isfinite(was) & np.isfinite(found)
            number += known
            truth += np.where(known, was, 0)
            people += np.where(known, found, 0)
        known = (number / len(places) >= _KNOWN_MIN) & (people > 0)
        errors = np.full(truth.shape, np.nan)
        np.divide(truth, people, out=errors, where=known)
        return Errors(errors - 1) if known.sum() >= _ERRORS_MIN else None

    def _tried(self, place: int, weeks: int, left_out: int) -> tuple[Numbers, Numbers]:
        """What was counted on the same day in each of so many weeks before, and its estimate, by hub."""
        weekday, week = place % _WEEK, place // _WEEK + _PAD
        to_come = self._to_come(place)
        at = np.s_[weekday, :, week - weeks : week]
        usual, effect = self._before_to_come(weekday, week, to_come) if to_come else (self._usual, self._effect)
        usual, effect = (usual[:, -weeks:], effect[:, -weeks:]) if to_come else (usual[at], effect[at])
        if left_out != to_come:
            usual = self._mean(weekday, range(week - weeks, week), left_out)
        return self._whole[at], with_effect(usual, effect)

    def _find_before_to_come(self, weekday: int, week: int, to_come: int) -> tuple[Numbers, Numbers]:
        """What was usual in the year before a week, and the days' effects, by what would have been known then."""
        weeks = range(week - YEAR_WEEKS, week)
        usual = self._mean(weekday, weeks, to_come)
        return usual, _effect(self._whole[weekday, :, weeks.start : weeks.stop], usual)


class Errors:
    """Relative errors of an estimate, by hub and week; NaN where it could not be tried."""

    def __init__(self, errors: Numbers) -> None:
        known = np.isfinite(errors)
        squares, number = np.where(known, errors, 0) ** 2, known.sum(axis=1)
        of_hub = squares.sum(axis=1)
        together = np.sqrt(squares.sum() / number.sum())
        is_own = (number >= _ERRORS_OF_A_HUB_MIN) & (of_hub > 0)
        self._own = np.where(is_own, np.sqrt(of_hub / np.maximum(number, 1)), together)
        # Where all estimates were right there is no unit, nor any need of one.
        self._in_own_units = errors / np.where(self._own > 0, self._own, 1)[:, None]
        self._ordered = np.sort(self._in_own_units[known])

    def interval(self, row: int) -> tuple[float, float]:
        """The bounds of a hub's error."""
        low, high = (_quantile(self._ordered, part) * self._own[row] for part in (_OUTSIDE, 1 - _OUTSIDE))
        return float(low), float(high)

    def backtest(self, row: int) -> float:
        """The share of a hub's weeks whose error lies within bounds made without them; of all hubs' if it has none."""
        own = self._in_own_units[row]
        own = own[np.isfinite(own)]
        errors = own if len(own) else self._ordered
        low, high = (_quantile_of_others(self._ordered, errors, part) for part in (_OUTSIDE, 1 - _OUTSIDE))
        return float(((low <= errors) & (errors <= high)).mean())


def _quantile(ordered: Numbers, part: float) -> float:
    """The quantile of values in order, as Weibull has it (Hyndman and Fan's sixth)."""
    below, further = _place_of(part, len(ordered))
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return float(low + (high - low) * further)


def _quantile_of_others(ordered: Numbers, each: Numbers, part: float) -> Numbers:
    """The quantile of all the others, for each of some of the values."""
    last = len(ordered) - 2
    below, further = _place_of(part, last + 1)
    # Where the value itself comes before a place of the others' order, the next one stands there.
    low, high = (
        np.where(each <= ordered[place], ordered[place + 1], ordered[place]) for place in (below, min(below + 1, last))
    )
    between: Numbers = low + (high - low) * further
    return between


def _place_of(part: float, number: int) -> tuple[int, float]:
    """Where a quantile of so many lies: the place below it, and how far it is from there to the next."""
    at = min(max(part * (number + 1) - 1, 0.0), number - 1.0)
    return int(at), at - int(at)


def with_effect(usual: Numbers, effect: Numbers) -> Numbers:
    """What is usual, times the day's own effect where it is known."""
    return usual * np.where(np.isfinite(effect), effect, 1)


def _effect(people: Numbers, usual: Numbers) -> Numbers:
    """What the other hubs counted on a day by what is usual there; nobody comes as a rule: that tells nothing."""
    by_usual = np.full(people.shape, np.nan)
    np.divide(people, usual, out=by_usual, where=usual > 0)
    return median_of_others(by_usual)


def median_of_others(table: Numbers) -> Numbers:
    """For each row the median of all others, by column; NaN where there are too few."""
    ordered = np.sort(table, axis=0)
    known = np.isfinite(table)
    others = known.sum(axis=0) - known

    def nth(place: Places) -> Numbers:
        """The other at this place of their order: where the row itself comes before it, the next one."""
        place = np.clip(place, 0, len(table) - 1)
        here = np.take_along_axis(ordered, place, axis=0)
        after = np.take_along_axis(ordered, np.minimum(place + 1, len(table) - 1), axis=0)
        return np.where(table <= here, after, here)

    return np.where(others >= _SISTERS_MIN, (nth((others - 1) // 2) + nth(others // 2)) / 2, np.nan)
