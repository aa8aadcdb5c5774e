"""The writer ends when asked to, in time; and when it fails, in sight of all. The buffer keeps what is not settled."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from ingest.buffer import Buffer, BufferFullError
from schemas import HubpulseError
from stores import Accepted, Keep, Outcome, StoreError
from tests.ingest.fake_store import FakeStore
from tests.ingest.given import OpenBuffer
from tests.ingest.writing import DEADLINE_S, commit, drained, readings, running
from tests.waiting import wait_until


def test_a_buffer_that_cannot_forget_writes_the_same_again(
    buffer: Buffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(buffer, readings(3))
    store = FakeStore()
    settle, failures = Buffer.settle, [BufferFullError("disk full")] * 2

    def fail_first(self: Buffer, *about: Any) -> None:
        if failures:
            raise failures.pop()
        settle(self, *about)

    monkeypatch.setattr(Buffer, "settle", fail_first)
    with running(tmp_path, store) as (_, pauses):
        for tries in (1, 2):
            pauses.wait_for(tries)
            pauses.let_go()
        drained(buffer)

    assert store.readings == [readings(3)] * 3
    assert len(store.points) == 3
    assert buffer.ledger.read().readings_stored == 3


def test_a_crash_between_store_and_buffer_counts_nothing_twice(
    buffer: Buffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(buffer, readings(3))
    store = FakeStore()
    with monkeypatch.context() as patch:
        patch.setattr(Buffer, "settle", lambda *_: (_ for _ in ()).throw(SystemError("killed")))
        with running(tmp_path, store) as (writer, _):
            wait_until(lambda: writer.failure, DEADLINE_S, "the writer to die")

    with running(tmp_path, store):
        drained(buffer)

    assert len(store.points) == 3
    assert (buffer.ledger.read().readings_stored, buffer.ledger.read().balanced) == (3, True)


def test_a_stop_writes_what_was_committed_before(buffer: Buffer, tmp_path: Path) -> None:
    store = FakeStore()
    with running(tmp_path, store, settings={"flush_lines_max": 10}) as (writer, _):
        for first in range(0, 100, 10):
            commit(buffer, readings(10, first=first))
        assert writer.stop(DEADLINE_S)

    assert buffer.ledger.read().readings_pending == 0
    assert len(store.points) == 100


def test_what_a_store_took_before_it_failed_is_not_written_again(buffer: Buffer, tmp_path: Path) -> None:
    """However many flushes wait: one that fails now and then would else never be done with them."""
    for first in range(0, 40, 10):
        commit(buffer, readings(10, first=first))
    outcomes: Iterator[Outcome] = iter([Accepted(), Keep("away")])
    store = FakeStore(lambda _lines: next(outcomes, Accepted()))

    with running(tmp_path, store, settings={"flush_lines_max": 10}) as (_, pauses):
        pauses.wait_for(1)
        assert buffer.ledger.read().readings_pending == 30
        pauses.let_go()
        drained(buffer)

    assert store.readings == [readings(10, first=first) for first in (0, 10, 10, 20, 30)]


def test_a_stop_does_not_wait_for_a_store_that_is_down(buffer: Buffer, tmp_path: Path) -> None:
    commit(buffer, readings(3))
    store = FakeStore(lambda _lines: Keep("down", retry_after_s=300))

    with running(tmp_path, store) as (writer, pauses):
        pauses.wait_for(1)
        assert writer.stop(DEADLINE_S)

    assert buffer.ledger.read().readings_pending == 3
    assert len(store.readings) <= 2


@pytest.mark.parametrize("batch_lines, pending", [(10, 970), (1000, 1000)])
def test_a_stop_leaves_in_the_buffer_what_a_slow_store_does_not_take_in_time(
    buffer: Buffer, tmp_path: Path, batch_lines: int, pending: int
) -> None:
    for first in range(0, 1000, batch_lines):
        commit(buffer, readings(batch_lines, first=first))
    now_s = [0.0]
    written = threading.Semaphore(0)
    stopped = threading.Event()

    def slow(_lines: list[str]) -> Outcome:
        written.release()
        assert stopped.wait(DEADLINE_S)
        now_s[0] += 3  # seconds that this write took
        return Accepted()

    store = FakeStore(slow)
    with running(tmp_path, store, settings={"flush_lines_max": 10}, monotonic_s=lambda: now_s[0]) as (writer, _):
        assert written.acquire(timeout=DEADLINE_S)
        ending = threading.Thread(target=writer.stop, args=(8.0,))
        ending.start()
        wait_until(writer._stopping.is_set, DEADLINE_S, "the stop to be asked for")
        stopped.set()
        ending.join(DEADLINE_S)
        wait_until(lambda: not writer.is_alive(), DEADLINE_S, "the writer to end")

    assert len(store.readings) == 3
    assert buffer.ledger.read().readings_pending == pending


def test_a_fault_ends_the_writer_in_sight_of_all(buffer: Buffer, tmp_path: Path) -> None:
    commit(buffer, readings(1))

    def fault(_lines: list[str]) -> Outcome:
        raise RuntimeError("what is aa:bb:cc:dd:ee:ff")

    with structlog.testing.capture_logs() as logs, running(tmp_path, FakeStore(fault)) as (writer, _):
        wait_until(lambda: writer.failure, DEADLINE_S, "the writer to end")
        with pytest.raises(HubpulseError, match="the writer stopped") as error:
            writer.raise_failure()

    assert "\n" not in str(error.value)
    assert "RuntimeError: what is **:**:**:**:**:**" in str(logs)
    assert "dd:ee:ff" not in str(logs)
    assert buffer.ledger.read().readings_pending == 1


def test_a_store_that_cannot_be_opened_is_said_in_one_line(tmp_path: Path, open_buffer: OpenBuffer) -> None:
    open_buffer(tmp_path)

    def no_store() -> FakeStore:
        raise StoreError("no such place")

    with structlog.testing.capture_logs() as logs, running(tmp_path, FakeStore(), open_store=no_store) as (writer, _):
        wait_until(lambda: writer.failure, DEADLINE_S, "the writer to end")
        with pytest.raises(HubpulseError, match="no such place"):
            writer.raise_failure()

    assert logs == [{"event": "writer_stopped", "log_level": "error", "error": "no such place"}]


def test_a_writer_at_work_raises_nothing(tmp_path: Path, open_buffer: OpenBuffer) -> None:
    open_buffer(tmp_path)
    with running(tmp_path, FakeStore()) as (writer, _):
        writer.raise_failure()
