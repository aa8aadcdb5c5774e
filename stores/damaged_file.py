"""Reads what can be read of a damaged file of SQLite: by its tables, and where one is torn, by its pages."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stores.salvage import UNREADABLE, Gap, remove_with_log
from stores.salvaged_table import SalvagedTable
from stores.sqlite_log import apply, loses_commits
from stores.sqlite_pages import SqlitePages


def read_into(
    new: Path, damaged: Path, mend: Callable[[sqlite3.Connection], list[str]]
) -> tuple[dict[str, int], list[str], list[Gap]]:
    """Copy what can be read; return how many rows of each table that is, and what may be missing.

    Raises OSError, sqlite3.Error.
    """
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
    with contextlib.suppress(*UNREADABLE):
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
        remove_with_log(folded)


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
        remove_with_log(patched)


def _has_first_page(path: Path) -> bool:
    with contextlib.closing(_connect(path)) as db:
        try:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except UNREADABLE:
            return False
        return True


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    # So that a file which is shorter than it says is read as far as it goes.
    for pragma in ("writable_schema = ON", "cell_size_check = ON"):
        with contextlib.suppress(*UNREADABLE):
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
    with contextlib.suppress(*UNREADABLE):
        for name, number in source.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
            (there,) = target.execute("SELECT count(*) FROM sqlite_sequence WHERE name = ?", (name,)).fetchone()
            if there:
                target.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, name))
            else:
                target.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))
