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

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import groupby
from math import isnan
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from schemas.measures import PeopleState
from usage.estimates.estimate import ESTIMATED_BY, UNKNOWN, Estimate, Method
from usage.estimates.trials import WEEKS_AFTER, WEEKS_BEFORE, YEAR_WEEKS, Errors, Places, Trials
from usage.queries.columns import DayColumns, Flags, Numbers
from usage.queries.figures import DayFigures

REACH_BEFORE, REACH_AFTER = timedelta(weeks=YEAR_WEEKS + WEEKS_BEFORE), timedelta(weeks=WEEKS_AFTER)
"""How far around days in question the days reach that an estimate goes by."""
HOURS_WIDER = 1.5
"""How much further off the rest of a day is than a whole one, by its share (measured: `benchmarks/estimates.py`)."""
_WHOLE_WEIGHT = 0.25
"""What a whole day's estimate weighs beside the share of the day that was counted."""
_TOLD_MIN = 0.5
"""Without a whole day's estimate, this share of a day has to be counted to tell of its rest."""
_WEEK = 7


class _Run(NamedTuple):
    """The estimate of missing days in a row, not rounded; NaN where it can't be told."""

    people: float
    low: float
    high: float
    is_sure: bool
    """Whether no other door counted, which its people may have used."""
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
        missing = self._missing[row]
        wanted = sorted(self._columns.place(day) for day in days)
        places = [place for place in wanted if 0 <= place < len(missing) and missing[place] > 0]
        return self._of_days(np.full(len(places), row), np.array(places))[row] if places else Estimate()

    def between(self, hubs: Collection[str], first: date, last: date) -> dict[str, Estimate]:
        """What is missing from each hub's count from a day to another, which are both at hand."""
        rows = np.array([self._columns.rows[hub] for hub in hubs], dtype=int)
        start = self._columns.place(first)
        of_hub, days = np.nonzero(self._missing[rows, start : self._columns.place(last) + 1] > 0)
        found = self._of_days(rows[of_hub], days + start)
        return {hub: found.get(row, Estimate()) for hub, row in zip(hubs, rows.tolist(), strict=True)}

    def ahead(self, hub: str, days: Sequence[date]) -> Estimate:
        """What days to come will bring, taken as one: they all go by the same weeks, and err alike."""
        row = self._columns.rows[hub]
        wanted = sorted(self._columns.place(day) for day in days)
        places = np.array([place for place in wanted if self._missing[row, place] > 0], dtype=int)
        return self._of_runs(np.full(len(places), row), places, np.arange(len(places)) == 0).get(row, UNKNOWN)

    def _of_days(self, rows: Places, places: Places) -> dict[int, Estimate]:
        """By row, what is missing on hubs' days: those in a row that are missing alike are taken as one."""
        alike = np.where(self._missing[rows, places] == 1, 0, 1 + self._has_transfer[rows, places])
        order = np.lexsort((places, alike, rows))
        rows, places, alike = rows[order], places[order], alike[order]
        begins = np.ones(len(places), dtype=bool)
        begins[1:] = (rows[1:] != rows[:-1]) | (alike[1:] != alike[:-1]) | (places[1:] != places[:-1] + 1)
        return self._of_runs(rows, places, begins)

    def _of_runs(self, rows: Places, places: Places, begins: Flags) -> dict[int, Estimate]:
        """The same of runs of days, of which each is missing whole on all of its days, or in part on all of them."""
        if not len(places):
            return {}
        first = np.nonzero(begins)[0]
        missing, effects = self._missing[rows, places], self._trials.effects(rows, places)
        stop = np.append(first[1:], len(places))
        rest = _rest(missing, self._counted[rows, places], self._usual(rows, places, first, stop), effects)
        people, is_whole = np.bincount(np.cumsum(begins) - 1, rest), missing[first] == 1
        is_sure = is_whole | ~self._has_transfer[rows, places][first]
        low, high = np.full((2, len(first)), np.nan)
        backtests: list[float | None] = [None] * len(first)
        of_run = rows[first].tolist()
        # Hours of the same name are missing on each of the days in part, and err alike: as one day does.
        for run, errors in self._errors(rows, places, first, np.where(is_whole, stop, first + 1)):
            if errors is not None:
                low[run], high[run] = errors.interval(of_run[run])
                backtests[run] = errors.backtest(of_run[run]) if is_whole[run] else None
        wider = np.where(is_whole, 1, HOURS_WIDER)
        low, high = (people * (1 + wider * bound) for bound in (low, high))
        low = np.minimum(np.maximum(np.where(is_sure, low, 0), 0), people)
        known = (each.tolist() for each in (people, low, np.maximum(high, people), is_sure))
        runs = list(map(_Run, *known, backtests))
        methods = _methods(rows, missing, effects) | {Method.TRANSFER: set(rows[first[~is_sure]].tolist())}
        return {
            row: _together([run for _row, run in group], [method for method, by in methods.items() if row in by])
            for row, group in groupby(zip(of_run, runs, strict=True), key=itemgetter(0))
        }

    def _usual(self, rows: Places, places: Places, first: Places, stop: Places) -> Numbers:
        """What is usual on days, all of their run left out."""
        found = self._trials.usual(rows, places)
        for run in np.nonzero(places[stop - 1] - places[first] >= _WEEK)[0].tolist():
            days = np.s_[first[run] : stop[run]]
            found[days] = self._trials.usual_of_gap(rows.item(first[run]), places[days].tolist())
        return found

    def _errors(self, rows: Places, places: Places, first: Places, stop: Places) -> Iterator[tuple[int, Errors | None]]:
        """How far off estimates of runs are, by the number of each."""
        is_alone = stop - first == 1
        alone, days = np.nonzero(is_alone)[0].tolist(), first[is_alone]
        for number, errors in self._trials.errors_of_days(rows[days], places[days].tolist()):
            yield alone[number], errors
        for run in np.nonzero(~is_alone)[0].tolist():
            yield run, self._trials.errors(rows.item(first[run]), places[first[run] : stop[run]].tolist())


def reach(days: Collection[DayFigures]) -> tuple[date, date]:
    """The first and last day that estimates of some days go by."""
    return min(day.date for day in days) - REACH_BEFORE, max(day.date for day in days) + REACH_AFTER


def missing_shares(columns: DayColumns) -> Numbers:
    """Of each day what `missing_share` says."""
    state, covered = columns["people_state"], columns["footfall_completeness"]
    is_told = (state == PeopleState.COUNTED) | (state == PeopleState.PARTIAL)
    return np.where(is_told, 1 - np.nan_to_num(covered), np.where(state == PeopleState.NONE, 1.0, 0.0))


def _rest(missing: Numbers, counted: Numbers, usual: Numbers, effects: Numbers) -> Numbers:
    """The people of the share of days that is missing, from the count of the rest and the whole day's estimate."""
    there = 1 - missing
    whole = usual * np.where(np.isfinite(effects), effects, 1)
    by_count = np.full(missing.shape, np.nan)
    np.divide(missing * counted, there, out=by_count, where=there >= _TOLD_MIN)
    return np.where(np.isfinite(usual), missing * (counted + _WHOLE_WEIGHT * whole) / (there + _WHOLE_WEIGHT), by_count)


def _methods(rows: Places, missing: Numbers, effects: Numbers) -> dict[Method, set[int]]:
    """Of which rows the days are told by which method."""
    by_hours, by_sisters = 1 - missing >= _TOLD_MIN, np.isfinite(effects)
    days = {
        Method.HOURS: by_hours,
        Method.WEEKDAY_SISTER: ~by_hours & by_sisters,
        Method.WEEKDAY: ~by_hours & ~by_sisters,
    }
    return {method: set(rows[which].tolist()) for method, which in days.items()}


def _together(runs: Sequence[_Run], methods: Collection[Method]) -> Estimate:
    """A hub's runs as one: what they are off by is as likely up as down, so that it adds up by its squares.

    Those who may have used another door did so on all of the days or on none: low has none of them.
    """
    if any(isnan(run.high) for run in runs):
        return UNKNOWN
    people = sum(run.people for run in runs)
    sure = [run for run in runs if run.is_sure]
    low = sum(run.people for run in sure) - sum((run.people - run.low) ** 2 for run in sure) ** 0.5
    above = sum((run.high - run.people) ** 2 for run in runs) ** 0.5
    tried = [run.backtest for run in runs if run.backtest is not None]
    backtest = round(sum(tried) / len(tried), 3) if tried else None
    return Estimate(round(people), round(low), round(people + above), "+".join(sorted(methods)), backtest)
