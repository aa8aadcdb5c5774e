"""What becomes of a batch for every answer that a store may give: stored, in the quarantine, or still in the buffer."""

import json
import math
import random
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ingest.batches import DayMark
from ingest.buffer import Buffer, BufferReader
from ingest.explain import explain
from ingest.service_status import ServiceStatus
from schemas import Reason, Settings
from sensors.registry import Registry
from stores import Accepted, Keep, Outcome, Rejected, StoreError, TooLarge
from stores.sqlite_store import SqliteStore
from tests.ingest.fake_store import FakeStore
from tests.ingest.given import NOW_NS, OPEN_ESTATE
from tests.ingest.writing import commit, drained, once, readings, running


def test_what_is_accepted_is_stored_and_gone_from_the_buffer(buffer: Buffer, tmp_path: Path) -> None:
    commit(buffer, readings(3))
    store = FakeStore()

    with running(tmp_path, store):
        drained(buffer)

    assert store.readings == [readings(3)]
    assert store.closed
    ledger = buffer.ledger.read()
    assert (ledger.readings_stored, ledger.readings_pending, ledger.balanced) == (3, 0, True)


def test_a_commit_while_it_waits_is_written_too(buffer: Buffer, tmp_path: Path) -> None:
    store = FakeStore()
    with running(tmp_path, store) as (writer, _):
        for first in (0, 10, 20):
            commit(buffer, readings(2, first=first))
            writer.notify()
            drained(buffer)

    assert len(store.points) == 6


def test_what_it_does_is_noted_once(buffer: Buffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each note is a commit, which takes as long as that of a batch."""
    noted: list[object] = []
    monkeypatch.setattr(ServiceStatus, "set", lambda _self, _name, fields: noted.append(fields["state"]))
    with running(tmp_path, FakeStore()) as (writer, _):
        for first in (0, 10, 20):
            commit(buffer, readings(2, first=first))
            writer.notify()
            drained(buffer)

    assert noted == ["waiting for readings", "writing"]


def test_batches_are_flushed_together_up_to_the_limit_and_in_order(buffer: Buffer, tmp_path: Path) -> None:
    for first in range(0, 250, 10):
        commit(buffer, readings(10, first=first))
    store = FakeStore()

    with running(tmp_path, store):
        drained(buffer)

    assert [len(lines) for lines in store.readings] == [100, 100, 50]
    assert [line for lines in store.readings for line in lines] == readings(250)


def test_a_batch_of_any_size_goes_out_in_pieces_and_in_order(buffer: Buffer, tmp_path: Path) -> None:
    """A gateway's array may hold tens of thousands of readings: in one body a store could never take them."""
    corrected = [*readings(250, value=1), *readings(250, value=2)]
    commit(buffer, corrected)
    store = FakeStore()

    with running(tmp_path, store):
        drained(buffer)

    assert [len(lines) for lines in store.readings] == [100] * 5
    assert [line for lines in store.readings for line in lines] == corrected
    assert {fields["temperature_c"] for fields in store.points.values()} == {2}


def test_days_are_marked_after_their_readings_and_once(buffer: Buffer, tmp_path: Path) -> None:
    day_1, day_2 = DayMark("a", NOW_NS - 10**15), DayMark("b", NOW_NS - 2 * 10**15)
    commit(buffer, readings(2), day_1)
    commit(buffer, readings(2, first=5), day_1, day_2)
    store = FakeStore()

    with running(tmp_path, store):
        drained(buffer)

    assert store.marks == [
        f"day_marks,hub=a marked_ns={NOW_NS}i {day_1.midnight_ns}",
        f"day_marks,hub=b marked_ns={NOW_NS}i {day_2.midnight_ns}",
    ]
    assert store.writes[-1] == store.marks


def test_marks_that_are_not_taken_keep_their_readings_in_the_buffer(buffer: Buffer, tmp_path: Path) -> None:
    """A day that is not marked is not computed again: the readings would be there and the figure wrong."""
    commit(buffer, readings(1), DayMark("a", 0))
    store = FakeStore(lambda lines: Rejected("type conflict") if lines[0].startswith("day_marks") else Accepted())

    with running(tmp_path, store) as (_, pauses):
        pauses.wait_for(1)
        assert buffer.ledger.read().readings_pending == 1
        status = BufferReader(tmp_path).status.get("writer")
        assert (
            status["state"]
            == "holding: the store refuses day marks (type conflict): is day_marks used by something else?"
        )
        store.answer = lambda _lines: Accepted()
        pauses.let_go()
        drained(buffer)


def test_what_the_store_cannot_take_now_stays_and_is_tried_again(buffer: Buffer, tmp_path: Path) -> None:
    commit(buffer, readings(3))
    store = FakeStore(once(*[Keep("down")] * 6))

    with running(tmp_path, store, settings={"backoff_first_s": 1, "backoff_max_s": 8}) as (_, pauses):
        for tries in range(1, 7):
            pauses.wait_for(tries)
            assert buffer.ledger.read().readings_pending == 3
            pauses.let_go()
        drained(buffer)

    rng = random.Random(7)
    assert pauses.seconds == [rng.uniform(0, limit_s) for limit_s in (1, 2, 4, 8, 8, 8)]
    assert len(store.points) == 3


def test_waits_begin_anew_once_the_store_took_something(buffer: Buffer, tmp_path: Path) -> None:
    store = FakeStore(once(Keep("down"), Keep("down"), Accepted(), Keep("down")))
    with running(tmp_path, store, settings={"backoff_first_s": 1, "backoff_max_s": 64}) as (writer, pauses):
        for first in (0, 10):
            commit(buffer, readings(1, first=first))
            writer.notify()
            while buffer.ledger.read().readings_pending:
                pauses.let_go()

    rng = random.Random(7)
    assert pauses.seconds == [rng.uniform(0, limit_s) for limit_s in (1, 2, 1)]


@pytest.mark.parametrize("asked_s, waited_s", [(17.0, 17.0), (100_000.0, 300.0)])
def test_the_store_may_say_how_long_to_wait(buffer: Buffer, tmp_path: Path, asked_s: float, waited_s: float) -> None:
    commit(buffer, readings(1))
    store = FakeStore(once(Keep("busy", retry_after_s=asked_s)))

    with running(tmp_path, store) as (_, pauses):
        assert pauses.wait_for(1) == [waited_s]


def test_a_wrong_token_is_said_loudly_once_and_drops_nothing(buffer: Buffer, tmp_path: Path) -> None:
    commit(buffer, readings(2))
    store = FakeStore(once(*[Keep("401: check HUBPULSE_INFLUX__TOKEN", needs_operator=True)] * 3))

    with structlog.testing.capture_logs() as logs, running(tmp_path, store) as (_, pauses):
        for tries in (1, 2, 3):
            pauses.wait_for(tries)
            pauses.let_go()
        drained(buffer)

    said = [(entry["log_level"], entry["event"]) for entry in logs]
    assert said == [
        ("error", "store_holding"),
        ("info", "store_resumed"),
    ]
    assert buffer.ledger.read().readings_stored == 2


def test_a_store_that_raises_is_held_for_like_one_that_is_down(buffer: Buffer, tmp_path: Path) -> None:
    commit(buffer, readings(2))
    errors = [StoreError("the store was written by a later Hubpulse: install that")]

    def answer(_lines: list[str]) -> Outcome:
        if errors:
            raise errors.pop()
        return Accepted()

    with running(tmp_path, FakeStore(answer)) as (_, pauses):
        pauses.wait_for(1)
        assert "later Hubpulse" in BufferReader(tmp_path).status.get("writer")["state"]
        pauses.let_go()
        drained(buffer)


def test_part_of_a_flush_taken_before_the_store_went_down_is_written_again(buffer: Buffer, tmp_path: Path) -> None:
    commit(buffer, readings(300))
    store = FakeStore(once(Accepted(), Keep("down")))

    with running(tmp_path, store) as (_, pauses):
        pauses.wait_for(1)
        assert buffer.ledger.read().readings_pending == 300
        pauses.let_go()
        drained(buffer)

    assert len(store.points) == 300
    assert buffer.ledger.read().readings_stored == 300


def test_a_batch_too_large_is_halved_until_it_fits(buffer: Buffer, tmp_path: Path) -> None:
    commit(buffer, readings(100))
    store = FakeStore(lambda lines: TooLarge("413") if len(lines) > 30 else Accepted())

    with running(tmp_path, store):
        drained(buffer)

    assert [len(lines) for lines in store.readings] == [100, 50, 25, 25, 50, 25, 25]
    assert buffer.ledger.read().readings_stored == 100


def test_halving_does_not_let_an_earlier_value_win(buffer: Buffer, tmp_path: Path) -> None:
    bad = readings(1, first=99)
    commit(buffer, [*readings(1, value=1), *bad, *readings(1, value=2), *readings(1, value=3)])
    store = FakeStore(lambda lines: Rejected("because") if bad[0] in lines else Accepted())

    with running(tmp_path, store):
        drained(buffer)

    assert [fields["temperature_c"] for fields in store.points.values()] == [3]


def test_a_line_that_is_too_large_alone_goes_to_the_quarantine(buffer: Buffer, tmp_path: Path) -> None:
    commit(buffer, readings(1))

    with running(tmp_path, FakeStore(lambda _lines: TooLarge("413: too large"))):
        drained(buffer)

    assert buffer.ledger.read().readings_store_rejected == 1


@hypothesis_settings(max_examples=25)
@given(count=st.integers(1, 60), bad=st.sets(st.integers(0, 59), max_size=12), partial=st.booleans())
def test_only_the_bad_lines_are_quarantined(
    tmp_path_factory: pytest.TempPathFactory, count: int, bad: set[int], partial: bool
) -> None:
    """Whether the store keeps the good lines of a batch that it refuses, as InfluxDB 1.x does, or none of them."""
    folder = tmp_path_factory.mktemp("buffer")
    buffer = Buffer(folder, clock_ns=lambda: NOW_NS)
    sent = readings(count)
    refused = {line for number, line in enumerate(sent) if number in bad}
    commit(buffer, sent)
    store = FakeStore()

    def answer(lines: list[str]) -> Outcome:
        if not refused.intersection(lines):
            return Accepted()
        if partial:
            store.points |= {(line, 0): {} for line in lines if line not in refused}
        return Rejected("field type conflict")

    store.answer = answer
    with running(folder, store):
        drained(buffer)

    found = {(r.topic, r.payload, r.reason, r.detail) for r in BufferReader(folder).quarantine.find(limit=100)}
    assert {payload for _, payload, _, _ in found} == {as_message(line) for line in refused}
    assert {(topic, reason, detail) for topic, _, reason, detail in found} <= {
        ("hubs/a/temperature/b", Reason.STORE_REJECTED, "field type conflict")
    }
    ledger = buffer.ledger.read()
    assert (ledger.readings_stored, ledger.readings_store_rejected) == (count - len(refused), len(refused))
    assert ledger.balanced
    assert len(store.readings) <= 1 + 2 * len(refused) * math.ceil(math.log2(count) if count > 1 else 1)
    buffer.close()


@pytest.mark.parametrize("line", ["no line of ours", "temperature,hub=a c=21.5 1", "temperature,hub=a,sensor=b x"])
def test_a_line_that_is_not_ours_is_quarantined_and_the_others_are_stored(
    buffer: Buffer, tmp_path: Path, line: str
) -> None:
    commit(buffer, [*readings(2), line])

    with running(tmp_path, FakeStore(), open_store=lambda: SqliteStore(tmp_path / "store.db")):
        drained(buffer)

    [found] = buffer.quarantine.find(limit=100)
    assert (found.payload, found.reason) == (line.encode(), Reason.STORE_REJECTED)
    ledger = buffer.ledger.read()
    assert (ledger.readings_stored, ledger.readings_store_rejected) == (2, 1)


def as_message(line: str) -> bytes:
    value, time_ns = line.rsplit("=", maxsplit=1)[-1].split(" ")
    return json.dumps({"time": int(time_ns), "temperature_c": float(value)}).encode()


@pytest.mark.parametrize(
    "line",
    [
        f"temperature,hub=a,sensor=b temperature_c=21.5 {NOW_NS - 1}",
        f"co2,hub=a,sensor=b co2_ppm=350.0,suspect=true {NOW_NS}",
        f"footfall,hub=a,sensor=door-line2 entries=3i,exits=2i {NOW_NS}",
        f"wifi,hub=a,sensor=b rx_bytes_total=9223372036854775807i {NOW_NS}",
        f"device,hub=a,sensor=b battery_v=1e+300 {NOW_NS}",
    ],
)
def test_a_line_that_the_store_refused_can_be_sent_again_as_a_message(
    buffer: Buffer, tmp_path: Path, line: str
) -> None:
    commit(buffer, [line])
    with running(tmp_path, FakeStore(lambda _lines: Rejected("because"))):
        drained(buffer)
    [refusal] = BufferReader(tmp_path).quarantine.find(limit=10)

    [reading], rejections, _ = explain(
        refusal.topic, refusal.payload, registry=Registry(OPEN_ESTATE), settings=Settings(), clock_ns=lambda: NOW_NS
    )

    assert rejections == []
    assert "suspect=true" in line if reading.suspect else "suspect" not in line
    assert all(f"{name}={value}" in line for name, value in reading.fields.items())
