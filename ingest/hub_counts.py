"""What was held back of each hub: kept out of the quarantine, thinned, made to wait."""

from __future__ import annotations

from collections.abc import Mapping

from stores.sqlite_file import SqliteFile

SCHEMA = (
    """
    CREATE TABLE hub_counts (
        name TEXT NOT NULL, hub TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (name, hub)
    ) WITHOUT ROWID
    """,
)


WHEN = "ALTER TABLE hub_counts ADD COLUMN last_ns INTEGER NOT NULL DEFAULT 0"


class HubCounts:
    """The table of them; `add` belongs into a transaction of its owner."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, name: str, counts: Mapping[str, int], *, now_ns: int) -> None:
        """Add to what is counted under a name, by hub."""
        self._file.connection().executemany(
            "INSERT INTO hub_counts (name, hub, count, last_ns) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name, hub) DO UPDATE SET count = count + excluded.count, last_ns = excluded.last_ns",
            ((name, hub, count, now_ns) for hub, count in counts.items() if count),
        )

    def read(self, *, since_ns: int = 0) -> dict[str, dict[str, int]]:
        """What was ever counted, by name and hub, where something was since an instant."""
        if self._file.one("SELECT 1 FROM pragma_table_info('hub_counts') WHERE name = 'last_ns'") is None:
            return {}
        found: dict[str, dict[str, int]] = {}
        query = "SELECT name, hub, count FROM hub_counts WHERE last_ns >= ? ORDER BY name, count DESC"
        for name, hub, count in self._file.all(query, (since_ns,)):
            found.setdefault(name, {})[hub] = count
        return found
