"""The simulated estate as messages: the same for the same seed, without a break, a repetition or a bad reading."""

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas import KINDS, Estate, HubpulseError, Kind
from schemas.localtime import NS_A_SECOND, Span, from_ns, to_ns
from sensors.estate_file import load_estate
from simulators.messages import TimedMessage
from simulators.scenarios import estate_document
from simulators.simulation import LEEDS, SimulatedEstate, Simulation

HOUR_NS = 3600 * NS_A_SECOND
DAY_NS = 24 * HOUR_NS

SMALL: dict[str, Any] = {
    "timezone": "Europe/London",
    "holidays": {"country": "GB", "subdivision": "ENG"},
    "hubs": [
        {
            "id": "late",
            "opening": {"mon-sun": "09:00-24:00"},
            "sensors": [
                {"id": "door", "kinds": ["footfall"], "every": "10m", "counter_bits": 32},
                {"id": "air", "kinds": ["temperature", "humidity", "pressure", "co2", "device"], "every": "10m"},
            ],
        },
        {
            "id": "far",
            "timezone": "Asia/Singapore",
            "opening": {"mon-fri": "09:00-17:00"},
            "sensors": [
                {"id": "door", "kinds": ["footfall"], "every": "5m"},
                {"id": "wifi", "kinds": ["wifi"], "every": "5m"},
            ],
        },
    ],
}


def at(text: str) -> int:
    return to_ns(datetime.fromisoformat(text).replace(tzinfo=UTC))


def history(document: dict[str, Any], *, start_ns: int, stop_ns: int, seed: int) -> Iterator[TimedMessage]:
    """What is sent from start to stop, in messages of up to 144 readings."""
    first, last = (from_ns(ns).date() for ns in (start_ns, stop_ns))
    days = first - timedelta(days=1), last + timedelta(days=1)
    return Simulation(document, [days], seed, window=Span(start_ns, stop_ns)).messages(readings_max=lambda _: 144)


def live(document: dict[str, Any], *, start_ns: int, seed: int) -> Iterator[TimedMessage]:
    """What is sent from start on, for ever, one reading a message."""
    days = from_ns(start_ns).date() - timedelta(days=1), None
    return Simulation(document, [days], seed, window=Span(start_ns, 2**63)).messages(readings_max=lambda _: 1)


def readings(messages: Iterable[TimedMessage]) -> list[tuple[str, dict[str, Any]]]:
    """Every reading with its topic, whether it came alone or in a batch."""
    found = []
    for message in messages:
        body = json.loads(message.payload)
        found += [(message.topic, item) for item in (body if isinstance(body, list) else [body])]
    return found


def in_order(found: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    return sorted(found, key=lambda reading: (reading[0], reading[1]["time"]))


def test_the_same_seed_gives_the_same_bytes() -> None:
    span: dict[str, Any] = {"start_ns": at("2026-03-28T00:00"), "stop_ns": at("2026-03-30T00:00")}
    first = list(history(SMALL, seed=7, **span))
    assert first == list(history(SMALL, seed=7, **span))
    assert first != list(history(SMALL, seed=8, **span))


def test_a_history_from_another_start_tells_the_same_of_the_same_time() -> None:
    stop = at("2026-03-31T12:34")
    long = readings(history(SMALL, start_ns=at("2026-03-20T05:00"), stop_ns=stop, seed=7))
    short_start = at("2026-03-29T16:20")
    short = readings(history(SMALL, start_ns=short_start, stop_ns=stop, seed=7))
    assert in_order(short) == in_order([r for r in long if r[1]["time"] * 10**6 >= short_start])


def test_live_goes_on_where_history_stopped() -> None:
    start, now, later = at("2026-10-23T00:00"), at("2026-10-24T15:07"), at("2026-10-27T03:00")
    past = readings(history(SMALL, start_ns=start, stop_ns=now, seed=7))
    present = readings(
        itertools.takewhile(lambda m: m.time_ns < later, live(SMALL, start_ns=now, seed=7)),
    )
    assert in_order(past + present) == in_order(readings(history(SMALL, start_ns=start, stop_ns=later, seed=7)))


def test_live_is_in_order_of_time_and_carries_one_reading_a_message() -> None:
    messages = list(itertools.islice(live(SMALL, start_ns=at("2026-10-24T20:00"), seed=7), 3000))
    assert [m.time_ns for m in messages] == sorted(m.time_ns for m in messages)
    for message in messages:
        assert json.loads(message.payload)["time"] * 10**6 == message.time_ns


def test_no_sensor_reports_two_readings_of_the_same_time() -> None:
    found = readings(history(SMALL, start_ns=at("2026-10-20T00:00"), stop_ns=at("2026-10-28T00:00"), seed=7))
    assert max(Counter((topic, reading["time"]) for topic, reading in found).values()) == 1


def test_sensors_keep_their_interval_through_a_clock_change() -> None:
    for change in ("2026-03-29", "2026-10-25"):
        start = at(f"{change}T00:00") - DAY_NS
        found = readings(history(SMALL, start_ns=start, stop_ns=start + 3 * DAY_NS, seed=7))
        assert Counter(topic for topic, _ in found)["hubs/late/footfall/door"] == 3 * 144
        times = [reading["time"] for topic, reading in found if topic == "hubs/late/footfall/door"]
        assert all(590_000 <= later - earlier <= 610_000 for earlier, later in itertools.pairwise(times))


def test_totals_grow_by_exactly_what_the_intervals_count_even_over_midnight() -> None:
    found = readings(history(SMALL, start_ns=at("2026-06-01T00:00"), stop_ns=at("2026-06-15T00:00"), seed=7))
    door = [reading for topic, reading in found if topic == "hubs/late/footfall/door"]
    for before, after in itertools.pairwise(door):
        assert after["entries_total"] - before["entries_total"] == after["entries"]
        assert after["exits_total"] - before["exits_total"] == after["exits"]
    assert sum(reading["entries"] for reading in door) > 1000


def test_the_model_estate_has_22_hubs_and_its_readings_are_within_every_limit() -> None:
    assert len(load_estate(LEEDS).hubs) == 22
    messages = list(
        history(estate_document(LEEDS), start_ns=at("2026-02-09T00:00"), stop_ns=at("2026-02-13T00:00"), seed=7)
    )
    assert max(len(message.payload) for message in messages) < 100_000
    found = readings(messages)
    assert {topic.split("/")[1] for topic, _ in found} == {hub.id for hub in load_estate(LEEDS).hubs}
    fields = {field.name: field for spec in KINDS.values() for field in spec.fields}
    for _, reading in found:
        for name, value in reading.items():
            if name != "time":
                assert type(value) is fields[name].number
                assert fields[name].plausible_low <= value <= fields[name].plausible_high


def test_nobody_comes_when_the_hub_is_closed() -> None:
    estate = load_estate(LEEDS)
    gipton = next(h for h in SimulatedEstate(estate, seed=7).hubs if h.hub.id == "gipton")
    closed = [date(2026, 11, 9), date(2026, 12, 25), date(2026, 5, 4), date(2026, 11, 8)]
    assert [len(gipton.day(day).visits) for day in closed] == [0, 0, 0, 0]
    assert len(gipton.day(date(2026, 11, 16)).visits) > 20


def test_everybody_is_out_by_midnight_and_stays_at_least_a_second() -> None:
    for hub in SimulatedEstate(Estate.model_validate(SMALL), seed=7).hubs:
        for step in range(30):
            day = hub.day(date(2026, 10, 10) + timedelta(days=step))
            for visit in day.visits:
                assert day.bounds.start_ns <= visit.arrive_ns < visit.leave_ns < day.bounds.stop_ns


def test_a_16_bit_counter_wraps_and_a_plain_one_sends_intervals() -> None:
    estate = load_estate(LEEDS)
    found = readings(
        history(estate_document(LEEDS), start_ns=at("2026-06-01T00:00"), stop_ns=at("2026-06-02T00:00"), seed=7)
    )
    shapes = {
        (hub.id, sensor.id): sensor.counter_bits
        for hub in estate.hubs
        for sensor in hub.sensors
        if Kind.FOOTFALL in sensor.kinds
    }
    for topic, reading in found:
        _, hub, kind, sensor = topic.split("/")
        if kind == "footfall":
            bits = shapes[hub, sensor]
            assert ("entries" in reading) == (bits != 16)
            assert ("entries_total" in reading) == (bits is not None)
            assert reading.get("entries_total", 0) < 2 ** (bits or 1)


def test_days_before_the_estate_opened_are_refused_with_the_first_possible_day() -> None:
    with pytest.raises(HubpulseError, match="opened on 2024-01-01"):
        list(history(SMALL, start_ns=at("2023-06-01T00:00"), stop_ns=at("2023-06-02T00:00"), seed=7))
