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
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from schemas.localtime import from_ns

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a damaged file raises: the message of SQLite may quote bytes that are no text, which Python fails to read."""
_REPORT = "salvage.json"
_GAPS_MAX = 1000
_FROM_TO = ("from", "to")


class Gap(NamedTuple):
    """What may be missing of a table: rows of these ids, or of a series (its tags) between two times, both included.

    None is the table's end.
    """

    table: str
    of: str
    first: int | None
    last: int | None

    def __str__(self) -> str:
        shown = _utc if self.of else str
        ends = (f" {word} {shown(end)}" for word, end in zip(_FROM_TO, self[2:], strict=True) if end is not None)
        return "".join((self.of or "rows", *ends))


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
    # Only here: whoever opens a file that is whole needs none of it.
    from stores.damaged_file import read_into  # noqa: PLC0415

    new, whole = path.with_name(f"{path.name}.salvaging"), path.with_name(f"{path.name}.salvaged")
    path.touch()  # where only its log is left
    remove_with_log(new)
    make(new)
    mark_of(new).unlink(missing_ok=True)  # it is no file that anybody could miss
    rows, missing, gaps = read_into(new, path, mend)
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


def remove_with_log(path: Path) -> None:
    """Delete a file of SQLite, and what it keeps beside it; harmless where there is none."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


def _utc(time_ns: int) -> str:
    return f"{from_ns(time_ns):%Y-%m-%dT%H:%M:%SZ}"
