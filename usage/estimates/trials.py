"""What is usual at each hub by its weekdays, and how far off estimates by that were in the year before.

counted whole, by weekday, hub and week -> usual: the mean of the nearest weeks -> by what the others had of theirs
the same days, in each of the 52 weeks before -> estimated as if they were missing -> errors -> an interval

All hubs at once, as columns: a trial of a gap at 22 hubs costs little more than at one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
_TRIALS_BYTES_MAX, _AT_ONCE_BYTES_MAX = 32_000_000, 1_000_000
"""Trials of so many bytes are kept: hubs that miss the same days share them. So many are made at once."""

WEEKS_AWAY = sorted((week for week in range(-WEEKS_BEFORE, WEEKS_AFTER + 1) if week), key=abs)
"""The weeks that tell what is usual in one, the nearest first. Some of them are a number with a bit for each."""
_AHEAD = {week: 1 << place for place, week in enumerate(WEEKS_AWAY) if week > 0}
_BITS = 1 << np.arange(len(WEEKS_AWAY))

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


class Trials:
    """Of days at hand by hub and place, NaN where they were not counted whole: what is usual, and how sure that is."""

    def __init__(self, whole: Numbers) -> None:
        self._hubs, self._days = whole.shape
        known = np.nonzero(np.isfinite(whole).any(axis=0))[0]
        first = (int(known[0]) if known.size else self._days) // _WEEK
        self._first_counted = _PAD + first
        # Nothing is usual long before the first day that was counted, and nothing can be tried there.
        self._weeks = range(_PAD + max(first - WEEKS_AFTER, 0), _PAD - (-self._days // _WEEK))
        padded = np.full(((self._weeks.stop + WEEKS_AFTER) * _WEEK, self._hubs), np.nan)
        padded[_PAD * _WEEK : _PAD * _WEEK + self._days] = whole.T
        # By weekday, week and hub: the weeks before one lie side by side.
        self._whole = np.ascontiguousarray(padded.reshape(-1, _WEEK, self._hubs).transpose(1, 0, 2))
        is_known = np.isfinite(self._whole)
        self._number, self._people = is_known.astype(np.int8), np.where(is_known, self._whole, 0)
        self._usual, self._effect = np.full(self._whole.shape, np.nan), np.full(self._whole.shape, np.nan)
        there = slice(self._weeks.start, self._weeks.stop)
        for weekday in range(_WEEK):  # all at once would be more than a processor has at hand
            self._usual[weekday, there] = self._mean(weekday, self._weeks)
            self._effect[weekday, there] = _effect(self._whole[weekday, there], self._usual[weekday, there])
        trial_bytes = max(1, whole.itemsize * self._hubs * YEAR_WEEKS)
        kept, self._at_once = (max(1, limit // trial_bytes) for limit in (_TRIALS_BYTES_MAX, _AT_ONCE_BYTES_MAX))
        self._left_out: set[tuple[int, int]] = set()
        self._mean_of_all = lru_cache(maxsize=kept)(self._mean)
        self._errors = lru_cache(maxsize=kept)(self._find_errors)
        self._before_to_come = lru_cache(maxsize=WEEKS_AFTER * _WEEK)(self._find_before_to_come)

    def usual(self, rows: ArrayLike, places: ArrayLike) -> Numbers:
        """What is usual at hubs on days, each day itself left out; NaN where too few others are known."""
        found: Numbers = self._usual[_at(rows, places)]
        return found

    def usual_of_gap(self, row: int, places: Sequence[int]) -> list[float]:
        """What is usual at a hub on these days, all of them left out."""
        gone = frozenset(places)
        return [self._usual_without(row, place, gone) for place in places]

    def effects(self, rows: ArrayLike, places: ArrayLike) -> Numbers:
        """What the other hubs counted on days by what was usual there; NaN where too few of them counted."""
        found: Numbers = self._effect[_at(rows, places)]
        return found

    def errors(self, row: int, places: Sequence[int]) -> Errors | None:
        """How far off the estimate of such days is in the year before, at every hub; None where too little is known.

        The weeks that are unknown around the hub's own days are left out there, too, and for the other hubs those that
        are still to come.
        """
        found: Errors | None = self._errors(tuple(places), self._unknown_around(row, places))
        return found

    def errors_of_days(self, rows: Sequence[int], places: Sequence[int]) -> Iterator[tuple[int, Errors | None]]:
        """The same of each of some days alone, by its number among them, in any order: many are tried at once."""
        numbers, alike = defaultdict(list), defaultdict(list)
        for number, day in enumerate(zip(places, self._unknown_around(rows, places), strict=True)):
            numbers[day].append(number)
        for place, left_out in numbers:
            alike[place % _WEEK, self._to_come(place), left_out].append(place)
        for (weekday, to_come, left_out), days in alike.items():
            if to_come or len(days) == 1:
                found: Iterator[Errors | None] = (self._errors((place,), (left_out,)) for place in days)
            else:
                found = self._errors_of_weekday(weekday, left_out, [place // _WEEK + _PAD for place in days])
            for place, errors in zip(days, found, strict=True):
                yield from ((number, errors) for number in numbers[place, left_out])

    def _unknown_around(self, rows: ArrayLike, places: Sequence[int]) -> tuple[int, ...]:
        """Which of the weeks around hubs' days are not known; those before anybody was counted need not be left out."""
        weekdays, weeks, hubs = (each[..., np.newaxis] for each in _at(rows, places))
        is_unknown = self._number[weekdays, weeks + np.array(WEEKS_AWAY), hubs] == 0
        is_unknown &= weeks + np.array(WEEKS_AWAY) >= self._first_counted
        return tuple((is_unknown @ _BITS).tolist())

    def _usual_without(self, row: int, place: int, gone: frozenset[int]) -> float:
        weekday, week = place % _WEEK, place // _WEEK + _PAD
        left_out = sum(1 << at for at, away in enumerate(WEEKS_AWAY) if place + _WEEK * away in gone)
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
        number = min(YEAR_WEEKS, max(places) // _WEEK + _PAD - self._weeks.start)
        if number <= 0:
            return None
        tried = []
        for place, out in zip(places, left_out, strict=True):
            week = place // _WEEK + _PAD
            tried.append(self._tried(place % _WEEK, range(week - number, week), out, self._to_come(place)))
        errors, known = _errors_of(tried)
        (found,) = _each_errors(errors[np.newaxis], known[np.newaxis])
        return found

    def _errors_of_weekday(self, weekday: int, left_out: int, weeks: Sequence[int]) -> Iterator[Errors | None]:
        """Of single days of a weekday in some weeks, of which none has a week around it that is still to come."""
        first, stop = min(weeks) - YEAR_WEEKS, max(weeks)
        errors, known = np.zeros((stop - first, self._hubs)), np.zeros((stop - first, self._hubs), dtype=bool)
        there = range(max(first, self._weeks.start), stop)
        errors[there.start - first :], known[there.start - first :] = _errors_of(
            [self._tried(weekday, there, left_out)]
        )
        for start in range(0, len(weeks), self._at_once):
            stops = np.array(weeks[start : start + self._at_once]) - first
            years = stops[:, np.newaxis] + np.arange(-YEAR_WEEKS, 0)
            yield from _each_errors(errors[years], known[years])

    def _tried(self, weekday: int, weeks: range, left_out: int, to_come: int = 0) -> tuple[Numbers, Numbers]:
        """What was counted on a weekday in each of some weeks, and its estimate, by hub."""
        at = np.s_[weekday, weeks.start : weeks.stop]
        if to_come:
            usual, effect = (each[-len(weeks) :] for each in self._before_to_come(weekday, weeks.stop, to_come))
        else:
            usual, effect = self._usual[at], self._effect[at]
        if left_out != to_come:
            usual = self._mean_before(weekday, weeks, left_out)
        return self._whole[at], usual * np.where(np.isfinite(effect), effect, 1)

    def _mean_before(self, weekday: int, weeks: range, left_out: int) -> Numbers:
        """The mean of each of some weeks; of all weeks once the same are left out for a second time."""
        start = self._weeks.start
        if (weekday, left_out) in self._left_out and start <= weeks.start:
            of_all: Numbers = self._mean_of_all(weekday, self._weeks, left_out)
            return of_all[weeks.start - start : weeks.stop - start]
        self._left_out.add((weekday, left_out))
        return self._mean(weekday, weeks, left_out)

    def _find_before_to_come(self, weekday: int, week: int, to_come: int) -> tuple[Numbers, Numbers]:
        """What was usual in the year before a week, and the days' effects, by what would have been known then."""
        weeks = range(week - YEAR_WEEKS, week)
        usual = self._mean(weekday, weeks, to_come)
        return usual, _effect(self._whole[weekday, weeks.start : weeks.stop], usual)


def _at(rows: ArrayLike, places: ArrayLike) -> tuple[Places, Places, Places]:
    """Where hubs' days are: by weekday, week and hub."""
    days = np.asarray(places, dtype=np.int64)
    return days % _WEEK, days // _WEEK + _PAD, np.asarray(rows, dtype=np.int64)


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


def _each_errors(errors: Numbers, known: Flags) -> list[Errors | None]:
    """Of several trials, each by week and hub."""
    of_hub = (np.where(known, errors, 0) ** 2).sum(axis=1)
    number = known.sum(axis=1)
    in_all = number.sum(axis=1)
    together = np.sqrt(of_hub.sum(axis=1) / np.maximum(in_all, 1))
    is_own = (number >= _ERRORS_OF_A_HUB_MIN) & (of_hub > 0)
    own = np.where(is_own, np.sqrt(of_hub / np.maximum(number, 1)), together[:, np.newaxis])
    # Where all estimates were right there is no unit, nor any need of one.
    units = np.where(known, errors / np.where(own > 0, own, 1)[:, np.newaxis], np.nan)
    ordered = np.sort(units.reshape(len(units), -1), axis=1)  # those that are not known are last
    return [
        Errors.of(own[at], units[at], ordered[at, :many]) if many >= _ERRORS_MIN else None
        for at, many in enumerate(in_all.tolist())
    ]


class Errors(NamedTuple):
    """Relative errors of an estimate: what is usual of each hub, and by week and hub, in units of that."""

    own: Numbers
    in_own_units: Numbers
    """NaN where it is not known."""
    ordered: Numbers
    """Those that are known."""
    low: float
    high: float

    @classmethod
    def of(cls, own: Numbers, in_own_units: Numbers, ordered: Numbers) -> Errors:
        """With the bounds that all but a tenth of them lie within."""
        return cls(own, in_own_units, ordered, *(_quantile(ordered, part) for part in (_OUTSIDE, 1 - _OUTSIDE)))

    def interval(self, row: int) -> tuple[float, float]:
        """The bounds of a hub's error."""
        own = self.own.item(row)
        return self.low * own, self.high * own

    def backtest(self, row: int) -> float:
        """The share of a hub's weeks whose error lies within bounds made without them; of all hubs' if it has none."""
        own = self.in_own_units[:, row]
        own = own[np.isfinite(own)]
        errors = own if len(own) else self.ordered
        low, high = (_quantile_of_others(self.ordered, errors, part) for part in (_OUTSIDE, 1 - _OUTSIDE))
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
    columns = table.T  # each in one piece, as `_effect` has them
    ordered, known = np.sort(columns, axis=1), np.isfinite(columns)
    number, each = known.sum(axis=1), np.arange(len(columns))

    def nth(place: Places) -> Numbers:
        """What stands at a place of each column's order."""
        found: Numbers = ordered[each, np.minimum(np.maximum(place, 0), len(table) - 1), np.newaxis]
        return found

    def nth_other(place: Places) -> Numbers:
        """Likewise without the row itself: where it comes before the place, the next one."""
        here = nth(place)
        return np.where(columns <= here, nth(place + 1), here)

    low, high = (number - 2) // 2, (number - 1) // 2
    found = np.where(known, nth_other(low) + nth_other(high), nth(high) + nth(number // 2)) / 2
    found[number[:, np.newaxis] - known < _SISTERS_MIN] = np.nan
    return found.T
