"""What can still be read of a damaged SQLite file goes into a new one in its place; the damaged one is set aside.

    buffer.db                                     the new file, under the old name
    buffer.db.salvaged                            the new file, whole, until it has the old name: a crash in between is
                                                  finished at the next opening
    buffer.db.made, buffer.db.suspect             it was there before; somebody met damage in it
    buffer.db.damaged-20261128T093000Z/           what was set aside, for people to look at and to delete
        buffer.db, buffer.db-wal                  as they were found
        salvage.json                              when, how many rows of each table were read, what may be missing

A table in which SQL meets damage is read from its pages (`stores.sqlite_pages`), so that one that is damaged costs its
own rows alone, also where it heads others; the keys around it say what may be missing. A row counts only where its
values are of the types that its columns have. Where the first page is lost, which says where the tables begin, that of
a new file stands in for it: files are made in the same way and begin alike. Where the log has damage before its last
commit, which SQLite would take for its end, what is whole in it is put into a copy, and that is read
(`stores.sqlite_log`).

What no file can tell: bytes that changed to others that are as good, but for batches, which have a checksum; and a log
that lost its end, which looks as after a power cut. The ledger may then not balance, and `doctor` says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.localtime import from_ns
from stores.salvaged_table import Gap, SalvagedTable
from stores.sqlite_log import apply, loses_commits
from stores.sqlite_pages import SqlitePages

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REPORT = "salvage.json"
_GAPS_MAX = 1000


class Salvage(NamedTuple):
    """One file that was damaged or gone, and what became of it."""

    file: str
    at: str
    """RFC 3339, UTC."""
    folder: Path
    rows: dict[str, int]
    """How many were read, by table."""
    missing: tuple[str, ...]
    gaps: tuple[Gap, ...] = ()
    """Where in its tables that may be: at most a thousand places."""

    def __str__(self) -> str:
        what = "; ".join(self.missing) or "nothing is missing"
        return f"{self.file} was damaged or gone at {self.at}: {what}. Once you have looked at it, delete {self.folder}"


def salvages(data_dir: Path) -> list[Salvage]:
    """What was salvaged in a data folder and not yet deleted by somebody who looked at it, the oldest first."""
    found = []
    for path in sorted(data_dir.glob(f"*/{_REPORT}")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            report = json.loads(path.read_text("utf-8"))
            gaps = tuple(Gap(*gap) for gap in report["gaps"])
            missing = tuple(report["missing"])
            found.append(Salvage(report["file"], report["at"], path.parent, report["rows"], missing, gaps))
    return sorted(found, key=lambda salvage: salvage.at)


def report_if_gone(path: Path) -> None:
    """Note that a file which was there before is gone, or empty, before it is made anew. Raises OSError."""
    if mark_of(path).exists() and not (path.exists() and path.stat().st_size):
        now_ns = time.time_ns()
        _report(path, _aside(path, now_ns), {}, ["all that was in it: restore a backup"], [], now_ns)


def mark_of(path: Path) -> Path:
    """What notes beside a file that it is there."""
    return _beside(path, "made")


def remember(path: Path) -> None:
    """Note beside a file that it is there. Raises OSError."""
    mark_of(path).touch(0o600)


def suspect(path: Path) -> None:
    """Note that somebody met damage in a file of ours, for the one process that replaces it."""
    if mark_of(path).exists():
        with contextlib.suppress(OSError):
            _beside(path, "suspect").touch(0o600)


def is_suspect(path: Path) -> bool:
    """Whether somebody met damage in a file, which nobody has replaced since."""
    return _beside(path, "suspect").exists()


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
    path.touch()  # where only its log is left
    _remove(new)
    make(new)
    mark_of(new).unlink(missing_ok=True)  # it is no file that anybody could miss
    rows, missing, gaps = _read_into(new, path, mend)
    folder = _aside(path, now_ns)
    found = _report(path, folder, rows, missing, gaps, now_ns)
    os.link(path, folder / path.name)
    new.replace(whole)
    finish_salvage(path)
    _beside(path, "suspect").unlink(missing_ok=True)
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


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}")


def _aside(path: Path, now_ns: int) -> Path:
    folder = path.with_name(f"{path.name}.damaged-{from_ns(now_ns):%Y%m%dT%H%M%S.%fZ}")
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _report(
    path: Path, folder: Path, rows: dict[str, int], missing: Sequence[str], gaps: Sequence[Gap], now_ns: int
) -> Salvage:
    found = Salvage(path.name, _utc(now_ns), folder, rows, tuple(missing), tuple(gaps[:_GAPS_MAX]))
    shown = {"file": found.file, "at": found.at, "rows": rows, "missing": found.missing, "gaps": found.gaps}
    (folder / _REPORT).write_text(json.dumps(shown, indent=2) + "\n", "utf-8")
    return found


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


def _read_into(
    new: Path, damaged: Path, mend: Callable[[sqlite3.Connection], list[str]]
) -> tuple[dict[str, int], list[str], list[Gap]]:
    """Copy what can be read; return how many rows of each table that is, and what may be missing."""
    with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as target:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
        names = [name for (name,) in target.execute(query).fetchall()]
        with _readable(damaged, new) as (source, file):
            target.execute("BEGIN")
            tables = [SalvagedTable(source, target, name) for name in names]
            torn = [table for table in tables if not table.copy()]
            if torn:
                with _pages_of(file, new) as pages:
                    _read_pages(torn, source, pages)
            _keep_sequences(source, target)
            target.execute("COMMIT")
        rows = {table.name: table.count() for table in tables}
        gaps = [gap for table in torn for gap in table.gaps]
        missing = [sentence for table in torn if (sentence := table.missing())]
        target.execute("BEGIN")
        missing += mend(target)
        target.execute("COMMIT")
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        target.execute("PRAGMA journal_mode = DELETE")
    return rows, missing, gaps


def _read_pages(torn: Sequence[SalvagedTable], source: sqlite3.Connection, pages: SqlitePages) -> None:
    roots: dict[str, int] = {}
    with contextlib.suppress(sqlite3.DatabaseError):
        roots = dict(source.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0"))
    for root in (1, *roots.values()):
        pages.claim(root)
    for table in torn:
        table.read(pages, roots.get(table.name, 0))


@contextlib.contextmanager
def _pages_of(file: Path, new: Path) -> Iterator[SqlitePages]:
    """The pages of a file as its log leaves them."""
    log, folded = file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}.folded")
    try:
        if log.exists():
            shutil.copyfile(file, folded)
            apply(log, folded)
        with contextlib.closing(SqlitePages(folded if log.exists() else file, page_bytes=_page_bytes(new))) as pages:
            yield pages
    finally:
        _remove(folded)


def _page_bytes(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as db:
        (found,) = db.execute("PRAGMA page_size").fetchone()
    return int(found)


@contextlib.contextmanager
def _readable(damaged: Path, new: Path) -> Iterator[tuple[sqlite3.Connection, Path]]:
    """The damaged file, open to read, or a copy with another first page where its own is lost, or with its log."""
    log = damaged.with_name(f"{damaged.name}-wal")
    has_lost = loses_commits(damaged)
    if not has_lost and _has_first_page(damaged):
        with contextlib.closing(_connect(damaged)) as db:
            yield db, damaged
        return
    patched = damaged.with_name(f"{damaged.name}.patched")
    try:
        shutil.copyfile(damaged, patched)
        if has_lost:
            apply(log, patched)
        if not _has_first_page(patched):
            _replace_first_page(patched, new)
        with contextlib.closing(_connect(patched)) as db:
            yield db, patched
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
    page_bytes = _page_bytes(new)
    with new.open("rb") as file:
        page = bytearray(file.read(page_bytes))
    pages = patched.stat().st_size // page_bytes
    page[18:20] = b"\1\1"  # without a log
    page[24:28] = page[92:96]  # so that the number of pages counts
    page[28:40] = pages.to_bytes(4, "big") + bytes(8)  # and none is free
    with patched.open("r+b") as file:
        file.write(page)


def _keep_sequences(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Ids are never used again, those of lost rows neither."""
    with contextlib.suppress(sqlite3.DatabaseError):
        for name, number in source.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
            (there,) = target.execute("SELECT count(*) FROM sqlite_sequence WHERE name = ?", (name,)).fetchone()
            if there:
                target.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, name))
            else:
                target.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))


def _utc(time_ns: int) -> str:
    return f"{from_ns(time_ns):%Y-%m-%dT%H:%M:%SZ}"
