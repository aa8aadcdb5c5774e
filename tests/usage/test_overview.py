"""Every hub over a period beside those before: the same figures as exports, reports and the API give of it."""

from datetime import date, timedelta

import pytest

from schemas.measures import PeopleState
from stores import Store
from tests.usage.given import at, estate, hub
from tests.usage.test_estimates import HUBS, Counts, days_of, figures, put_rows, usual, without
from usage import Queries
from usage.comparing.overview import overview
from usage.queries import DateRange, DayFigures, Period, PeriodFigures
from usage.together import together

OPEN = {"mon-sat": "09:00-17:00"}
DOOR = {"id": "door", "kinds": ["footfall"]}
KNOWN = estate(*(hub(name, [DOOR], opening=OPEN) for name in HUBS), timezone="UTC")
MONTH = DateRange.parse("2026-02")
LAST_OF_ROWS = date(2026, 3, 1)
MIDDLE = MONTH.first + timedelta(days=15)


def begun(first: date, *names: str) -> Counts:
    """Those named are counted from a day on, all others always."""
    return lambda name, day: None if name in names and day < first else usual(name, day)


@pytest.mark.parametrize(
    "count",
    [usual, without(MIDDLE), begun(MIDDLE, "armley"), begun(MIDDLE, *HUBS), begun(date.max, "armley")],
    ids=["all of it", "a gap", "one from the middle on", "all from the middle on", "one never"],
)
@pytest.mark.parametrize("now", ["2026-03-20T12:00", "2026-03-02T12:00", "2026-02-20T12:00"])
def test_a_period_on_the_board_has_the_figures_that_it_has_everywhere(store: Store, count: Counts, now: str) -> None:
    rows = [day for day in days_of(count) if day.figures["entries"] is not None or day.date == MIDDLE]
    put_rows(store, [day for day in rows if day.date < LAST_OF_ROWS])
    queries = Queries(store, KNOWN, now_ns=at(now))
    until = min(MONTH.last, queries.today() - timedelta(days=1))
    elsewhere = list(queries.periods(Period.MONTH, MONTH.first, until))
    found = overview(queries, KNOWN, MONTH)
    assert [
        (people.figures["entries"], people.days, people.days_missing, each.days_provisional, people.estimated())
        for each in found.hubs
        for people in (each.people,)
    ] == [
        (each.figures["entries"], each.days, each.days_missing, _provisional(each), each.estimated())
        for each in elsewhere
    ]
    assert found.total == together(elsewhere)


def _provisional(of: PeriodFigures) -> int:
    return sum(not row["final"] for row in of.rows)


def test_a_month_that_began_before_the_first_count_is_not_called_whole(store: Store) -> None:
    put_rows(store, [day for day in days_of(begun(MIDDLE, *HUBS)) if MIDDLE <= day.date < LAST_OF_ROWS])
    found = overview(Queries(store, KNOWN, now_ns=at("2026-03-20T12:00")), KNOWN, MONTH)
    assert [(each.is_sure, each.people.days_missing, each.counted_from) for each in found.hubs] == [
        (False, 12, MIDDLE)
    ] * len(HUBS)
    assert (found.total.estimated, found.total.untold) == (None, HUBS)


def part_of_the_first(hub: str) -> list[DayFigures]:
    """A hub that nobody counted on the first two days of the month, then in part until its middle, then whole."""
    second = MONTH.first + timedelta(days=1)
    days = (day for day in days_of(begun(second + timedelta(days=1), hub), [hub]) if day.date >= MONTH.first)
    in_part = figures(60, PeopleState.PARTIAL, 0.5)
    return [DayFigures(hub, day.date, in_part) if second < day.date < MIDDLE else day for day in days]


def test_counting_began_on_the_first_day_of_all_with_anybody_counted(store: Store) -> None:
    """What was counted before the period did not begin in it, and part of a day is no day before."""
    gone = [MONTH.first + timedelta(days=back) for back in (1, 2, 19)]
    always = days_of(without(*gone, hubs=["beeston"]), ["beeston"])
    evening = DayFigures("dewsbury", MONTH.first + timedelta(days=3), figures(2, PeopleState.NONE))
    late = [day for day in days_of(begun(MIDDLE, "dewsbury"), ["dewsbury"]) if day.date != evening.date]
    put_rows(store, [*part_of_the_first("armley"), *always, *late, evening])
    found = overview(Queries(store, KNOWN, now_ns=at("2026-03-20T12:00")), KNOWN, MONTH)
    assert {each.people.hub: each.counted_from for each in found.hubs} == {
        "armley": MONTH.first + timedelta(days=2),
        "beeston": None,
        "chapeltown": None,
        "dewsbury": evening.date,
    }
