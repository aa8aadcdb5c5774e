"""The durable buffer: readings waiting for the store, refused messages, the ledger. One SQLite file, one commit.

Constraints: a commit holds a whole batch or nothing (WAL, synchronous=FULL); it returns only once the disk has it.
Rows are addressed by id. A row of `batches` is removed in the same commit that counts its readings as stored or
rejected, so after a crash at any point

    messages received = accepted + refused + no_reading
    readings accepted = stored + rejected by the store + pending

hold as they did before. The file is bounded by `bytes_max`, and a little room is left on the disk; when either is
reached a commit raises BufferFullError, nothing is acknowledged, and the broker holds the rest.
"""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ingest import deliveries
from ingest.batches import Batch, DayMark, Delivery, Refused
from ingest.buffer_file import FILE_NAME, BufferDamagedError, BufferFile, BufferFullError
from ingest.deliveries import Deliveries
from ingest.ledger import LEDGER_COLUMNS, Ledger
from ingest.privacy import mask_macs
from mqtt.messages import Message
from schemas.readings import Reason

LAYOUT_VERSION = 1
_DETAILS_SHOWN = 3
DELIVERIES_MAX = 60_000
"""More than any broker has under way (some send more than ReceiveMaximum), and fewer than the 65,535 packet ids, so
that an id that is used anew does not meet its predecessor."""

_LEDGER_SCHEMA = ", ".join(f"{name} INTEGER NOT NULL DEFAULT 0" for name in LEDGER_COLUMNS)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, committed_ns INTEGER NOT NULL, readings INTEGER NOT NULL,
    lines BLOB NOT NULL, marks TEXT NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_ns INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, readings_taken INTEGER NOT NULL, readings_refused INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS quarantine_reason ON quarantine (reason);
CREATE INDEX IF NOT EXISTS quarantine_received ON quarantine (received_ns);
CREATE TABLE IF NOT EXISTS ledger (
    only INTEGER PRIMARY KEY CHECK (only = 1), {_LEDGER_SCHEMA}
);
INSERT OR IGNORE INTO ledger (only) VALUES (1);
{deliveries.SCHEMA}
CREATE TABLE IF NOT EXISTS status (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""  # noqa: S608 - the column names are our own
_REFUSED_COLUMNS = "received_ns, topic, payload, reason, detail, readings_taken, readings_refused"
_INSERT_REFUSED = f"INSERT INTO quarantine ({_REFUSED_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - ours
_INSERT_REFUSED_AGAIN = (
    f"INSERT INTO quarantine ({_REFUSED_COLUMNS}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7"  # noqa: S608 - ours
    " WHERE NOT EXISTS (SELECT 1 FROM quarantine WHERE received_ns = ?1)"
)


class PendingRow(NamedTuple):
    """A committed batch that the store has not taken yet."""

    id: int
    readings: int
    lines: str
    marks: tuple[DayMark, ...]


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that the store refused, as a message that can be corrected and sent again."""

    topic: str
    payload: bytes
    detail: str


class Buffer:
    """The buffer of one ingest process. Not shared between threads: open one for each."""

    def __init__(
        self,
        data_dir: Path,
        *,
        clock_ns: Callable[[], int],
        bytes_max: int = 4 * 1024**3,
        disk_free_bytes_min: int = 0,
        deliveries_max: int = DELIVERIES_MAX,
    ) -> None:
        self._path = data_dir / FILE_NAME
        self._clock_ns = clock_ns
        self._bytes_max = bytes_max
        self._disk_free_bytes_min = disk_free_bytes_min
        self._file = BufferFile(self._path, schema=_SCHEMA, layout_version=LAYOUT_VERSION)
        self._db = self._file.db
        self._deliveries = Deliveries(self._db, kept_max=deliveries_max)
        self._new_session = False

    def commit(self, batch: Batch) -> None:
        """Hold the batch durably: its readings, its refusals, the ledger's counts. Raises BufferFullError."""
        self._require_room(batch)
        refused = batch.messages_refused
        counts = {
            "messages_received": batch.messages,
            "messages_accepted": batch.messages - refused - len(batch.no_reading),
            "messages_refused": refused,
            "messages_no_reading": len(batch.no_reading),
            "readings_accepted": len(batch.lines),
            "readings_refused": sum(len(r.rejections) for r in batch.refused if r.readings),
        }
        with self._file.transaction():
            if self._new_session:
                self._deliveries.forget()
            self._insert(batch)
            self._quarantine(batch.refused)
            self._count(counts)
            self._deliveries.remember(batch.deliveries)
        self._new_session = False

    def known_delivery(self, message: Message) -> Delivery | None:
        """When this message was delivered before, if the broker delivers it again."""
        return None if self._new_session else self._deliveries.known(message)

    def forget_deliveries(self) -> None:
        """The broker began a new session: packet ids start anew, and none of the old is delivered again."""
        self._new_session = True
        try:
            with self._file.transaction():
                self._deliveries.forget()
            self._new_session = False
        except BufferFullError:
            pass  # the next commit does it

    def pending(self, lines_max: int) -> list[PendingRow]:
        """The oldest batches until they hold `lines_max` lines together; the last one may go beyond."""
        rows: list[PendingRow] = []
        lines = 0
        query = "SELECT id, readings, lines, marks, checksum FROM batches ORDER BY id"
        with self._file.failures(), closing(self._db.execute(query)) as found:
            for row_id, readings, encoded, marks, checksum in found:
                if checksum != _checksum(encoded, marks):
                    raise self._file.damage(f"batch {row_id} is not as it was committed")
                rows.append(PendingRow(row_id, readings, encoded.decode("ascii"), _read_marks(marks)))
                lines += readings
                if lines >= lines_max:
                    break
        return rows

    def settle(self, rows: Sequence[PendingRow], rejected: Sequence[RejectedLine]) -> None:
        """The store answered for these batches: forget them and count their readings as stored or rejected."""
        with self._file.transaction():
            readings = 0
            for row in rows:
                deleted = self._db.execute("DELETE FROM batches WHERE id = ? RETURNING readings", (row.id,)).fetchone()
                if deleted is None:
                    raise BufferDamagedError(
                        f"buffer {self._path}: batch {row.id} was settled by another process: stop all but one ingest"
                    )
                readings += deleted[0]
            refused = (
                (received_ns, r.topic, r.payload, Reason.STORE_REJECTED.value, r.detail, 0, 1)
                for received_ns, r in enumerate(rejected, start=self._clock_ns())
            )
            self._db.executemany(_INSERT_REFUSED, refused)
            self._count({"readings_stored": readings - len(rejected), "readings_store_rejected": len(rejected)})

    def ledger(self) -> Ledger:
        """The counts as they stand after the last commit, by any process."""
        with self._file.failures():
            return read_ledger(self._db)

    def set_status(self, name: str, value: str) -> None:
        """Leave word for `doctor` and the board, such as what the writer waits for."""
        with self._file.transaction():
            self._db.execute(
                "INSERT INTO status VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value)
            )

    def status(self, name: str) -> str | None:
        """What was left under that name."""
        row = self._file.one("SELECT value FROM status WHERE name = ?", (name,))
        return None if row is None else str(row[0])

    def oldest_pending_ns(self) -> int | None:
        """When the oldest batch was committed that the store has not taken; None where there is none."""
        row = self._file.one("SELECT committed_ns FROM batches ORDER BY id LIMIT 1")
        return None if row is None else int(row[0])

    def refused_by_reason(self) -> dict[str, int]:
        """How many messages are in the quarantine, by reason."""
        return dict(self._file.all("SELECT reason, count(*) FROM quarantine GROUP BY reason"))

    def used_bytes(self) -> int:
        """Bytes of the file that hold something."""
        return self._file.used_and_reusable_bytes()[0]

    def close(self) -> None:
        """Close the file; what is pending stays in it."""
        self._file.close()

    def _require_room(self, batch: Batch) -> None:
        needed = sum(map(len, batch.lines)) + sum(len(r.message.topic) + len(r.message.payload) for r in batch.refused)
        used, reusable = self._file.used_and_reusable_bytes()
        if used + needed > self._bytes_max:
            raise BufferFullError(
                f"buffer {self._path} is full ({self._bytes_max} bytes): the broker holds new messages; see that the"
                " store takes readings, purge the quarantine, or raise HUBPULSE_INGEST__BUFFER_BYTES_MAX"
            )
        # The file keeps the room of what the store took, and fills it first.
        free = shutil.disk_usage(self._path.parent).free
        if free + reusable < self._disk_free_bytes_min + needed:
            raise BufferFullError(
                f"disk of {self._path} is full ({free} bytes free): the broker holds new messages; make room"
            )

    def refusals(self, *, ids: Sequence[int] | None, reason: Reason | None) -> Iterator[tuple[int, int, Message]]:
        """(id, receive time, message) of refusals, the oldest first: those named, or all of a reason, or all."""
        chosen = ids if ids is not None else self._refusal_ids(reason)
        for refusal_id in chosen:
            query = "SELECT received_ns, topic, payload FROM quarantine WHERE id = ?"
            for received_ns, topic, payload in self._file.all(query, (refusal_id,)):
                yield refusal_id, received_ns, Message(topic.encode(), payload)

    def redrive(self, refusal_id: int, batch: Batch) -> bool:
        """Put a refused message that was decoded again in its place; False where it is refused as before.

        One commit moves its readings from refused to pending. A message of which a part is refused again stays in the
        quarantine with that; one that turns out to carry no reading leaves it.
        """
        if not batch.lines and not batch.no_reading:
            return False
        with self._file.transaction():
            row = self._db.execute(
                "SELECT reason, readings_taken, readings_refused FROM quarantine WHERE id = ?", (refusal_id,)
            ).fetchone()
            if row is None:
                return False
            self._db.execute("DELETE FROM quarantine WHERE id = ?", (refusal_id,))
            self._insert(batch)
            self._quarantine(batch.refused)
            was, taken, refused = row
            self._count(_redrive_counts(was, taken, refused, batch))
        return True

    def purge(self, *, reason: Reason | None, before_ns: int) -> int:
        """Delete refusals received before a time, of one reason or of all, for good; the ledger keeps its counts."""
        with self._file.transaction():
            query = "DELETE FROM quarantine WHERE received_ns < ? AND reason = coalesce(?, reason)"
            return self._db.execute(query, (before_ns, reason)).rowcount

    def _refusal_ids(self, reason: Reason | None) -> list[int]:
        query = "SELECT id FROM quarantine WHERE reason = coalesce(?, reason) ORDER BY id"
        return [row[0] for row in self._file.all(query, (reason,))]

    def _insert(self, batch: Batch) -> None:
        if batch.lines:
            encoded, marks = "\n".join(batch.lines).encode("ascii"), _write_marks(batch.marks)
            self._db.execute(
                "INSERT INTO batches (committed_ns, readings, lines, marks, checksum) VALUES (?, ?, ?, ?, ?)",
                (self._clock_ns(), len(batch.lines), encoded, marks, _checksum(encoded, marks)),
            )

    def _quarantine(self, refused: Sequence[Refused]) -> None:
        for is_redelivery, insert in ((False, _INSERT_REFUSED), (True, _INSERT_REFUSED_AGAIN)):
            self._db.executemany(insert, (_refused_row(r) for r in refused if r.is_redelivery is is_redelivery))

    def _count(self, counts: dict[str, int]) -> None:
        changed = {name: count for name, count in counts.items() if count}
        if changed:
            settings = ", ".join(f"{name} = {name} + ?" for name in changed)
            self._db.execute(f"UPDATE ledger SET {settings}", list(changed.values()))  # noqa: S608 - our own names


def read_ledger(db: sqlite3.Connection) -> Ledger:
    """The ledger of an open buffer file, in one consistent look."""
    columns = ", ".join(LEDGER_COLUMNS)
    row = db.execute(
        f"SELECT {columns}, (SELECT coalesce(sum(readings), 0) FROM batches) FROM ledger"  # noqa: S608 - our own names
    ).fetchone()
    return Ledger(**dict(zip((*LEDGER_COLUMNS, "readings_pending"), row, strict=True)))


def _redrive_counts(reason: str, readings_taken: int, readings_refused: int, batch: Batch) -> dict[str, int]:
    """How the ledger changes as a refused message's readings become pending."""
    if reason == Reason.STORE_REJECTED:
        return {"readings_store_rejected": -len(batch.lines)}
    again = sum(len(r.rejections) for r in batch.refused)
    counts = {"readings_accepted": len(batch.lines)}
    if readings_taken:
        return counts | {"readings_refused": again - readings_refused}
    if batch.no_reading:
        return {"messages_refused": -1, "messages_no_reading": 1}
    return counts | {"readings_refused": again, "messages_refused": -1, "messages_accepted": 1}


def _refused_row(refused: Refused) -> tuple[int, str, bytes, str, str, int, int]:
    return (
        refused.received_ns,
        mask_macs(refused.message.topic).decode(errors="backslashreplace"),
        mask_macs(refused.message.payload),
        refused.rejections[0].reason.value,
        mask_macs(_details(refused).encode()).decode(),
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


def _checksum(lines: bytes, marks: str) -> int:
    """A disk may give back other bytes than it was given, and a wrong figure must not pass for a right one."""
    return zlib.crc32(marks.encode(), zlib.crc32(lines))


def _write_marks(marks: Iterable[DayMark]) -> str:
    return "\n".join(f"{mark.hub} {mark.midnight_ns}" for mark in sorted(marks))


def _read_marks(text: str) -> tuple[DayMark, ...]:
    pairs = (line.split(" ") for line in text.splitlines())
    return tuple(DayMark(hub, int(midnight_ns)) for hub, midnight_ns in pairs)
