"""The embedded store: one SQLite file that one process writes at a time while others read it.

    series(series, measurement, tags)              tags as in a line: "hub=armley,sensor=door-1"
    <measurement>(series, time_ns, <field>...)     one table for each of schemas.MEASUREMENTS, ordered by its key
    user_version                                   the layout's version; a later one is not touched

- Write-ahead log with synchronous=FULL: the ingest buffer deletes a batch once it is accepted, so an accepted batch
  must survive a power cut; with NORMAL it may not.
- A batch is one transaction: a rejected batch leaves nothing behind.
- Reads take a page at a time, each a short transaction of its own: memory is bounded, and a slow reader never keeps
  the log from being folded into the file. So a read over several series, as in InfluxDB, is no snapshot of one moment.
- The file is looked at before every use: should it be moved away or replaced, the next write makes or opens the one
  that is there, instead of writing into one that nobody can see any more.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas import KINDS, MEASUREMENTS, FieldType, Measurement
from schemas.kinds import INT64_MAX
from stores.protocol import Accepted, Keep, Number, Outcome, Rejected, SeriesChunk, StoreError
from stores.sqlite_lines import LineReader

LAYOUT_VERSION = 1
CHUNK_POINTS_MAX = 5000
EXPIRE_POINTS_MAX = 10_000
LOCK_WAIT_S = 5.0
CACHE_BYTES = 16 * 1024**2
LOG_PAGES_MAX = 4000

_COLUMN_TYPES = {FieldType.INTEGER: "INTEGER", FieldType.FLOAT: "REAL", FieldType.BOOLEAN: "BOOLEAN"}

_SENTENCES = {
    sqlite3.SQLITE_BUSY: "is locked by another process: find out which one holds it for so long",
    sqlite3.SQLITE_LOCKED: "is locked by another process: find out which one holds it for so long",
    sqlite3.SQLITE_FULL: "is on a full disk: free some space",
    sqlite3.SQLITE_IOERR: "can't be read or written by the disk: look at the system's log",
    sqlite3.SQLITE_CORRUPT: "is damaged: stop Hubpulse, then restore a backup or move the file away to start anew",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database: move the file away, or choose another data directory",
    sqlite3.SQLITE_READONLY: "can't be written: check the owner and mode of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "can't be opened: check the owner and mode of the file and its folder",
    sqlite3.SQLITE_PERM: "can't be opened: check the owner and mode of the file and its folder",
}
TRANSIENT = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SqliteStore:
    """The embedded store in `path`, which is created by the first write or by `prepare`, never by a read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = _File(path, "rwc")
        self._reader = _File(path, "ro")
        self._lines = LineReader()

    def prepare(self) -> None:
        """Create the file, its tables and columns. Raises StoreError."""
        with self._translated_errors():
            self._open_writer()

    def write(self, lines: bytes) -> Outcome:
        """Store all of the lines in one transaction, or none of them."""
        try:
            with self._translated_errors(), self._transaction() as db:
                for upsert, rows in self._lines.read(lines, functools.partial(_series_id, db)):
                    db.executemany(upsert, rows)
        except ValueError as error:
            return Rejected(str(error))
        except SqliteStoreError as error:
            return Keep(str(error), needs_operator=not error.is_transient)
        except StoreError as error:
            return Keep(str(error), needs_operator=True)
        return Accepted()

    def read(
        self, measurement: str, *, start_ns: int, stop_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        first_ns, stop_ns = _int64(start_ns), _int64(stop_ns)
        with self._translated_errors():
            for series in self._series(measurement, where):
                from_ns = first_ns
                while rows := series.rows("time_ns >= ? AND time_ns < ? ORDER BY time_ns", from_ns, stop_ns):
                    yield series.chunk(rows)
                    if len(rows) < CHUNK_POINTS_MAX:
                        break
                    from_ns = rows[-1][0] + 1

    def latest(
        self, measurement: str, *, before_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        with self._translated_errors():
            for series in self._series(measurement, where):
                rows = series.rows("time_ns < ? ORDER BY time_ns DESC", _int64(before_ns), points_max=1)
                if rows:
                    yield series.chunk(rows)

    def expire(self, before_ns: int) -> None:
        """Delete the raw readings before `before_ns`, a bounded number at a time; roll-ups stay. Raises StoreError."""
        with self._translated_errors():
            if not self._path.exists():
                return
            db = self._open_writer()
            for kind in KINDS:
                known = db.execute("SELECT series FROM series WHERE measurement = ?", (kind.value,)).fetchall()
                for (series,) in known:
                    while _delete(db, kind.value, series, _int64(before_ns)) == EXPIRE_POINTS_MAX:
                        pass

    def check(self) -> str:
        with self._translated_errors():
            db = self._open_reader()
            tables = 0 if db is None else db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            what = f"SQLite {sqlite3.sqlite_version} in {self._path}"
            return what if tables else f"{what}, nothing stored yet"

    def probe(self, *, write: bool = True) -> Iterator[str]:  # noqa: ARG002 - writing is seen by the first batch
        try:
            self.check()
        except StoreError as error:
            yield str(error)

    def close(self) -> None:
        # The last one to close folds the log into the file, which only the writer may do.
        self._reader.close()
        self._writer.close()

    def _open_reader(self) -> sqlite3.Connection | None:
        return self._reader.current() or (self._reader.connect() if self._path.exists() else None)

    def _open_writer(self) -> sqlite3.Connection:
        db = self._writer.current()
        if db is None:
            self._lines.forget()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = self._writer.connect()
            try:
                _prepare(db, self._path)
            except BaseException:
                self._writer.close()
                raise
        return db

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._open_writer()
        try:
            with _transaction(db):
                yield db
        except BaseException:
            self._lines.forget()
            raise

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Say what SQLite or the disk could not do, and open the file anew next time."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            failure = SqliteStoreError(self._path, error)
            if not failure.is_transient:
                self.close()
            raise failure from error

    def _series(self, measurement: str, where: Mapping[str, str] | None) -> Iterator[_Series]:
        """Yield the series whose tags equal `where`, in order of their tags; none from a file that has none."""
        known = MEASUREMENTS[measurement]
        db = self._open_reader()
        columns = _columns(db, measurement) if db else []
        if db is None or not columns:
            return
        found = db.execute("SELECT series, tags FROM series WHERE measurement = ?", (measurement,)).fetchall()
        listed = [(_tags(text), number) for number, text in found]
        for tags, number in sorted(listed, key=lambda series: [series[0].get(tag, "") for tag in known.tags]):
            if all(tags.get(tag, "") == value for tag, value in (where or {}).items()):
                yield _Series(db, known, columns, number, tags)


class _Series:
    """One series of an open file."""

    def __init__(
        self, db: sqlite3.Connection, known: Measurement, columns: Sequence[str], number: int, tags: Mapping[str, str]
    ) -> None:
        self._db = db
        self._known = known
        self._number = number
        self._tags = tags
        # A file that an earlier version wrote lacks the fields that only this one knows.
        fields = (f'"{name}"' if name in columns else "NULL" for name in known.fields)
        self._select = f'SELECT time_ns, {", ".join(fields)} FROM "{known.name}" WHERE series = ? AND '  # noqa: S608 - names are the schema's

    def rows(self, which: str, *times_ns: int, points_max: int = CHUNK_POINTS_MAX) -> list[tuple[Any, ...]]:
        """Fetch (time, fields in the schema's order) of at most `points_max` points."""
        return self._db.execute(f"{self._select}{which} LIMIT ?", (self._number, *times_ns, points_max)).fetchall()

    def chunk(self, rows: Sequence[tuple[Any, ...]]) -> SeriesChunk:
        times_ns, *values = zip(*rows, strict=True)
        columns: dict[str, Sequence[Number | None]] = dict(zip(self._known.fields, values, strict=True))
        for name, kind in self._known.fields.items():
            if kind is FieldType.BOOLEAN:
                columns[name] = [None if value is None else bool(value) for value in columns[name]]
        return SeriesChunk(self._tags, times_ns, columns)


class _File:
    """A connection to a path, given up when another file has taken the place of the one it opened."""

    def __init__(self, path: Path, mode: str) -> None:
        self._path = path
        self._mode = mode
        self._db: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None

    def current(self) -> sqlite3.Connection | None:
        if self._db is not None and _identity(self._path) != self._opened:
            self.close()
        return self._db

    def connect(self) -> sqlite3.Connection:
        # The thread that opens a store need not be the one that uses it.
        self._db = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={self._mode}",
            uri=True,
            timeout=LOCK_WAIT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        self._opened = _identity(self._path)
        return self._db

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _int64(time_ns: int) -> int:
    return min(max(time_ns, -INT64_MAX), INT64_MAX)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class SqliteStoreError(StoreError):
    """A failure of SQLite or of the disk, as a sentence. `is_transient`: waiting is enough."""

    def __init__(self, path: Path, error: sqlite3.Error | OSError) -> None:
        code = _code(error)
        self.is_transient = code in TRANSIENT
        super().__init__(f"the store {path} {_SENTENCES.get(code) or f'failed ({error}): see docs/stores.md'}")


def _code(error: sqlite3.Error | OSError) -> int:
    """SQLite's primary result code, also for a failure of the operating system."""
    if isinstance(error, OSError):
        return sqlite3.SQLITE_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else sqlite3.SQLITE_CANTOPEN
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute(f"PRAGMA cache_size = -{CACHE_BYTES // 1024}")
    db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_MAX}")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA journal_mode = WAL")
    with _transaction(db):
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > LAYOUT_VERSION:
            raise StoreError(
                f"the store {path} was written by a later Hubpulse (layout {version}, while this one knows "
                f"{LAYOUT_VERSION}): install that version, or choose another data directory"
            )
        db.execute(
            "CREATE TABLE IF NOT EXISTS series "
            "(series INTEGER PRIMARY KEY, measurement TEXT NOT NULL, tags TEXT NOT NULL, UNIQUE (measurement, tags))"
        )
        for measurement in MEASUREMENTS.values():
            _prepare_table(db, measurement)
        db.execute(f"PRAGMA user_version = {LAYOUT_VERSION}")


def _prepare_table(db: sqlite3.Connection, measurement: Measurement) -> None:
    db.execute(
        f'CREATE TABLE IF NOT EXISTS "{measurement.name}" (series INTEGER NOT NULL, time_ns INTEGER NOT NULL, '
        "PRIMARY KEY (series, time_ns)) WITHOUT ROWID"
    )
    there = _columns(db, measurement.name)
    for name, kind in measurement.fields.items():
        if name not in there:
            db.execute(f'ALTER TABLE "{measurement.name}" ADD COLUMN "{name}" {_COLUMN_TYPES[kind]}')


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]


def _series_id(db: sqlite3.Connection, measurement: str, tags: str) -> int:
    db.execute(
        "INSERT INTO series (measurement, tags) VALUES (?, ?) ON CONFLICT (measurement, tags) DO NOTHING",
        (measurement, tags),
    )
    found = db.execute("SELECT series FROM series WHERE measurement = ? AND tags = ?", (measurement, tags)).fetchone()
    return int(found[0])


def _tags(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if pair)
    return {tag: value for tag, _, value in pairs}


def _delete(db: sqlite3.Connection, table: str, series: int, before_ns: int) -> int:
    """Delete the oldest points of a series, at most EXPIRE_POINTS_MAX; return how many there were."""
    return db.execute(
        f'DELETE FROM "{table}" WHERE series = ?1 AND time_ns IN '  # noqa: S608 - a kind of ours
        f'(SELECT time_ns FROM "{table}" WHERE series = ?1 AND time_ns < ?2 ORDER BY time_ns LIMIT ?3)',
        (series, before_ns, EXPIRE_POINTS_MAX),
    ).rowcount
