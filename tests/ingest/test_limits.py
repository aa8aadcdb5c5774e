"""What a hub sends beyond its limits: gauges are thinned, counts and past times wait, and no other hub notices."""

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.inspection import app
from ingest.buffer import BufferReader
from ingest.buffer_file import FILE_NAME
from ingest.held_back import held_back_in
from ingest.rates import Bucket, HubRates
from ingest.redrive import redrive
from ingest.salvage import salvage_buffer
from schemas import Reason
from schemas.localtime import NS_A_SECOND
from schemas.settings import IngestSettings, Settings
from sensors.registry import Registry
from tests.ingest.given import DAY_NS, NOW_NS, OpenBuffer, estate, message
from tests.ingest.killing import folders_as_killed
from tests.ingest.limited import ESTATE, Hubs

OLD_NS = NOW_NS - 40 * DAY_NS
Number = int


def timed(time_ns: int, **fields: float) -> str:
    return json.dumps({"time": time_ns, **fields})


@pytest.fixture
def hubs(tmp_path: Path) -> Hubs:
    return Hubs(tmp_path)


def test_surplus_gauges_that_are_live_are_thinned_and_counted_by_hub(hubs: Hubs) -> None:
    hubs.send("hubs/beeston/temperature/t", *[timed(NOW_NS - number, value=21) for number in range(100)])
    hubs.send("hubs/armley/temperature/t", *["21"] * 10)
    ledger = hubs.buffer.ledger.read()

    assert (len(hubs.lines_of("beeston")), len(hubs.lines_of("armley"))) == (10, 10)
    assert ledger.balanced
    assert (ledger.messages_received, ledger.messages_thinned, ledger.messages_waiting) == (110, 90, 0)
    assert ledger.by_hub == {"thinned": {"beeston": 90}}


@pytest.mark.parametrize(
    "topic, payloads",
    [
        ("hubs/beeston/footfall/s", [timed(NOW_NS - number, entries=1) for number in range(100)]),
        ("hubs/beeston/footfall/s", ['{"entries": 1}'] * 100),
        ("hubs/beeston/co2/s", [timed(OLD_NS + number, value=600) for number in range(100)]),
        (
            "hubs/beeston/temperature/s",
            [f"[{timed(OLD_NS + n, value=20)}, {timed(NOW_NS - n, value=20)}]" for n in range(100)],
        ),
    ],
    ids=["counts", "counts without a time", "past times", "past times beside live ones"],
)
def test_surplus_counts_and_past_times_wait_and_none_is_lost(hubs: Hubs, topic: str, payloads: list[str]) -> None:
    hubs.send(topic, *payloads)
    before = hubs.buffer.ledger.read()
    assert before.balanced
    assert before.messages_waiting == 90
    assert before.messages_thinned == 0
    hubs.send("hubs/armley/footfall/s", '{"entries": 1}')
    assert len(hubs.lines_of("armley")) == 1

    hubs.drain()

    after = hubs.buffer.ledger.read()
    assert after.balanced
    assert (after.messages_received, after.messages_accepted, after.messages_waiting) == (101, 101, 0)
    assert after.by_hub == {"made_to_wait": {"beeston": 90}}
    readings = hubs.lines_of("beeston")
    assert len({line.rsplit(" ", 1)[1] for line in readings}) == len(readings) == 100 * payloads[0].count("{")


def test_what_waits_without_a_time_keeps_when_it_came(hubs: Hubs) -> None:
    hubs.send("hubs/beeston/footfall/s", *['{"entries": 1}'] * 50)
    hubs.clock.forward(1000)
    hubs.drain()
    assert all(int(line.rsplit(" ", 1)[1]) - NOW_NS < NS_A_SECOND for line in hubs.lines)


def test_what_waits_is_taken_at_the_rate(hubs: Hubs) -> None:
    for _ in range(4):
        hubs.send("hubs/beeston/footfall/s", *['{"entries": 1}'] * 500)
    assert 150 <= hubs.drain() <= 210


def test_rubbish_beyond_the_rate_is_refused_at_once(hubs: Hubs) -> None:
    hubs.send("hubs/beeston/footfall/s", *["rubbish"] * 100)
    hubs.take([message("hubs/unknown/footfall/s", "1")] * 100)
    ledger = hubs.buffer.ledger.read()
    assert (ledger.messages_refused, ledger.messages_waiting) == (200, 0)
    kept = sum(hubs.buffer.quarantine.counts().values())
    assert 30 <= kept <= 35  # what came within the rates, and one of a hundred
    assert ledger.notes == {"quarantine_not_kept": 200 - kept}
    assert sum(ledger.refused_by_reason.values()) == 200
    assert ledger.balanced


def test_rubbish_beyond_the_rate_is_kept_with_what_is_wrong_of_it(hubs: Hubs) -> None:
    hubs.send("hubs/beeston/footfall/s", *['{"entries": 1}'] * 20)
    for topic, payload in (
        ("footfall/s", "{oops"),
        ("footfall/s", '{"visitors": 3}'),
        ("Foot/s", "1"),
        ("co2/S s", "1"),
    ):
        hubs.send(f"hubs/beeston/{topic}", *[payload] * 100)
    kept = [refusal.detail for refusal in hubs.buffer.quarantine.find(limit=10)]
    assert [detail.split(" is not ")[0].split(":")[0] for detail in kept] == [
        "'S s'",
        "'Foot'",
        "unknown key visitors",
        "'{oops'",
    ]


def test_a_hub_that_sends_much_rubbish_may_send_no_more_at_once_than_its_rate(tmp_path: Path) -> None:
    hubs = Hubs(tmp_path, hub_messages_burst=200_000)
    hubs.send("hubs/armley/footfall/s", *["?"] * 900)
    for _ in range(3):
        hubs.send("hubs/beeston/footfall/s", *["?"] * 600)
    refused_in_full = hubs.buffer.quarantine.counts()["bad_payload"]
    assert 900 + 1200 <= refused_in_full < 900 + 1300
    for hub in ("armley", "beeston"):
        hubs.send(f"hubs/{hub}/temperature/t", *["21"] * 100)
    assert (len(hubs.lines_of("armley")), len(hubs.lines_of("beeston"))) == (100, 0)
    hubs.clock.forward(60)
    hubs.send("hubs/beeston/temperature/t", *["21"] * 100)
    assert len(hubs.lines_of("beeston")) == 100


def test_a_sensor_of_the_estate_file_does_not_wait_because_of_others_of_its_hub(hubs: Hubs) -> None:
    hubs.send("hubs/beeston/footfall/invented", *['{"entries": 1}'] * 100)
    hubs.send("hubs/beeston/footfall/door-1", *['{"entries": 1}'] * 20)
    assert sum("sensor=door-1" in line for line in hubs.lines) == 5
    assert hubs.buffer.held_messages() == {"beeston": 90 + 15}


def test_long_messages_and_arrays_cost_more(hubs: Hubs) -> None:
    hubs.send("hubs/beeston/footfall/s", json.dumps([{"time": NOW_NS - n, "entries": 1} for n in range(100)]))
    assert len(hubs.lines) == 100
    hubs.send("hubs/beeston/footfall/s", '{"entries": 1}')
    assert hubs.buffer.held_messages() == {"beeston": 1}
    hubs.clock.forward(11)
    hubs.take_held()
    assert len(hubs.lines) == 101
    hubs.clock.forward(100)
    hubs.take([message("hubs/beeston/footfall/s", b"x" * 20_000)])
    assert hubs.buffer.held_messages() == {"beeston": 1}


def test_as_much_waits_as_there_is_room_for_and_the_rest_is_refused(tmp_path: Path) -> None:
    hubs = Hubs(tmp_path, surplus_hub_bytes_max=4000, surplus_bytes_max=6000)
    for _ in range(10):
        hubs.send("hubs/beeston/footfall/s", *['{"entries": 1}'] * 100)
    hubs.send("hubs/armley/footfall/s", *['{"entries": 1}'] * 200)
    ledger = hubs.buffer.ledger.read()
    assert ledger.balanced
    held = hubs.buffer.surplus.bytes()
    assert 3900 < held["beeston"] <= 4000
    assert 5900 < held.total() <= 6000
    assert ledger.messages_refused == 1200 - 20 - ledger.messages_waiting
    assert ledger.refused_by_reason == {"too_large": ledger.messages_refused}
    assert ledger.notes["quarantine_not_kept"] == ledger.messages_refused - hubs.buffer.quarantine.counts()["too_large"]
    assert hubs.buffer.used_bytes() < 300_000


def test_a_source_that_is_no_hub_has_the_rate_of_all_hubs() -> None:
    registry = Registry(estate({"id": "a"}, {"id": "b"}, sources=[{"topic": "hubs/#"}, {"topic": "x/#"}]))
    rates = HubRates(registry, IngestSettings(hub_messages_burst=10), monotonic_s=lambda: 0.0)
    for topic, most in (("x/1", 20), ("hubs/a/co2/s", 10), ("hubs/unknown/co2/s", 20)):
        now, surplus = rates.split([message(topic, "1")] * 50)
        assert (len(now), len(surplus)) == (most, 50 - most)


@pytest.mark.parametrize("point", range(4))
def test_killed_while_surplus_comes_or_is_taken_nothing_is_lost_or_doubled(tmp_path: Path, point: int) -> None:
    data = tmp_path / "data"
    hubs = Hubs(data)
    payloads = [timed(NOW_NS - number, entries=1) for number in range(60)]

    def act() -> None:
        hubs.send("hubs/beeston/footfall/s", *payloads)
        hubs.clock.forward(5)
        hubs.take_held()

    killed = folders_as_killed(data, act)
    hubs.buffer.close()
    again = Hubs(killed[point])
    again.clock.forward(5)
    if not again.buffer.ledger.read().messages_received:
        again.send("hubs/beeston/footfall/s", *payloads)
    again.drain()
    ledger = again.buffer.ledger.read()
    assert ledger.balanced
    assert (ledger.messages_received, ledger.messages_accepted, ledger.readings_accepted) == (60, 60, 60)
    assert len(set(again.lines)) == len(again.lines) == 60


def test_what_waited_in_a_damaged_buffer_and_is_not_as_it_was_is_named(tmp_path: Path) -> None:
    hubs = Hubs(tmp_path)
    hubs.send("hubs/beeston/footfall/s", *['{"entries": 1}'] * 30)
    hubs.send("hubs/armley/footfall/other", *['{"entries": 2}'] * 30)
    hubs.buffer.close()
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"hubs/armley/footfall/other{", b"hubs/armley/footfall/0ther{"))
    assert path.read_bytes() != whole
    found = salvage_buffer(tmp_path, now_ns=NOW_NS)
    assert found.missing == ("1 rows of messages that waited are not as they were committed",)
    again = Hubs(tmp_path)
    again.drain()
    ledger = again.buffer.ledger.read()
    assert ledger.balanced
    assert (ledger.messages_received, ledger.messages_accepted) == (40, 40)


def test_so_many_new_sensors_of_a_hub_are_taken_and_others_refused(tmp_path: Path) -> None:
    hubs = Hubs(tmp_path, new_sensors_max=3, hub_messages_burst=1000)
    for number in range(10):
        hubs.send(f"hubs/beeston/co2/new-{number}", "600", "601")
        hubs.send(f"hubs/armley/co2/new-{number % 2}", "600")
    hubs.send("hubs/beeston/footfall/door-1", '{"entries": 1}')
    assert {line.split(" ")[0] for line in hubs.lines_of("beeston")} == {
        *(f"co2,hub=beeston,sensor=new-{number}" for number in range(3)),
        "footfall,hub=beeston,sensor=door-1",
    }
    assert len(hubs.lines_of("armley")) == 10
    assert hubs.buffer.quarantine.counts() == {Reason.UNKNOWN_SENSOR: 14}
    assert "beeston has 3 sensors that are not in the estate file" in hubs.buffer.quarantine.get(1).detail

    hubs.buffer.close()
    hubs.open()
    hubs.send("hubs/beeston/co2/new-9", "600")
    hubs.send("hubs/beeston/co2/new-1", "600")
    assert hubs.buffer.quarantine.counts() == {Reason.UNKNOWN_SENSOR: 15}

    for _ in range(8):  # all but one fell silent
        hubs.clock.forward(86_400)
        hubs.send("hubs/beeston/co2/new-1", "600")
    hubs.send("hubs/beeston/co2/new-9", "600")
    assert hubs.buffer.quarantine.counts() == {Reason.UNKNOWN_SENSOR: 15}


def test_a_message_of_too_many_past_days_is_refused_whole(tmp_path: Path) -> None:
    hubs = Hubs(tmp_path, past_days_max=30)
    for days in (30, 31):
        hubs.send(
            "hubs/beeston/co2/s", json.dumps([{"time": NOW_NS - n * DAY_NS, "value": 600} for n in range(1, days + 1)])
        )
        hubs.clock.forward(100)
    assert len(hubs.lines) == 30
    [refusal] = hubs.buffer.quarantine.find(limit=10)
    assert (refusal.reason, "31 past days" in refusal.detail) == (Reason.TOO_LARGE, True)
    more = Settings(data_dir=tmp_path, ingest=IngestSettings(past_days_max=31))
    (redriven,) = redrive(more, ESTATE, clock_ns=hubs.clock)
    assert (redriven.readings, redriven.refused_again) == (31, False)


def test_a_buffer_of_the_layout_before_says_nothing_waits(tmp_path: Path, open_buffer: OpenBuffer) -> None:
    with closing(open_buffer(tmp_path)) as buffer:
        buffer._file.connection().executescript("DROP TABLE surplus; DROP TABLE hub_counts")
    with closing(BufferReader(tmp_path)) as reader:
        assert (reader.ledger.read().messages_waiting, reader.ledger.read().by_hub) == (0, {})


def test_people_are_told_which_hubs_are_beyond_their_rate_for_a_day(hubs: Hubs) -> None:
    hubs.send("hubs/beeston/temperature/t", *["21"] * 1300)
    hubs.send("hubs/armley/footfall/s", *['{"entries": 1}'] * 30)
    told = held_back_in(hubs.folder, now_ns=NOW_NS)
    assert told == [
        "beeston sends more than its rate: 1,290 live readings left out",
        "armley sends more than its rate: 20 messages made to wait, 20 waiting",
    ]
    said = CliRunner().invoke(app, ["ledger", "--data", str(hubs.folder)]).stdout
    assert "1290 thinned + 20 waiting" in said
    assert "thinned by hub: 1290 of beeston" in said
    hubs.drain()
    assert held_back_in(hubs.folder, now_ns=NOW_NS + 2 * DAY_NS) == []
    assert held_back_in(hubs.folder / "nowhere", now_ns=NOW_NS) == []


def test_what_is_owed_is_paid_back_within_a_minute() -> None:
    bucket = Bucket(2.0, 20.0, 0.0)
    bucket.owe(1000)
    assert not bucket.take(1, 60.0)
    assert bucket.take(1, 61.0)
    bucket.owe(1000)
    bucket.owe(1000)
    assert bucket.left(121.0) == 0


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 100)), max_size=30))
def test_a_bucket_never_gives_more_than_it_was_given(asked: list[tuple[int, float]]) -> None:
    bucket, now_s, taken = Bucket(2.0, 20.0, 0.0), 0.0, 0
    for count, wait_s in asked:
        now_s += wait_s
        if bucket.take(count, now_s):
            taken += count
        assert taken <= 20 + 2 * now_s + 1e-6


MAKE: Sequence[Callable[[int], tuple[str, str]]] = (
    lambda n: (f"hubs/beeston/footfall/s{n % 3}", timed(NOW_NS - n, entries=1)),
    lambda n: (f"hubs/beeston/footfall/s{n % 3}", '{"entries": 1}'),
    lambda n: ("hubs/beeston/co2/s", timed(OLD_NS + n, value=500)),
    lambda n: ("hubs/armley/temperature/s", timed(NOW_NS - n, value=20)),
    lambda _n: ("hubs/armley/temperature/s", "rubbish"),
    lambda _n: ("hubs/nobody/temperature/s", "20"),
)


@settings(max_examples=25, deadline=None)
@given(kinds=st.lists(st.lists(st.integers(0, len(MAKE) - 1), max_size=40), max_size=6), seconds=st.integers(0, 3))
def test_whatever_comes_the_ledger_balances_and_every_count_is_taken(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[list[int]], seconds: int
) -> None:
    hubs = Hubs(tmp_path_factory.mktemp("hubs"))
    number = counts = received = 0
    for some in kinds:
        batch = []
        for kind in some:
            number += 1
            batch.append(message(*MAKE[kind](number), number))
            counts += kind <= 2
        hubs.take(batch)
        received += len(batch)
        hubs.clock.forward(seconds)
        hubs.take_held()
        assert hubs.buffer.ledger.read().balanced
    hubs.drain()
    ledger = hubs.buffer.ledger.read()
    assert ledger.balanced
    assert (ledger.messages_received, ledger.messages_waiting) == (received, 0)
    assert len(hubs.lines_of("beeston")) == len(set(hubs.lines_of("beeston"))) == counts
    hubs.buffer.close()
