"""Weeks, months, and what may be published."""

from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.measurements import USAGE_FIELDS
from schemas.measures import PeopleState
from usage.estimates import Estimate
from usage.publishing.suppression import suppress_small, suppressed
from usage.queries import DayFigures
from usage.queries.periods import Period, periods


def day(text: str, hub: str = "armley", **figures: float | bool | None) -> DayFigures:
    state = PeopleState.NONE if figures.get("entries") is None else PeopleState.COUNTED
    every = {**dict.fromkeys(USAGE_FIELDS), "final": True, "revision": 1, "open_minutes": 480.0, "people_state": state}
    every |= figures
    return DayFigures(hub, date.fromisoformat(text), every)


def nothing_missing(_hub: str, _days: Iterable[date]) -> Estimate:
    return Estimate()


@pytest.mark.parametrize(
    "text, week, month",
    [
        ("2026-12-31", "2026-W53", "2026-12"),
        ("2027-01-03", "2026-W53", "2027-01"),
        ("2027-01-04", "2027-W01", "2027-01"),
        ("2024-12-30", "2025-W01", "2024-12"),
    ],
)
def test_weeks_are_those_of_iso_8601(text: str, week: str, month: str) -> None:
    found = date.fromisoformat(text)
    assert (Period.WEEK.name_of(found), Period.MONTH.name_of(found)) == (week, month)


@pytest.mark.parametrize(
    "text, quarter, half",
    [
        ("2026-01-01", "2026-Q1", "2026-H1"),
        ("2026-06-30", "2026-Q2", "2026-H1"),
        ("2026-07-01", "2026-Q3", "2026-H2"),
        ("2026-12-31", "2026-Q4", "2026-H2"),
    ],
)
def test_quarters_halves_and_years_are_those_of_the_calendar(text: str, quarter: str, half: str) -> None:
    found = date.fromisoformat(text)
    assert [period.name_of(found) for period in (Period.QUARTER, Period.HALF, Period.YEAR)] == [quarter, half, "2026"]


def test_counts_add_up_peaks_are_highest_and_means_weigh_opening_minutes() -> None:
    days = [
        day("2026-10-19", entries=3, peak_occupancy=9, co2_mean_ppm=600.0, temperature_min_c=17.5, co2_max_ppm=900.0),
        day(
            "2026-10-20",
            entries=5,
            peak_occupancy=4,
            co2_mean_ppm=900.0,
            open_minutes=240.0,
            temperature_min_c=18.5,
            co2_max_ppm=1200.0,
        ),
    ]
    (found,) = periods(days, Period.WEEK, nothing_missing)
    assert (found.hub, found.period, found.days, found.days_counted) == ("armley", "2026-W43", 2, 2)
    expected = {
        "entries": 8,
        "peak_occupancy": 9,
        "co2_mean_ppm": 700.0,
        "open_minutes": 720.0,
        "temperature_min_c": 17.5,
        "co2_max_ppm": 1200.0,
    }
    assert {name: found.figures[name] for name in expected} == expected


def test_a_day_that_no_sensor_told_of_is_left_out_and_said_to_be() -> None:
    partly = day("2026-10-21", entries=2, people_state=PeopleState.PARTIAL)
    closed = day("2026-10-22", entries=0, people_state=PeopleState.CLOSED, open_minutes=0.0)
    (found,) = periods([day("2026-10-19", entries=3), day("2026-10-20"), partly, closed], Period.MONTH, nothing_missing)
    assert (found.figures["entries"], found.days, found.days_counted, found.days_missing) == (5, 4, 1, 2)
    assert found.figures["exits"] is None


def test_a_period_is_final_when_all_of_its_days_are() -> None:
    (found,) = periods([day("2026-10-19"), day("2026-10-20", final=False)], Period.MONTH, nothing_missing)
    assert found.figures["final"] is False


def test_hubs_are_told_apart() -> None:
    days = [day("2026-10-19", entries=3), day("2026-10-19", "beeston", entries=4)]
    found = periods(days, Period.MONTH, nothing_missing)
    assert [(total.hub, total.figures["entries"]) for total in found] == [("armley", 3), ("beeston", 4)]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60))
def test_months_and_weeks_add_up_to_the_same(entries: list[int]) -> None:
    first = date(2026, 1, 20)
    days = [day((first + timedelta(days=i)).isoformat(), entries=n) for i, n in enumerate(entries)]
    for period in Period:
        totals = periods(days, period, nothing_missing)
        assert sum(int(total.figures["entries"] or 0) for total in totals) == sum(entries)


@pytest.mark.parametrize(
    "value, published",
    [
        (0, 0),
        (1, "*"),
        (7, "*"),
        (8, 10),
        (12, 10),
        (13, 15),
        (318, 320),
        (-3, "*"),
        (-12, -10),
        (0.4, "*"),
        (7.9, "*"),
        (8.0, 10),
        (12.5, 15),
        (None, None),
    ],
)
def test_small_numbers_of_people_are_suppressed_and_others_rounded(value: float | None, published: object) -> None:
    assert suppressed(value) == published


def test_only_people_are_suppressed() -> None:
    figures = {"entries": 3, "co2_mean_ppm": 3.0, "open_minutes": 3.0, "revision": 3, "final": True, "wifi_devices": 4}
    expected = {"entries": "*", "co2_mean_ppm": 3.0, "open_minutes": 3.0, "revision": 3, "final": True}
    assert suppress_small(figures) == {**expected, "wifi_devices": "*"}
