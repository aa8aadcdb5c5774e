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
from functools import cached_property
from math import isfinite, isnan, nan
from typing import NamedTuple

import numpy as np

from schemas.measures import PeopleState
from usage.estimates.estimate import ESTIMATED_BY, UNKNOWN, Estimate, Method
from usage.estimates.trials import WEEKS_AFTER, WEEKS_BEFORE, YEAR_WEEKS, Trials
from usage.queries.columns import DayColumns, Numbers
from usage.queries.figures import DayFigures

REACH_BEFORE, REACH_AFTER = timedelta(weeks=YEAR_WEEKS + WEEKS_BEFORE), timedelta(weeks=WEEKS_AFTER)
"""How far around days in question the days reach that an estimate goes by."""
HOURS_WIDER = 1.5
"""How much further off the rest of a day is than a whole one, by its share (measured: `benchmarks/estimates.py`)."""
_WHOLE_WEIGHT = 0.25
"""What a whole day's estimate weighs beside the share of the day that was counted."""
_TOLD_MIN = 0.5
"""Without a whole day's estimate, this share of a day has to be counted to tell of its rest."""


class _Missed(NamedTuple):
    """A day of which a share is missing."""

    place: int
    missing: float
    counted: float
    has_transfer: bool
    effect: float
    """What the other hubs counted on it by what is usual there; NaN where too few of them counted."""

    @property
    def method(self) -> Method:
        """What tells of it."""
        if 1 - self.missing >= _TOLD_MIN:
            return Method.HOURS
        return Method.WEEKDAY_SISTER if isfinite(self.effect) else Method.WEEKDAY


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

    def __init__(self, days: DayColumns | Collection[DayFigures]) -> None:
        columns = days if isinstance(days, DayColumns) else DayColumns.of(days, ESTIMATED_BY)
        self._columns = columns
        state = columns["people_state"]
        self._missing = missing_shares(columns)
        self._has_transfer = np.nan_to_num(columns["transfer_share"]) > 0
        self._counted = np.where(self._missing < 1, np.nan_to_num(columns["entries"]), 0)
        self._whole = np.full(state.shape, np.nan)
        """What came on the days that were counted."""
        is_whole = (state == PeopleState.COUNTED) & (self._missing < 1)
        np.divide(self._counted, 1 - self._missing, out=self._whole, where=is_whole)

    @cached_property
    def _trials(self) -> Trials:
        known = np.nonzero(self._columns.is_there.any(axis=0))[0]
        return Trials(self._whole[:, : known[-1] + 1])

    def of(self, hub: str, days: Sequence[date]) -> Estimate:
        """What is missing from a hub's count over these days."""
        row = self._columns.rows.get(hub)
        if row is None:
            return Estimate()
        wanted = sorted(self._columns.place(day) for day in days)
        missing = self._missing[row]
        places = [place for place in wanted if 0 <= place < len(missing) and missing[place] > 0]
        return self._of_places(row, places)

    def between(self, hub: str, first: date, last: date) -> Estimate:
        """What is missing from a hub's count from a day to another, which are both at hand."""
        row, start = self._columns.rows[hub], self._columns.place(first)
        missing = self._missing[row, start : self._columns.place(last) + 1]
        return self._of_places(row, (np.nonzero(missing > 0)[0] + start).tolist())

    def _of_places(self, row: int, places: Sequence[int]) -> Estimate:
        days = self._missed(row, places)
        alone = [day for day in days if day.missing == 1]
        nowhere = [day for day in days if day.missing < 1 and not day.has_transfer]
        elsewhere = [day for day in days if day.missing < 1 and day.has_transfer]
        in_a_row = (*_in_a_row(alone), *_in_a_row(nowhere), *_in_a_row(elsewhere))
        runs = [self._run(row, run) for run in in_a_row]
        known = [run for run in runs if run is not None]
        if len(known) < len(runs):
            return UNKNOWN
        return _together(known) if known else Estimate()

    def ahead(self, hub: str, days: Sequence[date]) -> Estimate:
        """What days to come will bring, taken as one: they all go by the same weeks, and err alike."""
        row = self._columns.rows[hub]
        wanted = sorted(self._columns.place(day) for day in days)
        open_days = [place for place in wanted if self._missing[row, place] > 0]
        run = self._run(row, self._missed(row, open_days)) if open_days else None
        return UNKNOWN if run is None else _together([run])

    def _missed(self, row: int, places: Sequence[int]) -> list[_Missed]:
        if not places:
            return []
        at = np.s_[row, places]
        known = (self._missing[at], self._counted[at], self._has_transfer[at], self._trials.effects(row, places))
        return list(map(_Missed, places, *(each.tolist() for each in known)))

    def _run(self, row: int, days: Sequence[_Missed]) -> _Run | None:
        """The estimate of days in a row, all whole or all in part; None where there is too little history."""
        is_whole, places = days[0].missing == 1, [day.place for day in days]
        total = sum(map(_rest, days, self._trials.usual(row, places)))
        # Hours of the same name are missing on each of the days, and err alike: as one day does.
        errors = None if isnan(total) else self._trials.errors(row, places if is_whole else places[:1])
        if errors is None:
            return None
        wider = 1 if is_whole else HOURS_WIDER
        low, high = (total * (1 + wider * error) for error in errors.interval(row))
        methods = {day.method for day in days}
        if days[0].has_transfer and not is_whole:
            low = 0.0
            methods.add(Method.TRANSFER)
        backtest = errors.backtest(row) if is_whole else None
        return _Run(total, min(max(low, 0.0), total), max(high, total), frozenset(methods), backtest)


def reach(days: Collection[DayFigures]) -> tuple[date, date]:
    """The first and last day that estimates of some days go by."""
    return min(day.date for day in days) - REACH_BEFORE, max(day.date for day in days) + REACH_AFTER


def missing_shares(columns: DayColumns) -> Numbers:
    """Of each day what `missing_share` says."""
    state, covered = columns["people_state"], columns["footfall_completeness"]
    is_told = (state == PeopleState.COUNTED) | (state == PeopleState.PARTIAL)
    return np.where(is_told, 1 - np.nan_to_num(covered), np.where(state == PeopleState.NONE, 1.0, 0.0))


def _rest(day: _Missed, usual: float) -> float:
    """The people of the share of a day that is missing, from the count of the rest and the whole day's estimate."""
    there = 1 - day.missing
    if isfinite(usual):
        whole = usual * (day.effect if isfinite(day.effect) else 1)
        return day.missing * (day.counted + _WHOLE_WEIGHT * whole) / (there + _WHOLE_WEIGHT)
    return day.missing * day.counted / there if there >= _TOLD_MIN else nan


def _in_a_row(days: Sequence[_Missed]) -> list[list[_Missed]]:
    """Days in order, those that follow one another together."""
    runs: list[list[_Missed]] = []
    for day in days:
        if runs and day.place == runs[-1][-1].place + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
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
