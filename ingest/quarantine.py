"""Refused messages: kept whole, listed, shown, sent again once the cause is fixed, or purged.

`quarantine.db` is a file of its own (see `stores.sqlite_file`), with bounds of its own: what fills or damages it stops
nobody. Which of its rows count is for the buffer to say (`ingest.refusals`): readers pass over the others.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ingest.batches import Refused
from ingest.buffer_file import QUARANTINE_NAME
from ingest.quarantine_rows import Row, row_of
from mqtt.messages import Message
from schemas.errors import HubpulseError
from schemas.kinds import Kind
from schemas.localtime import from_ns
from schemas.readings import Reason, Refusal
from stores.salvage import DAMAGED
from stores.sqlite_file import SqliteFile, statements

_ROW_BYTES = 200
_SIZE = "length(topic) + length(payload) + length(detail) + 200"
STORE = ":store"
"""Whose the lines are that the store refused: they were accepted, so no quota bounds them, but the buffer's limit."""

_COUNT_USE = f"INSERT INTO quarantine_use (hub, bytes) SELECT hub, sum({_SIZE}) FROM quarantine GROUP BY hub"  # noqa: S608 - our own words
RECOUNT = ("DELETE FROM quarantine_use", _COUNT_USE)
"""Counts anew how much each hub has, where rows came by another way than one by one."""

SCHEMA = (
    """
    CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY, received_ns INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
        retained INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
        readings_taken INTEGER NOT NULL, readings_refused INTEGER NOT NULL, hub TEXT NOT NULL
    )
    """,
    "CREATE INDEX quarantine_reason ON quarantine (reason)",
    "CREATE INDEX quarantine_received ON quarantine (received_ns)",
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
)
"""`quarantine_use` has how much each hub has, kept up to date whoever adds or removes."""

_DEVICES = (
    "ALTER TABLE quarantine ADD COLUMN device TEXT",
    "ALTER TABLE quarantine ADD COLUMN format TEXT",
    "ALTER TABLE quarantine ADD COLUMN kinds TEXT",
    "CREATE INDEX quarantine_device ON quarantine (device) WHERE device IS NOT NULL",
)
"""Of a message whose device is no sensor's: what it calls itself, its format, and its kinds with spaces between."""

MIGRATIONS = (
    statements(*SCHEMA),
    statements(*_DEVICES),
    statements("ALTER TABLE quarantine ADD COLUMN maybe_repeated INTEGER NOT NULL DEFAULT 0"),
)

_SAMPLED = 100
_SAMPLES_SHARE = 0.1
_PURGED_AT_ONCE = 1000
_SELECT_MESSAGE = "SELECT received_ns, topic, payload, retained, reason, maybe_repeated FROM quarantine"
_SELECT = "SELECT id, received_ns, topic, payload, retained, reason, detail FROM quarantine"
COLUMNS = "id, received_ns, topic, payload, retained, reason, detail, readings_taken, readings_refused, hub"
INSERT = (
    f"INSERT OR REPLACE INTO quarantine ({COLUMNS}, device, format, kinds, maybe_repeated)"  # noqa: S608 - our own names
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_PRAGMAS = {"journal_size_limit": 16 * 1024**2, "cache_size": -256}


class Quota(NamedTuple):
    """How much the quarantine keeps; beyond it one message of a hundred, as far as a tenth more."""

    hub_bytes_max: int = 32 * 1024**2
    bytes_max: int = 1024**3


class QuarantineError(HubpulseError):
    """The quarantine's file can't be used now; what is whole in one that `can_be_salvaged` can."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.can_be_salvaged = code in DAMAGED
        self.is_for_want_of_room = code == sqlite3.SQLITE_FULL


class Visible(NamedTuple):
    """Which rows count: those up to an id, but for some that are removed."""

    last_id: int = 2**63 - 1
    removed: tuple[int, ...] = ()

    @property
    def condition(self) -> str:
        """As part of a query; there are only numbers in it."""
        return f"id <= {self.last_id} AND id NOT IN ({', '.join(map(str, self.removed))})"


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
    maybe_repeated: bool


class WaitingDevice(NamedTuple):
    """A device that is no sensor's yet, and what is known of it by its messages."""

    device: str
    format: str
    kinds: tuple[Kind, ...]
    """What it seems to measure; empty where its frames can't be read without its model."""
    first_seen_ns: int
    last_seen_ns: int
    messages: int
    sample_id: int
    """The id of its latest message in the quarantine."""


class Removed(NamedTuple):
    """How a refusal that was taken out of the quarantine had been counted."""

    reason: Reason
    readings_taken: int
    readings_refused: int


PLENTY = Quota()


class Quarantine:
    """The file of them. Every method that writes is one commit. Raises QuarantineError."""

    def __init__(
        self,
        data_dir: Path,
        quota: Quota = PLENTY,
        *,
        read_only: bool = False,
        visible: Callable[[], Visible] = Visible,
    ) -> None:
        self._file = SqliteFile(
            data_dir / QUARANTINE_NAME,
            name="quarantine",
            migrations=MIGRATIONS,
            pragmas=_PRAGMAS,
            read_only=read_only,
            follows=True,
            error=QuarantineError,
            salvaged=True,
        )
        self._quota = quota
        self._visible = visible
        self._beyond: Counter[str] = Counter()

    @property
    def is_there(self) -> bool:
        """Whether anything was ever refused."""
        return self._file.exists() and self._file.layout() > 0

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()

    def choose(self, refused: Sequence[Refused]) -> tuple[list[Row], Counter[str]]:
        """The messages that the quotas of their hubs have room for, and how many of each hub they have none for."""
        used = dict(self._file.all("SELECT hub, bytes FROM quarantine_use WHERE hub != ?", (STORE,)))
        kept: list[Row] = []
        not_kept: Counter[str] = Counter()
        for entry in refused:
            size = len(entry.message.topic) + len(entry.message.payload) + _ROW_BYTES
            if self._has_room(entry.hub, size, used):
                used[entry.hub] = used.get(entry.hub, 0) + size
                kept.append(row_of(entry))
            else:
                not_kept[entry.hub] += 1
        return kept, not_kept

    def change(self, rows: Sequence[Row], *, after: int, removed: Sequence[int], not_kept: Mapping[str, int]) -> None:
        """Take out what does not count, which is above an id or removed, and put rows in, with the ids from there."""
        with self._file.transaction() as db:
            db.execute("DELETE FROM quarantine WHERE id > ?", (after,))
            db.executemany("DELETE FROM quarantine WHERE id = ?", ((number,) for number in removed))
            db.executemany(INSERT, ((number, *row) for number, row in enumerate(rows, start=after + 1)))
            db.executemany(
                "INSERT INTO quarantine_use (hub, bytes, not_kept) VALUES (?, 0, ?)"
                " ON CONFLICT (hub) DO UPDATE SET not_kept = not_kept + excluded.not_kept",
                not_kept.items(),
            )

    def last_id(self) -> int:
        """The highest id of all."""
        (found,) = self._file.one("SELECT coalesce(max(id), 0) FROM quarantine") or (0,)
        return int(found)

    def refused_bytes(self) -> int:
        """How much refused messages take, as the quotas count it."""
        return self._bytes("hub != ?")

    def store_rejected_bytes(self) -> int:
        """How much the lines take that the store refused."""
        return self._bytes("hub = ?")

    def not_kept(self) -> dict[str, int]:
        """How many messages of a hub were not kept since the last purge, where its quota was used up."""
        if not self.is_there:
            return {}
        return dict(self._file.all("SELECT hub, not_kept FROM quarantine_use WHERE not_kept > 0 ORDER BY 2 DESC"))

    def counted(self, refusal_id: int) -> Removed | None:
        """How a refusal was counted; None where there is none of that id."""
        query = f"SELECT reason, readings_taken, readings_refused FROM quarantine WHERE id = ? AND {self._which}"  # noqa: S608 - numbers
        row = self._file.one(query, (refusal_id,)) if self.is_there else None
        return Removed(self._reason(row[0]), *row[1:]) if row else None

    def find(self, *, reason: Reason | None = None, limit: int) -> Iterator[Refusal]:
        """The newest refusals first, of one reason or of all."""
        if not self.is_there:
            return iter(())
        query = f"{_SELECT} WHERE {self._which} AND reason = coalesce(?, reason) ORDER BY id DESC LIMIT ?"
        return map(self._refusal, self._file.rows(query, (reason, limit)))

    def get(self, refusal_id: int) -> Refusal:
        """One refusal. Raises HubpulseError where there is none of that id."""
        row = self._file.one(f"{_SELECT} WHERE id = ? AND {self._which}", (refusal_id,)) if self.is_there else None
        if row is None:
            raise HubpulseError(f"no refusal {refusal_id} in the quarantine: `hubpulse quarantine list` shows the ids")
        return self._refusal(row)

    def messages(
        self, *, ids: Sequence[int] | None, reason: Reason | None, device: str | None = None
    ) -> Iterator[Quarantined]:
        """Refused messages, the oldest first: those of `ids`, or all, of a reason or of a device that waits."""
        if not self.is_there:
            return
        if ids is None:
            wanted = "reason = coalesce(?, reason) AND device IS coalesce(?, device)"
            query = f"SELECT id FROM quarantine WHERE {self._which} AND {wanted} ORDER BY id"  # noqa: S608 - numbers
            ids = [row[0] for row in self._file.all(query, (reason, device))]
        for refusal_id in ids:
            query = f"{_SELECT_MESSAGE} WHERE id = ? AND {self._which}"
            for received_ns, topic, payload, retained, why, maybe_repeated in self._file.all(query, (refusal_id,)):
                message = Message(topic.encode(), payload, retained=bool(retained))
                yield Quarantined(refusal_id, received_ns, message, self._reason(why), bool(maybe_repeated))

    def counts(self) -> dict[str, int]:
        """How many messages are in the quarantine, by reason, the most frequent first."""
        if not self.is_there:
            return {}
        query = f"SELECT reason, count(*) FROM quarantine WHERE {self._which} GROUP BY reason ORDER BY 2 DESC"  # noqa: S608 - numbers
        return dict(self._file.all(query))

    def unknown_devices(self) -> list[WaitingDevice]:
        """The devices whose messages wait until a sensor names them, those that sent last first."""
        if not self.is_there or self._file.layout() < len(MIGRATIONS):
            return []
        query = (
            "SELECT device, format, group_concat(DISTINCT kinds), min(received_ns), max(received_ns), count(*), max(id)"  # noqa: S608 - numbers
            f" FROM quarantine WHERE {self._which} AND device IS NOT NULL AND reason = ?"
            " GROUP BY device, format ORDER BY 5 DESC"
        )
        return [
            WaitingDevice(device, format_, _kinds(kinds or ""), *rest)
            for device, format_, kinds, *rest in self._file.all(query, (Reason.UNKNOWN_SENSOR,))
        ]

    def use_by_reason(self) -> dict[str, tuple[int, int]]:
        """How many messages are in the quarantine, and their bytes as the quotas count them, by reason."""
        if not self.is_there:
            return {}
        query = f"SELECT reason, count(*), sum({_SIZE}) FROM quarantine WHERE {self._which} GROUP BY reason"  # noqa: S608 - numbers
        return {reason: (count, size) for reason, count, size in self._file.all(query)}

    def purge(self, *, reason: Reason | None, before_ns: int) -> int:
        """Delete refusals received before a time, of one reason or of all, for good; the ledger keeps its counts."""
        if not self.is_there:
            return 0
        deleted = 0
        while True:
            # A part at a time: the log of one commit needs room, too, and this may be done for want of it.
            count = self.purge_some(reason=reason, before_ns=before_ns).total()
            deleted += count
            if count < _PURGED_AT_ONCE:
                with self._file.transaction() as db:
                    db.execute("UPDATE quarantine_use SET not_kept = 0")
                return deleted

    def purge_some(self, *, reason: Reason | None, before_ns: int) -> Counter[str]:
        """The same, a thousand at most; how many of each hub they were."""
        if not self.is_there:
            return Counter()
        some = "SELECT id FROM quarantine WHERE received_ns < ? AND reason = coalesce(?, reason) LIMIT ?"
        with self._file.transaction() as db:
            query = f"DELETE FROM quarantine WHERE id IN ({some}) RETURNING hub"  # noqa: S608 - our own text
            return Counter(hub for (hub,) in db.execute(query, (before_ns, reason, _PURGED_AT_ONCE)).fetchall())

    def _refusal(self, row: tuple[int, int, str, bytes, int, str, str]) -> Refusal:
        refusal_id, received_ns, topic, payload, retained, reason, detail = row
        at, why, kept = from_ns(received_ns), self._reason(reason), bool(retained)
        return Refusal(
            id=refusal_id, received_at=at, topic=topic, payload=payload, retained=kept, reason=why, detail=detail
        )

    def _reason(self, text: str) -> Reason:
        try:
            return Reason(text)
        except ValueError:
            raise self._file.unusable("a refusal is not as it was kept; ingest keeps what is whole in it") from None

    @property
    def _which(self) -> str:
        return self._visible().condition

    def _bytes(self, which: str) -> int:
        if not self.is_there:
            return 0
        query = f"SELECT coalesce(sum(bytes), 0) FROM quarantine_use WHERE {which}"  # noqa: S608 - our own words
        (found,) = self._file.one(query, (STORE,)) or (0,)
        return int(found)

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


def _kinds(text: str) -> tuple[Kind, ...]:
    return tuple(sorted({Kind(kind) for kind in text.replace(",", " ").split()}))
