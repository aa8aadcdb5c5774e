"""The quarantine is a file of its own: exact with the buffer whenever killed, and never in the way of honest hubs."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
import structlog

from ingest.batches import Batch
from ingest.buffer import MIGRATIONS, Buffer, BufferFullError, BufferReader
from ingest.buffer_file import FILE_NAME, QUARANTINE_NAME
from ingest.doctor import ingest_finding
from ingest.ledger import Ledger
from ingest.quarantine import QuarantineError, RejectedLine
from ingest.upkeep import Upkeep
from schemas import Settings
from schemas.settings import IngestSettings, MqttSettings
from stores.salvage import salvages
from stores.sqlite_file import SqliteFile
from tests.ingest.given import Clock, OpenBuffer, lines, refusal
from tests.ingest.killing import folders_as_killed
from tests.ingest.walking import AIR, ESTATE, Running, temperatures
from tests.mqtt.receiving import DEADLINE_S, publish
from tests.servers import Mosquitto
from tests.waiting import wait_until

DAY_S = 86_400


def seen(folder: Path) -> tuple[list[bytes], Ledger]:
    with closing(BufferReader(folder)) as reader:
        return sorted(refusal.payload for refusal in reader.quarantine.find(limit=1000)), reader.ledger.read()


def rows(folder: Path) -> int:
    """How many rows the quarantine's file has, whether they count or not."""
    with closing(sqlite3.connect(folder / QUARANTINE_NAME)) as db:
        (count,) = db.execute("SELECT count(*) FROM quarantine").fetchone()
        return int(count)


def both(number: int) -> Batch:
    """A batch with a reading and a refusal."""
    batch = refusal("t", b"%d" % number)
    batch.add(lines(1))
    return batch


def commit(buffer: Buffer) -> None:
    buffer.commit(both(3))


def redrive(buffer: Buffer) -> None:
    first = next(buffer.quarantine.messages(ids=None, reason=None))
    assert buffer.redrive(first.id, Batch(["line"]))


def redrive_a_part(buffer: Buffer) -> None:
    first = next(buffer.quarantine.messages(ids=None, reason=None))
    rest = refusal("t", b"rest")
    rest.refused = [rest.refused[0]._replace(readings=1)]
    rest.lines, rest.messages = ["line"], 0
    assert buffer.redrive(first.id, rest)


def settle(buffer: Buffer) -> None:
    buffer.settle(buffer.pending.oldest(1), [RejectedLine("t", b"line", "because")])


@pytest.mark.parametrize("act", [commit, redrive, redrive_a_part, settle])
@pytest.mark.parametrize("is_first", [True, False])
def test_killed_at_any_point_it_was_done_or_not_and_the_next_try_is_exact(
    open_buffer: OpenBuffer, tmp_path: Path, act: Callable[[Buffer], None], is_first: bool
) -> None:
    data = tmp_path / "data"
    buffer = open_buffer(data)
    buffer.commit(lines(2))
    if not is_first or act in (redrive, redrive_a_part):
        buffer.commit(both(1))
        buffer.commit(both(2))
    before = seen(data)
    killed = folders_as_killed(data, lambda: act(buffer))
    after = seen(data)
    assert before != after
    assert len(killed) >= 4

    states = [seen(folder) for folder in killed]
    assert all(state in (before, after) for state in states)
    assert before in states
    assert states[-1] == after
    for folder, state in zip(killed, states, strict=True):
        again = open_buffer(folder)
        assert seen(folder) == state
        if state == before:
            act(again)
        assert seen(folder) == after
        if (folder / QUARANTINE_NAME).exists():
            assert rows(folder) == len(after[0])
        assert seen(folder)[1].balanced


def test_a_commit_that_fails_leaves_no_refusal_that_counts(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    buffer = open_buffer(tmp_path)
    buffer.commit(both(1))
    db = buffer._file.connection()
    db.execute("PRAGMA max_page_count = 1")
    big = both(2)
    big.lines = ["x" * 500_000]
    with pytest.raises(BufferFullError):
        buffer.commit(big)
    assert seen(tmp_path)[0] == [b"1"]
    db.execute(f"PRAGMA max_page_count = {2**30}")
    buffer.commit(big)
    assert seen(tmp_path)[0] == [b"1", b"2"]
    assert rows(tmp_path) == 2


def test_two_processes_that_keep_and_remove_at_once_stay_exact(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    one, other = open_buffer(tmp_path), open_buffer(tmp_path)
    for number in range(10):
        one.commit(both(number))
        first = next(other.quarantine.messages(ids=None, reason=None))
        other.commit(both(100 + number))
        assert one.redrive(first.id, Batch(["line"]))
        assert not other.redrive(first.id, Batch(["line"]))
    found, ledger = seen(tmp_path)
    assert len(found) == rows(tmp_path) == 10
    assert (ledger.messages_refused, ledger.messages_accepted) == (10, 30)


def kept_for(folder: Path, *, days: int) -> Settings:
    return Settings(data_dir=folder, ingest=IngestSettings(quarantine_age_days_max=days))


def damage(folder: Path) -> None:
    path = folder / QUARANTINE_NAME
    for beside in (f"{QUARANTINE_NAME}-wal", f"{QUARANTINE_NAME}-shm"):
        (folder / beside).unlink(missing_ok=True)
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096))


def test_a_damaged_quarantine_stops_nothing_and_is_set_aside(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    clock = Clock()
    with closing(open_buffer(tmp_path)) as buffer:
        buffer.commit(both(1))
        buffer.commit(lines(2))
    damage(tmp_path)
    with closing(Buffer(tmp_path, clock_ns=clock)) as buffer:
        upkeep = Upkeep(kept_for(tmp_path, days=1), buffer, clock_ns=clock, monotonic_s=count().__next__)
        buffer.commit(both(2))
        ledger = buffer.ledger.read()
        assert ledger.balanced
        assert (ledger.messages_received, ledger.readings_pending) == (6, 4)
        assert (ledger.notes, ledger.by_hub) == ({"quarantine_not_kept": 1}, {"quarantine_not_kept": {"": 1}})
        with structlog.testing.capture_logs() as logs:
            upkeep.turn()
        assert [entry["event"] for entry in logs] == ["quarantine_failed"]
        buffer.commit(both(3))
        assert seen(tmp_path)[0] == [b"3"]
        assert [found.file for found in salvages(tmp_path)] == [QUARANTINE_NAME]


@pytest.mark.parametrize("how", ["locked", "unreadable"])
def test_a_quarantine_that_cannot_be_used_for_a_while_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("stores.sqlite_file.LOCK_WAIT_S", 0)
    clock = Clock()
    with closing(Buffer(tmp_path, clock_ns=clock)) as buffer:
        buffer.commit(both(1))
        path = tmp_path / QUARANTINE_NAME
        other = sqlite3.connect(path, isolation_level=None)
        if how == "locked":
            other.execute("BEGIN IMMEDIATE")
        else:
            path.rename(tmp_path / "elsewhere")
            path.mkdir()
        buffer.commit(both(2))
        buffer.commit(both(3))
        assert buffer.ledger.read().notes == {"quarantine_not_kept": 2}
        assert buffer.ledger.read().balanced
        assert "quarantine" in str(buffer.quarantine_problem)
        rows_pending = buffer.pending.oldest(1)
        with pytest.raises(BufferFullError):  # what was accepted waits until it can be kept
            buffer.settle(rows_pending, [RejectedLine("t", b"line", "because")])
        if how == "locked":
            other.execute("ROLLBACK")
        else:
            path.rmdir()
            (tmp_path / "elsewhere").rename(path)
        other.close()
        clock.forward(61)
        buffer.commit(both(4))
        buffer.settle(rows_pending, [RejectedLine("t", b"line", "because")])
        assert str(buffer.quarantine_problem) == "None"
    assert seen(tmp_path)[0] == [b"1", b"4", b"line"]


def test_on_a_full_disk_what_is_refused_waits_at_the_broker(tmp_path: Path) -> None:
    """It is not acknowledged and then not kept: the disk will have room again."""
    with closing(Buffer(tmp_path, clock_ns=Clock())) as buffer:
        buffer.commit(both(1))
        quarantine = buffer.quarantine._file.connection()
        (pages,) = quarantine.execute("PRAGMA page_count").fetchone()
        quarantine.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(BufferFullError, match="full disk"):
            buffer.commit(refusal("t", bytes(20_000)))
        assert buffer.ledger.read().messages_received == 2
        buffer.commit(refusal("t", bytes(20_000)))  # the file was closed meanwhile, and so was the limit lifted
        assert (buffer.ledger.read().messages_received, buffer.ledger.read().notes) == (3, {})
    assert seen(tmp_path)[0] == [bytes(20_000), b"1"]


def test_refusals_as_old_as_none_is_kept_are_deleted_and_counted(tmp_path: Path) -> None:
    clock = Clock()
    with closing(Buffer(tmp_path, clock_ns=clock)) as buffer:
        upkeep = Upkeep(kept_for(tmp_path, days=30), buffer, clock_ns=clock, monotonic_s=count(0, 2).__next__)
        old = refusal("t", b"old")
        old.refused, old.messages = [old.refused[0]._replace(hub="beeston")] * 2500, 2500
        buffer.commit(old)
        clock.forward(30 * DAY_S + 1)
        fresh = refusal("t", b"fresh")
        fresh.refused = [fresh.refused[0]._replace(received_ns=clock.now_ns)]
        buffer.commit(fresh)
        for _ in range(4):
            upkeep.turn()
        ledger = buffer.ledger.read()
    assert seen(tmp_path)[0] == [b"fresh"]
    assert ledger.balanced
    assert ledger.notes == {"quarantine_expired": 2500}
    assert ledger.by_hub == {"quarantine_expired": {"beeston": 2500}}


def test_a_buffer_that_is_gone_takes_the_quarantine_as_it_is(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    with closing(open_buffer(tmp_path)) as buffer:
        buffer.commit(both(1))
        buffer.commit(both(2))
    (tmp_path / FILE_NAME).unlink()
    with closing(open_buffer(tmp_path)) as buffer:
        assert seen(tmp_path)[0] == [b"1", b"2"]
        buffer.commit(both(3))
    assert seen(tmp_path)[0] == [b"1", b"2", b"3"]


def test_a_quarantine_that_is_gone_is_made_anew(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    buffer = open_buffer(tmp_path)
    buffer.commit(both(1))
    for name in (QUARANTINE_NAME, f"{QUARANTINE_NAME}-wal", f"{QUARANTINE_NAME}-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    buffer.commit(both(2))
    assert seen(tmp_path)[0] == [b"2"]
    assert [found.file for found in salvages(tmp_path)] == [QUARANTINE_NAME]


def test_what_the_buffer_held_of_refusals_moves_into_the_file_of_its_own(
    tmp_path: Path, open_buffer: OpenBuffer
) -> None:
    with closing(SqliteFile(tmp_path / FILE_NAME, name="buffer", migrations=MIGRATIONS[:4])) as before:
        before.connection().execute(
            "INSERT INTO quarantine VALUES (7, 1, 't', x'31', 0, 'bad_topic', 'because', 0, 1, 'armley')"
        )
    killed = folders_as_killed(tmp_path, lambda: open_buffer(tmp_path).close())
    for folder in (tmp_path, *killed):
        with closing(open_buffer(folder)) as buffer:
            assert buffer.quarantine.get(7).payload == b"1"
            assert buffer.quarantine.refused_bytes() > 200
            buffer.commit(both(2))
        assert seen(folder)[0] == [b"1", b"2"]
        assert rows(folder) == 2


@pytest.mark.needs("mosquitto")
def test_ingest_receives_what_is_honest_while_its_quarantine_is_damaged_and_mends_it(
    mosquitto: Mosquitto, tmp_path: Path, open_buffer: OpenBuffer
) -> None:
    data, estate = tmp_path / "data", tmp_path / "estate.yaml"
    with closing(open_buffer(data)) as buffer:
        for number in range(20):
            buffer.commit(refusal("t", b"%d" % number))
    damage(data)
    estate.write_text(ESTATE)
    where = Settings(data_dir=data, estate=estate, mqtt=MqttSettings(host="127.0.0.1", port=mosquitto.port))
    ingest = Running(where)
    ingest.thread.start()
    assert ingest.ingest.ready.wait(DEADLINE_S)
    publish(mosquitto.port, [b"rubbish"], topic=AIR)
    publish(mosquitto.port, temperatures(5), topic=AIR)
    ingest.wait_for(messages_received=26)
    wait_until(lambda: salvages(data), DEADLINE_S, "the damage to be found")
    publish(mosquitto.port, [b"more rubbish"], topic=AIR)
    ingest.wait_for(messages_received=27)
    finding = ingest_finding(where, clock_ns=ingest.ingest._clock_ns)
    ingest.stop()

    assert ingest.error is None
    assert ingest.ledger.notes["quarantine_not_kept"] == 1
    assert b"more rubbish" in seen(data)[0]
    assert "the ledger balances" in finding.detail


def test_what_is_wrong_with_the_quarantine_is_said_in_a_line(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    with closing(open_buffer(tmp_path)) as buffer:
        buffer.commit(both(1))
    damage(tmp_path)
    with closing(BufferReader(tmp_path)) as reader, pytest.raises(QuarantineError, match="is damaged") as error:
        reader.quarantine.counts()
    assert "\n" not in str(error.value)
