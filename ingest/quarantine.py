"""Refused messages: kept whole, listed, shown, sent again once the cause is fixed, or purged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
_ROW_BYTES = 200
_SIZE = "length(topic) + length(payload) + length(detail) + 200"
STORE = ":store"
"""Whose the lines are that the store refused: they were accepted, so no quota bounds them, but the buffer's limit."""

_COUNT_USE = f"INSERT INTO quarantine_use (hub, bytes) SELECT hub, sum({_SIZE}) FROM quarantine GROUP BY hub"  # noqa: S608 - our own words
RECOUNT = ("DELETE FROM quarantine_use", _COUNT_USE)
"""Counts anew how much each hub has, where rows came by another way than one by one."""

QUOTAS = (
    "ALTER TABLE quarantine ADD COLUMN hub TEXT NOT NULL DEFAULT ''",
    """
    CREATE TABLE quarantine_use (
        hub TEXT PRIMARY KEY, bytes INTEGER NOT NULL, not_kept INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """,
    f"""
    CREATE TRIGGER quarantine_added AFTER INSERT ON quarantine BEGIN
        INSERT INTO quarantine_use (hub, bytes) VALUES (new.hub, {_SIZE.replace("(", "(new.")})
        ON CONFLICT (hub) DO UPDATE SET bytes = bytes + excluded.bytes;
    END
    """,  # noqa: S608 - our own words
    f"""
    CREATE TRIGGER quarantine_removed AFTER DELETE ON quarantine BEGIN
        UPDATE quarantine_use SET bytes = bytes - ({_SIZE.replace("(", "(old.")}) WHERE hub = old.hub;
    END
    """,  # noqa: S608 - our own words
    _COUNT_USE,
)
"""How much each hub has in the quarantine, kept up to date whoever adds or removes."""

_SAMPLED = 100
_SAMPLES_SHARE = 0.1
_DETAILS_SHOWN = 3
_PURGED_AT_ONCE = 1000
_SELECT = "SELECT id, received_ns, topic, payload, retained, reason, detail FROM quarantine"
_COLUMNS = "received_ns, topic, payload, retained, reason, detail, readings_taken, readings_refused, hub"
_INSERT = f"INSERT INTO quarantine ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own names


class Quota(NamedTuple):
    """How much the quarantine keeps; beyond it one message of a hundred, as far as a tenth more."""

    hub_bytes_max: int = 32 * 1024**2
    bytes_max: int = 1024**3


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


_PLENTY = Quota()


class Quarantine:
    """The table of them; `add`, `add_rejected` and `remove` belong into a transaction of its owner."""

    def __init__(self, file: SqliteFile, quota: Quota = _PLENTY) -> None:
        self._file = file
        self._quota = quota
        self._beyond: Counter[str] = Counter()

    def add(self, refused: Sequence[Refused]) -> int:
        """Keep refused messages, as far as the quotas of their hubs go; how many were not kept."""
        if not refused:
            return 0
        used = dict(self._file.all("SELECT hub, bytes FROM quarantine_use WHERE hub != ?", (STORE,)))
        kept: list[Refused] = []
        not_kept: Counter[str] = Counter()
        for entry in refused:
            size = len(entry.message.topic) + len(entry.message.payload) + _ROW_BYTES
            if self._has_room(entry.hub, size, used):
                used[entry.hub] = used.get(entry.hub, 0) + size
                kept.append(entry)
            else:
                not_kept[entry.hub] += 1
        db = self._file.connection()
        db.executemany(_INSERT, map(_row, kept))
        db.executemany(
            "INSERT INTO quarantine_use (hub, bytes, not_kept) VALUES (?, 0, ?)"
            " ON CONFLICT (hub) DO UPDATE SET not_kept = not_kept + excluded.not_kept",
            not_kept.items(),
        )
        return not_kept.total()

    def put_back(self, refused: Sequence[Refused]) -> None:
        """Keep what is left of a message that was there already, whatever the quota."""
        self._file.connection().executemany(_INSERT, map(_row, refused))

    def refused_bytes(self) -> int:
        """How much refused messages take, as the quotas count it."""
        (found,) = self._file.one("SELECT coalesce(sum(bytes), 0) FROM quarantine_use WHERE hub != ?", (STORE,)) or (0,)
        return int(found)

    def not_kept(self) -> dict[str, int]:
        """How many messages of a hub were not kept since the last purge, where its quota was used up."""
        if self._file.one("SELECT 1 FROM sqlite_master WHERE name = 'quarantine_use'") is None:
            return {}
        return dict(self._file.all("SELECT hub, not_kept FROM quarantine_use WHERE not_kept > 0 ORDER BY 2 DESC"))

    def _has_room(self, hub: str, size: int, used: Mapping[str, int]) -> bool:
        of_hub, of_all = used.get(hub, 0) + size, sum(used.values()) + size
        if of_hub <= self._quota.hub_bytes_max and of_all <= self._quota.bytes_max:
            return True
        self._beyond[hub] += 1
        more = 1 + _SAMPLES_SHARE
        return (
            self._beyond[hub] % _SAMPLED == 0
            and of_hub <= self._quota.hub_bytes_max * more
            and of_all <= self._quota.bytes_max * more
        )

    def add_rejected(self, rejected: Sequence[RejectedLine], *, now_ns: int) -> None:
        """Keep lines that the store refused, each with a receive time of its own."""
        rows = (
            (received_ns, line.topic, line.payload, False, Reason.STORE_REJECTED.value, line.detail, 0, 1, STORE)
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
                with self._file.transaction() as db:
                    db.execute("UPDATE quarantine_use SET not_kept = 0")
                return deleted


def _row(refused: Refused) -> tuple[int, str, bytes, bool, str, str, int, int, str]:
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
        refused.hub,
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
