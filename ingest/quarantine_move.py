"""The quarantine as it was in the buffer's own file, and how it moves into one of its own.

Copied first, then dropped with the layout's new number: a crash in between copies the same rows again.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ingest.buffer_file import QUARANTINE_NAME
from ingest.quarantine import COLUMNS, INSERT, MIGRATIONS
from stores.sqlite_file import SqliteFile

FIRST_QUARANTINE = (
    """
    CREATE TABLE IF NOT EXISTS quarantine (
        id INTEGER PRIMARY KEY AUTOINCREMENT, received_ns INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
        retained INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
        readings_taken INTEGER NOT NULL, readings_refused INTEGER NOT NULL
    )
    """,
)
QUARANTINE_QUOTAS = ("ALTER TABLE quarantine ADD COLUMN hub TEXT NOT NULL DEFAULT ''",)


def move_quarantine(db: sqlite3.Connection) -> None:
    """Bring a buffer to the layout without refused messages."""
    rows = db.execute(f"SELECT {COLUMNS}, NULL, NULL, NULL, 0 FROM quarantine ORDER BY id")  # noqa: S608 - our own names
    first = rows.fetchone()
    if first is not None:
        (path,) = db.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()
        file = SqliteFile(Path(path).with_name(QUARANTINE_NAME), name="quarantine", migrations=MIGRATIONS)
        with closing(file), file.transaction() as target:
            target.execute(INSERT, first)
            target.executemany(INSERT, rows)
    db.execute("DROP TABLE quarantine")
    db.execute("DROP TABLE IF EXISTS quarantine_use")
