"""The time that a reading without one gets, once and for all; and the past local days that readings fall on."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.batches import DayMark
from schemas import Reason
from schemas.localtime import local_day, midnight_ns
from sensors.times import text_ns
from stores.lines import parse
from tests.ingest.given import AIR, DAY_NS, DOOR, NOW, NOW_NS, Clock, at, estate, make_decoder, message, reasons

LEEDS = ZoneInfo("Europe/London")


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from([AIR, DOOR]), st.sampled_from(["one", "three", "bad"]), st.integers(0, 9)),
            max_size=5,
        ),
        max_size=5,
    ),
    st.lists(st.integers(-3, 3), min_size=5, max_size=5),
)
def test_two_readings_without_a_time_never_share_a_point(
    batches: list[list[tuple[str, str, int]]], steps_ns: list[int]
) -> None:
    """However fast they come, and should the clock be set back."""
    clock = Clock()
    decoder = make_decoder(clock=clock)
    objects = {
        AIR: {"one": '{"value": 1}', "three": '[{"value": 1}, {"value": 99}, {"value": 2}]', "bad": "x"},
        DOOR: {"one": '{"entries": 1}', "three": '[{"entries": 1}, {"entries": 2}, {"exits": 1}]', "bad": "x"},
    }
    points = []
    for sent, step_ns in zip(batches, steps_ns, strict=False):
        clock.now_ns += step_ns
        batch = decoder.decode([message(topic, objects[topic][what], packet) for topic, what, packet in sent])
        points += [(line.split(" ")[0], parse(line).time_ns) for line in batch.lines]
        points += [("quarantine", refused.received_ns) for refused in batch.refused]

    assert len(set(points)) == len(points)


def test_what_is_sent_again_by_hand_gets_the_time_of_its_receipt() -> None:
    decoder = make_decoder()

    for received_ns in (NOW_NS - DAY_NS, NOW_NS - 2 * DAY_NS):
        batch = decoder.decode([message(AIR, '[{"value": 1}, {"value": 2}]')], received_ns=received_ns)
        assert [parse(line).time_ns for line in batch.lines] == [received_ns, received_ns + 1]


def test_a_retained_message_needs_a_time() -> None:
    """It comes with each new subscription: without a time it would count each time."""
    batch = make_decoder().decode([message(AIR, "21.5", retained=True), message(AIR, at(NOW), retained=True)])

    assert reasons(batch) == [Reason.BAD_SCHEMA]
    assert "retain" in batch.refused[0].rejections[0].detail
    assert len(batch.lines) == 1


@pytest.mark.parametrize(
    "hub, time, midnight",
    [
        ("armley", "2026-05-11T22:59:59Z", "2026-05-10T23:00:00Z"),  # one second to midnight in Leeds, in summer
        ("calit2", "2026-05-11T22:59:59Z", "2026-05-11T07:00:00Z"),  # the same instant in California
        ("armley", "2026-03-29T22:59:59Z", "2026-03-29T00:00:00Z"),  # a day of 23 hours
        ("armley", "2025-10-26T23:59:59Z", "2025-10-25T23:00:00Z"),  # a day of 25 hours
        ("armley", "2025-10-26T00:30:00Z", "2025-10-25T23:00:00Z"),  # the first half past one of two
        ("armley", "2025-10-26T01:30:00Z", "2025-10-25T23:00:00Z"),  # the second
        ("calit2", "2025-11-02T09:30:00Z", "2025-11-02T07:00:00Z"),
    ],
)
def test_a_reading_of_a_past_day_marks_that_local_day(hub: str, time: str, midnight: str) -> None:
    two_zones = estate({"id": "armley"}, {"id": "calit2", "timezone": "America/Los_Angeles"})

    batch = make_decoder(two_zones).decode([message(f"hubs/{hub}/temperature/air-1", at(time))])

    assert batch.marks == {DayMark(hub, text_ns(midnight))}


def test_today_is_not_marked_and_today_is_local() -> None:
    two_zones = estate({"id": "armley"}, {"id": "calit2", "timezone": "America/Los_Angeles"})
    decoder = make_decoder(two_zones)
    since_midnight = [
        message("hubs/armley/temperature/a", at("2026-05-11T23:00:00Z")),
        message("hubs/calit2/temperature/a", at("2026-05-12T07:00:00Z")),
        message("hubs/armley/temperature/a", at(NOW)),
        message("hubs/armley/temperature/a", "21"),
    ]

    assert decoder.decode(since_midnight).marks == set()


def test_yesterday_begins_as_the_clock_passes_midnight() -> None:
    clock = Clock(text_ns("2026-05-12T22:59:59Z"))
    decoder = make_decoder(estate({"id": "armley"}), clock=clock)
    reading = message(AIR, at("2026-05-12T22:00:00Z"))

    assert decoder.decode([reading]).marks == set()
    clock.forward(1)
    assert decoder.decode([reading]).marks == {DayMark("armley", text_ns("2026-05-11T23:00:00Z"))}


@given(st.lists(st.integers(0, 60 * DAY_NS), min_size=1, max_size=30))
def test_marks_are_the_local_days_of_the_readings(ages_ns: list[int]) -> None:
    batch = make_decoder(estate({"id": "armley"})).decode(
        [message(AIR, f'{{"time": {NOW_NS - age_ns}, "value": 20}}') for age_ns in ages_ns]
    )

    days = {local_day(NOW_NS - age_ns, LEEDS) for age_ns in ages_ns} - {local_day(NOW_NS, LEEDS)}
    assert batch.marks == {DayMark("armley", midnight_ns(day, LEEDS)) for day in days}


def test_a_refused_reading_marks_nothing() -> None:
    assert make_decoder().decode([message(AIR, at("2026-05-01T00:00:00Z", 99))]).marks == set()


@pytest.mark.parametrize("ahead_max_s", [0, 600])
def test_a_clock_that_was_a_day_ahead_once_makes_nothing_later_ahead(ahead_max_s: int) -> None:
    clock = Clock(NOW_NS + DAY_NS)
    decoder = make_decoder(clock=clock, clock_ahead_max_s=ahead_max_s)
    decoder.decode([message(AIR, "21.5"), message(AIR, "hello")])
    clock.now_ns = NOW_NS

    batch = decoder.decode([message(AIR, "21.5"), message(DOOR, '[{"entries": 1}, {"entries": 2}]'), message(AIR, "x")])

    assert reasons(batch) == [Reason.BAD_PAYLOAD]
    assert all(0 <= parse(line).time_ns - NOW_NS < 1000 for line in batch.lines)
    assert batch.refused[0].received_ns - NOW_NS < 1000
