"""The columns that estimates are tried by say what the definition says, worked out day by day."""

from datetime import date, timedelta
from statistics import median

import numpy as np
import pytest

from schemas.measures import PeopleState
from stores import Store
from tests.usage.given import at, estate, hub, put_lines
from tests.usage.test_estimates import counted, figures, put_rows
from usage import Queries
from usage.estimates import missing_share
from usage.estimates.estimate import ESTIMATED_BY
from usage.estimates.estimator import missing_shares
from usage.estimates.trials import WEEKS_AWAY, Trials, median_of_others
from usage.queries import DayFigures
from usage.queries.columns import DayColumns
from usage.rows import DAILY, row_line

Table = list[list[float | None]]
"""What was counted, by hub and day; None where it was not."""


def some_counts(seed: int, hubs: int = 4, days: int = 500) -> Table:
    random = np.random.default_rng(seed)
    people, is_gone = random.poisson(60, (hubs, days)), random.random((hubs, days)) < 0.06
    is_gone[0, : days // 3] = True
    people[:, 6::7] = 0
    return [
        [None if gone else float(count) for count, gone in zip(*of_hub, strict=True)]
        for of_hub in zip(people, is_gone, strict=True)
    ]


class Definition:
    """The interval as docs/method.md has it, of some days at a hub."""

    def __init__(self, table: Table, row: int, places: list[int]) -> None:
        self.table, self.row, self.places = table, row, places

    def at(self, row: int, place: int) -> float | None:
        return self.table[row][place] if 0 <= place < len(self.table[row]) else None

    def mean(self, row: int, place: int, left_out: set[int]) -> float | None:
        near = [self.at(row, place + 7 * week) for week in WEEKS_AWAY if week not in left_out]
        known = [each for each in near if each is not None][:8]
        return sum(known) / len(known) if len(known) >= 3 else None

    def effect(self, row: int, place: int, left_out: set[int]) -> float:
        others = []
        for other in range(len(self.table)):
            people, there = self.at(other, place), self.mean(other, place, left_out)
            if other != row and people is not None and there:
                others.append(people / there)
        return median(others) if len(others) >= 2 else 1.0

    def error(self, row: int, back: int) -> float | None:
        """How far off the estimate of the days is so many weeks back, at some hub."""
        truth, people, number = 0.0, 0.0, 0
        for place in self.places:
            unknown = {week for week in WEEKS_AWAY if self.at(self.row, place + 7 * week) is None}
            to_come = {week for week in WEEKS_AWAY if place + 7 * week >= len(self.table[0])}
            before = place - 7 * back
            was, there = self.at(row, before), self.mean(row, before, unknown)
            if was is not None and there is not None:
                truth, people = truth + was, people + there * self.effect(row, before, to_come)
                number += 1
        return truth / people - 1 if people and number >= 0.8 * len(self.places) else None

    def interval(self) -> tuple[float, float]:
        tried = [[self.error(row, back) for back in range(1, 53)] for row in range(len(self.table))]
        errors = [[each for each in of_hub if each is not None] for of_hub in tried]
        together = rms([each for of_hub in errors for each in of_hub])
        own = [rms(of_hub) if len(of_hub) >= 5 else together for of_hub in errors]
        units = [each / unit for of_hub, unit in zip(errors, own, strict=True) for each in of_hub]
        low, high = np.quantile(units, [0.05, 0.95], method="weibull") * own[self.row]
        return float(low), float(high)


def rms(errors: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


@pytest.mark.parametrize(
    "seed, row, places", [(1, 1, [470]), (2, 0, [450, 451, 452]), (3, 2, [498]), (4, 3, [489, 490])]
)
def test_an_interval_is_that_of_the_definition(seed: int, row: int, places: list[int]) -> None:
    table = some_counts(seed)
    for place in places:
        table[row][place] = None
    found = Trials(np.array(table, dtype=float)).errors(row, places)
    assert found is not None
    assert found.interval(row) == pytest.approx(Definition(table, row, places).interval(), rel=1e-9)


def test_the_same_weeks_left_out_again_are_tried_the_same() -> None:
    table: Table = [[float(7 + (row * 31 + place * 17) % 23) for place in range(500)] for row in range(4)]
    gaps = [300, 433]
    for gap in gaps:
        table[1][gap] = table[1][gap - 14] = None
    trials = Trials(np.array(table, dtype=float))
    for gap in gaps:
        found = trials.errors(1, [gap])
        assert found is not None
        assert found.interval(1) == pytest.approx(Definition(table, 1, [gap]).interval(), rel=1e-9)


def test_days_far_apart_reach_back_before_the_first() -> None:
    table: Table = [[float(7 + (row * 31 + place * 17) % 23) for place in range(300)] for row in range(4)]
    table[1] = [None if place // 7 % 2 else people for place, people in enumerate(table[1])]
    trials = Trials(np.array(table, dtype=float))
    for places in ([150, 178], [164, 192]):
        found = trials.errors(1, places)
        assert found is not None
        assert found.interval(1) == pytest.approx(Definition(table, 1, places).interval(), rel=1e-9)


@pytest.mark.parametrize("weeks", [1, 30, 120])
def test_weeks_before_anybody_counted_change_nothing(weeks: int) -> None:
    table = np.array(some_counts(5), dtype=float)
    before = np.full((len(table), 7 * weeks), np.nan)
    trials, later = Trials(table), Trials(np.hstack((before, table)))
    for places in ([20], [100], [300, 301], [480], [150, 178]):
        moved = [place + 7 * weeks for place in places]
        np.testing.assert_equal(later.usual_of_gap(1, moved), trials.usual_of_gap(1, places))
        np.testing.assert_equal(later.effects(1, moved), trials.effects(1, places))
        found, expected = later.errors(1, moved), trials.errors(1, places)
        assert (found and found.interval(1)) == (expected and expected.interval(1))


@pytest.mark.parametrize("place", [0, 3, 8, 20])
def test_days_without_a_past_can_t_be_tried(place: int) -> None:
    assert Trials(np.full((3, 30), 7.0)).errors(1, [place]) is None


@pytest.mark.parametrize("seed", range(5))
def test_the_median_of_the_others_is_that_of_each(seed: int) -> None:
    random = np.random.default_rng(seed)
    table = random.integers(0, 4, (6, 30)).astype(float)
    table[random.random(table.shape) < 0.3] = np.nan
    found = median_of_others(table)
    for row, place in np.ndindex(table.shape):
        others = [each for each in np.delete(table[:, place], row) if np.isfinite(each)]
        expected = median(others) if len(others) >= 2 else np.nan
        np.testing.assert_equal(found[row, place], expected)


STATES = [None, *PeopleState]
COVERED = [None, 0.0, 0.3, 0.97, 1.0]


def test_what_is_missing_of_days_is_the_same_by_columns() -> None:
    day = date(2026, 3, 2)
    days = [
        DayFigures(
            "armley",
            day + timedelta(days=number),
            figures(5, PeopleState.COUNTED) | {"people_state": state, "footfall_completeness": covered},
        )
        for number, (state, covered) in enumerate((state, covered) for state in STATES for covered in COVERED)
    ]
    found = missing_shares(DayColumns.of(days, ESTIMATED_BY))[0]
    assert found.tolist() == [missing_share(each.figures) for each in days]


def test_stored_days_are_the_same_by_columns(store: Store) -> None:
    """Those that are over, on their own midnights; a day closed later has none of its figures of opening hours."""
    now_ns = at("2026-03-05T12:00", "UTC")
    days = [date(2026, 3, 1) + timedelta(days=number) for number in range(5)]
    put_rows(store, [counted("armley", day, 7 + day.day) for day in days])
    shut = figures(None, PeopleState.CLOSED) | {"open_minutes": 0.0, "footfall_completeness": 0.4}
    put_lines(store, [row_line(DAILY, "armley", at("2026-03-02T00:00", "UTC"), shut)])
    put_lines(store, [row_line(DAILY, "beeston", at("2026-03-03T05:00", "UTC"), figures(1, PeopleState.COUNTED))])
    queries = Queries(store, estate(hub("armley"), hub("beeston"), timezone="UTC"), now_ns=now_ns)
    first, last = date(2026, 2, 20), date(2026, 3, 20)
    rows = [day for day in queries.stored_daily(first, last, fields=ESTIMATED_BY) if day.date < date(2026, 3, 5)]
    columns = queries.stored_columns(ESTIMATED_BY, (first, last))
    assert int(columns.is_there.sum()) == len(rows) == 4
    for day in rows:
        at_day = columns.rows[day.hub], columns.place(day.date)
        for field in ESTIMATED_BY:
            value = day.figures[field]
            np.testing.assert_equal(columns[field][at_day], np.nan if value is None else float(value))
    fresh = counted("otley", date(2026, 3, 4), 99)
    with_fresh = queries.stored_columns(ESTIMATED_BY, (first, last), fresh=[fresh])
    assert with_fresh["entries"][with_fresh.rows["otley"], with_fresh.place(fresh.date)] == 99
