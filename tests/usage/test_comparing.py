"""Periods compared like for like: which days and hubs, what they come to, and what is called unusual."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.comparing import measure
from benchmarks.estimates import leeds, simulated
from cli.comparing_views import compared_as_json, compared_as_text
from schemas import Estate, HubpulseError
from stores import Store
from tests.usage.given import at, estate, hub
from tests.usage.test_estimates import HUBS, Counts, days_of, put_rows, usual
from usage import Queries
from usage.comparing import Compared, DateRange, LeftOut, Verdict, Why, compare
from usage.comparing.like_for_like import compare_days
from usage.queries import DayFigures, Period

JANUARY, MARCH = date(2025, 1, 6), date(2026, 3, 1)
DAYS = [JANUARY + timedelta(days=i) for i in range((MARCH - JANUARY).days)]
OPEN = {"mon-sat": "09:00-17:00"}
FEBRUARY = DateRange.parse("2026-02")


def hubs(**more: Any) -> Estate:
    return estate(*(hub(name, opening=OPEN) for name in HUBS), timezone="UTC", **more)


def compared(
    days: Iterable[DayFigures],
    period: DateRange = FEBRUARY,
    against: DateRange | None = None,
    *,
    known: Estate | None = None,
    **more: Any,
) -> Compared:
    return compare_days(
        list(days), known or hubs(), period, against or period.before(), today=lambda _: date(2026, 3, 1), **more
    )


@pytest.mark.parametrize(
    "name, before, year",
    [
        ("2026-W01", "2025-W52", "2025-W01"),
        ("2021-W01", "2020-W53", "2020-W02"),
        ("2026-01", "2025-12", "2025-01"),
        ("2026-Q1", "2025-Q4", "2025-Q1"),
        ("2026-H2", "2026-H1", "2025-H2"),
        ("2026", "2025", "2025"),
        ("2026-10-05..2026-10-18", "2026-09-21..2026-10-04", "2025-10-06..2025-10-19"),
        ("2026-10-05..2026-10-05", "2026-09-28..2026-09-28", "2025-10-06..2025-10-06"),
    ],
)
def test_a_period_is_compared_with_the_one_before_and_the_year_before(name: str, before: str, year: str) -> None:
    period = DateRange.parse(name)
    assert (period.before().name, period.year_before().name) == (before, year)


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-10-05..2026-10-04", "2026-02-30..2026-03-01", "2020-01-01..2026-01-01"]
)
def test_what_is_no_range_is_told(text: str) -> None:
    with pytest.raises(HubpulseError, match=r"no period|must begin|not in the calendar"):
        DateRange.parse(text)


def test_days_are_compared_with_those_of_their_weekday() -> None:
    found = compared(days_of(usual, days=DAYS))
    assert found.together is not None
    # January 2026 has five Thursdays, Fridays and Saturdays; February four of each.
    assert [(each.day.isoformat(), each.why) for each in found.hubs[0].left_out] == [
        ("2026-01-29", Why.NO_LIKE),
        ("2026-01-30", Why.NO_LIKE),
        ("2026-01-31", Why.NO_LIKE),
    ]
    assert [(each.days, each.days_missing, each.change) for each in found.hubs] == [(24, 0, 0.0)] * 4
    assert (found.together.days, found.together.now) == (96, found.together.before)
    assert found.together.verdict is Verdict.USUAL


def test_a_bank_holiday_and_a_closure_have_no_like() -> None:
    shut = estate(hub("armley", opening=OPEN, closures=["2026-02-10"]), timezone="UTC")
    found = compared(days_of(usual, ["armley"], DAYS), known=shut)
    assert [each.day for each in found.hubs[0].left_out if each.day < date(2026, 1, 29)] == [date(2026, 1, 27)]
    may = DateRange.parse("2025-05")
    known = hubs(holidays={"country": "GB", "subdivision": "ENG"})
    days = compared(days_of(usual, days=DAYS), may, known=known).hubs[0].left_out
    assert all(each.day not in (date(2025, 5, 5), date(2025, 5, 26)) for each in days)


def test_days_of_term_are_compared_with_days_of_term_where_the_terms_of_both_are_known() -> None:
    terms = ["2026-01-05..2026-02-13", "2026-02-23..2026-03-27"]
    found = compared(days_of(usual, days=DAYS), known=hubs(terms=terms), period=DateRange.parse("2026-02"))
    assert not found.by_terms, "the first days of January are no longer known"
    period, against = DateRange.parse("2026-W08"), DateRange.parse("2026-W07")
    found = compared(days_of(usual, days=DAYS), period, against, known=hubs(terms=terms))
    assert found.by_terms
    assert [each.days for each in found.hubs] == [1] * 4, "Saturday alone: half term has begun on both"
    assert LeftOut(date(2026, 2, 16), Why.NO_LIKE) in found.hubs[0].left_out


def test_a_day_that_nobody_counted_takes_its_like_with_it() -> None:
    gone = date(2026, 2, 10)
    days = days_of(lambda name, day: None if (name, day) == ("armley", gone) else usual(name, day), days=DAYS)
    armley, *others = compared(days).hubs
    assert (armley.days, armley.days_missing, armley.change) == (23, 1, 0.0)
    assert LeftOut(gone, Why.NOT_COUNTED) in armley.left_out
    assert LeftOut(date(2026, 1, 13), Why.LIKE_NOT_COUNTED) in armley.left_out
    assert {each.days for each in others} == {24}


def test_hubs_that_are_new_or_closed_are_named_and_on_neither_side() -> None:
    known = estate(
        *(hub(name, opening=OPEN, area_m2=100) for name in HUBS[:2]),
        hub("chapeltown", opening=OPEN, closures=["2026-02-01..2026-02-28"]),
        hub("dewsbury", opening=OPEN),
        hub("otley", opening=OPEN),
        timezone="UTC",
    )
    days = [day for day in days_of(usual, days=DAYS) if day.hub != "dewsbury" or day.date > date(2026, 2, 8)]
    found = compared(days, known=known)
    assert [each.hubs for each in found.hubs] == [("armley",), ("beeston",)]
    assert {name: str(why) for name, why in found.hubs_left_out.items()} == {
        "chapeltown": "not open in 2026-02",
        "dewsbury": "new: first counted on 2026-02-09",
        "otley": "never counted",
    }
    assert found.together is not None
    assert (found.together.hubs, found.together.area_m2) == (("armley", "beeston"), 200)
    assert found.together.now.entries == sum(each.now.entries for each in found.hubs)


def test_people_are_also_told_per_open_hour_and_per_square_metre() -> None:
    known = estate(hub("armley", opening=OPEN, area_m2=50), timezone="UTC")
    (found,) = compared(days_of(usual, ["armley"], DAYS), known=known).hubs
    assert found.now.open_hours == 24 * 8
    assert found.now.per_open_hour == found.now.entries / 192
    assert found.per_m2(found.before) == found.before.entries / 50


def raised(by: float) -> Counts:
    """A tenth up and down in turns, week by week; February raised."""

    def count(name: str, day: date) -> int:
        wave = 1.1 if day.toordinal() // 7 * 7919 % 5 < 3 else 0.9
        return round(usual(name, day) * wave * (1 + by if FEBRUARY.first <= day <= FEBRUARY.last else 1))

    return count


def test_the_same_data_gives_the_same_words() -> None:
    quiet, loud = (compared(days_of(raised(by), days=DAYS)) for by in (0, 0.5))
    assert {each.verdict for each in quiet.hubs} == {Verdict.USUAL}
    assert {each.verdict for each in loud.hubs} == {Verdict.UNUSUAL}
    assert list(compared_as_text(loud)) == list(compared_as_text(compared(days_of(raised(0.5), days=DAYS))))
    assert compared_as_json(loud)["together"]["verdict"] == "more than 19 of 20 such weeks"


def test_what_the_counter_may_be_off_by_widens_what_is_usual() -> None:
    days = days_of(raised(0.5), days=DAYS)
    (armley, *others) = compared(days, counter_errors={"armley": 0.4}).hubs
    assert armley.verdict is Verdict.USUAL
    assert {each.verdict for each in others} == {Verdict.UNUSUAL}


def test_too_little_history_gives_no_verdict() -> None:
    days = days_of(usual, days=[day for day in DAYS if day >= date(2025, 12, 1)])
    found = compared(days).hubs[0]
    assert (found.usual, found.verdict) == (None, Verdict.UNKNOWN)
    year = compared(days_of(usual, days=DAYS), against=FEBRUARY.year_before()).hubs[0]
    assert (year.days, year.verdict) == (24, Verdict.UNKNOWN)


def test_today_and_days_to_come_are_no_days_of_a_period() -> None:
    period = DateRange.parse("2026-02")
    days = days_of(usual, ["armley"], DAYS)
    found = compare_days(days, hubs(), period, period.before(), today=lambda _: date(2026, 2, 11), hubs=["armley"])
    assert found.hubs[0].days == 8


def test_the_queries_compare_days_as_they_are_now(store: Store) -> None:
    put_rows(store, days_of(usual, ["armley"], DAYS))
    known = estate(hub("armley", opening=OPEN), timezone="UTC")
    found = compare(Queries(store, known, now_ns=at("2026-03-10T12:00")), known, FEBRUARY, FEBRUARY.before())
    lines = list(compared_as_text(found))
    assert lines[1].startswith("armley: 3,040 against 3,040 (+0.0%) on 24 days; within the usual variation")
    assert lines[-1] == "  left out, no such day in the other period: 2026-01-29..2026-01-31"


# ---------------------------------------------------------------------------------------------------------- properties

WEEKS = DateRange.parse("2026-02-02..2026-02-15")
SOME = [WEEKS.first - timedelta(days=14) + timedelta(days=i) for i in range(28)]
GONE = st.sets(st.tuples(st.sampled_from(HUBS), st.sampled_from(SOME)), max_size=40)
NOISE = st.lists(st.integers(0, 50), min_size=len(SOME), max_size=len(SOME))


def some_days(noise: list[int], gone: set[tuple[str, date]]) -> list[DayFigures]:
    def count(name: str, day: date) -> int | None:
        return None if (name, day) in gone else usual(name, day) + noise[SOME.index(day)]

    return days_of(count, days=SOME)


@settings(max_examples=40)
@given(noise=NOISE, gone=GONE)
def test_a_period_beside_itself_is_no_change(noise: list[int], gone: set[tuple[str, date]]) -> None:
    found = compared(some_days(noise, gone), WEEKS, WEEKS)
    for each in found.hubs:
        assert each.now == each.before
        assert each.verdict is not Verdict.UNUSUAL


@settings(max_examples=40)
@given(noise=NOISE, gone=GONE, one=st.tuples(st.sampled_from(HUBS), st.sampled_from(SOME)))
def test_a_day_taken_from_one_side_is_taken_from_both(
    noise: list[int], gone: set[tuple[str, date]], one: tuple[str, date]
) -> None:
    before, after = (compared(some_days(noise, taken), WEEKS) for taken in (gone, gone | {one}))
    name, day = one
    like = day + timedelta(days=14 if day < WEEKS.first else -14)
    had = {each.hubs[0]: each for each in before.hubs}.get(name)
    has = {each.hubs[0]: each for each in after.hubs}.get(name)
    if had is None or ({one, (name, like)} & gone) or day.weekday() == 6:
        assert (has and (has.days, has.now, has.before)) == (had and (had.days, had.now, had.before))
        return
    lost = [usual(name, each) + noise[SOME.index(each)] for each in sorted((day, like))]
    assert had.days - (has.days if has else 0) == 1
    assert had.before.entries - (has.before.entries if has else 0) == lost[0]
    assert had.now.entries - (has.now.entries if has else 0) == lost[1]


@settings(max_examples=40)
@given(noise=NOISE, gone=GONE)
def test_both_sides_are_of_the_same_hubs(noise: list[int], gone: set[tuple[str, date]]) -> None:
    found = compared(some_days(noise, gone), WEEKS)
    names = tuple(each.hubs[0] for each in found.hubs)
    assert set(names) | found.hubs_left_out.keys() == set(HUBS)
    assert not set(names) & found.hubs_left_out.keys()
    assert (found.together.hubs if found.together else ()) == names
    if found.together:
        for side in ("now", "before"):
            whole = sum(getattr(each, side).entries for each in found.hubs)
            assert getattr(found.together, side).entries == whole


# ---------------------------------------------------------------------------------------------------------- statistics

SIMULATED = simulated(hubs=12, days=1200)


@pytest.mark.parametrize("kind, tries", [(Period.WEEK, 300), (Period.MONTH, 120)])
def test_where_nothing_changed_hardly_a_change_is_called_unusual(kind: Period, tries: int) -> None:
    found = measure(SIMULATED, kind, "before", tries=tries)
    assert found.told == tries
    assert found.unusual <= 0.06


@pytest.mark.parametrize("change", [-0.3, 0.3])
@pytest.mark.parametrize("against", ["before", "year"])
def test_where_three_of_ten_stayed_away_or_came_besides_it_mostly_is(against: str, change: float) -> None:
    found = measure(SIMULATED, Period.MONTH, against, change=change, tries=40)
    assert found.told == 40
    assert found.unusual > 0.6


def test_leeds_months_are_mostly_usual(data_set: Callable[[str], Path]) -> None:
    """Nobody knows what changed there; most months are like others, and a fall by a half is not."""
    counters = leeds(data_set("leeds_footfall"))
    assert measure(counters, Period.MONTH, "before", tries=40).unusual <= 0.15
    assert measure(counters, Period.MONTH, "before", change=-0.5, tries=20).unusual >= 0.7
