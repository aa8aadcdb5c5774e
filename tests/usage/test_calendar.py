from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Estate
from schemas.localtime import Span
from simulators.hours import open_spans
from tests.usage.given import HOUR_NS, MINUTE_NS, at, estate, hub
from usage.calendar import Day, HubCalendar, dates

WEEK = {"mon-fri": "09:00-17:00", "sat": "10:00-13:00"}


def day_of(text: str, in_estate: Estate, id_: str = "armley") -> Day:
    return HubCalendar(in_estate, id_).day(date.fromisoformat(text))


def open_minutes(text: str, in_estate: Estate) -> float:
    return sum(span.length_ns for span in day_of(text, in_estate).open) / MINUTE_NS


@pytest.mark.parametrize(
    "zone, day, hours",
    [
        ("Europe/London", "2026-03-29", 23),
        ("Europe/London", "2026-10-25", 25),
        ("Europe/London", "2026-10-26", 24),
        ("America/Los_Angeles", "2005-10-30", 25),
        ("America/Los_Angeles", "2026-03-08", 23),
        ("Asia/Singapore", "2021-09-07", 24),
        ("Asia/Kolkata", "2026-03-29", 24),
    ],
)
def test_a_day_has_the_hours_of_the_clock_on_the_wall(zone: str, day: str, hours: int) -> None:
    found = day_of(day, estate(timezone=zone))
    assert len(found.hours) == hours
    assert found.span.length_ns == hours * HOUR_NS
    assert {span.length_ns for span in found.hours} == {HOUR_NS}


def test_a_clock_change_of_half_an_hour_cuts_one_hour_short() -> None:
    autumn = day_of("2026-04-05", estate(timezone="Australia/Lord_Howe"))
    assert autumn.span.length_ns == 24.5 * HOUR_NS
    assert sorted(span.length_ns for span in autumn.hours)[:2] == [HOUR_NS // 2, HOUR_NS]
    assert [span.start_ns for span in autumn.hours[1:]] == [span.stop_ns for span in autumn.hours[:-1]]


@given(st.dates(date(1990, 1, 1), date(2040, 1, 1)), st.sampled_from(["Europe/London", "America/Los_Angeles"]))
def test_hours_fill_the_day_and_days_fill_the_year(day: date, zone: str) -> None:
    calendar = HubCalendar(estate(timezone=zone), "any")
    found = calendar.day(day)
    assert found.hours[0].start_ns == found.span.start_ns
    assert found.hours[-1].stop_ns == found.span.stop_ns
    assert calendar.date_of(found.span.start_ns) == calendar.date_of(found.span.stop_ns - 1) == day


def test_a_hub_without_opening_hours_is_open_all_day() -> None:
    assert open_minutes("2026-10-25", estate(hub())) == 25 * 60
    assert open_minutes("2026-10-25", estate()) == 25 * 60


def test_opening_hours_follow_the_weekday() -> None:
    known = estate(hub(opening=WEEK))
    assert day_of("2026-10-23", known).open == (Span(at("2026-10-23T08:00"), at("2026-10-23T16:00")),)
    assert open_minutes("2026-10-24", known) == 3 * 60
    assert open_minutes("2026-10-25", known) == 0


def test_opening_hours_across_a_clock_change_are_as_long_as_they_really_are() -> None:
    known = estate(hub(opening={"sun": "00:00-06:00"}))
    assert open_minutes("2026-03-29", known) == 5 * 60
    assert open_minutes("2026-10-25", known) == 7 * 60


def test_an_opening_time_that_a_clock_change_swallows_is_no_opening() -> None:
    assert day_of("2026-03-29", estate(hub(opening={"sun": "01:00-02:00"}))).open == ()


@pytest.mark.parametrize(
    "times, start, stop",
    [
        ("01:30-05:00", "01:00", "04:00"),
        ("00:30-01:30", "00:30", "01:00"),
        ("01:15-01:45", None, None),
        ("01:00-02:30", "01:00", "01:30"),
        ("02:00-03:00", "01:00", "02:00"),
    ],
)
def test_opening_times_in_the_hour_that_spring_skips(times: str, start: str | None, stop: str | None) -> None:
    day = "2026-03-29"  # 01:00 is 02:00
    found = day_of(day, estate(hub(opening={"sun": times}))).open
    assert found == (() if start is None else (Span(at(f"{day}T{start}"), at(f"{day}T{stop}")),))


@pytest.mark.parametrize(
    "times, start, stop",
    [
        ("01:30-05:00", "00:30", "05:00"),
        ("00:00-01:30", "-1:00", "00:30"),
        ("01:15-01:45", "00:15", "00:45"),
        ("00:00-02:00", "-1:00", "02:00"),
    ],
)
def test_in_the_hour_that_autumn_repeats_the_first_of_two_times_counts(times: str, start: str, stop: str) -> None:
    midnight_ns = at("2026-10-25T00:00")  # UTC; 02:00 is 01:00 again an hour later

    def utc(clock: str) -> int:
        hour, minute = clock.split(":")
        return midnight_ns + int(hour) * HOUR_NS + int(minute) * MINUTE_NS

    found = day_of("2026-10-25", estate(hub(opening={"sun": times}))).open
    assert found == (Span(utc(start), utc(stop)),)


@pytest.mark.parametrize("times", ["01:30-05:00", "00:30-01:30", "01:15-01:45", "00:00-24:00", "23:00-24:00"])
@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-10-26"])
def test_the_simulated_estate_opens_at_the_same_instants(times: str, day: str) -> None:
    known = estate(hub(opening={"mon-sun": times}))
    assert open_spans(known, known.hubs[0], date.fromisoformat(day)) == day_of(day, known).open


@given(
    st.dates(date(2000, 1, 1), date(2030, 12, 31)),
    st.sampled_from(["Europe/London", "Asia/Beirut", "America/Santiago", "Pacific/Apia", "Australia/Lord_Howe"]),
    st.lists(st.integers(0, 24 * 60), min_size=2, max_size=2, unique=True).map(sorted),
)
def test_on_any_day_a_hub_opens_when_the_clock_first_shows_the_time(day: date, zone: str, minutes: list[int]) -> None:
    first, last = (f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes)
    known = estate(hub(opening={"mon-sun": f"{first}-{last}"}), timezone=zone)
    calendar = HubCalendar(known, "armley")
    found = calendar.day(day).open
    assert found == open_spans(known, known.hubs[0], day)
    assert calendar.opens(day) == bool(found)


def test_a_night_is_open_over_its_midnight() -> None:
    calendar = HubCalendar(estate(hub(opening={"fri": "18:00-24:00", "sat": "00:00-02:00, 18:00-24:00"})), "armley")
    midnights = [calendar.day(date(2026, 11, day)).span.start_ns for day in (6, 7, 8)]
    assert [calendar.is_open_over(midnight_ns) for midnight_ns in midnights] == [False, True, False]


def test_opening_until_midnight_ends_with_the_day() -> None:
    found = day_of("2026-10-24", estate(hub(opening={"sat": "20:00-24:00"})))
    assert found.open == (Span(at("2026-10-24T19:00"), found.span.stop_ns),)


def test_closures_shut_a_hub_on_their_first_and_last_day_and_not_beyond() -> None:
    known = estate(hub(opening={"mon-sun": "09:00-17:00"}, closures=["2026-12-23..2027-01-01"]))
    closed = {day: open_minutes(day, known) for day in ("2026-12-22", "2026-12-23", "2027-01-01", "2027-01-02")}
    assert closed == {"2026-12-22": 480, "2026-12-23": 0, "2027-01-01": 0, "2027-01-02": 480}


def test_bank_holidays_shut_hubs() -> None:
    england = {"country": "GB", "subdivision": "ENG"}
    known = estate(hub(opening={"mon-sun": "09:00-17:00"}), holidays=england)
    assert open_minutes("2026-08-31", known) == 0
    # The Scottish one is a day like any other in Leeds.
    assert open_minutes("2026-08-03", known) == 480


def test_a_hub_may_live_in_another_time_zone_than_its_estate() -> None:
    known = estate(hub(), hub("door", timezone="America/Los_Angeles"))
    assert day_of("2005-07-24", known, "door").span.start_ns == at("2005-07-24T07:00")
    assert day_of("2005-07-24", known, "armley").span.start_ns == at("2005-07-23T23:00")


@given(
    st.dates(date(2010, 1, 1), date(2030, 1, 1)),
    st.integers(0, 400),
    st.sampled_from(["Europe/London", "Pacific/Apia", "America/Sao_Paulo"]),
    st.sampled_from([None, WEEK, {"sun": "00:00-01:00"}]),
)
def test_many_days_at_once_are_open_as_each_of_them_is(
    first: date, number: int, zone: str, opening: dict[str, str] | None
) -> None:
    closures = [f"{first + timedelta(days=3)}..{first + timedelta(days=9)}", "2020-12-24..2021-01-02"]
    known = estate(
        hub(opening=opening, closures=closures), timezone=zone, holidays={"country": "GB", "subdivision": "ENG"}
    )
    for name in ("armley", "unnamed"):
        calendar, days = HubCalendar(known, name), list(dates(first, first + timedelta(days=number - 1)))
        assert calendar.open_days(first, first + timedelta(days=number - 1)) == [calendar.opens(day) for day in days]
