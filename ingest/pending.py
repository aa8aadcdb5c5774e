"""Lines that were committed and that the store has not taken yet. They are bytes, never looked into here."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ingest.batches import Batch, DayMark
from schemas.localtime import NS_A_SECOND
from stores.lines import oldest_since
from stores.sqlite_file import SHARED, SqliteFile

_ROW_LINES_MAX = 5000
"""Half of what a flush takes: of a large batch no more is in memory at a time, while it is written and read."""
LIVE_WITHIN_NS = 3600 * NS_A_SECOND
"""An older reading is history that came late or was replayed: its age is no lag."""

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS batches (
        id INTEGER PRIMARY KEY AUTOINCREMENT, committed_ns INTEGER NOT NULL, readings INTEGER NOT NULL,
        oldest_live_ns INTEGER, lines BLOB NOT NULL, marks TEXT NOT NULL, checksum INTEGER NOT NULL
    )
    """,
)
_INSERT = (
    "INSERT INTO batches (committed_ns, readings, oldest_live_ns, lines, marks, checksum) VALUES (?, ?, ?, ?, ?, ?)"
)
# No bytes have that checksum, and nothing has 0: a row that was cut and comes back is not taken for whole.
_CUT = "UPDATE batches SET lines = x'', marks = '', checksum = -1 WHERE id = ?"


class PendingRow(NamedTuple):
    """A committed batch, or a part of a large one, that the store has not taken yet."""

    id: int
    readings: int
    oldest_live_ns: int | None
    """The time of its oldest reading that was no history when it was committed."""
    lines: bytes
    marks: tuple[DayMark, ...]


class PendingBatches:
    """The table of them; `add` and `remove` belong into a transaction of its owner."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, batch: Batch, *, now_ns: int) -> None:
        """Hold the readings of a batch; its days are with the last of them."""
        points, execute = batch.points, self._file.connection().execute
        for start in range(0, len(points), _ROW_LINES_MAX):
            some = points[start : start + _ROW_LINES_MAX]
            lines = "\n".join(some).encode("ascii")
            marks = _write_marks(batch.marks if start + len(some) == len(points) else ())
            oldest_ns = oldest_since(some, now_ns - LIVE_WITHIN_NS)
            execute(_INSERT, (now_ns, len(some), oldest_ns, lines, marks, _checksum(lines, marks)))

    def oldest(self, lines_max: int) -> list[PendingRow]:
        """The oldest batches until they hold `lines_max` lines together; the last one may go beyond."""
        rows: list[PendingRow] = []
        count = 0
        query = "SELECT id, readings, oldest_live_ns, lines, marks, checksum FROM batches ORDER BY id"
        for row_id, readings, oldest_ns, lines, marks, checksum in self._file.rows(query):
            if not is_as_committed(lines, marks, checksum):
                raise self._file.unusable(f"batch {row_id} is not as it was committed")
            rows.append(PendingRow(row_id, readings, oldest_ns, lines, _read_marks(marks)))
            count += readings
            if count >= lines_max:
                break
        return rows

    def remove(self, rows: Sequence[PendingRow]) -> int:
        """Forget batches; how many readings they held.

        Zeros over all of it would be as many bytes as the lines had. A row is found by what is on its page of the table
        alone, so it is cut to that before it is deleted, and what it had beyond is given back as it is.
        """
        with self._file.leaving_bytes() as db:
            db.executemany(_CUT, ((row.id,) for row in rows))
        readings = 0
        for row in rows:
            deleted = db.execute("DELETE FROM batches WHERE id = ? RETURNING readings", (row.id,)).fetchone()
            if deleted is None:
                raise self._file.problem(
                    SHARED, f"can't be used: batch {row.id} was settled by another process: stop all but one ingest"
                )
            readings += deleted[0]
        return readings

    def oldest_committed_ns(self) -> int | None:
        """When the oldest of them was committed; None where there is none."""
        row = self._file.one("SELECT committed_ns FROM batches ORDER BY id LIMIT 1")
        return None if row is None else int(row[0])


def is_as_committed(lines: bytes, marks: str, checksum: int) -> bool:
    """Whether a row has the bytes that were committed."""
    return checksum == _checksum(lines, marks)


def _checksum(lines: bytes, marks: str) -> int:
    """A disk may give back other bytes than it was given, and a wrong figure must not pass for a right one."""
    return zlib.crc32(marks.encode(), zlib.crc32(lines))


def _write_marks(marks: Iterable[DayMark]) -> str:
    return "\n".join(f"{mark.hub} {mark.midnight_ns}" for mark in sorted(marks))


def _read_marks(text: str) -> tuple[DayMark, ...]:
    pairs = (line.split(" ") for line in text.splitlines())
    return tuple(DayMark(hub, int(midnight_ns)) for hub, midnight_ns in pairs)
