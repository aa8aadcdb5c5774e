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


class HubCounts:
    """The table of them; `add` belongs into a transaction of its owner."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, name: str, counts: Mapping[str, int]) -> None:
        """Add to what is counted under a name, by hub."""
        self._file.connection().executemany(
            "INSERT INTO hub_counts (name, hub, count) VALUES (?, ?, ?)"
            " ON CONFLICT (name, hub) DO UPDATE SET count = count + excluded.count",
            ((name, hub, count) for hub, count in counts.items() if count),
        )

    def read(self) -> dict[str, dict[str, int]]:
        """Everything counted, by name and hub."""
        if self._file.one("SELECT 1 FROM sqlite_master WHERE name = 'hub_counts'") is None:
            return {}
        found: dict[str, dict[str, int]] = {}
        for name, hub, count in self._file.all("SELECT name, hub, count FROM hub_counts ORDER BY name, count DESC"):
            found.setdefault(name, {})[hub] = count
        return found
