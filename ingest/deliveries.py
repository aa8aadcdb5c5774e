"""Which messages may come again, and the receive time that each was given.

A message that was committed but whose acknowledgement was lost is delivered again, marked DUP, with the same packet id
and the same bytes. One that has no time of its own must then get the receive time of its first delivery, or it would
count twice; and one that was refused is in the quarantine already. Only so many messages are remembered as the broker
may deliver before an answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingest.batches import Delivery
from mqtt.messages import Message
from stores.sqlite_file import SqliteFile

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS deliveries (
        packet_id INTEGER PRIMARY KEY, digest BLOB NOT NULL, time_ns INTEGER NOT NULL, received INTEGER NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS deliveries_received ON deliveries (received)",
)


class Deliveries:
    """The table of them; `remember` and `forget` belong into a transaction of its owner."""

    def __init__(self, file: SqliteFile, *, kept_max: int) -> None:
        self._file = file
        self._kept_max = kept_max

    def known(self, message: Message) -> Delivery | None:
        """The earlier delivery of a message that the broker delivers again."""
        if not (message.dup and message.packet_id):
            return None
        query = "SELECT packet_id, digest, time_ns FROM deliveries WHERE packet_id = ?"
        row = self._file.one(query, (message.packet_id,))
        return Delivery(*row) if row is not None and row[1] == message.digest() else None

    def remember(self, deliveries: Sequence[Delivery]) -> None:
        """Note them as of the ledger's count of messages, and drop those that can't come again."""
        if not deliveries:
            return
        db = self._file.connection()
        db.executemany("INSERT OR REPLACE INTO deliveries SELECT ?, ?, ?, messages_received FROM ledger", deliveries)
        db.execute(
            "DELETE FROM deliveries WHERE received < (SELECT messages_received FROM ledger) - ?", (self._kept_max,)
        )

    def forget(self) -> None:
        """Drop all: a new session of the broker begins its packet ids anew."""
        self._file.connection().execute("DELETE FROM deliveries")
