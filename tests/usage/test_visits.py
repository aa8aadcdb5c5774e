"""From crossings to visits: each rule a line, and the lines add up."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.comparing_views import visits_as_json, visits_as_text
from schemas.measurements import USAGE_FIELDS
from schemas.measures import PeopleState
from schemas.visits import Rule, VisitRule
from stores import Store
from tests.usage.given import at, estate, hub
from tests.usage.test_estimates import days_of, figures, put_rows, usual
from usage import Queries
from usage.estimates import UNKNOWN, Estimate
from usage.rollup import Figures
from usage.visits import Line, visits, visits_of_hubs

WEEK = (date(2026, 2, 2), date(2026, 2, 8))


def rule(name: Rule, entries_day: float | None = None) -> VisitRule:
    return VisitRule(rule=name, entries_day=entries_day)


def row(entries: int | None, within: int | None = None, *, share: float = 1.0, minutes: float = 480) -> Figures:
    state = PeopleState.COUNTED if share == 1 else PeopleState.PARTIAL if share else PeopleState.NONE
    given: Figures = {"entries": entries, "entries_open": within, "open_minutes": minutes, "people_state": state}
    return dict.fromkeys(USAGE_FIELDS) | given | {"footfall_completeness": share}


def test_each_rule_is_a_line_with_its_number() -> None:
    rules = [rule(Rule.OUTSIDE_OPENING), rule(Rule.HALVE), rule(Rule.STAFF, 12), rule(Rule.DELIVERIES, 0.6)]
    found = visits(rules, "armley", [row(101, 91), row(200, 190)], Estimate())
    assert found.lines == (
        Line("counted", 301),
        Line("outside_opening: counted while the hub was closed", -20),
        Line("halve: a visit crosses the gate twice", -140),
        Line("staff: 12 on each of 2 open days", -24),
        Line("deliveries: 0.6 on each of 2 open days", -2),
    )
    assert (found.people, found.low, found.high) == (115, 115, 115)


def test_the_order_of_the_file_counts() -> None:
    rows = [row(100, 80)]
    halved_first = visits([rule(Rule.HALVE), rule(Rule.OUTSIDE_OPENING), rule(Rule.STAFF, 10)], "a", rows, Estimate())
    assert [line.people for line in halved_first.lines] == [100, -50, -10, -10]
    staff_first = visits([rule(Rule.STAFF, 10), rule(Rule.HALVE)], "a", rows, Estimate())
    assert [line.people for line in staff_first.lines] == [100, -10, -45]


def test_what_is_estimated_goes_the_same_way_with_its_bounds() -> None:
    rules = [rule(Rule.OUTSIDE_OPENING), rule(Rule.STAFF, 12)]
    found = visits(rules, "armley", [row(100, 80), row(None, share=0)], Estimate(100, 80, 120, "weekday"))
    assert [line.people for line in found.lines] == [100, 100, -40, -24]
    assert (found.people, found.low, found.high, found.days_missing) == (136, 120, 152, 1)


def test_where_nothing_can_be_estimated_staff_are_of_the_counted_time_alone_and_there_are_no_bounds() -> None:
    found = visits([rule(Rule.STAFF, 12)], "armley", [row(100), row(50, share=0.5), row(None, share=0)], UNKNOWN)
    assert [line.people for line in found.lines] == [150, -18]
    assert (found.low, found.high, found.days_missing) == (None, None, 2)
    assert all("2 days missing or incomplete (not estimated)" in line for line in list(visits_as_text(found, "x"))[:2])


def test_closed_days_have_no_staff_and_who_came_then_is_outside_of_opening() -> None:
    closed = row(7, None, minutes=0) | {"people_state": PeopleState.CLOSED, "footfall_completeness": None}
    found = visits([rule(Rule.STAFF, 5), rule(Rule.OUTSIDE_OPENING)], "armley", [row(50, 50), closed], Estimate())
    assert [line.people for line in found.lines] == [57, -5, -7]


def test_a_day_that_does_not_tell_who_came_within_opening_loses_nobody() -> None:
    found = visits([rule(Rule.OUTSIDE_OPENING)], "armley", [row(50, None)], Estimate())
    assert found.people == 50


RULES = st.lists(
    st.sampled_from([Rule.HALVE, Rule.OUTSIDE_OPENING]).map(rule)
    | st.builds(rule, st.sampled_from([Rule.STAFF, Rule.HIRE]), st.floats(0.01, 500)),
    max_size=5,
)
ROWS = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 2000), st.sampled_from([1.0, 0.5])).map(
        lambda told: row(told[0], min(told[:2]), share=told[2])
    ),
    max_size=10,
)
ESTIMATES = st.just(UNKNOWN) | st.tuples(st.integers(0, 999), st.integers(0, 99), st.integers(0, 99)).map(
    lambda told: Estimate(told[0], max(0, told[0] - told[1]), told[0] + told[2], "weekday")
)


@given(rules=RULES, rows=ROWS, missed=ESTIMATES)
def test_the_waterfall_always_adds_up(rules: list[VisitRule], rows: list[Figures], missed: Estimate) -> None:
    found = visits(rules, "armley", rows, missed)
    assert found.lines[0] == Line("counted", sum(int(each["entries"] or 0) for each in rows))
    if found.people is None:
        assert not missed.people
        assert all(each["entries"] is None for each in rows)
        assert found.told() == (None, None, None)
        return
    assert sum(line.people for line in found.lines) == found.people >= 0
    taken = found.lines[-len(rules) :] if rules else ()
    assert all(line.people <= 0 for line in taken)
    assert len(found.lines) == 1 + bool(missed.people) + len(rules)
    if found.low is not None and found.high is not None:
        assert found.low <= found.people <= found.high


@pytest.mark.parametrize("asked", [None, "armley"])
def test_the_queries_give_the_visits_of_hubs_with_rules(store: Store, asked: str | None) -> None:
    rules: list[dict[str, Any]] = [{"rule": "staff", "entries_day": 10}]
    known = estate(hub("armley", visits=rules), hub("beeston"), timezone="UTC")
    put_rows(store, days_of(usual, ["armley", "beeston"]))
    queries = Queries(store, known, now_ns=at("2026-03-10T12:00"))
    (found,) = visits_of_hubs(queries, known, *WEEK, hub=asked)
    # Sundays are closed in these rows, and have opening minutes all the same.
    assert (found.hub, found.people) == (
        "armley",
        sum(usual("armley", WEEK[0].replace(day=2 + i)) for i in range(7)) - 70,
    )
    assert figures(0, PeopleState.CLOSED)["open_minutes"]


@pytest.mark.parametrize("last, until", [(date(2026, 3, 31), date(2026, 3, 10)), (date(2026, 3, 9), None)])
def test_visits_of_a_running_month_say_until_when(store: Store, last: date, until: date | None) -> None:
    known = estate(hub("armley", visits=[{"rule": "staff", "entries_day": 10}]), timezone="UTC")
    put_rows(store, days_of(usual, ["armley"]))
    queries = Queries(store, known, now_ns=at("2026-03-10T12:00"))
    (found,) = visits_of_hubs(queries, known, date(2026, 3, 1), last)
    assert found.until == until
    first, *_, total = visits_as_text(found, "2026-03")
    assert visits_as_json(found, "2026-03")["until"] == (until and until.isoformat())
    said = " so far, until now on 2026-03-10"
    assert (f"armley 2026-03{said}" in first, f"visits{said}" in total) == (until is not None, until is not None)
