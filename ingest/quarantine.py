"""Refused messages: kept whole, listed, shown, sent again once the cause is fixed, or purged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ingest.batches import Refused
from ingest.privacy import masked_message
from mqtt.messages import Message
from schemas.errors import HubpulseError
from schemas.localtime import from_ns
from schemas.readings import Reason, Refusal
from stores.sqlite_file import SqliteFile

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS quarantine (
        id INTEGER PRIMARY KEY AUTOINCREMENT, received_ns INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
        retained INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
        readings_taken INTEGER NOT NULL, readings_refused INTEGER NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS quarantine_reason ON quarantine (reason)",
    "CREATE INDEX IF NOT EXISTS quarantine_received ON quarantine (received_ns)",
)
_DETAILS_SHOWN = 3
_PURGED_AT_ONCE = 1000
_SELECT = "SELECT id, received_ns, topic, payload, retained, reason, detail FROM quarantine"
_COLUMNS = "received_ns, topic, payload, retained, reason, detail, readings_taken, readings_refused"
_INSERT = f"INSERT INTO quarantine ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own names


class RejectedLine(NamedTuple):
    """A line that the store refused, as a message that can be corrected and sent again."""

    topic: str
    payload: bytes
    detail: str


class Quarantined(NamedTuple):
    """A refused message, to be decoded again."""

    id: int
    received_ns: int
    message: Message
    reason: Reason


class Removed(NamedTuple):
    """How a refusal that was taken out of the quarantine had been counted."""

    reason: Reason
    readings_taken: int
    readings_refused: int


class Quarantine:
    """The table of them; `add`, `add_rejected` and `remove` belong into a transaction of its owner."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, refused: Sequence[Refused]) -> None:
        """Keep refused messages."""
        self._file.connection().executemany(_INSERT, map(_row, refused))

    def add_rejected(self, rejected: Sequence[RejectedLine], *, now_ns: int) -> None:
        """Keep lines that the store refused, each with a receive time of its own."""
        rows = (
            (received_ns, line.topic, line.payload, False, Reason.STORE_REJECTED.value, line.detail, 0, 1)
            for received_ns, line in enumerate(rejected, start=now_ns)
        )
        self._file.connection().executemany(_INSERT, rows)

    def remove(self, refusal_id: int) -> Removed | None:
        """Take a refusal out; None where there is none of that id."""
        query = "DELETE FROM quarantine WHERE id = ? RETURNING reason, readings_taken, readings_refused"
        row = self._file.connection().execute(query, (refusal_id,)).fetchone()
        return Removed(Reason(row[0]), *row[1:]) if row else None

    def find(self, *, reason: Reason | None = None, limit: int) -> Iterator[Refusal]:
        """The newest refusals first, of one reason or of all."""
        query = f"{_SELECT} WHERE reason = coalesce(?, reason) ORDER BY id DESC LIMIT ?"
        return map(_refusal, self._file.rows(query, (reason, limit)))

    def get(self, refusal_id: int) -> Refusal:
        """One refusal. Raises HubpulseError where there is none of that id."""
        row = self._file.one(f"{_SELECT} WHERE id = ?", (refusal_id,))
        if row is None:
            raise HubpulseError(f"no refusal {refusal_id} in the quarantine: `hubpulse quarantine list` shows the ids")
        return _refusal(row)

    def messages(self, *, ids: Sequence[int] | None, reason: Reason | None) -> Iterator[Quarantined]:
        """Refused messages, the oldest first: those of `ids`, or all of a reason, or all."""
        if ids is None:
            query = "SELECT id FROM quarantine WHERE reason = coalesce(?, reason) ORDER BY id"
            ids = [row[0] for row in self._file.all(query, (reason,))]
        for refusal_id in ids:
            for _, received_ns, topic, payload, retained, why, _ in self._file.all(
                f"{_SELECT} WHERE id = ?", (refusal_id,)
            ):
                message = Message(topic.encode(), payload, retained=bool(retained))
                yield Quarantined(refusal_id, received_ns, message, Reason(why))

    def counts(self) -> dict[str, int]:
        """How many messages are in the quarantine, by reason, the most frequent first."""
        return dict(self._file.all("SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY 2 DESC"))

    def purge(self, *, reason: Reason | None, before_ns: int) -> int:
        """Delete refusals received before a time, of one reason or of all, for good; the ledger keeps its counts."""
        deleted = 0
        some = "SELECT id FROM quarantine WHERE received_ns < ? AND reason = coalesce(?, reason) LIMIT ?"
        while True:
            # A part at a time: the log of one commit needs room, too, and this may be done for want of it.
            with self._file.transaction() as db:
                query = f"DELETE FROM quarantine WHERE id IN ({some})"  # noqa: S608 - our own text
                count = db.execute(query, (before_ns, reason, _PURGED_AT_ONCE)).rowcount
            deleted += count
            if count < _PURGED_AT_ONCE:
                return deleted


def _row(refused: Refused) -> tuple[int, str, bytes, bool, str, str, int, int]:
    topic, payload, detail = masked_message(refused.message, refused.identity, _details(refused))
    return (
        refused.received_ns,
        topic,
        payload,
        refused.message.retained,
        refused.rejections[0].reason.value,
        detail,
        refused.readings,
        len(refused.rejections),
    )


def _details(refused: Refused) -> str:
    total = len(refused.rejections) + refused.readings
    first, *others = refused.rejections
    if total == 1:
        return first.detail
    shown = "; ".join(f"{r.reason}: {r.detail}" for r in [first, *others][:_DETAILS_SHOWN])
    more = len(refused.rejections) - _DETAILS_SHOWN
    rest = f"; and {more} more" if more > 0 else ""
    return f"{len(refused.rejections)} of {total} readings refused: {shown}{rest}"


def _refusal(row: tuple[int, int, str, bytes, int, str, str]) -> Refusal:
    refusal_id, received_ns, topic, payload, retained, reason, detail = row
    return Refusal(
        id=refusal_id,
        received_at=from_ns(received_ns),
        topic=topic,
        payload=payload,
        retained=bool(retained),
        reason=Reason(reason),
        detail=detail,
    )
