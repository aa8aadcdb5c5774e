"""What was promised of a month, and whether it is on course."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from cli.comparing_views import target_as_text
from stores import Store
from tests.usage.given import at, estate, hub
from tests.usage.test_estimates import DAYS, counted, days_of, put_rows, usual, without
from usage import Queries
from usage.comparing import DateRange
from usage.targets import Course, TargetState, targets

MONTH = DateRange.parse("2026-02")
OPENING = {"mon-sat": "09:00-17:00"}
WHOLE = sum(usual("armley", MONTH.first + timedelta(days=i)) for i in range(28))


def state(store: Store, target: int, now: str, **more: Any) -> TargetState:
    known = estate(hub("armley", targets={"entries_month": target}, opening=OPENING, **more), timezone="UTC")
    (found,) = targets(Queries(store, known, now_ns=at(now)), known, MONTH)
    return found


@pytest.mark.parametrize(
    "target, course", [(WHOLE, Course.ON_COURSE), (WHOLE - 500, Course.ON_COURSE), (WHOLE + 1, Course.BEHIND)]
)
def test_a_hub_that_is_always_the_same_comes_to_what_is_usual(store: Store, target: int, course: Course) -> None:
    put_rows(store, days_of(usual, ["armley"], [day for day in DAYS if day <= date(2026, 2, 10)]))
    found = state(store, target, "2026-02-11T07:00")
    first_days = sum(usual("armley", MONTH.first + timedelta(days=i)) for i in range(10))
    assert (found.counted, found.until) == (first_days, date(2026, 2, 10))
    assert (found.expected, found.low, found.high) == (WHOLE, WHOLE, WHOLE)
    assert found.course is course


def test_closed_days_bring_nobody(store: Store) -> None:
    put_rows(store, days_of(usual, ["armley"], [day for day in DAYS if day <= date(2026, 2, 10)]))
    found = state(store, WHOLE, "2026-02-11T07:00", closures=["2026-02-23..2026-02-28"])
    assert found.expected == WHOLE - sum((100, 120, 140, 160, 180, 60))


def test_a_missing_day_is_in_what_is_expected_and_said(store: Store) -> None:
    put_rows(store, days_of(without(date(2026, 2, 5)), ["armley"], [day for day in DAYS if day <= date(2026, 2, 10)]))
    found = state(store, WHOLE + 100, "2026-02-11T07:00")
    assert (found.expected, found.days_missing) == (WHOLE, 1)
    assert target_as_text(found).startswith("armley 2026-02: behind: 820 counted until 2026-02-10, 1 day missing")


def test_a_hub_without_history_can_not_be_said(store: Store) -> None:
    put_rows(store, days_of(usual, ["armley"], [date(2026, 2, 9), date(2026, 2, 10)]))
    found = state(store, WHOLE, "2026-02-11T07:00")
    assert (found.expected, found.course) == (None, Course.UNSAID)
    assert f"target {WHOLE:,}; too little history" in target_as_text(found)


def test_a_target_that_was_passed_is_reached_however_little_is_known(store: Store) -> None:
    put_rows(store, days_of(usual, ["armley"], [date(2026, 2, 9), date(2026, 2, 10)]))
    found = state(store, 1, "2026-02-11T07:00")
    assert (found.expected, found.course) == (None, Course.REACHED)


@pytest.mark.parametrize("target, course", [(WHOLE, Course.REACHED), (WHOLE + 1, Course.MISSED)])
def test_a_month_that_is_over_reached_its_target_or_did_not(store: Store, target: int, course: Course) -> None:
    put_rows(store, days_of(usual, ["armley"]))
    found = state(store, target, "2026-03-02T07:00")
    assert (found.counted, found.expected, found.course) == (WHOLE, WHOLE, course)


def test_the_interval_of_a_projection_holds_nine_of_ten_months(store: Store) -> None:
    """A hub whose weeks differ by a tenth: its month, told after the first week, lies within the bounds mostly."""
    random = np.random.default_rng(5)
    first = date(2022, 1, 3)
    days = [first + timedelta(days=i) for i in range(7 * 200)]
    weeks = random.normal(1, 0.1, 200)
    people = {day: round(usual("armley", day) * weeks[i // 7] * random.normal(1, 0.1)) for i, day in enumerate(days)}
    put_rows(store, [counted("armley", day, count) for day, count in people.items()])
    held = tried = 0
    known = estate(hub("armley", targets={"entries_month": 1}, opening=OPENING), timezone="UTC")
    month = DateRange.parse("2023-06")
    while month.last < days[-1]:
        told_on = month.first + timedelta(days=7)
        (found,) = targets(Queries(store, known, now_ns=at(f"{told_on}T00:30")), known, month)
        truth = sum(people[month.first + timedelta(days=i)] for i in range(month.days))
        assert found.low is not None
        assert found.high is not None
        held, tried = held + (found.low <= truth <= found.high), tried + 1
        month = DateRange.parse((month.last + timedelta(days=1)).strftime("%Y-%m"))
    assert tried > 24
    assert 0.75 <= held / tried <= 1
