"""The ledger: what came in, what became of it. It balances after every commit, and anyone can read it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, computed_field

from stores.sqlite_file import SqliteFile


class Ledger(BaseModel):
    """Counts since the buffer was made; a message that the broker delivers twice counts twice, here and only here.

    `messages_refused` are messages of which nothing was taken; `messages_no_reading` are those that carry none by their
    nature, such as a device joining its network; `readings_refused` are single readings refused out of messages that
    were otherwise taken.
    """

    model_config = ConfigDict(frozen=True)

    messages_received: int
    messages_accepted: int
    messages_refused: int
    messages_no_reading: int
    readings_accepted: int
    readings_refused: int
    readings_stored: int
    readings_store_rejected: int
    readings_pending: int
    notes: Mapping[str, int] = {}
    """What is worth knowing and part of no equation: `overwritten`, readings that a later message gave other values."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def balanced(self) -> bool:
        """Whether both equations hold."""
        return (
            self.messages_received == self.messages_accepted + self.messages_refused + self.messages_no_reading
            and self.readings_accepted == self.readings_stored + self.readings_store_rejected + self.readings_pending
        )


_COLUMNS = [name for name in Ledger.model_fields if name not in ("readings_pending", "notes")]
_COUNTS = ", ".join(f"{name} INTEGER NOT NULL DEFAULT 0" for name in _COLUMNS)
SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS ledger (only INTEGER PRIMARY KEY CHECK (only = 1), {_COUNTS})",
    "INSERT OR IGNORE INTO ledger (only) VALUES (1)",
)
CREATE_NOTES = "CREATE TABLE ledger_notes (note TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID"
_SELECT = f"SELECT {', '.join(_COLUMNS)}, (SELECT coalesce(sum(readings), 0) FROM batches) FROM ledger"  # noqa: S608 - our own names


class LedgerTable:
    """The row of counts; `add` belongs into a transaction of its owner."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, counts: Mapping[str, int]) -> None:
        """Add to the counts of these names."""
        changed = {name: count for name, count in counts.items() if count}
        if changed:
            settings = ", ".join(f"{name} = {name} + ?" for name in changed)
            self._file.connection().execute(f"UPDATE ledger SET {settings}", list(changed.values()))  # noqa: S608 - our own names

    def note(self, name: str, count: int) -> None:
        """Add to what is counted beside the equations."""
        self._file.connection().execute(
            "INSERT INTO ledger_notes (note, count) VALUES (?, ?) "
            "ON CONFLICT (note) DO UPDATE SET count = count + excluded.count",
            (name, count),
        )

    def read(self) -> Ledger:
        """The counts as they stand after the last commit, by any process, in one consistent look."""
        row = self._file.one(_SELECT) or ()
        is_there = self._file.one("SELECT 1 FROM sqlite_master WHERE name = 'ledger_notes'")
        notes = dict(self._file.all("SELECT note, count FROM ledger_notes ORDER BY note")) if is_there else {}
        return Ledger(**dict(zip((*_COLUMNS, "readings_pending"), row, strict=True)), notes=notes)
