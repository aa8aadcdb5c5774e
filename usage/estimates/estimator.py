"""How many people came while nobody counted, and how sure that is.

A day that was missed is estimated by the nearest eight days of the same weekday on which the hub was counted, at most
13 weeks before or four after, times the day's own effect: the median, over the other hubs, of what they counted by what
their weekday let expect (neighbouring counters carry the effect of a day best: doi 10.1177/03611981211027161). What is
missing of a day that was counted in part goes by what was counted of it and by that estimate together. A closed day is
zero, and a day is estimated once it is over.

Where a door is silent while another one counts, its people may all have used the other one: low adds none of them, and
`transfer?` says so.

The interval holds nine of ten totals: the same pattern of missing days is left out of each of the 52 weeks before, at
every hub, and the errors, each in units of its hub's own, say how far off such an estimate is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from schemas.measures import PeopleState
from usage.estimates.estimate import UNKNOWN, Estimate, Method, missing_share
from usage.queries.figures import DayFigures

WEEKS_BEFORE, WEEKS_AFTER = 13, 4
"""How many weeks away a day of the same weekday may be that tells what is usual: an estimate is final after four."""
YEAR_WEEKS = 52
REACH_BEFORE, REACH_AFTER = timedelta(weeks=YEAR_WEEKS + WEEKS_BEFORE), timedelta(weeks=WEEKS_AFTER)
"""How far around days in question the days reach that an estimate goes by."""
CONFIDENCE = 0.9
_OUTSIDE = (1 - CONFIDENCE) / 2
HOURS_WIDER = 1.5
"""How much further off the rest of a day is than a whole one, by its share (measured: `benchmarks/estimates.py`)."""
_NEIGHBOURS, _NEIGHBOURS_MIN = 8, 3
_SISTERS_MIN = 2
_ERRORS_MIN, _ERRORS_OF_A_HUB_MIN = 10, 5
"""So many errors, of all hubs and of the hub itself, are needed to tell an interval and the hub's part in it."""
_WHOLE_WEIGHT = 0.25
"""What a whole day's estimate weighs beside the share of the day that was counted."""
_TOLD_MIN = 0.5
"""Without a whole day's estimate, this share of a day has to be counted to tell of its rest."""
_KNOWN_MIN = 0.8
"""Of what is missing, this share has to be known in an earlier week to try the estimate there."""

_YEARS_KEPT = 512
"""So many rows of missing days, which hubs may share, are looked at for the same weeks once."""

_OFFSETS = np.array(sorted((7 * week for week in range(-WEEKS_BEFORE, WEEKS_AFTER + 1) if week), key=abs))

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Run:
    """The estimate of missing days in a row, not rounded."""

    people: float
    low: float
    high: float
    methods: frozenset[Method]
    backtest: float | None


class Estimator:
    """Estimates from the days at hand, which are over: those asked for and up to 65 weeks around them, of all hubs."""

    def __init__(self, days: Collection[DayFigures]) -> None:
        self._first = min((day.date for day in days), default=date.min)
        number = max(((day.date - self._first).days + 1 for day in days), default=0)
        self._hubs = {hub: i for i, hub in enumerate(sorted({day.hub for day in days}))}
        shape = (len(self._hubs), number)
        self._counted, self._missing = np.zeros(shape), np.zeros(shape)
        self._has_transfer = np.zeros(shape, dtype=bool)
        self._whole = np.full(shape, np.nan)
        """What came on the days that were counted."""
        for day in days:
            place = self._hubs[day.hub], (day.date - self._first).days
            self._missing[place] = missing = missing_share(day.figures)
            self._has_transfer[place] = bool(day.figures["transfer_share"])
            if missing < 1:
                self._counted[place] = day.figures["entries"] or 0
            if day.figures["people_state"] == PeopleState.COUNTED:
                self._whole[place] = self._counted[place] / (1 - missing)
        usual = self._usual(np.arange(number), np.zeros((number, len(_OFFSETS)), dtype=bool))
        self._sisters = median_of_others(_by_usual(self._whole, usual))
        """What the other hubs counted on a day by what was usual there; NaN where too few of them counted."""
        self._year_before = lru_cache(maxsize=_YEARS_KEPT)(self._find_year_before)

    def of(self, hub: str, days: Sequence[date]) -> Estimate:
        """What is missing from a hub's count over these days."""
        row = self._hubs.get(hub)
        if row is None:
            return Estimate()
        wanted = sorted((day - self._first).days for day in days)
        places = [place for place in wanted if 0 <= place < self._missing.shape[1] and self._missing[row, place] > 0]
        alone = [place for place in places if self._missing[row, place] == 1]
        in_part = [place for place in places if self._missing[row, place] < 1]
        elsewhere = [place for place in in_part if self._has_transfer[row, place]]
        nowhere = [place for place in in_part if not self._has_transfer[row, place]]
        in_a_row = (*_in_a_row(alone), *_in_a_row(nowhere), *_in_a_row(elsewhere))
        runs = [self._run(row, np.array(run)) for run in in_a_row]
        known = [run for run in runs if run is not None]
        if len(known) < len(runs):
            return UNKNOWN
        return _together(known) if known else Estimate()

    def ahead(self, hub: str, days: Sequence[date]) -> Estimate:
        """What days to come will bring, taken as one: they all go by the same weeks, and err alike."""
        row = self._hubs[hub]
        wanted = np.array(sorted((day - self._first).days for day in days))
        open_days = wanted[self._missing[row, wanted] > 0]
        run = self._run(row, open_days) if len(open_days) else None
        return UNKNOWN if run is None else _together([run])

    def _run(self, row: int, places: Places) -> _Run | None:
        """The estimate of days in a row, all whole or all in part; None where there is too little history."""
        missing, counted = self._missing[row, places], self._counted[row, places]
        whole = self._estimated(places, _within(places))[row]
        people = _rest(missing, counted, whole)
        is_whole = bool(missing[0] == 1)
        # Hours of the same name are missing on each of the days, and err alike: as one day does.
        errors = self._errors(row, places if is_whole else places[:1])
        if np.isnan(people).any() or errors is None:
            return None
        total = float(people.sum())
        wider = 1 if is_whole else HOURS_WIDER
        low, high = (total * (1 + wider * error) for error in errors.interval(row))
        by_sisters = np.isfinite(self._sisters[row, places])
        methods = {
            Method.HOURS if 1 - share >= _TOLD_MIN else Method.WEEKDAY_SISTER if has_sisters else Method.WEEKDAY
            for share, has_sisters in zip(missing, by_sisters, strict=True)
        }
        if self._has_transfer[row, places[0]] and not is_whole:
            low = 0.0
            methods.add(Method.TRANSFER)
        backtest = errors.backtest(row) if is_whole else None
        return _Run(total, min(max(low, 0.0), total), max(high, total), frozenset(methods), backtest)

    def _usual(self, places: Places, left_out: NDArray[np.bool_]) -> Numbers:
        """By hub and place: the mean of the nearest days of the same weekday, less those left out; NaN if too few."""
        days = self._at(self._whole, places[..., None] + _OFFSETS)
        days[:, np.broadcast_to(left_out, days.shape[1:])] = np.nan
        known = np.isfinite(days)
        known &= np.cumsum(known, axis=-1) <= _NEIGHBOURS
        number = known.sum(axis=-1)
        total = np.where(known, days, 0).sum(axis=-1)
        return np.where(number >= _NEIGHBOURS_MIN, total / np.maximum(number, 1), np.nan)

    def _estimated(self, places: Places, left_out: NDArray[np.bool_]) -> Numbers:
        """By hub and place: the estimate of a whole day, from other days than those left out."""
        return _with_sisters(self._usual(places, left_out), self._at(self._sisters, places))

    def _errors(self, row: int, places: Places) -> _Errors | None:
        """How far off the estimate of such days is in the year before, at every hub; None where too little is known.

        The weeks that are unknown around the hub's own days are left out there, too, and for the other hubs those that
        are still to come.
        """
        truth, usual_of_others, sisters = self._year_before(tuple(places.tolist()))
        left_out = ~np.isfinite(self._at(self._whole, places[:, None] + _OFFSETS)[row])
        is_alike = np.array_equal(left_out, self._to_come(places))
        usual = usual_of_others if is_alike else self._usual(_weeks_before(places), left_out)
        people = _with_sisters(usual, sisters)
        known = np.isfinite(truth) & np.isfinite(people)
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.where(known, truth, 0).sum(axis=-1) / np.where(known, people, 0).sum(axis=-1) - 1
        errors[(known.mean(axis=-1) < _KNOWN_MIN) | ~np.isfinite(errors)] = np.nan
        return _Errors(errors) if np.isfinite(errors).sum() >= _ERRORS_MIN else None

    def _find_year_before(self, days: tuple[int, ...]) -> tuple[Numbers, Numbers, Numbers]:
        """Of the same days in each week of the year before: what was counted, what was usual, what sisters tell."""
        places = np.array(days)
        weeks = _weeks_before(places)
        truth, usual = self._at(self._whole, weeks), self._usual(weeks, self._to_come(places))
        return truth, usual, median_of_others(_by_usual(truth, usual).reshape(len(truth), -1)).reshape(truth.shape)

    def _to_come(self, places: Places) -> NDArray[np.bool_]:
        """By place and neighbour: whether the neighbour is still to come."""
        to_come: NDArray[np.bool_] = places[:, None] + _OFFSETS >= self._whole.shape[1]
        return to_come

    def _at(self, table: Numbers, places: Places) -> Numbers:
        """A table's columns at these places, NaN beyond its ends."""
        inside = (places >= 0) & (places < table.shape[1])
        return np.where(inside, table[:, np.where(inside, places, 0)], np.nan)


class _Errors:
    """Relative errors of an estimate, by hub and week; NaN where it could not be tried."""

    def __init__(self, errors: Numbers) -> None:
        self._errors = errors
        number = np.isfinite(errors).sum(axis=1)
        self._together = float(np.sqrt(np.nanmean(errors**2)))
        squares = np.nansum(errors**2, axis=1)
        is_own = (number >= _ERRORS_OF_A_HUB_MIN) & (squares > 0)
        self._own = np.where(is_own, np.sqrt(squares / np.maximum(number, 1)), self._together)

    def interval(self, row: int) -> tuple[float, float]:
        """The bounds of a hub's error."""
        if not self._together:
            return 0.0, 0.0
        low, high = np.quantile(self._in_own_units(), [_OUTSIDE, 1 - _OUTSIDE], method="weibull") * self._own[row]
        return float(low), float(high)

    def _in_own_units(self) -> Numbers:
        """Every error that is known, by hub and week."""
        known: Numbers = (self._errors / self._own[:, None])[np.isfinite(self._errors)]
        return known

    def backtest(self, row: int) -> float:
        """The share of a hub's weeks whose error lies within bounds made without them; of all hubs' if it has none."""
        if not self._together:
            return 1.0
        errors = self._in_own_units()
        hubs = np.nonzero(np.isfinite(self._errors))[0]
        ordered, rank = np.sort(errors), np.argsort(np.argsort(errors))
        low, high = (_quantiles_without(ordered, rank, part) for part in (_OUTSIDE, 1 - _OUTSIDE))
        held = (low <= errors) & (errors <= high)
        is_own = hubs == row
        return float(held[is_own].mean() if is_own.any() else held.mean())


def _quantiles_without(ordered: Numbers, rank: Places, part: float) -> Numbers:
    """For each place in an order, the quantile of all the others, as Weibull has it (Hyndman and Fan's sixth)."""
    others = len(ordered) - 1
    at = min(max(part * (others + 1) - 1, 0.0), others - 1.0)
    below = int(at)
    low, high = (ordered[place + (place >= rank)] for place in (below, min(below + 1, others - 1)))
    between: Numbers = low + (high - low) * (at - below)
    return between


def _rest(missing: Numbers, counted: Numbers, whole: Numbers) -> Numbers:
    """The people of a share of a day that is missing, from the count of the rest and the whole day's estimate."""
    there = 1 - missing
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = np.where(there >= _TOLD_MIN, missing * counted / there, np.nan)
    both = missing * (counted + _WHOLE_WEIGHT * whole) / (there + _WHOLE_WEIGHT)
    return np.where(np.isfinite(whole), both, alone)


def _within(places: Places) -> NDArray[np.bool_]:
    """By place and neighbour: whether the neighbour is one of the places itself."""
    return np.isin(places[:, None] + _OFFSETS, places)


def _weeks_before(places: Places) -> Places:
    """The same days in each week of the year before, by week."""
    return places - 7 * np.arange(1, YEAR_WEEKS + 1)[:, None]


def _with_sisters(usual: Numbers, sisters: Numbers) -> Numbers:
    """What is usual, times the day's own effect where it is known."""
    return usual * np.where(np.isfinite(sisters), sisters, 1)


def _by_usual(people: Numbers, usual: Numbers) -> Numbers:
    """People by what is usual; NaN where nobody comes as a rule, which tells nothing of the day."""
    found = np.full(people.shape, np.nan)
    np.divide(people, usual, out=found, where=usual > 0)
    return found


def median_of_others(table: Numbers) -> Numbers:
    """For each row the median of all others, by column; NaN where there are too few."""
    order = np.argsort(table, axis=0)
    ordered, rank = np.take_along_axis(table, order, axis=0), np.argsort(order, axis=0)
    others = np.isfinite(table).sum(axis=0) - np.isfinite(table)

    def nth(place: Places) -> Numbers:
        """The other at this place of their order: where the row itself comes before it, the next one."""
        place = np.clip(place + (place >= rank), 0, len(table) - 1)
        return np.take_along_axis(ordered, place, axis=0)

    return np.where(others >= _SISTERS_MIN, (nth((others - 1) // 2) + nth(others // 2)) / 2, np.nan)


def _in_a_row(places: Sequence[int]) -> list[list[int]]:
    """Places in order, those that follow one another together."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _together(runs: Sequence[_Run]) -> Estimate:
    """Several runs as one: what they are off by is as likely up as down, so that it adds up by its squares.

    Those who may have used another door did so on all of the days or on none: low has none of them.
    """
    people = sum(run.people for run in runs)
    sure = [run for run in runs if Method.TRANSFER not in run.methods]
    low = sum(run.people for run in sure) - sum((run.people - run.low) ** 2 for run in sure) ** 0.5
    above = sum((run.high - run.people) ** 2 for run in runs) ** 0.5
    tried = [run.backtest for run in runs if run.backtest is not None]
    backtest = round(sum(tried) / len(tried), 3) if tried else None
    method = "+".join(sorted({method for run in runs for method in run.methods}))
    return Estimate(round(people), round(low), round(people + above), method, backtest)
