"""What ingest's parts last reported of themselves, for `doctor` and the pipeline's own figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stores.sqlite_file import SqliteFile

SCHEMA = ("CREATE TABLE IF NOT EXISTS status (name TEXT PRIMARY KEY, value TEXT NOT NULL)",)


class ServiceStatus:
    """The table of them: JSON by the part's name."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def set(self, name: str, fields: Mapping[str, str | int | None]) -> None:
        """Replace what a part reported."""
        with self._file.transaction() as db:
            db.execute(
                "INSERT INTO status VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (name, json.dumps(fields)),
            )

    def get(self, name: str) -> dict[str, Any]:
        """What a part last reported; empty where it never did."""
        row = self._file.one("SELECT value FROM status WHERE name = ?", (name,))
        return json.loads(row[0]) if row else {}
