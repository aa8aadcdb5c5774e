"""Local days over clock changes, in zones that do it each in their own way."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.localtime import NS_A_SECOND, day_span, from_ns, local_day, midnight_ns, rfc3339, to_ns

NS_AN_HOUR = 3600 * NS_A_SECOND
FIRST, LAST = date(2012, 1, 1), date(2037, 12, 31)

ZONES = [
    "UTC",
    "Europe/London",
    "America/Los_Angeles",
    "Asia/Singapore",
    "America/Sao_Paulo",  # midnight was skipped in spring until 2018
    "Africa/Cairo",  # skips midnight since 2023, and goes back at midnight
    "America/Havana",  # the hour after midnight comes twice
    "Atlantic/Azores",  # likewise
    "Australia/Lord_Howe",  # half an hour
    "Asia/Kathmandu",  # 5:45 from UTC
    "Pacific/Apia",  # 30 December 2011 never was
]


def utc(text: str) -> int:
    return to_ns(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    "zone, day, start, hours",
    [
        ("Europe/London", "2026-03-29", "2026-03-29T00:00", 23),
        ("Europe/London", "2026-06-15", "2026-06-14T23:00", 24),
        ("Europe/London", "2026-10-25", "2026-10-24T23:00", 25),
        ("America/Los_Angeles", "2026-03-08", "2026-03-08T08:00", 23),
        ("America/Los_Angeles", "2026-11-01", "2026-11-01T07:00", 25),
        ("Asia/Singapore", "2026-03-29", "2026-03-28T16:00", 24),
        ("America/Sao_Paulo", "2017-10-15", "2017-10-15T03:00", 23),
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00", 25),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", 23),
        ("Africa/Cairo", "2026-10-29", "2026-10-28T21:00", 25),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00", 25),
        ("Atlantic/Azores", "2026-10-25", "2026-10-25T00:00", 25),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30", 23.5),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", 0),
    ],
)
def test_a_local_day_is_as_long_as_the_clock_makes_it(zone: str, day: str, start: str, hours: float) -> None:
    first, after = day_span(date.fromisoformat(day), ZoneInfo(zone))

    assert rfc3339(first) == f"{start}:00Z"
    assert (after - first) / NS_AN_HOUR == hours


def test_where_midnight_is_skipped_the_day_starts_with_the_clock_at_one() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    start = midnight_ns(date(2017, 10, 15), zone)

    assert from_ns(start).astimezone(zone).isoformat() == "2017-10-15T01:00:00-02:00"
    assert from_ns(start - 1000).astimezone(zone).isoformat() == "2017-10-14T23:59:59.999999-03:00"


def test_where_midnight_comes_twice_the_day_starts_with_the_first() -> None:
    zone = ZoneInfo("America/Havana")
    start = midnight_ns(date(2026, 11, 1), zone)

    assert from_ns(start).astimezone(zone).isoformat() == "2026-11-01T00:00:00-04:00"
    assert from_ns(start + NS_AN_HOUR).astimezone(zone).isoformat() == "2026-11-01T00:00:00-05:00"
    assert local_day(start + NS_AN_HOUR, zone) == date(2026, 11, 1)


@pytest.mark.parametrize("name", ZONES)
def test_days_follow_each_other_without_gap_or_overlap_for_a_quarter_of_a_century(name: str) -> None:
    zone = ZoneInfo(name)
    lengths = {}
    for step in range((LAST - FIRST).days):
        day = FIRST + timedelta(days=step)
        start, stop = day_span(day, zone)
        assert stop == day_span(day + timedelta(days=1), zone)[0]
        assert local_day(start, zone) == local_day(stop - 1, zone) == day
        lengths[day] = (stop - start) / NS_AN_HOUR
    assert set(lengths.values()) <= {23, 23.5, 24, 24.5, 25}


@given(name=st.sampled_from(ZONES), time_ns=st.integers(utc("2012-01-01"), utc("2037-12-31")))
@example(name="America/Sao_Paulo", time_ns=utc("2017-10-15T03:00"))
@example(name="Africa/Cairo", time_ns=utc("2026-10-29T20:59:59"))
@example(name="Australia/Lord_Howe", time_ns=utc("2026-04-04T15:15"))
def test_an_instant_belongs_to_the_one_day_whose_bounds_hold_it(name: str, time_ns: int) -> None:
    zone = ZoneInfo(name)
    day = local_day(time_ns, zone)
    start, stop = day_span(day, zone)

    assert start <= time_ns < stop


@given(moment=st.datetimes(datetime(1700, 1, 1), datetime(2262, 1, 1), timezones=st.sampled_from([UTC])))  # noqa: DTZ001 - Hypothesis adds the zone
def test_nanoseconds_and_datetimes_are_the_same_instant(moment: datetime) -> None:
    assert from_ns(to_ns(moment)) == moment


@given(time_ns=st.integers(-(2**63), 2**63 - 1))
def test_rfc_3339_keeps_every_nanosecond(time_ns: int) -> None:
    text = rfc3339(time_ns)
    whole, _, decimals = text.removesuffix("Z").partition(".")

    assert text.endswith("Z")
    assert utc(whole) + int(decimals.ljust(9, "0")) == time_ns
    assert not decimals.endswith("0")


def test_a_datetime_is_cut_to_microseconds_and_never_rounded_up() -> None:
    assert from_ns(1_999_999_999) == datetime(1970, 1, 1, 0, 0, 1, 999_999, tzinfo=UTC)
    assert from_ns(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
