"""The buffer's file: bounded, plain about what is wrong with it, and readable by anyone."""

import json
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ingest.batches import Batch, DayMark
from ingest.buffer import Buffer, BufferFullError, BufferReader
from ingest.buffer_file import FILE_NAME, QUARANTINE_NAME
from ingest.quarantine import RejectedLine
from mqtt.messages import Message
from schemas import HubpulseError
from tests.ingest.given import NOW_NS, OpenBuffer, lines, message, refusal
from tests.real_parts import REPOSITORY


def fill(buffer: Buffer, batch: Batch) -> None:
    """Commit until it raises."""
    for _ in range(1000):
        buffer.commit(batch)


def test_a_commit_is_on_the_disk_when_it_returns(buffer: Buffer) -> None:
    assert buffer._file.connection().execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert buffer._file.connection().execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_batches_come_back_in_order_up_to_the_lines_asked_for(buffer: Buffer) -> None:
    for count in (3, 4, 5):
        buffer.commit(lines(count))

    assert [row.readings for row in buffer.pending.oldest(1)] == [3]
    assert [row.readings for row in buffer.pending.oldest(3)] == [3]
    assert [row.readings for row in buffer.pending.oldest(4)] == [3, 4]
    assert [row.readings for row in buffer.pending.oldest(100)] == [3, 4, 5]


def test_a_large_batch_is_read_in_parts_and_its_days_are_with_the_last(buffer: Buffer) -> None:
    batch, mark = lines(12_000, line_bytes=10), DayMark("armley", 0)
    batch.marks.add(mark)
    buffer.commit(batch)
    rows = buffer.pending.oldest(100_000)

    assert [row.readings for row in rows] == [5000, 5000, 2000]
    assert b"\n".join(row.lines for row in rows).decode().split("\n") == batch.lines
    assert [row.marks for row in rows] == [(), (), (mark,)]
    assert [row.readings for row in buffer.pending.oldest(1)] == [5000]


def test_an_empty_batch_is_nothing(buffer: Buffer) -> None:
    buffer.commit(Batch())

    assert buffer.pending.oldest(1) == []
    assert buffer.ledger.read().messages_received == 0


def test_a_full_buffer_takes_nothing_until_the_store_took_something(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    buffer = open_buffer(tmp_path, bytes_max=1024**2)
    with pytest.raises(BufferFullError, match="HUBPULSE_INGEST__BUFFER_BYTES_MAX"):
        fill(buffer, lines(1000))
    before = buffer.ledger.read()
    with pytest.raises(BufferFullError):
        buffer.commit(lines(1000))
    assert buffer.ledger.read() == before

    buffer.settle(buffer.pending.oldest(3000), [])
    buffer.commit(lines(1000))

    assert buffer.ledger.read().balanced
    assert buffer.used_bytes() <= 1024**2 + 64 * 1024


def test_refused_messages_take_none_of_the_room_for_readings(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    """Rubbish of one hub once filled the buffer, and every hub waited."""
    buffer = open_buffer(tmp_path, bytes_max=1024**2)
    for _ in range(30):
        buffer.commit(refusal("t", bytes(100_000)))

    buffer.commit(lines(10))
    assert buffer.used_bytes() < 1024**2


def test_room_is_left_on_the_disk(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    buffer = open_buffer(tmp_path, disk_free_bytes_min=shutil.disk_usage(tmp_path).total)

    with pytest.raises(BufferFullError, match="make room"):
        buffer.commit(lines(1))
    assert buffer.ledger.read().messages_received == 0


def test_a_file_that_filled_the_disk_is_filled_again_once_it_is_drained(
    open_buffer: OpenBuffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite keeps the room of deleted rows in the file: it counts as room, or ingest would never go on."""
    buffer = open_buffer(tmp_path, disk_free_bytes_min=0)
    for _ in range(10):
        buffer.commit(lines(1000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(10**9, 10**9, 0))
    with pytest.raises(BufferFullError):
        buffer.commit(lines(1000))

    buffer.settle(buffer.pending.oldest(10_000), [])
    buffer.commit(lines(1000))

    assert buffer.ledger.read().readings_pending == 1000


def test_the_room_left_on_the_disk_is_enough_to_drain_the_buffer(small_disk: Path, open_buffer: OpenBuffer) -> None:
    """Otherwise a store that comes back would find nobody able to hand over."""
    buffer = open_buffer(small_disk, disk_free_bytes_min=2 * 1024**2)
    batch = lines(300, line_bytes=1000)
    with pytest.raises(BufferFullError, match="make room"):
        fill(buffer, batch)

    while rows := buffer.pending.oldest(1):
        buffer.settle(rows, [])
    buffer.commit(batch)

    ledger = buffer.ledger.read()
    assert ledger.balanced
    assert (ledger.readings_stored % 300, ledger.readings_pending) == (0, 300)


def test_a_disk_that_others_fill_takes_nothing_halfway(small_disk: Path, open_buffer: OpenBuffer) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(8 * 1024**2))
    buffer = open_buffer(small_disk)
    with pytest.raises(BufferFullError):
        fill(buffer, lines(300, line_bytes=1000))
    (small_disk / "more").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    before, rows = buffer.ledger.read(), buffer.pending.oldest(1)

    with pytest.raises(BufferFullError):
        buffer.commit(lines(300, line_bytes=1000))
    with pytest.raises(BufferFullError):
        buffer.status.set("writer", {"state": "x" * 100_000})
    with pytest.raises(BufferFullError):
        buffer.settle(rows, [RejectedLine("t", bytes(100_000), "because")])
    assert (buffer.ledger.read(), buffer.pending.oldest(1)) == (before, rows)

    ballast.unlink()
    buffer.settle(rows, [])
    buffer.commit(lines(1))
    assert buffer.ledger.read().balanced


def test_a_new_session_is_not_missed_because_the_disk_was_full(small_disk: Path, open_buffer: OpenBuffer) -> None:
    buffer = open_buffer(small_disk)
    known = message("t", "21.5", 7, dup=True)
    buffer.commit(Batch(deliveries=[known], messages=1))
    (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free))

    buffer.begin_connection(same_session=False)

    assert buffer.sort([known]).redelivered == 0
    assert buffer.holds_another_session
    (small_disk / "ballast").unlink()
    buffer.commit(lines(1))
    buffer.close()
    assert open_buffer(small_disk).sort([known]).redelivered == 0


def test_another_process_reads_the_ledger_while_ingest_commits(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    buffer = open_buffer(tmp_path)
    buffer.commit(lines(1))
    program = """
        import sys
        from pathlib import Path
        from ingest.buffer import BufferReader
        reader = BufferReader(Path(sys.argv[1]))
        print("reading", flush=True)
        seen = set()
        while len(seen) < 20:
            ledger = reader.ledger.read()
            assert ledger.balanced, ledger
            assert ledger.messages_received == ledger.readings_stored + ledger.readings_pending, ledger
            seen.add(ledger.messages_received)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"reading\n"
        committed = 0
        while reader.poll() is None:
            buffer.commit(lines(1))
            committed += 1
            if committed % 10 == 0:
                buffer.settle(buffer.pending.oldest(5), [])

    assert reader.returncode == 0


def test_a_slow_reader_does_not_stop_commits(buffer: Buffer, tmp_path: Path) -> None:
    for number in range(5):
        buffer.commit(refusal("t", b"%d" % number))
    found = BufferReader(tmp_path).quarantine.find(limit=10)
    next(found)

    buffer.commit(lines(10))

    assert len(list(found)) == 4


def test_another_process_that_writes_for_long_holds_commits_up_without_harm(
    open_buffer: OpenBuffer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stores.sqlite_file.LOCK_WAIT_S", 0)
    buffer = open_buffer(tmp_path)
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(BufferFullError, match="locked"):
        buffer.commit(lines(1))
    other.execute("ROLLBACK")
    buffer.commit(lines(1))

    assert buffer.ledger.read().readings_pending == 1
    other.close()


def test_a_quarantine_that_is_damaged_or_missing_says_so(tmp_path: Path) -> None:
    with pytest.raises(HubpulseError, match="nothing was received"):
        BufferReader(tmp_path)
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all, by no means" * 100)
    with pytest.raises(HubpulseError, match="is not a SQLite database: move the file away"):
        BufferReader(tmp_path)


def test_a_page_of_the_quarantine_that_is_damaged_says_so(open_buffer: OpenBuffer, tmp_path: Path) -> None:
    buffer = open_buffer(tmp_path)
    for _ in range(50):
        buffer.commit(refusal("t", bytes(3000)))
    buffer.close()
    path = tmp_path / QUARANTINE_NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:80_000] + b"\xff" * 80_000 + whole[160_000:])
    reader = BufferReader(tmp_path)

    with pytest.raises(HubpulseError, match="is damaged: let ingest keep"):
        list(reader.quarantine.find(limit=100))
    reader.close()


def test_what_is_refused_is_kept_whole_but_for_mac_addresses(buffer: Buffer, tmp_path: Path) -> None:
    payload = b'{"mac": "aa:bb:cc:dd:ee:ff", "dotted": "aabb.ccdd.eeff", "devEui": "aa:bb:cc:dd:ee:ff:00:11"}'
    buffer.commit(refusal("wifi/AA-BB-CC-DD-EE-FF", payload, "unknown key aa:bb:cc:dd:ee:ff"))

    kept = BufferReader(tmp_path).quarantine.get(1)

    assert kept.topic == "wifi/**-**-**-**-**-**"
    assert json.loads(kept.payload) == {
        "mac": "**:**:**:**:**:**",
        "dotted": "****.****.****",
        "devEui": "aa:bb:cc:dd:ee:ff:00:11",
    }
    assert kept.detail == "unknown key **:**:**:**:**:**"
    buffer.close()
    for name in (FILE_NAME, QUARANTINE_NAME):
        assert b"dd:ee:ff" not in (tmp_path / name).read_bytes().replace(b"dd:ee:ff:00:11", b"")


def test_bytes_of_any_kind_are_kept_as_they_came(buffer: Buffer, tmp_path: Path) -> None:
    payload = bytes(range(256))
    batch = refusal("t", payload)
    batch.refused = [batch.refused[0]._replace(message=Message(b"\xff/\x00", payload))]
    buffer.commit(batch)

    kept = BufferReader(tmp_path).quarantine.get(1)

    assert kept.payload == payload
    assert kept.topic == "\\xff/\x00"


def test_the_reasons_of_many_readings_are_told_in_one_line(buffer: Buffer, tmp_path: Path) -> None:
    batch = refusal("t", b"[]", *(f"because {number}" for number in range(10)))
    batch.refused = [batch.refused[0]._replace(readings=2)]
    buffer.commit(batch)

    kept = BufferReader(tmp_path).quarantine.get(1)

    assert kept.detail.startswith("10 of 12 readings refused: bad_schema: because 0; bad_schema: because 1; ")
    assert kept.detail.endswith("; and 7 more")
    assert buffer.ledger.read().readings_refused == 10


def test_lines_that_the_store_refused_have_each_a_time_of_their_own(buffer: Buffer) -> None:
    buffer.commit(lines(3))
    buffer.settle(buffer.pending.oldest(3), [RejectedLine("t", b"%d" % number, "because") for number in range(3)])

    assert [refusal.received_ns for refusal in buffer.quarantine.messages(ids=None, reason=None)] == [
        NOW_NS,
        NOW_NS + 1,
        NOW_NS + 2,
    ]
