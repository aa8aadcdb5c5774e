"""Two files, one promise: what the buffer records of the quarantine.

A refused message is in the quarantine before it is acknowledged, and counted exactly once, although SQLite commits each
file by itself. Every change holds the buffer's write lock from its beginning to its end, so there is one at a time, of
whatever process, and each of the two ends with one commit to the buffer:

    keep      rows with ids above `last_id` are committed to the quarantine, THEN the buffer commits their counts, all
              else of the batch and the new `last_id`
    remove    the buffer commits the counts and which rows are removed, THEN these are deleted

So after a crash at any point a row above `last_id` was never counted, and its message comes again; a row that is
recorded as removed was. Readers pass over both, and whoever comes next deletes them. A buffer without a `last_id`,
since it is new or salvaged, takes the quarantine as it is when it is opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ingest.batches import Refused
from ingest.quarantine import STORE, Quarantine, QuarantineError, RejectedLine, Visible
from ingest.quarantine_rows import Row, row_of
from schemas.localtime import NS_A_SECOND
from schemas.readings import Reason
from stores.sqlite_file import SqliteFile

SCHEMA = (
    "CREATE TABLE quarantine_record (only INTEGER PRIMARY KEY CHECK (only = 1), last_id INTEGER)",
    "INSERT INTO quarantine_record (only) VALUES (1)",
    "CREATE TABLE quarantine_gone (id INTEGER PRIMARY KEY)",
)
_RETRY_NS = 60 * NS_A_SECOND


def visible_rows(file: SqliteFile) -> Visible:
    """Which rows of the quarantine count, as the buffer's file has it."""
    if file.one("SELECT 1 FROM sqlite_master WHERE name = 'quarantine_record'") is None:
        return Visible()
    (last_id,) = file.one("SELECT last_id FROM quarantine_record") or (None,)
    removed = tuple(row[0] for row in file.all("SELECT id FROM quarantine_gone"))
    return Visible(removed=removed) if last_id is None else Visible(last_id, removed)


def rejected_row(line: RejectedLine, received_ns: int) -> Row:
    """A line that the store refused."""
    reason, none = Reason.STORE_REJECTED.value, None
    return received_ns, line.topic, line.payload, False, reason, line.detail, 0, 1, STORE, none, none, none, False


class RefusalRecord:
    """The buffer's tables of it; every method belongs into a transaction of the buffer."""

    def __init__(self, file: SqliteFile, quarantine: Quarantine, *, clock_ns: Callable[[], int]) -> None:
        self._file = file
        self._quarantine = quarantine
        self._clock_ns = clock_ns
        self._failed_ns: int | None = None
        self.problem: QuarantineError | None = None
        """Why refused messages are not kept now; None while all is well."""

    def keep(self, refused: Sequence[Refused]) -> Counter[str]:
        """Keep refused messages, as far as the quotas go; how many of each hub are not kept.

        None is, for a minute, where the quarantine can't be used: what others send goes on. Raises QuarantineError on a
        full disk, where the buffer will not have room for long either, and the broker holds all.
        """
        if not refused:
            return Counter()
        if self._failed_ns is None or not 0 <= self._clock_ns() - self._failed_ns < _RETRY_NS:
            try:
                rows, not_kept = self._quarantine.choose(refused)
                self._change(rows, not_kept)
            except QuarantineError as error:
                if error.is_for_want_of_room:
                    raise
                self.problem, self._failed_ns = error, self._clock_ns()
            else:
                self.problem = self._failed_ns = None
                return not_kept
        return Counter(entry.hub for entry in refused)

    def keep_rest(self, refused: Sequence[Refused]) -> None:
        """Keep what is left of a message that was there already, whatever the quota. Raises QuarantineError."""
        if refused:
            self._change([row_of(entry) for entry in refused])

    def keep_rejected(self, rejected: Sequence[RejectedLine]) -> None:
        """Keep lines that the store refused, each with a receive time of its own. Raises QuarantineError."""
        if rejected:
            self._change([rejected_row(line, time_ns) for time_ns, line in enumerate(rejected, start=self._clock_ns())])

    def remove(self, refusal_id: int) -> None:
        """Record that a refusal is gone; `reconcile` deletes it, once this is committed."""
        self._file.connection().execute("INSERT INTO quarantine_gone VALUES (?)", (refusal_id,))

    def reconcile(self) -> None:
        """Take rows out of the quarantine that do not count. Raises QuarantineError."""
        if self._quarantine.is_there:
            self._change([])
        else:
            self._file.connection().execute("UPDATE quarantine_record SET last_id = coalesce(last_id, 0)")

    def salvaged(self) -> None:
        """Another file is in the quarantine's place."""
        self.problem = self._failed_ns = None

    def _change(self, rows: Sequence[Row], not_kept: Counter[str] | None = None) -> None:
        recorded = visible_rows(self._file)
        after = self._quarantine.last_id() if recorded == Visible(removed=recorded.removed) else recorded.last_id
        self._quarantine.change(rows, after=after, removed=recorded.removed, not_kept=not_kept or Counter())
        db = self._file.connection()
        db.execute("UPDATE quarantine_record SET last_id = ?", (after + len(rows),))
        db.execute("DELETE FROM quarantine_gone")
