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
        known = np.nonzero(np.isfinite(whole).any(axis=0))[0]
        first = max((int(known[0]) if known.size else self._days) // _WEEK - WEEKS_AFTER, 0)
        # Nothing is usual long before the first day that was counted, and nothing can be tried there.
        self._weeks = range(_PAD + first, _PAD - (-self._days // _WEEK))
        padded = np.full(((self._weeks.stop + WEEKS_AFTER) * _WEEK, self._hubs), np.nan)
        padded[_PAD * _WEEK : _PAD * _WEEK + self._days] = whole.T
        # By weekday, week and hub: the weeks before one lie side by side.
        self._whole = np.ascontiguousarray(padded.reshape(-1, _WEEK, self._hubs).transpose(1, 0, 2))
        is_known = np.isfinite(self._whole)
        self._number, self._people = is_known.astype(np.int8), np.where(is_known, self._whole, 0)
        self._usual, self._effect = np.full(self._whole.shape, np.nan), np.full(self._whole.shape, np.nan)
        self._unknown = np.zeros(self._whole.shape, dtype=np.int64)
        """Which of the weeks around a hub's day are not known."""
        there = slice(self._weeks.start, self._weeks.stop)
        for weekday in range(_WEEK):
            self._usual[weekday, there] = self._mean(weekday, self._weeks)
            self._effect[weekday, there] = _effect(self._whole[weekday, there], self._usual[weekday, there])
        for place, week in enumerate(WEEKS_AWAY):
            self._unknown[:, there] |= (self._number[:, there.start + week : there.stop + week] == 0) << place
        kept = max(1, _TRIALS_BYTES_MAX // max(1, whole.itemsize * self._hubs * YEAR_WEEKS))
        self._left_out: set[tuple[int, int]] = set()
        self._mean_of_all = lru_cache(maxsize=kept)(self._mean)
        self._errors = lru_cache(maxsize=kept)(self._find_errors)
        self._errors_alone = lru_cache(maxsize=kept)(self._find_errors_alone)
        self._before_to_come = lru_cache(maxsize=WEEKS_AFTER * _WEEK)(self._find_before_to_come)

    def usual(self, row: int, places: Sequence[int]) -> list[float]:
        """What is usual at a hub on these days, themselves left out; NaN where too few others are known."""
        gone = frozenset(places if max(places) - min(places) >= _WEEK else ())
        return [self._usual_without(row, place, gone) for place in places]

    def effects(self, row: int, places: Sequence[int]) -> Numbers:
        """What the other hubs counted on days by what was usual there; NaN where too few of them counted."""
        days = np.array(places)
        found: Numbers = self._effect[days % _WEEK, days // _WEEK + _PAD, row]
        return found

    def errors(self, row: int, places: Sequence[int]) -> Errors | None:
        """How far off the estimate of such days is in the year before, at every hub; None where too little is known.

        The weeks that are unknown around the hub's own days are left out there, too, and for the other hubs those that
        are still to come.
        """
        unknown = tuple(self._unknown.item(place % _WEEK, place // _WEEK + _PAD, row) for place in places)
        found: Errors | None = self._errors(tuple(places), unknown)
        return found

    def _usual_without(self, row: int, place: int, gone: frozenset[int]) -> float:
        weekday, week = place % _WEEK, place // _WEEK + _PAD
        left_out = sum(1 << at for at, away in enumerate(WEEKS_AWAY) if place + _WEEK * away in gone) if gone else 0
        if not left_out:
            return float(self._usual.item(weekday, week, row))
        return float(self._mean(weekday, range(week, week + 1), left_out).item(0, row))

    def _to_come(self, place: int) -> int:
        """Which of the weeks around a day are still to come."""
        return sum(bit for week, bit in _AHEAD.items() if place + _WEEK * week >= self._days)

    def _mean(self, weekday: int, weeks: range, left_out: int = 0) -> Numbers:
        """By week and hub: the mean of the nearest weeks, less those left out; NaN where too few are known."""
        near = [week for place, week in enumerate(WEEKS_AWAY) if not left_out >> place & 1]
        first, stop = weeks.start, weeks.stop
        numbers, counts = self._number[weekday], self._people[weekday]
        number, people = np.zeros((len(weeks), self._hubs), dtype=np.int8), np.zeros((len(weeks), self._hubs))
        for week in near[:_NEIGHBOURS]:
            number += numbers[first + week : stop + week]
            people += counts[first + week : stop + week]
        for week in near[_NEIGHBOURS:]:
            lacks = number < _NEIGHBOURS
            if not lacks.any():
                break
            number += numbers[first + week : stop + week] * lacks
            people += counts[first + week : stop + week] * lacks
        people /= np.maximum(number, 1)
        people[number < _NEIGHBOURS_MIN] = np.nan
        return people

    def _find_errors(self, places: tuple[int, ...], left_out: tuple[int, ...]) -> Errors | None:
        weeks = min(YEAR_WEEKS, max(places) // _WEEK + _PAD - self._weeks.start)
        if weeks <= 0:
            return None
        place = places[0]
        if len(places) == 1 and not self._to_come(place) and self._is_at_hand(place % _WEEK, left_out[0]):
            stop = place // _WEEK + _PAD - self._weeks.start
            errors, known = (each[stop - weeks : stop] for each in self._errors_alone(place % _WEEK, left_out[0]))
        else:
            tried = [self._tried(place, weeks, out) for place, out in zip(places, left_out, strict=True)]
            errors, known = _errors_of(tried)
        return Errors(errors, known) if np.count_nonzero(known) >= _ERRORS_MIN else None

    def _find_errors_alone(self, weekday: int, left_out: int) -> tuple[Numbers, Flags]:
        """Of single days in each of all weeks: those of days in some of these are among them."""
        weeks = slice(self._weeks.start, self._weeks.stop)
        usual = self._mean_of_all(weekday, self._weeks, left_out) if left_out else self._usual[weekday, weeks]
        return _errors_of([(self._whole[weekday, weeks], _by_effect(usual, self._effect[weekday, weeks]))])

    def _tried(self, place: int, weeks: int, left_out: int) -> tuple[Numbers, Numbers]:
        """What was counted on the same day in each of so many weeks before, and its estimate, by hub."""
        weekday, week = place % _WEEK, place // _WEEK + _PAD
        to_come, before = self._to_come(place), slice(week - weeks, week)
        if to_come:
            usual, effect = (each[-weeks:] for each in self._before_to_come(weekday, week, to_come))
        else:
            usual, effect = self._usual[weekday, before], self._effect[weekday, before]
        if left_out != to_come:
            usual = self._mean_before(weekday, range(week - weeks, week), left_out)
        return self._whole[weekday, before], _by_effect(usual, effect)

    def _mean_before(self, weekday: int, weeks: range, left_out: int) -> Numbers:
        """The mean of each of some weeks; of all weeks once the same are left out for a second time."""
        start = self._weeks.start
        if self._is_at_hand(weekday, left_out) and start <= weeks.start:
            of_all: Numbers = self._mean_of_all(weekday, self._weeks, left_out)
            return of_all[weeks.start - start : weeks.stop - start]
        self._left_out.add((weekday, left_out))
        return self._mean(weekday, weeks, left_out)

    def _is_at_hand(self, weekday: int, left_out: int) -> bool:
        """Whether the means less some weeks are worth to have for all weeks: they were asked for before."""
        return not left_out or (weekday, left_out) in self._left_out

    def _find_before_to_come(self, weekday: int, week: int, to_come: int) -> tuple[Numbers, Numbers]:
        """What was usual in the year before a week, and the days' effects, by what would have been known then."""
        weeks = range(week - YEAR_WEEKS, week)
        usual = self._mean(weekday, weeks, to_come)
        return usual, _effect(self._whole[weekday, weeks.start : weeks.stop], usual)


def _by_effect(usual: Numbers, effect: Numbers) -> Numbers:
    return usual * np.where(np.isfinite(effect), effect, 1)


def _errors_of(tried: Sequence[tuple[Numbers, Numbers]]) -> tuple[Numbers, Flags]:
    """How far off the estimate of some days together is, by week and hub, and where enough of them is known."""
    number, truth, people = np.zeros((3, *tried[0][0].shape))
    for was, found in tried:
        known = np.isfinite(was + found)
        number += known
        truth += np.where(known, was, 0)
        people += np.where(known, found, 0)
    known = (number / len(tried) >= _KNOWN_MIN) & (people > 0)
    return truth / np.where(known, people, 1) - 1, known


class Errors:
    """Relative errors of an estimate, by week and hub, as far as they are known."""

    def __init__(self, errors: Numbers, known: Flags) -> None:
        squares, number = np.where(known, errors, 0) ** 2, known.sum(axis=0)
        of_hub = squares.sum(axis=0)
        together = np.sqrt(of_hub.sum() / number.sum())
        is_own = (number >= _ERRORS_OF_A_HUB_MIN) & (of_hub > 0)
        self._own = np.where(is_own, np.sqrt(of_hub / np.maximum(number, 1)), together)
        # Where all estimates were right there is no unit, nor any need of one.
        self._in_own_units, self._known = errors / np.where(self._own > 0, self._own, 1), known
        self._ordered = np.sort(self._in_own_units[known])
        self._bounds = [_quantile(self._ordered, part) for part in (_OUTSIDE, 1 - _OUTSIDE)]

    def interval(self, row: int) -> tuple[float, float]:
        """The bounds of a hub's error."""
        own = self._own.item(row)
        low, high = self._bounds
        return low * own, high * own

    def backtest(self, row: int) -> float:
        """The share of a hub's weeks whose error lies within bounds made without them; of all hubs' if it has none."""
        own = self._in_own_units[self._known[:, row], row]
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


def _effect(people: Numbers, usual: Numbers) -> Numbers:
    """What the other hubs counted on a day by what is usual there; nobody comes as a rule: that tells nothing."""
    by_usual = np.full(people.shape, np.nan)
    np.divide(people, usual, out=by_usual, where=usual > 0)
    return median_of_others(by_usual.T).T


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
