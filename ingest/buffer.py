"""The durable buffer of one ingest process: readings waiting for the store, refused messages, the ledger.

`buffer.db` is one SQLite file (see `stores.sqlite_file`), each of whose tables is one class:

    batches      pending.PendingBatches            readings that the store has not taken, a row for each commit or more
    ledger       ledger.LedgerTable                one row of counts; notes and reasons of refusals are tables beside it
    hub_counts   hub_counts.HubCounts              what was held back of each hub
    surplus      surplus.Surplus                   messages beyond their hub's rate, to be decoded later
    new_sensors  new_sensors.NewSensorTable        sensors that the estate file does not name
    quarantine_* refusals.RefusalRecord            which rows of the quarantine count, which is a file of its own
    deliveries   deliveries.Deliveries             messages that the broker may deliver again
    status       service_status.ServiceStatus      what ingest's parts last reported of themselves
    device_states, announcements                   what devices said of themselves (device_states.DeviceStates)

A row of `batches` holds the lines of a commit, or a part of very many, as they go to the store (line protocol, ASCII, a
newline between), the days to recompute, which are with the last part, how many readings it has, the time of its oldest
live one, and a checksum of lines and days.
Invariants:

- A commit holds a whole batch or nothing, in all of the tables, and is on the disk when it returns. Only then is the
  broker told, in the order received.
- Rows are addressed by id, and ids are never used again. A row of `batches` is removed in the commit that counts its
  readings as stored or rejected. So after a crash at any point

      messages received = accepted + refused + no_reading + redelivered + thinned + waiting
      readings accepted = stored + rejected by the store + pending

- The file is bounded by `bytes_max`, with the lines in the quarantine that the store refused. A little room is left on
  the disk, enough to drain it. Where the file or the disk is full, a commit raises BufferFullError, nothing is
  acknowledged, and the broker holds the rest.
- A row of `surplus` is removed in the commit that holds what its messages became. Its table has bounds of its own.
- The quarantine is bounded by quotas of each hub and of all, beyond which refused messages are counted and not kept
  (`quarantine_not_kept`). None is kept where its file can't be used, and that stops nothing else.
- One ingest writes it at a time (a lock on the data folder); a redrive or a purge may write beside it, anyone may read.
- A damaged file is set aside whole, what can be read of it goes on, and what is missing is named (`ingest.salvage`).
- A file `reserve` beside it takes room that a full disk has left for opening it and for a purge (`ingest.buffer_file`).
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ingest import (
    deliveries,
    device_states,
    hub_counts,
    ledger,
    new_sensors,
    pending,
    refusals,
    service_status,
    surplus,
)
from ingest.batches import Batch
from ingest.buffer_file import FILE_NAME, no_buffer, release_reserve
from ingest.deliveries import Deliveries, Sorted
from ingest.device_states import DeviceStates
from ingest.hub_counts import HubCounts
from ingest.ledger import LedgerTable
from ingest.new_sensors import NewSensorTable
from ingest.pending import PendingBatches, PendingRow
from ingest.quarantine import PLENTY, Quarantine, QuarantineError, Quota, RejectedLine, Removed
from ingest.quarantine_move import FIRST_QUARANTINE, QUARANTINE_QUOTAS, move_quarantine
from ingest.refusals import RefusalRecord, visible_rows
from ingest.service_status import ServiceStatus
from ingest.surplus import Room, Surplus, packed_bytes
from mqtt.messages import Message
from schemas.errors import HubpulseError
from schemas.readings import Reason
from schemas.settings import IngestSettings
from stores.salvage import DAMAGED
from stores.sqlite_file import SqliteFile, statements

DELIVERIES_MAX = 60_000
"""More than any broker has under way (some send more than ReceiveMaximum), and fewer than the 65,535 packet ids, so
that an id that is used anew does not meet its predecessor."""

_PRAGMAS = {"journal_size_limit": 64 * 1024**2, "cache_size": -1024}
_CREATE_TABLES = statements(
    *pending.SCHEMA, *FIRST_QUARANTINE, *ledger.SCHEMA, *deliveries.SCHEMA, *service_status.SCHEMA
)
MIGRATIONS = (
    _CREATE_TABLES,
    statements(ledger.CREATE_NOTES),
    statements(ledger.ADD_REDELIVERED, *deliveries.BY_COMMIT),
    statements(*QUARANTINE_QUOTAS),
    statements(*refusals.SCHEMA, *hub_counts.SCHEMA),
    move_quarantine,
    statements(*device_states.SCHEMA),
    statements(ledger.CREATE_REASONS),
    statements(*surplus.SCHEMA, *new_sensors.SCHEMA, ledger.ADD_THINNED, hub_counts.WHEN),
)
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN)


class BufferFullError(HubpulseError):
    """No room for a batch: the buffer's limit or the disk's end is reached. Nothing of it was kept; try again."""


class BufferDamagedError(HubpulseError):
    """The buffer's file can't be used; what is whole in one that `can_be_salvaged` can."""

    def __init__(self, sentence: str, *, can_be_salvaged: bool = False) -> None:
        super().__init__(sentence)
        self.can_be_salvaged = can_be_salvaged


class BufferReader:
    """The buffer of a data folder, for reading, by any process. Raises HubpulseError where there is none yet."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / FILE_NAME
        self._file = SqliteFile(
            path, name="buffer", migrations=MIGRATIONS, read_only=True, error=_damaged, salvaged=True
        )
        # A file without a layout is about to be made by ingest.
        if not self._file.exists() or not self._file.layout():
            self._file.close()
            raise no_buffer(path)
        self.quarantine = Quarantine(data_dir, read_only=True, visible=lambda: visible_rows(self._file))
        self.ledger = LedgerTable(self._file)
        self.status = ServiceStatus(self._file)
        self.devices = DeviceStates(self._file)
        self.pending = PendingBatches(self._file)
        self.hub_counts = HubCounts(self._file)
        self.surplus = Surplus(self._file)

    def used_bytes(self) -> int:
        """Bytes that hold something which the buffer's limit bounds."""
        return _used_bytes(self._file, self.quarantine)

    def close(self) -> None:
        """Close the files."""
        self.quarantine.close()
        self._file.close()


class Buffer:
    """The buffer of one ingest process, to write. Not shared between threads: open one for each."""

    def __init__(
        self,
        data_dir: Path,
        *,
        clock_ns: Callable[[], int],
        bytes_max: int = 4 * 1024**3,
        disk_free_bytes_min: int = 0,
        deliveries_max: int = DELIVERIES_MAX,
        quota: Quota = PLENTY,
    ) -> None:
        """Open the file, making what is missing of it. Raises BufferDamagedError, or BufferFullError on a full disk."""
        self._path = data_dir / FILE_NAME
        self._clock_ns = clock_ns
        self._bytes_max = bytes_max
        self._disk_free_bytes_min = disk_free_bytes_min
        self._file = SqliteFile(
            self._path, name="buffer", migrations=MIGRATIONS, pragmas=_PRAGMAS, error=_error, salvaged=True
        )
        self.pending = PendingBatches(self._file)
        self.quarantine = Quarantine(data_dir, quota, visible=lambda: visible_rows(self._file))
        self._refusals = RefusalRecord(self._file, self.quarantine, clock_ns=clock_ns)
        self._hub_counts = HubCounts(self._file)
        self.surplus = Surplus(self._file)
        self.new_sensors = NewSensorTable(self._file)
        self._held: dict[str, int] | None = None
        self.ledger = LedgerTable(self._file)
        self.status = ServiceStatus(self._file)
        self.devices = DeviceStates(self._file)
        self._deliveries = Deliveries(self._file, kept_max=deliveries_max)
        try:
            self._file.connection()
        except BufferFullError:
            if not release_reserve(data_dir):
                raise
            self._file.connection()
        self._reconcile()

    def commit(self, batch: Batch) -> None:
        """Hold the batch durably: its readings, its refusals, the ledger's counts. Raises BufferFullError."""
        self._require_room(batch)
        refused, thinned = batch.messages_refused, batch.thinned.total()
        waiting = sum(len(held.messages) for held in batch.waiting)
        not_accepted = refused + len(batch.no_reading) + batch.redelivered + thinned + waiting
        counts = {
            "messages_accepted": batch.messages - not_accepted,
            "messages_refused": refused,
            "messages_thinned": thinned,
            "messages_no_reading": len(batch.no_reading),
            "messages_redelivered": batch.redelivered,
            "readings_accepted": len(batch.points),
            "readings_refused": sum(len(r.rejections) for r in batch.refused if r.readings),
        }
        self._held = None
        with self._file.transaction(), _kept_or_full():
            counts["messages_received"] = batch.messages - self.surplus.remove(batch.resumed)
            self.surplus.add(batch.waiting)
            self._count_held_back(batch)
            self.new_sensors.put(batch.new_sensors, now_ns=self._clock_ns())
            self.pending.add(batch, now_ns=self._clock_ns())
            self._count_not_kept(self._refusals.keep(batch.refused), batch.unkept)
            self.ledger.add(counts)
            self.ledger.refused(Counter(r.rejections[0].reason.value for r in batch.refused if not r.readings))
            self.ledger.note("maybe_repeated", batch.maybe_repeated)
            self.devices.keep(batch.states, batch.announcements)
            self._deliveries.remember(batch.deliveries)
        self._deliveries.committed()

    def settle(self, rows: Sequence[PendingRow], rejected: Sequence[RejectedLine]) -> None:
        """The store answered for these batches: forget them and count their readings as stored or rejected."""
        with self._file.transaction(), _kept_or_full():
            readings = self.pending.remove(rows)
            self._refusals.keep_rejected(rejected)
            self.ledger.add({"readings_stored": readings - len(rejected), "readings_store_rejected": len(rejected)})

    def redrive(self, refusal_id: int, batch: Batch) -> bool:
        """Put a refused message that was decoded again in its place; False where it is refused as before.

        One commit moves its readings from refused to pending. A message of which a part is refused again stays in the
        quarantine with that; one that turns out to carry no reading leaves it.
        """
        if not batch.lines and not batch.no_reading:
            return False
        with self._file.transaction():
            removed = self.quarantine.counted(refusal_id)
            if removed is None:
                return False
            self.pending.add(batch, now_ns=self._clock_ns())
            self._refusals.keep_rest(batch.refused)
            self._refusals.remove(refusal_id)
            self.ledger.add(_redrive_counts(removed, batch))
            self.ledger.note("maybe_repeated", batch.maybe_repeated)
        self._reconcile()
        return True

    def expire(self, *, before_ns: int) -> int:
        """Delete some refusals received before a time, for good, and count them. Raises QuarantineError."""
        with self._file.transaction():
            expired = self.quarantine.purge_some(reason=None, before_ns=before_ns)
            self.ledger.note("quarantine_expired", expired.total())
            self._hub_counts.add("quarantine_expired", expired, now_ns=self._clock_ns())
        return expired.total()

    @property
    def quarantine_problem(self) -> QuarantineError | None:
        """Why refused messages are not kept now; None while all is well."""
        return self._refusals.problem

    def replace_quarantine(self, replace: Callable[[], object]) -> None:
        """Have another file put into the quarantine's place, while nobody else changes it."""
        with self._file.transaction() as db:
            self.quarantine.close()
            replace()
            db.execute("UPDATE quarantine_record SET last_id = NULL")
            self._refusals.salvaged()

    def begin_connection(self, *, same_session: bool) -> None:
        """A new connection to the broker: redeliveries come first on it, or never where the session is another."""
        self._deliveries.begin_connection(same_session=same_session)
        # Where there is no room, the next commit does it.
        with suppress(BufferFullError):
            with self._file.transaction():
                self._deliveries.forget_obsolete()
            self._deliveries.committed()

    @property
    def holds_another_session(self) -> bool:
        """Whether the file still has deliveries of another session."""
        return self._deliveries.holds_another_session

    def sort(self, messages: list[Message]) -> Sorted:
        """Tell redeliveries from what came on this connection for the first time."""
        return self._deliveries.sort(messages)

    def forget_sensors(self, hub: str, sensors: Iterable[str]) -> None:
        """Make room among the new sensors of a hub. Raises BufferFullError."""
        with self._file.transaction():
            self.new_sensors.forget(hub, sensors)

    def note(self, name: str, count: int = 1) -> None:
        """Count beside the ledger's equations. Raises BufferFullError."""
        with self._file.transaction():
            self.ledger.note(name, count)

    def disk_free_bytes(self) -> int:
        """What is free on its disk. Raises OSError."""
        return shutil.disk_usage(self._path.parent).free

    def used_bytes(self) -> int:
        """Bytes that hold something which the limit bounds: refused messages have quotas of their own."""
        return _used_bytes(self._file, self.quarantine)

    def close(self) -> None:
        """Close the files; what is pending stays in them."""
        self.quarantine.close()
        self._file.close()

    def held_messages(self) -> dict[str, int]:
        """How many messages of each hub wait beyond its rate."""
        if self._held is None:
            self._held = self.surplus.messages()
        return self._held

    def surplus_room(self, settings: IngestSettings) -> Room:
        """How much more may wait."""
        limits = {"hub_bytes_max": settings.surplus_hub_bytes_max, "bytes_max": settings.surplus_bytes_max}
        return Room(self.surplus.bytes(), **limits)

    def _count_held_back(self, batch: Batch) -> None:
        self._hub_counts.add("thinned", batch.thinned, now_ns=self._clock_ns())
        waited: Counter[str] = Counter()
        for held in batch.waiting:
            waited[held.hub] += len(held.messages)
        self._hub_counts.add("made_to_wait", waited, now_ns=self._clock_ns())

    def _count_not_kept(self, not_kept: Counter[str], unkept: Mapping[tuple[str, str], int]) -> None:
        reasons: Counter[str] = Counter()
        for (hub, reason), count in unkept.items():
            not_kept[hub] += count
            reasons[reason] += count
        self.ledger.refused(reasons)
        self.ledger.note("quarantine_not_kept", not_kept.total())
        self._hub_counts.add("quarantine_not_kept", not_kept, now_ns=self._clock_ns())

    def _reconcile(self) -> None:
        """Take out of the quarantine what does not count; where that can't be done now, the next change does it."""
        with suppress(QuarantineError, BufferFullError), self._file.transaction():
            self._refusals.reconcile()

    def _require_room(self, batch: Batch) -> None:
        needed = sum(map(len, batch.points))
        if self.used_bytes() + needed > self._bytes_max:
            raise BufferFullError(
                f"buffer {self._path} is full ({self._bytes_max} bytes): the broker holds new messages; see that the"
                " store takes readings, or raise HUBPULSE_INGEST__BUFFER_BYTES_MAX"
            )
        needed += sum(packed_bytes(message) for held in batch.waiting for message in held.messages)
        needed += sum(len(r.message.topic) + len(r.message.payload) for r in batch.refused)
        # The file keeps the room of what the store took, and fills it first.
        _, reusable = self._file.used_and_reusable_bytes()
        free = self.disk_free_bytes()
        if free + reusable < self._disk_free_bytes_min + needed:
            raise BufferFullError(
                f"disk of {self._path} is full ({free} bytes free): the broker holds new messages; make room"
            )


def _used_bytes(file: SqliteFile, quarantine: Quarantine) -> int:
    used, _ = file.used_and_reusable_bytes()
    used -= Surplus(file).bytes().total()
    with suppress(QuarantineError):
        used += quarantine.store_rejected_bytes()
    return used


@contextmanager
def _kept_or_full() -> Iterator[None]:
    """What was accepted is kept, or stays where it is until it can be."""
    try:
        yield
    except QuarantineError as error:
        raise BufferFullError(str(error)) from error


def _error(sentence: str, code: int) -> HubpulseError:
    """The error of the buffer's file: whether it is worth trying again."""
    if code < 0 or code in _DAMAGE:
        return BufferDamagedError(sentence, can_be_salvaged=code in DAMAGED)
    return BufferFullError(sentence)


def _damaged(sentence: str, _code: int) -> HubpulseError:
    return BufferDamagedError(sentence)


def _redrive_counts(removed: Removed, batch: Batch) -> dict[str, int]:
    """How the ledger changes as a refused message's readings become pending."""
    if removed.reason is Reason.STORE_REJECTED:
        return {"readings_store_rejected": -len(batch.lines)}
    again = sum(len(r.rejections) for r in batch.refused)
    counts = {"readings_accepted": len(batch.points)}
    if removed.readings_taken:
        return counts | {"readings_refused": again - removed.readings_refused}
    if batch.no_reading:
        return counts | {"messages_refused": -1, "messages_no_reading": 1}
    return counts | {"readings_refused": again, "messages_refused": -1, "messages_accepted": 1}
