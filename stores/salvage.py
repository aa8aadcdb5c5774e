"""What can still be read of a damaged SQLite file goes into a new one in its place; the damaged one is set aside.

    buffer.db                                     the new file, under the old name
    buffer.db.salvaged                            the new file, whole, until it has the old name: a crash in between is
                                                  finished at the next opening
    buffer.db.damaged-20261128T093000Z/           what was set aside, for people to look at and to delete
        buffer.db, buffer.db-wal                  as they were found
        salvage.json                              when, how many rows of each table were read, what could not be

A table is read upwards from its first row until a page fails, downwards from its last one likewise, and what is between
by halves, so that a page that can't be read costs its own rows alone. A row counts only where its values are of the
types that its columns have. Where the first page is lost, which says where the tables begin, that of a new file stands
in for it: files are made in the same way and begin alike. Where the log has damage before its last commit, which SQLite
would take for its end, what is whole in it is put into a copy, and that is read (`stores.sqlite_log`).
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from schemas.localtime import NS_AN_HOUR, from_ns
from stores.sqlite_log import apply, loses_commits

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_AHEAD_NS = 24 * NS_AN_HOUR
_ID_MAX = 2**20
_REPORT = "salvage.json"
_GAPS_NAMED = 3
_PROBES_MAX, _PROBES_OF_PART_MAX = 20_000, 1000
"""So often at most is looked between two rows that can be read, in a table and in a series of it."""
_INT_MAX = 2**63 - 1
_TYPES: dict[str, tuple[type, ...]] = {
    "INTEGER": (int,),
    "REAL": (float, int),
    "TEXT": (str,),
    "BLOB": (bytes,),
    "BOOLEAN": (int,),
}

Row = tuple[Any, ...]


class Salvage(NamedTuple):
    """One file that was damaged or gone, and what became of it."""

    file: str
    at: str
    """RFC 3339, UTC."""
    folder: Path
    rows: dict[str, int]
    """How many were read, by table."""
    missing: tuple[str, ...]

    def __str__(self) -> str:
        what = "; ".join(self.missing) or "nothing is missing"
        return f"{self.file} was damaged or gone at {self.at}: {what}. Once you have looked at it, delete {self.folder}"


def salvages(data_dir: Path) -> list[Salvage]:
    """What was salvaged in a data folder and not yet deleted by somebody who looked at it, the oldest first."""
    found = []
    for path in sorted(data_dir.glob(f"*/{_REPORT}")):
        with contextlib.suppress(OSError, ValueError, KeyError):
            report = json.loads(path.read_text("utf-8"))
            found.append(Salvage(report["file"], report["at"], path.parent, report["rows"], tuple(report["missing"])))
    return sorted(found, key=lambda salvage: salvage.at)


def report_if_gone(path: Path) -> None:
    """Note that a file which was there before is not there any more, before it is made anew. Raises OSError."""
    made = path.with_name(f"{path.name}.made")
    if made.exists() and not path.exists():
        now_ns = time.time_ns()
        _report(path, _aside(path, now_ns), {}, ["all that was in it: restore a backup"], now_ns)


def remember(path: Path) -> None:
    """Note beside a file that it is there. Raises OSError."""
    path.with_name(f"{path.name}.made").touch(0o600)


def salvage(
    path: Path,
    *,
    make: Callable[[Path], None],
    mend: Callable[[sqlite3.Connection], list[str]] = lambda _db: [],
    now_ns: int,
) -> Salvage:
    """Put a new file with all that can be read in the place of a damaged one. Raises OSError, sqlite3.Error.

    `make` makes an empty file of the present layout; `mend` has what was read agree, and says what is missing besides.
    Nobody else may write to the file meanwhile.
    """
    new, whole = path.with_name(f"{path.name}.salvaging"), path.with_name(f"{path.name}.salvaged")
    _remove(new)
    make(new)
    rows, missing = _read_into(new, path, mend, now_ns)
    folder = _aside(path, now_ns)
    found = _report(path, folder, rows, missing, now_ns)
    os.link(path, folder / path.name)
    new.replace(whole)
    finish_salvage(path)
    return found


def finish_salvage(path: Path) -> None:
    """Give a whole new file the name of the damaged one, which has been set aside; harmless where there is none."""
    whole = path.with_name(f"{path.name}.salvaged")
    if not whole.exists():
        return
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        folder = max(path.parent.glob(f"{path.name}.damaged-*"), default=path.parent)
        with contextlib.suppress(FileNotFoundError):
            log.replace(folder / log.name)
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):  # another process was faster
        whole.replace(path)


def _aside(path: Path, now_ns: int) -> Path:
    folder = path.with_name(f"{path.name}.damaged-{from_ns(now_ns):%Y%m%dT%H%M%S.%fZ}")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _report(path: Path, folder: Path, rows: dict[str, int], missing: Sequence[str], now_ns: int) -> Salvage:
    found = Salvage(path.name, f"{from_ns(now_ns):%Y-%m-%dT%H:%M:%SZ}", folder, rows, tuple(missing))
    text = json.dumps({"file": found.file, "at": found.at, "rows": rows, "missing": found.missing}, indent=2)
    (folder / _REPORT).write_text(text + "\n", "utf-8")
    return found


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


def _read_into(
    new: Path, damaged: Path, mend: Callable[[sqlite3.Connection], list[str]], now_ns: int
) -> tuple[dict[str, int], list[str]]:
    """Copy what can be read; return how many rows of each table that is, and what is missing."""
    rows: dict[str, int] = {}
    missing: list[str] = []
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as target:
        tables = [
            name
            for (name,) in target.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
            )
        ]
        with _readable(damaged, new) as source:
            for name in tables:
                reader = _Table(source, target, name, now_ns)
                target.execute("BEGIN")
                rows[name] = sum(map(reader.keep, reader.rows()))
                target.execute("COMMIT")
                if reader.gaps:
                    places = "; ".join(reader.gaps[:_GAPS_NAMED])
                    more = f" and {len(reader.gaps) - _GAPS_NAMED} more" if len(reader.gaps) > _GAPS_NAMED else ""
                    missing.append(f"of {name} {rows[name]} rows were read, and not all between {places}{more}")
            _keep_sequences(source, target)
        target.execute("BEGIN")
        missing += mend(target)
        target.execute("COMMIT")
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        target.execute("PRAGMA journal_mode = DELETE")
    return rows, missing


@contextlib.contextmanager
def _readable(damaged: Path, new: Path) -> Iterator[sqlite3.Connection]:
    """The damaged file, open to read; with another first page where its own is lost."""
    log = damaged.with_name(f"{damaged.name}-wal")
    has_lost = log.exists() and loses_commits(log)
    if not has_lost and _has_first_page(damaged):
        with contextlib.closing(_connect(damaged)) as db:
            yield db
        return
    patched = damaged.with_name(f"{damaged.name}.patched")
    try:
        shutil.copyfile(damaged, patched)
        if has_lost:
            apply(log, patched)
        if not _has_first_page(patched):
            _replace_first_page(patched, new)
        with contextlib.closing(_connect(patched)) as db:
            yield db
    finally:
        _remove(patched)


def _has_first_page(path: Path) -> bool:
    with contextlib.closing(_connect(path)) as db:
        try:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError:
            return False
        return True


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    # So that a file which is shorter than it says is read as far as it goes.
    for pragma in ("writable_schema = ON", "cell_size_check = ON"):
        with contextlib.suppress(sqlite3.DatabaseError):
            db.execute(f"PRAGMA {pragma}")
    return db


def _replace_first_page(patched: Path, new: Path) -> None:
    with contextlib.closing(sqlite3.connect(new)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page_bytes,) = db.execute("PRAGMA page_size").fetchone()
    with new.open("rb") as file:
        page = bytearray(file.read(page_bytes))
    pages = patched.stat().st_size // page_bytes
    page[18:20] = b"\1\1"  # without a log
    page[24:28] = page[92:96]  # so that the number of pages counts
    page[28:40] = pages.to_bytes(4, "big") + bytes(8)  # and none is free
    with patched.open("r+b") as file:
        file.write(page)


class _Table:
    """One table of a damaged file, and the same in the new one."""

    def __init__(self, source: sqlite3.Connection, target: sqlite3.Connection, name: str, now_ns: int) -> None:
        self._source, self._target, self._name = source, target, name
        known = _columns(target, name)
        with contextlib.suppress(sqlite3.DatabaseError):
            there = _columns(source, name)
            known = {column: kind for column, kind in known.items() if column in there}
        self._types = [_TYPES.get(kind, (object,)) for kind in known.values()]
        self._list = ", ".join(f'"{column}"' for column in known)
        marks = ", ".join("?" * len(known))
        self._insert = f'INSERT OR REPLACE INTO "{name}" ({self._list}) VALUES ({marks})'  # noqa: S608 - our own names
        (sql,) = target.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        self._has_rowid = "WITHOUT ROWID" not in sql
        self._is_of_series = not self._has_rowid and "time_ns" in known
        self._probes = 0
        self._highest = now_ns + _AHEAD_NS if self._is_of_series else _last_id(source, name)
        self.gaps: list[str] = []

    def keep(self, row: Row) -> bool:
        """Put a row into the new table; False where it is none of ours."""
        if any(
            value is not None and not isinstance(value, kinds) for value, kinds in zip(row, self._types, strict=True)
        ):
            return False
        try:
            return self._target.execute(self._insert, row).rowcount > 0
        except sqlite3.IntegrityError:
            return False

    def rows(self) -> Iterator[Row]:
        """Every row that can be read."""
        if self._has_rowid:
            yield from self._between("rowid", "", (), -_INT_MAX, _INT_MAX)
        elif self._is_of_series:
            for (series,) in self._target.execute("SELECT series FROM series ORDER BY series").fetchall():
                yield from self._between("time_ns", "series = ? AND", (series,), -_INT_MAX, _INT_MAX)
        else:
            with self._noted("all"):
                yield from self._source.execute(f'SELECT {self._list} FROM "{self._name}"')  # noqa: S608 - our own names

    def _between(self, key: str, where: str, given: Row, low: int, high: int) -> Iterator[Row]:
        """The rows whose keys are from one number to another, in whatever order."""
        parts = [(low - high, low, high)]
        probes_max = min(_PROBES_MAX, self._probes + _PROBES_OF_PART_MAX)
        is_first = True
        while parts and (is_first or self._probes < probes_max):
            _, low, high = heapq.heappop(parts)
            last = first = None
            for number, row in self._walk("", key, where, given, low, high):
                last = number
                yield row
            if self._is_whole:
                continue
            low = low if last is None else last + 1
            for number, row in self._walk("DESC", key, where, given, low, high):
                first = number
                yield row
            high = high if first is None else first - 1
            if is_first:
                of = f"series {given[0]}, " if given else ""
                self.gaps.append(f"{of}{key} {low} to {high}")
                low, high = max(low, 0), min(high, self._highest)
            is_first = False
            middle = low + (high - low) // 2
            for start, stop in ((low, middle), (middle + 1, high)):
                if start <= stop and low < high:
                    heapq.heappush(parts, (start - stop, start, stop))

    def _walk(self, order: str, key: str, where: str, given: Row, low: int, high: int) -> Iterator[tuple[int, Row]]:
        self._probes += 1
        self._is_whole = False
        table = f'"{self._name}"' + (" NOT INDEXED" if self._has_rowid else "")
        which = f"{where} {key} >= ? AND {key} <= ? ORDER BY {key} {order}"
        query = f"SELECT {key}, {self._list} FROM {table} WHERE {which}"  # noqa: S608 - our own names
        try:
            for number, *row in self._source.execute(query, (*given, low, high)):
                yield number, tuple(row)
            self._is_whole = True
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            pass

    @contextlib.contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            self.gaps.append(what)


def _columns(db: sqlite3.Connection, table: str) -> dict[str, str]:
    return {name: kind for _, name, kind, *_ in db.execute(f'PRAGMA table_info("{table}")')}


def _last_id(db: sqlite3.Connection, table: str) -> int:
    """The highest id that a row may have."""
    with contextlib.suppress(sqlite3.DatabaseError):
        found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        if found:
            return int(found[0])
    return _ID_MAX


def _keep_sequences(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Ids are never used again, those of lost rows neither."""
    with contextlib.suppress(sqlite3.DatabaseError):
        for name, number in source.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
            (there,) = target.execute("SELECT count(*) FROM sqlite_sequence WHERE name = ?", (name,)).fetchone()
            if there:
                target.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, name))
            else:
                target.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))
