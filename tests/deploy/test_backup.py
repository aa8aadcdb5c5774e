"""`hubpulse backup` and `hubpulse restore`: nothing is missing from a copy that was made while everything ran."""

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import cli.backup
from cli.backup import backup, copy_database
from tests.cli.command import CommandLine
from tests.e2e.pipeline import Pipeline, write_recording
from tests.servers import Mosquitto
from usage.audits import Audit, AuditFile

ESTATE = "timezone: Europe/London\nhubs: [{id: armley, sensors: [{id: door, kinds: [footfall]}]}]\n"
DAY = "2026-01-05"


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    path = tmp_path / "estate.yaml"
    path.write_text(ESTATE)
    return path


@pytest.fixture
def broker(make_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    return make_mosquitto(settings="log_type notice\nlog_type subscribe")


def counts(day: str) -> Iterator[tuple[str, str]]:
    for minute in range(600):
        time = f"{day}T{8 + minute // 60:02}:{minute % 60:02}:00Z"
        yield "hubs/armley/footfall/door", json.dumps({"time": time, "entries": minute % 7, "exits": minute % 5})
    yield "hubs/nowhere/temperature/air", "21"


@pytest.fixture
def pipeline(broker: Mosquitto, estate: Path, tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path / "hubpulse", broker, estate, {"HUBPULSE_STORE": "sqlite"})


def test_a_restored_folder_has_the_same_ledger_and_the_same_figures(
    pipeline: Pipeline, estate: Path, tmp_path: Path
) -> None:
    copy, data = tmp_path / "backups/monday", tmp_path / "restored/data"
    recording = write_recording(tmp_path / "day.jsonl", counts(DAY))
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_subscribed(ingest)
        pipeline.replay(recording)
        pipeline.wait_until_all_stored(ingest)
        pipeline.command.run("usage", "recompute", "--from", DAY, "--to", DAY)

        answer = pipeline.command.run("backup", copy)

        assert (answer.exit_code, answer.err) == (0, "")
    before = pipeline.export(DAY, DAY, "armley")
    ledger = pipeline.command.run("ledger", "--json").json
    shutil.rmtree(pipeline.data)
    estate.unlink()
    restored = CommandLine(tmp_path / "restored", HUBPULSE_ESTATE=str(estate))

    answer = restored.run("restore", copy, "--data", data)

    assert (answer.exit_code, answer.err) == (0, "")
    assert estate.read_text() == ESTATE
    assert restored.run("ledger", "--json", "--data", data).json == ledger
    assert ledger["messages_received"] >= 601
    assert ledger["quarantine"] == {"unknown_hub": 1, "bad_topic": 1}
    pipeline.command.run("restore", copy)
    assert pipeline.export(DAY, DAY, "armley") == before
    assert before[DAY]["entries"] == str(sum(minute % 7 for minute in range(600)))


def test_ingest_goes_on_from_a_restored_folder(pipeline: Pipeline, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_subscribed(ingest)
        pipeline.replay(write_recording(tmp_path / "day.jsonl", counts(DAY)))
        pipeline.wait_until_all_stored(ingest)
        assert pipeline.command.run("backup", copy).exit_code == 0
    shutil.rmtree(pipeline.data)
    assert pipeline.command.run("restore", copy).exit_code == 0

    with pipeline.start_ingest() as ingest:
        pipeline.replay(write_recording(tmp_path / "next.jsonl", counts("2026-01-06")))
        ledger = pipeline.wait_until_all_stored(ingest)

    assert ledger.balanced
    assert ledger.readings_stored == 1200


def test_the_buffer_is_copied_before_the_store_that_it_empties_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a reading that moves from the one to the other meanwhile would be in neither copy."""
    copied: list[str] = []

    def spy(source: Path, target: Path) -> None:
        copied.append(source.name)
        copy_database(source, target)

    monkeypatch.setattr(cli.backup, "copy_database", spy)
    monkeypatch.chdir(tmp_path)
    for name in ("store.db", "buffer.db"):
        write_rows(tmp_path / "data" / name, 1)

    backup(tmp_path / "copy", data=tmp_path / "data")

    assert copied == ["buffer.db", "store.db"]


def write_rows(path: Path, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE t (a, b)")
        db.executemany("INSERT INTO t VALUES (?, ?)", ((n, bytes(1000)) for n in range(count)))
        db.commit()


def test_a_copy_is_of_one_moment_although_somebody_writes_all_the_time(tmp_path: Path) -> None:
    live = tmp_path / "live.db"
    write_rows(live, 5000)
    ended, written = threading.Event(), threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(live, isolation_level=None)) as db:
            while not ended.is_set():
                # Together or not at all: two rows at both ends of the file.
                db.execute("BEGIN IMMEDIATE")
                db.execute("UPDATE t SET a = a + 1 WHERE rowid IN (1, 5000)")
                db.execute("COMMIT")
                written.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert written.wait(10)
        for number in range(20):
            copy_database(live, tmp_path / f"{number}.db")
    finally:
        ended.set()
        writer.join()

    seen = [ends(tmp_path / f"{number}.db") for number in range(20)]
    assert {last - first for first, last in seen} == {4999}
    assert seen[0] < seen[-1]


def ends(path: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(path)) as db:
        first, last = (row[0] for row in db.execute("SELECT a FROM t WHERE rowid IN (1, 5000) ORDER BY rowid"))
        return first, last


class Folder:
    """A data folder with a backup of it."""

    def __init__(self, tmp_path: Path) -> None:
        self.command = CommandLine(tmp_path / "here")
        self.data, self.copy = tmp_path / "here/data", tmp_path / "copy"
        for name in ("buffer.db", "store.db"):
            write_rows(self.data / name, 10)
        (tmp_path / "here/estate.yaml").write_text(ESTATE)
        answer = self.command.run("backup", self.copy)
        assert (answer.exit_code, answer.err) == (0, "")

    def refusal(self, *arguments: Any) -> str:
        answer = self.command.run(*arguments)
        assert (answer.exit_code, answer.out) == (1, "")
        assert len(answer.err.splitlines()) == 1
        return answer.err


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.claim("S-52")
def test_a_backup_is_a_folder_that_only_its_owner_reads(folder: Folder) -> None:
    names = {path.name for path in folder.copy.iterdir()}

    assert names == {"buffer.db", "store.db", "estate.yaml", "backup.json"}
    assert folder.copy.stat().st_mode & 0o777 == 0o700


def test_a_backup_is_never_overwritten(folder: Folder) -> None:
    assert "a folder of its own" in folder.refusal("backup", folder.copy)


def test_a_restore_never_overwrites_data_or_an_edited_estate(folder: Folder, tmp_path: Path) -> None:
    assert "move it away first" in folder.refusal("restore", folder.copy)
    (tmp_path / "here/estate.yaml").write_text("name: edited\n")

    answer = folder.command.run("restore", folder.copy, "--data", tmp_path / "new")

    assert answer.exit_code == 0
    assert "kept estate.yaml as it is" in answer.out
    assert (tmp_path / "here/estate.yaml").read_text() == "name: edited\n"
    assert (tmp_path / "new/store.db").read_bytes() == (folder.copy / "store.db").read_bytes()


def test_publications_are_in_a_backup_and_come_back(folder: Folder, tmp_path: Path) -> None:
    (folder.data / "publication-7H2KQ-M9D3T.json").write_text("as published")
    assert folder.command.run("backup", tmp_path / "second").exit_code == 0
    answer = folder.command.run("restore", tmp_path / "second", "--data", tmp_path / "new")
    assert (answer.exit_code, answer.err) == (0, "")
    assert (tmp_path / "new/publication-7H2KQ-M9D3T.json").read_text() == "as published"


@pytest.mark.usefixtures("folder")
def test_counts_by_hand_are_in_a_backup_and_come_back_wherever_they_are_kept(tmp_path: Path) -> None:
    audit = Audit("a1", "armley", "door", 1, 2, 0.05, 181, 200, 300, "")
    with AuditFile(tmp_path / "audits") as file:
        audit, _ = file.start(audit)
    apart = CommandLine(tmp_path / "here", HUBPULSE_AUDITS_DIR=str(tmp_path / "audits"))
    assert apart.run("backup", tmp_path / "second").exit_code == 0
    shutil.rmtree(tmp_path / "audits")

    assert apart.run("restore", tmp_path / "second", "--data", tmp_path / "new").exit_code == 0

    with AuditFile(tmp_path / "audits") as file:
        assert file.all() == [audit]
    assert not (tmp_path / "new/audits.db").exists()


def damage(copy: Path) -> None:
    content = bytearray((copy / "store.db").read_bytes())
    content[-100] ^= 1
    (copy / "store.db").write_bytes(content)


def name_a_stranger(copy: Path, name: str = "../evil") -> None:
    contents = json.loads((copy / "backup.json").read_text())
    contents["sha256"][name] = contents["sha256"]["store.db"]
    (copy / name).parent.mkdir(exist_ok=True)
    shutil.copy(copy / "store.db", copy / name)
    (copy / "backup.json").write_text(json.dumps(contents))


@pytest.mark.claim("S-55")
@pytest.mark.parametrize(
    "spoil, said",
    [
        (damage, "is not what was backed up"),
        (name_a_stranger, "is not what was backed up"),
        (lambda copy: name_a_stranger(copy, "publication-/evil.json"), "is not what was backed up"),
        (lambda copy: (copy / "store.db").unlink(), "is it a whole backup"),
        (lambda copy: (copy / "backup.json").unlink(), "is it a whole backup"),
        (lambda copy: (copy / "backup.json").write_text("{}"), "is not what `hubpulse backup` writes"),
    ],
)
def test_a_spoilt_backup_is_refused_before_anything_is_put_back(
    folder: Folder, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(folder.copy)

    assert said in folder.refusal("restore", folder.copy, "--data", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_damaged_database_is_no_backup_and_leaves_nothing_behind(folder: Folder, tmp_path: Path) -> None:
    content = (folder.data / "store.db").read_bytes()
    (folder.data / "store.db").write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))

    assert "can't be copied" in folder.refusal("backup", tmp_path / "second")
    assert {path.name for path in tmp_path.iterdir()} == {"here", "copy"}


def test_a_folder_without_data_is_pointed_out(folder: Folder, tmp_path: Path) -> None:
    assert "nothing to back up" in folder.refusal("backup", tmp_path / "second", "--data", tmp_path / "empty")


def test_what_an_interrupted_backup_left_is_in_nobodys_way(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "second.unfinished").mkdir()
    (tmp_path / "second.unfinished/buffer.db").write_text("half")

    assert folder.command.run("backup", tmp_path / "second").exit_code == 0
    assert not (tmp_path / "second.unfinished").exists()


def test_influxdb_is_pointed_to(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "here", HUBPULSE_STORE="influxdb")
    write_rows(tmp_path / "here/data/buffer.db", 1)

    answer = command.run("backup", tmp_path / "copy")

    assert "back it up now, after this" in answer.out
