"""What is whole in a damaged buffer goes on, what is missing is named, and the service with it."""

import random
import shutil
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.batches import Batch
from ingest.buffer import Buffer, BufferDamagedError, BufferReader
from ingest.buffer_file import FILE_NAME, QUARANTINE_NAME
from ingest.doctor import State, examine
from ingest.ledger import Ledger
from ingest.salvage import READINGS_LOST, has_lost_commits, salvage_buffer
from ingest.upkeep import Upkeep
from schemas import HubpulseError, Settings
from schemas.settings import MqttSettings
from stores.salvage import finish_salvage, salvages
from stores.sqlite_pages import SqlitePages
from tests.ingest.given import NOW_NS, OpenBuffer, lines, refusal
from tests.ingest.walking import AIR, ESTATE, Running, temperatures
from tests.mqtt.receiving import DEADLINE_S, publish
from tests.servers import Mosquitto
from tests.waiting import wait_until

PAGE = 4096
COMMITS, READINGS = 60, 60


def readings(number: int, count: int = READINGS) -> Batch:
    """A batch that any store takes, with a time of its own for each reading of each number."""
    times_ns = range(NOW_NS + number * count, NOW_NS + (number + 1) * count)
    sensor = "air-" + "x" * 50
    return Batch(
        [f"temperature,hub=armley,sensor={sensor} temperature_c=21.5 {time_ns}" for time_ns in times_ns], messages=1
    )


def fill(buffer: Buffer) -> None:
    for number in range(COMMITS):
        buffer.commit(readings(number))
        buffer.commit(refusal("t", bytes(3000), f"refusal {number}"))


@pytest.fixture
def whole(open_buffer: OpenBuffer, tmp_path: Path) -> bytes:
    with closing(open_buffer(tmp_path / "whole")) as buffer:
        fill(buffer)
    return (tmp_path / "whole" / FILE_NAME).read_bytes()


def overwritten(whole: bytes, first: int, count: int = 1) -> bytes:
    noise = random.Random(first).randbytes(PAGE * count)
    return whole[: first * PAGE] + noise + whole[(first + count) * PAGE :]


def look(folder: Path) -> tuple[Ledger, int]:
    """The ledger, and how many refusals there are; all of it can be read, and written to."""
    with closing(Buffer(folder, clock_ns=lambda: NOW_NS)) as buffer:
        rows = buffer.pending.oldest(10**9)
        refusals = len(list(buffer.quarantine.messages(ids=None, reason=None)))
        ledger = buffer.ledger.read()
        assert sum(row.readings for row in rows) == ledger.readings_pending
        buffer.settle(rows, [])
        buffer.commit(lines(1))
        assert buffer.ledger.read().balanced
    return ledger, refusals


@pytest.mark.parametrize("first, count", [(0, 1), (30, 1), (40, 20), (100, 3)])
def test_only_what_lay_on_the_damaged_pages_is_lost(tmp_path: Path, whole: bytes, first: int, count: int) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(overwritten(whole, first, count))
    shutil.copy(tmp_path / "whole" / QUARANTINE_NAME, tmp_path)
    found = salvage_buffer(tmp_path, now_ns=NOW_NS)
    ledger, refusals = look(tmp_path)

    assert ledger.balanced
    assert ledger.readings_pending + ledger.notes.get(READINGS_LOST, 0) == READINGS * COMMITS
    assert ledger.notes.get(READINGS_LOST, 0) <= READINGS * (count + 2)
    assert refusals >= COMMITS - 2 * count - 2
    assert bool(found.missing) == (ledger.readings_pending < READINGS * COMMITS or refusals < COMMITS)
    assert (found.folder / FILE_NAME).read_bytes() == overwritten(whole, first, count)


@pytest.mark.parametrize("damaged", [2, 20], ids=["list-of-free-pages", "ledger-too"])
@pytest.mark.parametrize("count", [3, READINGS, 3000], ids=["small", "of-two-pages", "large"])
def test_what_was_settled_does_not_come_back_where_the_beginning_of_the_file_is_lost(
    tmp_path: Path, open_buffer: OpenBuffer, count: int, damaged: int
) -> None:
    commits = 90_000 // count if count > READINGS else 300
    with closing(open_buffer(tmp_path)) as buffer:
        for number in range(commits):
            buffer.commit(readings(number, count))
        settled = buffer.pending.oldest(commits * count * 5 // 6)
        buffer.settle(settled, [])
        pending = [row.lines for row in buffer.pending.oldest(10**9)]
    path = tmp_path / FILE_NAME
    path.write_bytes(overwritten(path.read_bytes(), 0, damaged))
    salvage_buffer(tmp_path, now_ns=NOW_NS)
    with closing(Buffer(tmp_path, clock_ns=lambda: NOW_NS)) as buffer:
        found = [row.lines for row in buffer.pending.oldest(10**9)]
        assert buffer.ledger.read().balanced
    assert set(found) <= set(pending)
    assert len(found) == len(set(found)) >= len(pending) - damaged


@pytest.mark.parametrize("seed", range(3))
def test_no_page_that_no_table_leads_to_holds_a_batch(tmp_path: Path, open_buffer: OpenBuffer, seed: int) -> None:
    """Whatever was settled in whatever order: not even one that SQLite moved elsewhere before it was deleted."""
    rng = random.Random(seed)
    with closing(open_buffer(tmp_path)) as buffer:
        for number in range(200):
            buffer.commit(readings(number, rng.choice([1, 2, 30, READINGS, READINGS, 200, 2000])))
            if rng.random() < 0.1:
                rows = buffer.pending.oldest(10**9)
                buffer.settle(rng.sample(rows, rng.randint(1, len(rows))), [])
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path)) as db:
        roots = [1, *(root for (root,) in db.execute("SELECT rootpage FROM sqlite_master WHERE rootpage > 0"))]
        (free,) = db.execute("PRAGMA freelist_count").fetchone()
    path.write_bytes(path.read_bytes()[:32] + bytes(8) + path.read_bytes()[40:])  # as if none were free
    with closing(SqlitePages(path, page_bytes=PAGE)) as pages:
        for root in roots:
            pages.claim(root)
        assert free > 100
        assert list(pages.ownerless(has_rowid=True)) == []


@pytest.mark.parametrize("keep", [0.8, 0.5, 0.1])
def test_a_file_that_was_cut_short_gives_what_is_before_the_cut(tmp_path: Path, whole: bytes, keep: float) -> None:
    (tmp_path / FILE_NAME).write_bytes(whole[: int(len(whole) * keep) // PAGE * PAGE])
    shutil.copy(tmp_path / "whole" / QUARANTINE_NAME, tmp_path)
    salvage_buffer(tmp_path, now_ns=NOW_NS)
    ledger, refusals = look(tmp_path)

    assert ledger.balanced
    assert ledger.readings_pending >= READINGS * COMMITS * (keep - 0.1)
    assert refusals >= COMMITS * (keep - 0.1)


def test_nothing_of_what_is_no_buffer_is_taken(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is not a database, and long enough to be sure of it" * 100)
    found = salvage_buffer(tmp_path, now_ns=NOW_NS)
    assert look(tmp_path)[0].messages_received == 0
    assert "of batches 0 rows were read" in found.missing[0]


def test_a_batch_that_is_not_as_it_was_committed_is_taken_out_and_named(
    tmp_path: Path, open_buffer: OpenBuffer
) -> None:
    with closing(open_buffer(tmp_path)) as buffer:
        buffer.commit(Batch(["temperature,hub=a,sensor=b temperature_c=21.5 1"], messages=1))
        buffer.commit(lines(3))
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"temperature_c=21.5", b"temperature_c=29.5"))
    found = salvage_buffer(tmp_path, now_ns=NOW_NS)
    ledger, _ = look(tmp_path)

    assert found.missing == ("1 batches are not as they were committed", "1 readings that were accepted")
    assert (ledger.readings_accepted, ledger.readings_pending, ledger.notes) == (3, 3, {READINGS_LOST: 1})


def test_an_id_of_a_lost_row_is_never_used_again(tmp_path: Path, whole: bytes, open_buffer: OpenBuffer) -> None:
    (tmp_path / FILE_NAME).write_bytes(whole[: len(whole) // 2 // PAGE * PAGE])
    salvage_buffer(tmp_path, now_ns=NOW_NS)
    buffer = open_buffer(tmp_path)
    before = {row.id for row in buffer.pending.oldest(10**9)}
    buffer.commit(lines(1))
    assert {row.id for row in buffer.pending.oldest(10**9)} - before == {COMMITS + 1}


def test_a_salvage_that_was_cut_off_is_finished_by_the_next_who_opens_the_file(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(overwritten(whole, 30))
    monkeypatch.setattr("stores.salvage.finish_salvage", lambda _path: None)
    salvage_buffer(tmp_path, now_ns=NOW_NS)
    assert path.read_bytes() == overwritten(whole, 30)
    monkeypatch.undo()

    assert look(tmp_path)[0].balanced
    finish_salvage(path)
    assert look(tmp_path)[0].balanced


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("damage", ["at the start", "while running", "gone"])
def test_ingest_goes_on_with_what_is_whole(mosquitto: Mosquitto, tmp_path: Path, whole: bytes, damage: str) -> None:
    data, estate = tmp_path / "data", tmp_path / "estate.yaml"
    data.mkdir()
    estate.write_text(ESTATE)
    path = data / FILE_NAME
    path.write_bytes(overwritten(whole, 0) if damage == "at the start" else whole)
    if damage == "gone":
        Buffer(data, clock_ns=lambda: NOW_NS).close()
        path.unlink()
    where = Settings(
        data_dir=data, estate=estate, mqtt=MqttSettings(host="127.0.0.1", port=mosquitto.port), store="sqlite"
    )
    ingest = Running(where)
    if damage == "while running":
        # A page that the writer alone looks at.
        path.write_bytes(overwritten(whole, len(whole) // PAGE // 2, 3))
    ingest.thread.start()
    wait_until(lambda: salvages(data), DEADLINE_S, "the damage to be found")
    assert ingest.ingest.ready.wait(DEADLINE_S)
    publish(mosquitto.port, temperatures(5), topic=AIR)
    ingest.wait_for(messages_received=5)
    ingest.stop()
    [found] = [finding for finding in examine(where) if finding.part == "salvaged"]

    assert ingest.error is None
    assert (found.state, FILE_NAME in found.detail) == (State.WARNING, True)
    with closing(BufferReader(data)) as reader:
        assert reader.ledger.read().balanced


@pytest.mark.needs("mosquitto")
def test_ingest_that_is_stopped_while_it_salvages_ends_cleanly(
    mosquitto: Mosquitto, tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "estate.yaml").write_text(ESTATE)
    settings = Settings(
        data_dir=tmp_path,
        estate=tmp_path / "estate.yaml",
        mqtt=MqttSettings(host="127.0.0.1", port=mosquitto.port),
        store="sqlite",
    )
    (tmp_path / FILE_NAME).write_bytes(whole)
    ingest = Running(settings)
    watching, salvage = ingest.ingest._estate, ingest.ingest._salvage

    def stopped_meanwhile() -> bool:
        ingest.ingest.stop()
        wait_until(lambda: not watching.is_alive(), DEADLINE_S, "the watch on the estate to end")
        return salvage()

    monkeypatch.setattr(ingest.ingest, "_salvage", stopped_meanwhile)
    # A page that the writer alone looks at.
    (tmp_path / FILE_NAME).write_bytes(overwritten(whole, len(whole) // PAGE // 2, 3))
    ingest.thread.start()
    ingest.thread.join(DEADLINE_S)

    assert not ingest.thread.is_alive()
    assert ingest.error is None
    assert salvages(tmp_path)


def test_a_refusal_that_is_not_as_it_was_kept_is_taken_out_and_named(tmp_path: Path, open_buffer: OpenBuffer) -> None:
    """A damaged page in the middle of one: its reason is none of ours."""
    with closing(open_buffer(tmp_path)) as buffer:
        fill(buffer)
    with closing(sqlite3.connect(tmp_path / QUARANTINE_NAME)) as db, db:
        db.execute("UPDATE quarantine SET reason = ? WHERE id = 3", ("\0" * 10,))
    with closing(BufferReader(tmp_path)) as reader, pytest.raises(HubpulseError, match="not as it was kept"):
        list(reader.quarantine.find(limit=10**6))
    with closing(Buffer(tmp_path, clock_ns=lambda: NOW_NS)) as buffer:
        Upkeep(Settings(data_dir=tmp_path), buffer, clock_ns=lambda: NOW_NS).turn()
        [found] = salvages(tmp_path)
        assert found.missing == ("1 refusals are not as they were kept",)
        assert len(list(buffer.quarantine.find(limit=10**6))) == COMMITS - 1


def read_all(reader: BufferReader) -> None:
    list(reader.quarantine.messages(ids=None, reason=None))
    reader._file.all("SELECT * FROM batches")


@pytest.mark.parametrize("name", [FILE_NAME, QUARANTINE_NAME])
def test_damage_that_only_a_reader_meets_is_mended_by_ingest(
    tmp_path: Path, open_buffer: OpenBuffer, name: str
) -> None:
    with closing(open_buffer(tmp_path)) as buffer:
        fill(buffer)
    path = tmp_path / name
    path.write_bytes(overwritten(path.read_bytes(), len(path.read_bytes()) // PAGE // 2, 3))
    with closing(Buffer(tmp_path, clock_ns=lambda: NOW_NS)) as buffer:
        upkeep = Upkeep(Settings(data_dir=tmp_path), buffer, clock_ns=lambda: NOW_NS, monotonic_s=count(0, 10).__next__)
        upkeep.turn()
        assert salvages(tmp_path) == []
        with closing(BufferReader(tmp_path)) as reader, pytest.raises(HubpulseError, match="is damaged"):
            read_all(reader)
        if name == FILE_NAME:
            with pytest.raises(BufferDamagedError, match="by one who read it"):
                upkeep.turn()
            return
        upkeep.turn()
        assert [found.file for found in salvages(tmp_path)] == [name]
        assert list(buffer.quarantine.messages(ids=None, reason=None))


@pytest.mark.parametrize("damaged, lost", [(3, True), (-1, False), (None, False)])
def test_commits_behind_damage_in_the_log_are_not_given_up(
    tmp_path: Path, open_buffer: OpenBuffer, damaged: int | None, lost: bool
) -> None:
    """SQLite takes the first wrong checksum for the log's end; what was not whole at its end was never acknowledged."""
    buffer = open_buffer(tmp_path / "live")
    for number in range(20):
        buffer.commit(readings(number))
    for name in (FILE_NAME, f"{FILE_NAME}-wal"):  # as a kill leaves them
        (tmp_path / name).write_bytes((tmp_path / "live" / name).read_bytes())
    log = tmp_path / f"{FILE_NAME}-wal"
    if damaged is not None:
        data = bytearray(log.read_bytes())
        frames = (len(data) - 32) // (24 + PAGE)
        data[32 + damaged % frames * (24 + PAGE) + 2000] ^= 1
        log.write_bytes(data)

    assert has_lost_commits(tmp_path) == lost
    if lost:
        salvage_buffer(tmp_path, now_ns=NOW_NS)
    ledger, _ = look(tmp_path)
    assert ledger.balanced
    assert ledger.readings_pending >= READINGS * 19


def test_whoever_writes_while_no_ingest_runs_gives_up_no_commits_behind_damage_in_the_log(
    tmp_path: Path, open_buffer: OpenBuffer
) -> None:
    """A redrive would begin the log anew at the damage, and what was acknowledged behind it would be gone."""
    buffer = open_buffer(tmp_path / "live")
    for number in range(20):
        buffer.commit(readings(number))
    for name in (FILE_NAME, f"{FILE_NAME}-wal"):
        (tmp_path / name).write_bytes((tmp_path / "live" / name).read_bytes())
    log = tmp_path / f"{FILE_NAME}-wal"
    with log.open("r+b") as file:
        file.seek(32 + 3 * (24 + PAGE) + 2000)
        file.write(b"damage")
    before = log.read_bytes()
    with pytest.raises(BufferDamagedError, match="let ingest keep what is whole"):
        Buffer(tmp_path, clock_ns=lambda: NOW_NS)

    assert log.read_bytes() == before
    salvage_buffer(tmp_path, now_ns=NOW_NS)
    assert look(tmp_path)[0].readings_pending >= READINGS * 19


@pytest.mark.parametrize("damage", ["emptied", "gone", "header"])
def test_what_the_log_holds_goes_on_where_nothing_is_left_of_the_file_or_of_its_header(
    tmp_path: Path, open_buffer: OpenBuffer, damage: str
) -> None:
    """SQLite deletes the log of an empty file, even to read it, and passes over one whose header it does not know."""
    buffer = open_buffer(tmp_path / "live")
    for number in range(20):
        buffer.commit(readings(number))
    data = tmp_path / "data"
    data.mkdir()
    for name in (FILE_NAME, f"{FILE_NAME}-wal"):
        (data / name).write_bytes((tmp_path / "live" / name).read_bytes())
    if damage == "header":
        with (data / f"{FILE_NAME}-wal").open("r+b") as log:
            log.write(bytes(32))
    elif damage == "gone":
        (data / FILE_NAME).unlink()
    else:
        (data / FILE_NAME).write_bytes(b"")
        with pytest.raises(HubpulseError, match="is damaged"):
            BufferReader(data)

    assert has_lost_commits(data)
    salvage_buffer(data, now_ns=NOW_NS)
    ledger, _ = look(data)
    assert (ledger.readings_pending, ledger.notes.get(READINGS_LOST, 0)) == (READINGS * 20, 0)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pages=st.lists(st.integers(0, 10**6), max_size=6),
    keep=st.sampled_from([1.0, 1.0, 0.9, 0.6]),
    fill_with=st.sampled_from([b"\0", b"\xff", b"\x0d\0\0\xff"]),
)
def test_whatever_is_damaged_the_ledger_balances_and_no_reading_is_another(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, pages: list[int], keep: float, fill_with: bytes
) -> None:
    data = bytearray(whole[: int(len(whole) * keep) // PAGE * PAGE])
    for page in pages:
        at = page % (len(data) // PAGE) * PAGE
        data[at : at + PAGE] = fill_with * (PAGE // len(fill_with))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / FILE_NAME).write_bytes(data)
    salvage_buffer(folder, now_ns=NOW_NS)
    with closing(Buffer(folder, clock_ns=lambda: NOW_NS)) as buffer:
        read = [line for row in buffer.pending.oldest(10**9) for line in row.lines.decode().splitlines()]
    ledger, _ = look(folder)

    assert ledger.balanced
    assert set(read) <= {line for number in range(COMMITS) for line in readings(number).lines}
    assert len(read) == len(set(read)) == ledger.readings_pending
