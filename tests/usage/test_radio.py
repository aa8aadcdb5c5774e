"""How many frames of a LoRaWAN device the radio lost."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Kind
from schemas.localtime import Span
from stores import Store
from stores.lines import encode
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS, at, estate, hub, put, put_lines
from usage import Queries
from usage.jobs import Jobs
from usage.queries.why import Missing
from usage.radio import Frames, count_frames

START_NS = at("2026-05-12T00:00")
DAY = Span(START_NS, START_NS + DAY_NS)
DATE = date(2026, 5, 12)
EVERY_NS = 10 * MINUTE_NS
KNOWN = estate(
    hub(
        sensors=[
            {"id": "air", "kinds": ["co2"], "every": "10m"},
            {"id": "plug", "kinds": ["co2"], "every": "10m"},
        ]
    ),
    timezone="UTC",
)


def sent(*numbers: int, since_ns: int = START_NS, every_ns: int = EVERY_NS) -> dict[int, int]:
    """Frames that came, one after the other at the time that their place in the row says."""
    return {since_ns + place * every_ns: number for place, number in enumerate(numbers)}


def heard(first: int, last: int, *lost: int, since_ns: int = START_NS) -> dict[int, int]:
    """Frames of a device that sends every ten minutes, without those that were lost."""
    return {since_ns + (n - first) * EVERY_NS: n for n in range(first, last + 1) if n not in lost}


@pytest.mark.parametrize(
    "numbers, received, lost",
    [
        ({}, 0, 0),
        (sent(5), 0, 0),
        (heard(5, 8), 3, 0),
        (heard(5, 14, 7, 8, 11), 6, 3),
        (sent(5, 6, 6, 7), 2, 0),
        (sent(65_533, 65_534, 65_535, 0, 1), 4, 0),
        ({**heard(65_500, 65_535, 65_535), **heard(0, 3, 0, since_ns=START_NS + 36 * EVERY_NS)}, 37, 2),
        (sent(400, 401, 402, 0, 1, 2), 4, 0),
        (sent(65_500, 65_501, 65_502, 0, 1), 3, 0),
        (sent(70_000, 70_001, 3, 4), 2, 0),
        (sent(5, 6, 60_000, 60_001), 2, 0),
    ],
    ids=[
        *("nothing", "one_alone", "all_came", "some_lost", "sent_again", "rolled_over", "rolled_over_with_losses"),
        *("joined_again", "joined_again_near_the_end", "joined_again_with_32_bits", "beyond_any_gap"),
    ],
)
def test_what_is_left_out_between_two_numbers_was_lost(numbers: dict[int, int], received: int, lost: int) -> None:
    assert count_frames(numbers, DAY) == Frames(received, lost)


def test_what_no_number_tells_of_is_unknown_and_not_none() -> None:
    assert Frames(0, 0).lost_share is None
    assert Frames(3, 1).lost_share == 0.25


def test_a_gap_over_midnight_belongs_to_both_days_and_to_those_within_it() -> None:
    numbers = {START_NS - HOUR_NS + 1: 100, START_NS + 2 * DAY_NS + HOUR_NS + 1: 100 + 50 * 6}
    days = [Span(START_NS + day * DAY_NS, START_NS + (day + 1) * DAY_NS) for day in range(-1, 3)]
    assert [count_frames(numbers, day) for day in days] == [
        *(Frames(0, 5), Frames(0, 144), Frames(0, 144)),
        Frames(1, 6),
    ]


@given(st.lists(st.booleans(), max_size=300), st.integers(0, 2**17), st.integers(1, 4))
def test_days_add_up_to_what_was_lost_between_the_first_and_the_last(
    came: list[bool], first: int, days_off: int
) -> None:
    numbers = {
        START_NS + place * EVERY_NS * days_off: (first + place) % 2**16 if first < 2**16 else first + place
        for place, is_there in enumerate(came)
        if is_there
    }
    days = [Span(START_NS + day * DAY_NS, START_NS + (day + 1) * DAY_NS) for day in range(10)]
    found = [count_frames(numbers, day) for day in days]
    heard_last = max((place for place, is_there in enumerate(came) if is_there), default=0)
    heard_first = next((place for place, is_there in enumerate(came) if is_there), 0)
    assert sum(day.received + day.lost for day in found) == heard_last - heard_first


def put_air(store: Store, numbers: dict[int, int]) -> None:
    put(store, Kind.DEVICE, [(t, {"frame_count": n, "rssi_dbm": -80.0}) for t, n in numbers.items()], sensor="air")
    put(store, Kind.CO2, [(t, {"co2_ppm": 600.0}) for t in numbers], sensor="air")


def test_why_says_whether_a_reading_was_lost_by_radio_or_never_sent(store: Store) -> None:
    lost = range(20, 30)
    silent_ns = START_NS + 100 * EVERY_NS
    after = heard(100, 133, since_ns=silent_ns + 10 * EVERY_NS)
    put_air(store, {**heard(0, 99, *lost), **after})
    put(store, Kind.CO2, [(START_NS, {"co2_ppm": 600.0})], sensor="plug")

    found = Queries(store, KNOWN, now_ns=START_NS + 2 * DAY_NS).why("armley", DATE)
    assert found is not None
    air, plug = found.sensors
    assert (air.received, air.expected, air.frames) == (124, 144, Frames(123, 10))
    assert air.missing == {Missing.RADIO: 10, Missing.DEVICE: 10}
    assert (plug.frames, plug.missing) == (None, {})


def test_readings_that_still_wait_are_missing_since_the_store_was_away(store: Store) -> None:
    now_ns = START_NS + DAY_NS
    put_air(store, heard(0, 99))
    waiting = {"readings_pending": 400, "buffer_oldest_s": 900.0, "balanced": True, "connected": True}
    put_lines(store, [encode("pipeline_status", {"ingest": "x"}, waiting, now_ns)])

    found = Queries(store, KNOWN, now_ns=now_ns).why("armley", DATE)
    assert found is not None
    assert found.sensors[0].missing == {Missing.STORE: 44}


def test_what_waits_since_today_is_not_missing_from_days_before(store: Store) -> None:
    now_ns = START_NS + 2 * DAY_NS
    put_air(store, heard(0, 99))
    waiting = {"readings_pending": 400, "buffer_oldest_s": 900.0, "balanced": True, "connected": True}
    put_lines(store, [encode("pipeline_status", {"ingest": "x"}, waiting, now_ns)])

    found = Queries(store, KNOWN, now_ns=now_ns).why("armley", DATE)
    assert found is not None
    assert Missing.STORE not in found.sensors[0].missing


def test_the_status_of_a_sensor_has_its_losses_of_a_day_as_jobs_counted_them(store: Store) -> None:
    now_ns = START_NS + DAY_NS
    put_air(store, heard(0, 143, *range(50, 86)))
    jobs = Jobs(lambda: store, lambda: KNOWN, lambda: now_ns)
    jobs.count_lost_frames(now_ns)
    jobs.write_sensor_status(now_ns)

    def shares(time_ns: int) -> list[float | None]:
        return [sensor.lost_share for sensor in Queries(store, KNOWN, now_ns=time_ns).sensors["armley"]]

    assert shares(now_ns + MINUTE_NS) == [pytest.approx(36 / 143, abs=0.001), None]
    assert shares(now_ns + 2 * HOUR_NS) == [None, None]


def test_the_frames_of_a_day_or_of_the_last_hours_are_asked_for(store: Store) -> None:
    put_air(store, heard(0, 400, 5, 150, 160))
    queries = Queries(store, KNOWN, now_ns=START_NS + 2 * DAY_NS)

    assert queries.frames(DATE, hub="armley") == {("armley", "air"): Frames(142, 1)}
    assert queries.frames() == {("armley", "air"): Frames(142, 2)}
