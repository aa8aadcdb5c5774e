"""What is usual, by itself: shapes and weights of hours, and who should have come by when."""

from datetime import date

from tests.usage.given import DAY_NS, HOUR_NS, estate, hub
from usage.calendar import HubCalendar
from usage.profile import Expected, Profile
from usage.shares import Part


def test_a_shape_is_the_doors_own_else_that_of_all_doors_else_unknown() -> None:
    profile = Profile({"front": {9: 60_000, 10: 30_000}, "side": {9: 20_000}})
    assert profile.shape("front", [9, 10]) == [60_000, 30_000]
    assert profile.shape("side", [9, 10]) == [60_000, 30_000]
    assert profile.shape("side", [9]) == [20_000]
    assert profile.shape("back", [9]) == [80_000]
    assert profile.shape("front", [9, 11]) is None


def test_hours_and_doors_that_are_not_known_weigh_as_the_others_do() -> None:
    profile = Profile({"front": {9: 60_000, 10: 30_000}, "side": {9: 20_000}})
    weights = profile.weights(["front", "side", "back"], [9, 10, 11])
    assert weights == {"front": [60_000, 30_000, 45_000], "side": [20_000] * 3, "back": [40_000, 25_000, 32_500]}
    assert Profile({"front": {9: 99_999}}).weights(["front"], [9, 10]) == {"front": [1, 1]}


def test_who_should_have_come_is_counted_over_closed_time_too() -> None:
    an_hour = HOUR_NS * 1000  # one person an hour
    expected = Expected([Part(n * DAY_NS, n * DAY_NS + 3 * HOUR_NS, 3 * an_hour) for n in range(3)])
    assert expected.somebody_by(0) == DAY_NS + 2 * HOUR_NS
    assert expected.somebody_by(HOUR_NS // 2) == DAY_NS + 5 * HOUR_NS // 2
    assert expected.somebody_by(DAY_NS + 2 * HOUR_NS) == 2 * DAY_NS + 3 * HOUR_NS
    assert expected.somebody_by(5 * DAY_NS) == 5 * DAY_NS


def test_the_hub_of_a_calendar_is_open_hour_by_hour() -> None:
    calendar = HubCalendar(estate(hub(opening={"mon": "09:30-11:15"})), "armley")
    found = list(calendar.open_hours(calendar.day(date(2026, 5, 4)).span))
    assert [(hour, span.length_ns // (HOUR_NS // 60)) for hour, span in found] == [(9, 30), (10, 60), (11, 15)]
