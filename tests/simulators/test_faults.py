"""Faults by name: seeded, noted, and each with the trace that it says it leaves."""

import itertools
import json
from collections import Counter
from typing import Any

import pytest

from schemas import HubpulseError
from simulators.faults import CONNECTION_FAULTS, FAULTS, describe, plan
from simulators.messages import TimedMessage
from tests.simulators.small_estate import document, played, week

NAMES = [fault.name for fault in FAULTS]
STRONG = {name: f"{name}:0.5" for name in NAMES} | {"rollover": "rollover", "drift": "drift:1"}
SOME_DAYS: dict[str, Any] = {"days": 3}


def readings(messages: list[TimedMessage], topic: str) -> list[dict[str, Any]]:
    """The topic's readings in order of sending."""
    return [json.loads(message.payload) for message in messages if message.topic == topic]


def lines(truth: str, kind: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, truth.splitlines()) if line["type"] == kind]


@pytest.fixture(scope="module", name="quiet")
def _quiet() -> list[TimedMessage]:
    """What is sent where nothing goes wrong."""
    return played(week(**SOME_DAYS), readings_max=1)[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_is_seeded_noted_and_does_something(name: str, quiet: list[TimedMessage]) -> None:
    messages, truth = played(week(STRONG[name], **SOME_DAYS), readings_max=1)
    assert (messages, truth) == played(week(STRONG[name], **SOME_DAYS), readings_max=1)
    assert messages != quiet
    noted = lines(truth, "fault")
    assert {line["fault"] for line in noted} == {name}
    assert all(line["readings"] > 0 for line in noted)


@pytest.mark.parametrize("name", ["out-of-order", "late", "outage"])
def test_what_only_delays_sends_the_same_messages_in_another_order(name: str, quiet: list[TimedMessage]) -> None:
    messages, _ = played(week(STRONG[name], **SOME_DAYS), readings_max=1)
    assert sorted((m.topic, m.payload) for m in messages) == sorted((m.topic, m.payload) for m in quiet)
    assert [m.time_ns for m in messages] == sorted(m.time_ns for m in messages)


@pytest.mark.parametrize("name", ["duplicates", "flood"])
def test_what_repeats_adds_copies_and_nothing_else(name: str, quiet: list[TimedMessage]) -> None:
    messages, truth = played(week(STRONG[name], **SOME_DAYS), readings_max=1)
    sent, once = (Counter((m.topic, m.payload) for m in which) for which in (messages, quiet))
    assert sent.keys() == once.keys()
    assert max(sent.values()) == (2 if name == "duplicates" else 100)
    assert lines(truth, "summary")[0]["stored"] == len(quiet)


@pytest.mark.parametrize("name", ["gaps", "dead-sensor"])
def test_what_is_lost_is_missing_and_counted(name: str, quiet: list[TimedMessage]) -> None:
    messages, truth = played(week(STRONG[name], **SOME_DAYS), readings_max=1)
    missing = Counter((m.topic, m.payload) for m in quiet) - Counter((m.topic, m.payload) for m in messages)
    noted = sum(line["readings"] for line in lines(truth, "fault"))
    assert missing.total() == noted == lines(truth, "summary")[0]["lost"]


def test_a_rollover_runs_over_and_goes_on_counting(quiet: list[TimedMessage]) -> None:
    topic = "hubs/north/footfall/door"
    rolled = readings(played(week("rollover", **SOME_DAYS), readings_max=1)[0], topic)
    plain = readings(quiet, topic)
    assert sum(b["entries_total"] < a["entries_total"] for a, b in itertools.pairwise(rolled)) == 1
    for (a, b), (c, d) in zip(itertools.pairwise(rolled), itertools.pairwise(plain), strict=True):
        assert (b["entries_total"] - a["entries_total"]) % 2**16 == d["entries_total"] - c["entries_total"]


def test_a_reset_at_midnight_starts_every_day_at_nought() -> None:
    messages, truth = played(week("counter-reset-midnight:1", **SOME_DAYS), readings_max=1)
    door = readings(messages, "hubs/north/footfall/door")
    falls = [b for a, b in itertools.pairwise(door) if b["entries_total"] < a["entries_total"]]
    noted = [line for line in lines(truth, "fault") if line["hub"] == "north"]
    assert falls
    assert all(fall["entries_total"] == 0 for fall in falls)
    assert len(noted) == 3


def test_a_shifted_clock_changes_times_and_nothing_else(quiet: list[TimedMessage]) -> None:
    messages, truth = played(week("clock-skew:1", **SOME_DAYS), readings_max=1)
    minutes = {(line["hub"], line["sensor"]): int(line["detail"].split()[0]) for line in lines(truth, "fault")}
    for shifted, plain in zip(messages, quiet, strict=True):
        _, hub, _, sensor = plain.topic.split("/")
        expected = json.loads(plain.payload)
        expected["time"] += minutes[hub, sensor] * 60_000
        assert (shifted.topic, shifted.time_ns, json.loads(shifted.payload)) == (plain.topic, plain.time_ns, expected)


def test_faults_are_asked_for_by_name_and_share() -> None:
    asked = plan(["gaps", "duplicates:0.25", "disconnect:0.5"], seed=1)
    assert [fault.name for fault in asked.readings] == ["gaps", "duplicates"]
    assert asked.connection == {"disconnect": 0.5}


@pytest.mark.parametrize(
    "text,complaint",
    [
        ("gap", "no fault is called 'gap': choose from .*gaps"),
        ("gaps:2", "share of 'gaps:2' is not between 0 and 1"),
        ("gaps:0", "share of 'gaps:0' is not between 0 and 1"),
        ("gaps:many", "share of 'gaps:many' is not between 0 and 1"),
    ],
)
def test_a_fault_that_does_not_exist_is_refused_with_the_cure(text: str, complaint: str) -> None:
    with pytest.raises(HubpulseError, match=complaint):
        plan([text], seed=1)


def test_every_fault_is_described() -> None:
    assert list(describe()) == [*NAMES, *CONNECTION_FAULTS]


def test_the_truth_tells_who_really_came_by_the_hour() -> None:
    _, truth = played(week(**SOME_DAYS))
    for line in lines(truth, "people"):
        assert sum(came for came, _ in line["hours"].values()) == line["in"]
        assert sum(left for _, left in line["hours"].values()) == line["out"]
    assert len(lines(truth, "people")) == 3 * len(document()["hubs"])
    counted = sum(line["entries"] for line in lines(truth, "usage_daily"))
    came = sum(line["in"] for line in lines(truth, "people"))
    assert 0.9 * came < counted <= came
