"""A damaged buffer gives up what is whole in it: batches as they were committed, refusals, counts.

See `stores.salvage` for how it is read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ingest import quarantine
from ingest.buffer import MIGRATIONS, BufferFullError
from ingest.buffer_file import FILE_NAME, QUARANTINE_NAME
from ingest.pending import is_as_committed
from ingest.session import doubt
from ingest.surplus import is_as_put
from schemas.readings import Reason
from stores.salvage import Salvage, salvage
from stores.sqlite_file import SqliteFile, SqliteFileError
from stores.sqlite_log import loses_commits

READINGS_LOST = "readings_lost"
"""The ledger's note of readings that were accepted and then lost with a damaged file: they are accepted no more."""


def salvage_buffer(data_dir: Path, *, now_ns: int) -> Salvage:
    """Set the buffer of a data folder aside and go on with what is whole in it.

    Raises BufferFullError where the disk has no room for it, else SqliteFileError.
    """
    path = data_dir / FILE_NAME
    with _translated_errors(path, "buffer"):
        doubt(data_dir)
        return salvage(path, make=_make, mend=_mend, now_ns=now_ns)


def salvage_quarantine(data_dir: Path, *, now_ns: int) -> Salvage:
    """The same for the quarantine."""
    path = data_dir / QUARANTINE_NAME
    with _translated_errors(path, "quarantine"):
        return salvage(path, make=_make_quarantine, mend=_recount, now_ns=now_ns)


def has_lost_commits(data_dir: Path, *, name: str = FILE_NAME) -> bool:
    """Whether commits are behind damage in the log, where opening the file would give them up without a word."""
    return loses_commits(data_dir / name)


@contextmanager
def _translated_errors(path: Path, name: str) -> Iterator[None]:
    try:
        with SqliteFile(path, name=name, migrations=()).translated_errors():
            yield
    except SqliteFileError as error:
        if error.code == sqlite3.SQLITE_FULL:
            raise BufferFullError(str(error)) from error
        raise


def _make(path: Path) -> None:
    with closing(SqliteFile(path, name="buffer", migrations=MIGRATIONS)) as file:
        file.connection()


def _make_quarantine(path: Path) -> None:
    with closing(SqliteFile(path, name="quarantine", migrations=quarantine.MIGRATIONS)) as file:
        file.connection()


def _recount(db: sqlite3.Connection) -> list[str]:
    """Take out the refusals that are not as they were kept, and count anew how much each hub has."""
    marks = ", ".join("?" * len(Reason))
    torn = db.execute(f"DELETE FROM quarantine WHERE reason NOT IN ({marks})", list(Reason)).rowcount  # noqa: S608 - marks
    for statement in quarantine.RECOUNT:
        db.execute(statement)
    return [f"{torn} refusals are not as they were kept"] if torn else []


def _mend(db: sqlite3.Connection) -> list[str]:
    """Take out the batches that are not as they were committed, and have the ledger balance."""
    found = db.execute("SELECT id, lines, marks, checksum FROM batches")
    torn = [row_id for row_id, *committed in found if not is_as_committed(*committed)]
    db.executemany("DELETE FROM batches WHERE id = ?", ((row_id,) for row_id in torn))
    # Which of its rows count was in the damaged file, too: they all do.
    db.execute("INSERT OR REPLACE INTO quarantine_record (only, last_id) VALUES (1, NULL)")
    rows = db.execute("SELECT id, body, checksum FROM surplus")
    unreadable = [row_id for row_id, *put in rows if not is_as_put(*put)]
    db.executemany("DELETE FROM surplus WHERE id = ?", ((row_id,) for row_id in unreadable))
    db.execute(
        "UPDATE ledger SET messages_received = messages_accepted + messages_refused + messages_no_reading"
        " + messages_redelivered + messages_thinned + (SELECT coalesce(sum(messages), 0) FROM surplus)"
    )
    lost: int
    (lost,) = db.execute(
        "SELECT readings_accepted - readings_stored - readings_store_rejected"
        " - (SELECT coalesce(sum(readings), 0) FROM batches) FROM ledger"
    ).fetchone()
    db.execute("UPDATE ledger SET readings_accepted = readings_accepted - ?", (lost,))
    if lost > 0:
        db.execute(
            "INSERT INTO ledger_notes (note, count) VALUES (?, ?) "
            "ON CONFLICT (note) DO UPDATE SET count = count + excluded.count",
            (READINGS_LOST, lost),
        )
    missing = [f"{len(torn)} batches are not as they were committed"] if torn else []
    if unreadable:
        missing.append(f"{len(unreadable)} rows of messages that waited are not as they were committed")
    return [*missing, *([f"{lost} readings that were accepted"] if lost > 0 else [])]
