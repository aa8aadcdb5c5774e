"""A SQLite file of ours: it grows by migrations or stays as it is, and is never made by who only reads it."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ingest.buffer import BufferDamagedError, BufferReader
from stores.sqlite_file import LATER_LAYOUT, MOVED, NOT_THERE, SqliteFile, SqliteFileError, statements
from stores.sqlite_store import SqliteStore

FIRST = statements("CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1)")
SECOND = statements("ALTER TABLE t ADD COLUMN b TEXT")
THIRD = statements("UPDATE t SET b = 'filled'", "CREATE INDEX t_b ON t (b)")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "some.db"


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [*db.iterdump(), str(db.execute("PRAGMA user_version").fetchone())]


def open_file(path: Path, *migrations: object, **how: bool) -> SqliteFile:
    return SqliteFile(path, name="thing", migrations=migrations, **how)  # type: ignore[arg-type] # the tests' own lists


@pytest.fixture
def first(path: Path) -> Iterator[SqliteFile]:
    file = open_file(path, FIRST)
    file.connection()
    yield file
    file.close()


def test_a_file_is_brought_from_each_layout_to_the_next(first: SqliteFile, path: Path) -> None:
    first.close()
    second = open_file(path, FIRST, SECOND)
    assert second.all("SELECT a, b FROM t") == [(1, None)]
    assert second.layout() == 2
    second.close()
    third = open_file(path, FIRST, SECOND, THIRD)
    assert third.all("SELECT a, b FROM t") == [(1, "filled")]
    assert third.layout() == 3
    third.close()


def test_a_file_is_brought_over_several_layouts_at_once_as_is_a_new_one(first: SqliteFile, path: Path) -> None:
    first.close()
    new = path.with_name("new.db")
    for there in (path, new):
        file = open_file(there, FIRST, SECOND, THIRD)
        assert file.all("SELECT a, b FROM t") == [(1, "filled")]
        file.close()
    assert dump(path) == dump(new)


def test_a_migration_that_fails_leaves_the_file_as_it_was(first: SqliteFile, path: Path) -> None:
    first.close()
    before = dump(path)
    failing = statements("INSERT INTO t VALUES (2, 'x')", "CREATE TABLE t (a INTEGER)")

    with pytest.raises(SqliteFileError, match=r"the thing .*some\.db failed \(table t already exists\)"):
        open_file(path, FIRST, SECOND, failing).connection()

    assert dump(path) == before
    repaired = open_file(path, FIRST, SECOND, THIRD)
    assert repaired.layout() == 3
    repaired.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_later_layout_is_neither_touched_nor_read(first: SqliteFile, path: Path, read_only: bool) -> None:
    first.close()
    open_file(path, FIRST, SECOND).connection().close()
    before = dump(path)
    with pytest.raises(SqliteFileError, match=r"later Hubpulse \(layout 2, while this one knows 1\)") as error:
        open_file(path, FIRST, read_only=read_only).connection()
    assert error.value.code == LATER_LAYOUT
    assert dump(path) == before


@pytest.mark.parametrize("layout", [0, 3, 1 << 24])
def test_a_layout_that_was_damaged_is_no_later_one_and_no_new_file(first: SqliteFile, path: Path, layout: int) -> None:
    first.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {layout}")
    with pytest.raises(SqliteFileError, match=f"its layout is noted as {layout} and as 1") as error:
        open_file(path, FIRST).connection()
    assert error.value.code == sqlite3.SQLITE_CORRUPT


@pytest.mark.parametrize("reads", [True, False])
def test_a_schema_that_is_no_text_is_damage(first: SqliteFile, path: Path, *, reads: bool) -> None:
    """SQLite's message quotes the bytes that are there, which Python can't read."""
    first.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET name = CAST(x'f5f5' AS TEXT), sql = 'CREATE TABLE'")
    with pytest.raises(SqliteFileError, match="is damaged") as error:
        open_file(path, FIRST, read_only=reads).all("SELECT a FROM t")
    assert error.value.code == sqlite3.SQLITE_CORRUPT


@pytest.mark.parametrize("salvaged, mend", [(True, "let ingest keep what is whole"), (False, "restore a backup")])
def test_a_damaged_file_says_who_mends_it(first: SqliteFile, path: Path, salvaged: bool, mend: str) -> None:
    first.close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(bytes(4000))
    with pytest.raises(SqliteFileError, match=f"is damaged: {mend}"):
        open_file(path, FIRST, read_only=True, salvaged=salvaged).one("SELECT a FROM t")


def test_reading_makes_neither_file_nor_folder_and_names_what_is_missing(path: Path) -> None:
    reader = open_file(path, FIRST, read_only=True)
    with pytest.raises(SqliteFileError, match=f"{path} is not there") as error:
        reader.connection()
    assert error.value.code == NOT_THERE
    assert not path.parent.exists()


def test_a_reader_cannot_write(first: SqliteFile, path: Path) -> None:
    reader = open_file(path, FIRST, read_only=True)
    with pytest.raises(SqliteFileError, match="can't be written"), reader.transaction() as db:
        db.execute("INSERT INTO t VALUES (2)")
    assert first.all("SELECT a FROM t") == [(1,)]
    reader.close()


def test_a_transaction_is_all_or_nothing(first: SqliteFile) -> None:
    with pytest.raises(SqliteFileError, match="no such table"), first.transaction() as db:
        db.executemany("INSERT INTO t VALUES (?)", [(2,), (3,)]).execute("INSERT INTO missing VALUES (2)")
    assert first.all("SELECT a FROM t") == [(1,)]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_was_moved_away_is_an_error_or_followed(first: SqliteFile, path: Path, replaced: bool) -> None:
    following = open_file(path, FIRST, follows=True)
    following.connection().execute("INSERT INTO t VALUES (2)")
    path.rename(path.with_name("old.db"))
    if replaced:
        open_file(path, FIRST).connection().close()

    assert following.all("SELECT a FROM t") == [(1,)]
    with pytest.raises(SqliteFileError, match="moved away") as error:
        first.one("SELECT a FROM t")
    assert error.value.code == MOVED
    following.close()


def test_a_folder_that_may_not_be_looked_into_is_no_missing_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What root may not be refused in a test, the system says of another user's folder."""

    def refuse(_self: Path, **_how: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(SqliteFileError, match="can't be opened: check the owner and mode"):
        open_file(path, FIRST, read_only=True).exists()
    with pytest.raises(SqliteFileError, match="can't be opened: check the owner and mode"):
        SqliteStore(path).require()
    with pytest.raises(BufferDamagedError, match="can't be opened: check the owner and mode"):
        BufferReader(path.parent)


WRITES_TOO = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("INSERT INTO t VALUES (3)")
db.commit()
db.close()
"""


def test_another_process_leaves_the_log_to_those_who_have_the_file_open(first: SqliteFile, path: Path) -> None:
    """The last to close a file folds its log in and deletes it: what is committed here afterwards would be lost."""
    second = open_file(path, FIRST)
    second.connection()
    subprocess.run([sys.executable, "-c", WRITES_TOO, str(path)], check=True, timeout=60)
    with first.transaction() as db:
        db.execute("INSERT INTO t VALUES (2)")
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT a FROM t ORDER BY a").fetchall() == [(1,), (2,), (3,)]
    second.close()


def test_nobody_else_of_the_machine_can_read_a_file_or_its_folder(path: Path) -> None:
    file = open_file(path, FIRST)
    with file.transaction():
        assert {made.name: made.stat().st_mode & 0o777 for made in path.parent.iterdir()} == {
            "some.db": 0o600,
            "some.db-wal": 0o600,
            "some.db-shm": 0o600,
            "some.db.made": 0o600,
        }
    assert path.parent.stat().st_mode & 0o777 == 0o700
    file.close()


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    open_file(path, FIRST).connection().close()
    path.chmod(0o644)
    open_file(path, FIRST).connection().close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_threads_of_a_process_take_turns(first: SqliteFile, path: Path) -> None:
    def write(file: SqliteFile) -> None:
        file.connection().execute("PRAGMA busy_timeout = 0")  # SQLite waits for nobody
        for _ in range(100):
            with file.transaction() as db:
                db.execute("UPDATE t SET a = a + 1")

    with closing(open_file(path, FIRST)) as second, ThreadPoolExecutor() as threads:
        list(threads.map(write, [first, second]))
    assert first.one("SELECT a FROM t") == (201,)
