"""What ingest's parts last reported of themselves, for `doctor` and the board: JSON by the part's name."""

from __future__ import annotations

from stores.sqlite_file import SqliteFile

SCHEMA = ("CREATE TABLE IF NOT EXISTS status (name TEXT PRIMARY KEY, value TEXT NOT NULL)",)


class ServiceStatus:
    """The table of them."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def set(self, name: str, value: str) -> None:
        """Replace what a part reported."""
        with self._file.transaction() as db:
            db.execute(
                "INSERT INTO status VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value)
            )

    def get(self, name: str) -> str | None:
        """What a part last reported."""
        row = self._file.one("SELECT value FROM status WHERE name = ?", (name,))
        return None if row is None else str(row[0])

    def all(self) -> dict[str, str]:
        """What every part last reported."""
        return dict(self._file.all("SELECT name, value FROM status"))
