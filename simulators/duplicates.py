"""Which sensor and time a table has had already: its memory is a temporary file, so any table fits."""

from __future__ import annotations

import sqlite3

_BATCH = 10_000


class DuplicateIndex:
    """Series (by number), times and a hash of the values, all 64-bit integers."""

    def __init__(self) -> None:
        # An empty name is a database in a temporary file, gone when closed, with a bounded cache in memory.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE seen (series INTEGER, time_ns INTEGER, value INTEGER, PRIMARY KEY (series, time_ns)) "
            "WITHOUT ROWID"
        )
        self._waiting: list[tuple[int, int, int]] = []
        self._latest_ns: dict[int, int] = {}

    def close(self) -> None:
        self._db.close()

    def note(self, series: int, time_ns: int, value: int) -> int | None:
        """Note a reading, unless there was one of its series and time before: then return that one's value."""
        if time_ns > self._latest_ns.get(series, time_ns - 1):
            # Later than everything before, as nearly every row is: new for certain, and noted by the batch.
            self._latest_ns[series] = time_ns
            self._waiting.append((series, time_ns, value))
            if len(self._waiting) >= _BATCH:
                self._flush()
            return None
        self._flush()
        known = self._db.execute(
            "SELECT value FROM seen WHERE series = ? AND time_ns = ?", (series, time_ns)
        ).fetchone()
        if known is None:
            self._waiting.append((series, time_ns, value))
            return None
        return int(known[0])

    def _flush(self) -> None:
        if self._waiting:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO seen VALUES (?, ?, ?)", self._waiting)
            self._db.execute("COMMIT")
            self._waiting.clear()
