"""The embedded store: one SQLite file that one process writes at a time while others read it.

    series(series, measurement, tags)              tags as in a line: "hub=armley,sensor=door-1"
    forgotten(times)                               how often series were deleted: whoever knows their numbers asks anew
    <measurement>(series, time_ns, <field>...)     one table for each of schemas.MEASUREMENTS, ordered by its key

- A batch is one transaction: a rejected batch leaves nothing behind. The ingest buffer deletes a batch once it is
  accepted, so an accepted batch must survive a power cut (see `stores.sqlite_file`).
- A field that a measurement gained since the file was made is added to its table when the file is opened.
- Reads take a page at a time, each a short transaction of its own: memory is bounded, and a slow reader never keeps
  the log from being folded into the file. So a read over several series, as in InfluxDB, is no snapshot of one moment.
"""

from __future__ import annotations

import functools
import itertools
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas import MEASUREMENTS, FieldType, Measurement, Policy
from schemas.kinds import INT64_MAX
from stores.protocol import Accepted, Asked, Keep, Number, Outcome, Overwritten, Rejected, SeriesChunk, StoreError
from stores.salvage import DAMAGED, is_suspect, salvage, suspect
from stores.sqlite_file import NOT_MADE, NOT_THERE, TRANSIENT, SqliteFile, SqliteFileError, statements

if TYPE_CHECKING:
    from stores.sqlite_lines import LineReader

CHUNK_POINTS_MAX = 5000
EXPIRE_POINTS_MAX = 10_000
SERIES_AT_ONCE = 1000
_LINES_BYTES = 256 * 1024
"""So many bytes of lines, or a little more, are read into columns at a time: these take several times as many."""

_COLUMN_TYPES = {FieldType.INTEGER: "INTEGER", FieldType.FLOAT: "REAL", FieldType.BOOLEAN: "BOOLEAN"}
_PRAGMAS = {"cache_size": -16 * 1024, "wal_autocheckpoint": 4000}
_CREATE_SERIES = (
    "CREATE TABLE IF NOT EXISTS series "
    "(series INTEGER PRIMARY KEY, measurement TEXT NOT NULL, tags TEXT NOT NULL, UNIQUE (measurement, tags))"
)
_CREATE_FORGOTTEN = (
    "CREATE TABLE forgotten (only INTEGER PRIMARY KEY CHECK (only = 1), times INTEGER NOT NULL)",
    "INSERT INTO forgotten VALUES (1, 0)",
)
MIGRATIONS = (statements(_CREATE_SERIES), statements(*_CREATE_FORGOTTEN))


class SqliteStore:
    """The embedded store in `path`, which is created by the first write or by `prepare`, never by a read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: LineReader | None = None
        self._forgotten: tuple[int] | None = None
        self._writer = SqliteFile(
            path,
            name="store",
            migrations=MIGRATIONS,
            follows=True,
            pragmas=_PRAGMAS,
            on_open=self._on_open,
            salvaged=True,
        )
        self.heals = False
        """Whether a damaged file is replaced by what is whole in it: by the one process that brings readings."""
        self._reader = SqliteFile(
            path, name="store", migrations=MIGRATIONS, follows=True, read_only=True, salvaged=True
        )

    def prepare(self) -> None:
        """Create the file, its tables and columns. Raises StoreError."""
        self._writer.connection()

    def write(self, lines: bytes) -> Outcome:
        """Store all of the lines in one transaction, or none of them."""
        try:
            self._heal()
            return Accepted(self._write(lines))
        except ValueError as error:
            return Rejected(str(error))
        except SqliteFileError as error:
            if error.code in DAMAGED:
                suspect(self._path)
            return Keep(str(error), needs_operator=error.code not in TRANSIENT)

    def _write(self, lines: bytes) -> list[Overwritten]:
        # Only whoever writes needs them: to import them takes a tenth of a short command.
        from stores import sqlite_inserts  # noqa: PLC0415
        from stores.lines import pieces  # noqa: PLC0415
        from stores.overwritten import take_overwritten  # noqa: PLC0415
        from stores.sqlite_lines import LineReader  # noqa: PLC0415

        try:
            with self._writer.transaction() as db:
                forgotten = db.execute("SELECT times FROM forgotten").fetchone()
                if self._lines is None or forgotten != self._forgotten:
                    self._lines, self._forgotten = LineReader(), forgotten
                for some in pieces(lines, _LINES_BYTES):
                    for upsert, columns in self._lines.read(some, functools.partial(_series_id, db)):
                        sqlite_inserts.store(db, upsert, columns)
                return take_overwritten(db)
        except BaseException:
            self._lines = None
            raise

    def _heal(self) -> None:
        """Put what is whole in the place of a file that was found damaged. Raises SqliteFileError."""
        if not (self.heals and is_suspect(self._path)):
            return
        self.close()
        try:
            salvage(self._path, make=_make, now_ns=time.time_ns())
        except (OSError, sqlite3.Error) as error:
            raise SqliteFileError(
                f"the damaged store {self._path} can't be set aside ({error}): make room on its disk",
                sqlite3.SQLITE_FULL,
            ) from error

    def read(
        self,
        measurement: str,
        *,
        start_ns: int,
        stop_ns: int,
        where: Mapping[str, str] | None = None,
        fields: Collection[str] | None = None,
    ) -> Iterator[SeriesChunk]:
        first_ns, stop_ns = _int64(start_ns), _int64(stop_ns)
        with self._reader.translated_errors():
            for table, number, tags in self._series(measurement, where, fields):
                from_ns = first_ns
                while rows := table.rows(number, from_ns, stop_ns):
                    yield table.chunk(tags, rows)
                    if len(rows) < CHUNK_POINTS_MAX:
                        break
                    from_ns = rows[-1][0] + 1

    def latest(
        self, measurement: str, *, before_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        with self._reader.translated_errors():
            # One statement for a page of series: pages of the board ask for the latest of every sensor.
            for table, page in self._pages(measurement, where):
                rows = table.latest([number for number, _tags in page], _int64(before_ns))
                yield from (table.chunk(tags, [rows[number]]) for number, tags in page if number in rows)

    def answers(self, asked: Sequence[Asked]) -> Mapping[Asked, Sequence[SeriesChunk]]:  # noqa: ARG002 - none of it
        return {}

    def delete(self, measurement: str, *, start_ns: int, stop_ns: int, where: Mapping[str, str]) -> bool:
        if self._is_there():
            with self._writer.transaction() as db:
                for number in [number for _table, number, _tags in self._series(measurement, where)]:
                    db.execute(
                        f'DELETE FROM "{measurement}" WHERE series = ? AND time_ns >= ? AND time_ns < ?',  # noqa: S608 - of the schema
                        (number, _int64(start_ns), _int64(stop_ns)),
                    )
        return True

    def expire(
        self, before_ns: int, policy: Policy = Policy.RAW, *, goes_on: Callable[[], bool] = lambda: True
    ) -> None:
        if not self._is_there():
            return
        for measurement in (m.name for m in MEASUREMENTS.values() if m.policy is policy):
            last = 0
            while numbers := self._numbers_after(measurement, last):
                deleted = self._expire_some(measurement, numbers, _int64(before_ns))
                # Of as many as one step takes there may be more.
                if deleted < EXPIRE_POINTS_MAX:
                    last = numbers[-1]
                if deleted and not goes_on():
                    return

    def forget(self, hub: str, sensors: Collection[str], *, goes_on: Callable[[], bool] = lambda: True) -> bool:
        if not self._is_there():
            return True
        for measurement in (m.name for m in MEASUREMENTS.values() if "sensor" in m.tags):
            last = 0
            while numbers := self._numbers_after(measurement, last):
                last = numbers[-1]
                found = self._of_sensors(numbers, hub, sensors)
                while found and self._expire_some(measurement, found, INT64_MAX) >= EXPIRE_POINTS_MAX:
                    if not goes_on():
                        return True
                if found:
                    self._drop_series(measurement, found)
                    if not goes_on():
                        return True
        return True

    def _of_sensors(self, numbers: Sequence[int], hub: str, sensors: Collection[str]) -> list[int]:
        query = "SELECT series, tags FROM series WHERE series BETWEEN ? AND ?"
        with self._reader.translated_errors():
            known = dict(self._reader.all(query, (numbers[0], numbers[-1])))
        tags = {number: _tags(known[number]) for number in numbers if number in known}
        return [number for number, of in tags.items() if of.get("hub") == hub and of.get("sensor") in sensors]

    def _drop_series(self, measurement: str, numbers: Sequence[int]) -> None:
        """Delete series that have no points. The highest number stays, so that none is ever given to another."""
        unused = f'NOT EXISTS (SELECT 1 FROM "{measurement}" WHERE series = ?1)'  # noqa: S608 - of the schema
        drop = f"DELETE FROM series WHERE series = ?1 AND series < (SELECT max(series) FROM series) AND {unused}"  # noqa: S608
        with self._writer.transaction() as db:
            db.executemany(drop, ((number,) for number in numbers))
            db.execute("UPDATE forgotten SET times = times + 1")

    def kept_days(self) -> Mapping[Policy, int | None]:
        return {}

    def _numbers_after(self, measurement: str, last: int) -> list[int]:
        query = "SELECT series FROM series WHERE measurement = ? AND series > ? ORDER BY series LIMIT ?"
        with self._reader.translated_errors():
            return [row[0] for row in self._reader.all(query, (measurement, last, SERIES_AT_ONCE))]

    def _expire_some(self, measurement: str, numbers: Sequence[int], before_ns: int) -> int:
        """Delete the oldest points of some series in one transaction, EXPIRE_POINTS_MAX at most; how many."""
        deleted = 0
        with self._writer.transaction() as db:
            for number in numbers:
                deleted += _delete(db, measurement, number, before_ns, EXPIRE_POINTS_MAX - deleted)
                if deleted >= EXPIRE_POINTS_MAX:
                    break
        return deleted

    def require(self) -> None:
        if not self._is_there():
            raise self._reader.problem(NOT_THERE)
        if not self._reader.layout():
            raise self._reader.problem(NOT_MADE)

    def check(self) -> str:
        (tables,) = (self._reader.one("SELECT count(*) FROM sqlite_master") if self._is_there() else None) or (0,)
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

    def _is_there(self) -> bool:
        return self._reader.exists()

    def _on_open(self, db: sqlite3.Connection) -> None:
        from stores.overwritten import watch  # noqa: PLC0415 - as in `_write`

        self._lines = None
        for measurement in MEASUREMENTS.values():
            _prepare_table(db, measurement)
        watch(db)

    def _series(
        self, measurement: str, where: Mapping[str, str] | None, fields: Collection[str] | None = None
    ) -> Iterator[tuple[_Table, int, Mapping[str, str]]]:
        """Yield number and tags of the series whose tags equal `where`, in order of their tags, with their table."""
        for table, page in self._pages(measurement, where, fields):
            yield from ((table, number, tags) for number, tags in page)

    def _pages(
        self, measurement: str, where: Mapping[str, str] | None, fields: Collection[str] | None = None
    ) -> Iterator[tuple[_Table, Sequence[tuple[int, Mapping[str, str]]]]]:
        """Yield the same a page at a time; none from a file that is not there, or has none.

        They are read in the order of their texts, which is that of the tags: what follows an id there is a comma or
        nothing, and every sign of an id comes after the comma. So those whose first tags are asked for stand together.
        """
        known = MEASUREMENTS[measurement].of(fields)
        if not self._is_there():
            return
        db = self._reader.connection()
        columns = _columns(db, measurement)
        if not columns:
            return
        table, asked, compared = _Table(db, known, columns), where or {}, ">="
        start = ",".join(f"{tag}={asked[tag]}" for tag in itertools.takewhile(asked.get, known.tags))
        stop = f"{start}-" if start else "~"
        select = (
            "SELECT series, tags FROM series WHERE measurement = ? AND tags {} ? AND tags < ? ORDER BY tags LIMIT ?"
        )
        while page := db.execute(select.format(compared), (measurement, start, stop, SERIES_AT_ONCE)).fetchall():
            tagged = [(number, _tags(text)) for number, text in page]
            yield table, [each for each in tagged if all(each[1].get(tag, "") == asked[tag] for tag in asked)]
            start, compared = page[-1][1], ">"


class _Table:
    """The points of a measurement in an open file, with the fields that are asked for."""

    def __init__(self, db: sqlite3.Connection, known: Measurement, there: Collection[str]) -> None:
        self._db, self._known = db, known
        self._flags = [name for name, kind in known.fields.items() if kind is FieldType.BOOLEAN]
        # A file that an earlier version wrote lacks the fields that only this one knows.
        fields = ", ".join(f'point."{name}"' if name in there else "NULL" for name in known.fields)
        points = f'"{known.name}" AS point'
        self._rows = (
            f"SELECT time_ns, {fields} FROM {points} "  # noqa: S608 - of the schema
            "WHERE series = ? AND time_ns >= ? AND time_ns < ? ORDER BY time_ns LIMIT ?"
        )
        newest = f'SELECT max(time_ns) FROM "{known.name}" WHERE series = known.series AND time_ns < ?'  # noqa: S608
        # CROSS: series by series, each by the key of its points.
        self._latest = (
            f"SELECT point.series, point.time_ns, {fields} FROM series AS known CROSS JOIN {points} "  # noqa: S608
            f"ON point.series = known.series AND point.time_ns = ({newest}) WHERE known.series IN "
        )

    def rows(self, number: int, start_ns: int, stop_ns: int) -> list[tuple[Any, ...]]:
        """Fetch (time, fields in the schema's order) of the first CHUNK_POINTS_MAX points of a series in a span."""
        return self._db.execute(self._rows, (number, start_ns, stop_ns, CHUNK_POINTS_MAX)).fetchall()

    def latest(self, numbers: Sequence[int], before_ns: int) -> dict[int, Sequence[Any]]:
        """Fetch the same of the last point of each series before an instant, by the series' number."""
        found = self._db.execute(f"{self._latest}({', '.join(map(str, numbers))})", (before_ns,))
        return {number: row for number, *row in found}

    def chunk(self, tags: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> SeriesChunk:
        times_ns, *values = zip(*rows, strict=True)
        columns: dict[str, Sequence[Number | None]] = dict(zip(self._known.fields, values, strict=True))
        for name in self._flags:
            if columns[name].count(None) < len(times_ns):
                columns[name] = [None if value is None else bool(value) for value in columns[name]]
        return SeriesChunk(tags, times_ns, columns)


def _make(path: Path) -> None:
    store = SqliteStore(path)
    store.prepare()
    store.close()


def _int64(time_ns: int) -> int:
    return min(max(time_ns, -INT64_MAX), INT64_MAX)


def _prepare_table(db: sqlite3.Connection, measurement: Measurement) -> None:
    there = _columns(db, measurement.name)
    missing = {
        name: f'"{name}" {_COLUMN_TYPES[kind]}' for name, kind in measurement.fields.items() if name not in there
    }
    if there:
        for column in missing.values():
            db.execute(f'ALTER TABLE "{measurement.name}" ADD COLUMN {column}')
    else:
        # All at once: SQLite reads the whole schema again for each column that is added.
        columns = ", ".join(["series INTEGER NOT NULL", "time_ns INTEGER NOT NULL", *missing.values()])
        db.execute(f'CREATE TABLE "{measurement.name}" ({columns}, PRIMARY KEY (series, time_ns)) WITHOUT ROWID')


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


def _delete(db: sqlite3.Connection, table: str, series: int, before_ns: int, points_max: int) -> int:
    """Delete the oldest points of a series, so many at most; return how many there were."""
    return db.execute(
        f'DELETE FROM "{table}" WHERE series = ?1 AND time_ns IN '  # noqa: S608 - of the schema
        f'(SELECT time_ns FROM "{table}" WHERE series = ?1 AND time_ns < ?2 ORDER BY time_ns LIMIT ?3)',
        (series, before_ns, points_max),
    ).rowcount
