"""The ledger: what came in, what became of it. It balances after every commit, and anyone can read it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, computed_field

from ingest.hub_counts import HubCounts
from stores.sqlite_file import SqliteFile


class Ledger(BaseModel):
    """Counts since the buffer was made.

    `messages_refused` are messages of which nothing was taken; `messages_no_reading` are those that carry none by their
    nature, such as a device joining its network; `messages_redelivered` were committed before, and the broker had not
    got the answer; `messages_thinned` are live gauges of a hub beyond its rate, which were dropped, and
    `messages_waiting` what such a hub sent besides and is decoded later; `readings_refused` are single readings refused
    out of messages that were otherwise taken.
    """

    model_config = ConfigDict(frozen=True)

    messages_received: int
    messages_accepted: int
    messages_refused: int
    messages_no_reading: int
    messages_redelivered: int = 0
    messages_thinned: int = 0
    messages_waiting: int = 0
    readings_accepted: int
    readings_refused: int
    readings_stored: int
    readings_store_rejected: int
    readings_pending: int
    by_hub: Mapping[str, Mapping[str, int]] = {}
    """What was held back, by name and hub."""

    refused_by_reason: Mapping[str, int] = {}
    """Messages that were refused whole, by reason; it grows only, redriven ones stay in it."""

    notes: Mapping[str, int] = {}
    """What is worth knowing and part of no equation.

    `overwritten`: readings that a later message gave other values. `quarantine_not_kept`: refused messages beyond a
    quota. `quarantine_expired`: refused messages that were deleted for their age.
    `broker_dropped`: messages that the broker had no room for, of
    anybody. `maybe_repeated`: readings without a time that may be in the store already. `sessions_lost` and
    `broker_restarts`: after which the broker had not all that it had acknowledged. `readings_lost`: those lost
    with a damaged buffer.
    """

    @computed_field  # type: ignore[prop-decorator]
    @property
    def balanced(self) -> bool:
        """Whether both equations hold."""
        return (
            self.messages_received
            == self.messages_accepted
            + self.messages_refused
            + self.messages_no_reading
            + self.messages_redelivered
            + self.messages_thinned
            + self.messages_waiting
            and self.readings_accepted == self.readings_stored + self.readings_store_rejected + self.readings_pending
        )


_LATER = ("messages_redelivered", "messages_thinned")
_ELSEWHERE = ("readings_pending", "messages_waiting", "notes", "by_hub", "refused_by_reason")
_FIRST_COLUMNS = [name for name in Ledger.model_fields if name not in (*_ELSEWHERE, *_LATER)]
_COUNTS = ", ".join(f"{name} INTEGER NOT NULL DEFAULT 0" for name in _FIRST_COLUMNS)
SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS ledger (only INTEGER PRIMARY KEY CHECK (only = 1), {_COUNTS})",
    "INSERT OR IGNORE INTO ledger (only) VALUES (1)",
)
CREATE_NOTES = "CREATE TABLE ledger_notes (note TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID"
CREATE_REASONS = "CREATE TABLE refused_reasons (reason TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID"
ADD_REDELIVERED, ADD_THINNED = (f"ALTER TABLE ledger ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0" for name in _LATER)
_PENDING = "(SELECT coalesce(sum(readings), 0) FROM batches)"
_WAITING = "(SELECT coalesce(sum(messages), 0) FROM surplus)"


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
        if not count:
            return
        self._file.connection().execute(
            "INSERT INTO ledger_notes (note, count) VALUES (?, ?) "
            "ON CONFLICT (note) DO UPDATE SET count = count + excluded.count",
            (name, count),
        )

    def refused(self, reasons: Mapping[str, int]) -> None:
        """Count messages that were refused whole, by reason."""
        self._file.connection().executemany(
            "INSERT INTO refused_reasons VALUES (?, ?)"
            " ON CONFLICT (reason) DO UPDATE SET count = count + excluded.count",
            reasons.items(),
        )

    def read(self) -> Ledger:
        """The counts as they stand after the last commit, by any process, in one consistent look."""
        # A file that this version has not written to yet has neither the last columns nor notes.
        there = {name for (name,) in self._file.all("SELECT name FROM pragma_table_info('ledger')")}
        columns = [*_FIRST_COLUMNS, *(name for name in _LATER if name in there)]
        sums = {"readings_pending": _PENDING}
        if self._file.one("SELECT 1 FROM sqlite_master WHERE name = 'surplus'"):
            sums["messages_waiting"] = _WAITING
        row = self._file.one(f"SELECT {', '.join((*columns, *sums.values()))} FROM ledger") or ()  # noqa: S608 - our own names
        is_there = self._file.one("SELECT 1 FROM sqlite_master WHERE name = 'ledger_notes'")
        notes = dict(self._file.all("SELECT note, count FROM ledger_notes ORDER BY note")) if is_there else {}
        return Ledger(
            **dict(zip((*columns, *sums), row, strict=True)),
            refused_by_reason=self._reasons(),
            notes=notes,
            by_hub=HubCounts(self._file).read(),
        )

    def _reasons(self) -> dict[str, int]:
        if self._file.one("SELECT 1 FROM sqlite_master WHERE name = 'refused_reasons'") is None:
            return {}
        return dict(self._file.all("SELECT reason, count FROM refused_reasons ORDER BY reason"))
