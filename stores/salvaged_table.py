"""One table of a damaged file, on its way into the new one: what could be read of it, and what may be missing.

Between the ids of rows that were read there is a gap only where a page was damaged, and in a table of points, which is
ordered by series and time, the same by series.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from stores.salvage import UNREADABLE, Gap
from stores.sqlite_pages import Hole, Row, SqlitePages

_GAPS_NAMED = 3
_TYPES: dict[str, tuple[type, ...]] = {
    "INTEGER": (int,),
    "REAL": (float, int),
    "TEXT": (str,),
    "BLOB": (bytes,),
    "BOOLEAN": (int,),
}


class SalvagedTable:
    """`source` is the damaged file, `target` the new one, of the present layout."""

    def __init__(self, source: sqlite3.Connection, target: sqlite3.Connection, name: str) -> None:
        self.name = name
        self._source, self._target = source, target
        self.gaps: list[Gap] = []
        known = _columns(target, name)
        there = list(known)
        with contextlib.suppress(*UNREADABLE):
            there = [column for column in _columns(source, name) if column in known] or there
        self._columns = there
        self._types = [_TYPES.get(known[column][0], (object,)) for column in there]
        (sql,) = target.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        self._has_rowid = "WITHOUT ROWID" not in sql
        self._key_columns = sum(1 for _, place in known.values() if place)
        self._is_of_series = not self._has_rowid and "time_ns" in known
        # Where a column is the id of its row, its value is not in the row.
        self._id_at = next((i for i, column in enumerate(there) if known[column] == ("INTEGER", 1)), None)

    def copy(self) -> bool:
        """Put every row that SQL finds into the new table; False where it met damage."""
        columns = ", ".join(f'"{column}"' for column in self._columns)
        table = f'"{self.name}"' + (" NOT INDEXED" if self._has_rowid else "")
        try:
            for row in self._source.execute(f"SELECT {columns} FROM {table}"):  # noqa: S608 - our own names
                self._keep(row)
        except UNREADABLE:
            return False
        return True

    def read(self, pages: SqlitePages, root: int) -> None:
        """Put every row that the pages still hold into it, and note what may be missing."""
        holes: list[Hole] = []
        for found in pages.rows(root, self._key, has_rowid=self._has_rowid):
            if isinstance(found, Hole):
                holes.append(found)
            else:
                self._keep(self._with_id(found))
        self._series = self._series_of()
        for row in pages.ownerless(has_rowid=self._has_rowid):
            if self._may_be_ours(row) and any(hole.holds(self._key(row)) for hole in holes):
                self._keep(self._with_id(row))
        self._copy_from_index()
        self.gaps = sorted({gap for hole in holes for gap in self._gaps(hole)}, key=repr)

    def count(self) -> int:
        """How many rows the new table has."""
        (found,) = self._target.execute(f'SELECT count(*) FROM "{self.name}"').fetchone()  # noqa: S608 - our own names
        return int(found)

    def missing(self) -> str | None:
        """What may be missing, as a sentence."""
        if not self.gaps:
            return None
        places = "; ".join(map(str, self.gaps[:_GAPS_NAMED]))
        more = f" and {len(self.gaps) - _GAPS_NAMED} more" if len(self.gaps) > _GAPS_NAMED else ""
        return f"of {self.name} {self.count()} rows were read, perhaps not all of: {places}{more}"

    def _keep(self, row: Sequence[Any]) -> None:
        """Put a row into the new table, unless it is none of ours."""
        kinds = self._types[: len(row)]
        if len(row) > len(self._types) or any(
            value is not None and not isinstance(value, kind) for value, kind in zip(row, kinds, strict=True)
        ):
            return
        columns = ", ".join(f'"{column}"' for column in self._columns[: len(row)])
        marks = ", ".join("?" * len(row))
        with contextlib.suppress(sqlite3.IntegrityError, OverflowError):
            self._target.execute(f'INSERT OR REPLACE INTO "{self.name}" ({columns}) VALUES ({marks})', row)  # noqa: S608

    def _with_id(self, row: Row) -> Sequence[Any]:
        if self._id_at is None or not self._has_rowid or len(row.values) <= self._id_at:
            return row.values
        return (*row.values[: self._id_at], row.rowid, *row.values[self._id_at + 1 :])

    def _key(self, row: Row) -> Any:
        if self._has_rowid:
            return row.rowid
        key = row.values[: self._key_columns]
        if len(key) < self._key_columns or any(
            not isinstance(value, kind) for value, kind in zip(key, self._types, strict=False)
        ):
            raise TypeError("no key of this table")
        return key

    def _may_be_ours(self, row: Row) -> bool:
        """A page that no tree leads to does not say whose it is, its rows do: by their types, or their series."""
        if self._has_rowid:
            return len(row.values) == len(self._types)
        return (
            self._is_of_series and len(row.values) > 1 and row.values[0] in self._series and type(row.values[1]) is int
        )

    def _series_of(self) -> dict[int, str]:
        """The tags of each series of this table."""
        if not self._is_of_series:
            return {}
        query = "SELECT series, tags FROM series WHERE measurement = ?"
        return dict(self._target.execute(query, (self.name,)).fetchall())

    def _copy_from_index(self) -> None:
        """An index that holds whole rows has them once more."""
        if self.name == "series":
            columns = ", ".join(self._columns)
            query = f"SELECT {columns} FROM series INDEXED BY sqlite_autoindex_series_1"  # noqa: S608 - our own names
            with contextlib.suppress(*UNREADABLE):
                for row in self._source.execute(query):
                    self._keep(row)

    def _gaps(self, hole: Hole) -> Iterator[Gap]:
        if self._has_rowid:
            yield from self._missing_ids(hole)
        elif self._is_of_series:
            for series, tags in self._series.items():
                start = hole.after[1] + 1 if hole.after and hole.after[0] == series else None
                stop = hole.before[1] - 1 if hole.before and hole.before[0] == series else None
                is_within = (hole.after is None or series >= hole.after[0]) and (
                    hole.before is None or series <= hole.before[0]
                )
                if is_within and (start is None or stop is None or start <= stop):
                    yield Gap(self.name, tags, start, stop)
        else:
            yield Gap(self.name, "", None, None)

    def _missing_ids(self, hole: Hole) -> Iterator[Gap]:
        """The ids in a hole that were not read, up to the last that was given."""
        first = 1 if hole.after is None else hole.after + 1
        last = self._last_id() if hole.before is None else hole.before - 1
        query = f'SELECT rowid FROM "{self.name}" WHERE rowid >= ? AND rowid <= ? ORDER BY rowid'  # noqa: S608
        for (there,) in self._target.execute(query, (first, 2**63 - 1 if last is None else last)).fetchall():
            if there > first:
                yield Gap(self.name, "", first, there - 1)
            first = there + 1
        if last is None or first <= last:
            yield Gap(self.name, "", first, last)

    def _last_id(self) -> int | None:
        with contextlib.suppress(*UNREADABLE):
            found = self._source.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (self.name,)).fetchone()
            if found:
                return int(found[0])
        return None


def _columns(db: sqlite3.Connection, table: str) -> dict[str, tuple[str, int]]:
    """The type of each column, and its place in the primary key, from 1 on; 0 for others."""
    return {name: (kind, key) for _, name, kind, _, _, key in db.execute(f'PRAGMA table_info("{table}")')}
