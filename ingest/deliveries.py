"""Which messages may come again, so that a redelivery is known and not decoded a second time.

A message that was committed but whose acknowledgement was lost is delivered again on the next connection of the
session, marked DUP, with the same packet id and the same bytes (MQTT 5.0, 4.4). Before anything new, so at the first
message of a connection that is not marked, what came on earlier connections can't come again, and is forgotten: the
broker uses its packet ids anew. Nothing of one session is ever compared with another's.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from mqtt.messages import Message, digests_of
from stores.sqlite_file import SqliteFile

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS deliveries (
        packet_id INTEGER PRIMARY KEY, digest BLOB NOT NULL, time_ns INTEGER NOT NULL, received INTEGER NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS deliveries_received ON deliveries (received)",
)
BY_COMMIT = (
    "DROP TABLE deliveries",
    """
    CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, received INTEGER NOT NULL, packet_ids BLOB NOT NULL, digests BLOB NOT NULL
    )
    """,
)
"""The layout from the third on: a row for each commit, packet ids of two bytes and digests of four."""


_PACKET_IDS, _NONE = 65_536, -1
_IN_TURN = array("H", range(_PACKET_IDS))


class Sorted(NamedTuple):
    """A list of messages, apart."""

    new: list[Message]
    unsure: list[Message]
    """Marked as delivered before, where no redelivery is expected: they may be repeats."""
    redelivered: int
    """How many were committed before."""


class Deliveries:
    """The table of them; `remember` belongs into a transaction of its owner."""

    def __init__(self, file: SqliteFile, *, kept_max: int) -> None:
        self._file = file
        self._kept_max = kept_max
        self._earlier: array[int] | None = None  # digests by packet id, of earlier connections; None: not read yet
        self._current = _no_digests()
        self._before = self._obsolete = 0  # rows up to these ids: of earlier connections, and that can't come again
        self._redelivering = True

    def begin_connection(self, *, same_session: bool) -> None:
        """What came on the connections before may come again, or nothing of it where the session is another."""
        (self._before,) = self._file.one("SELECT coalesce(max(id), 0) FROM deliveries") or (0,)
        if same_session:
            known = self._known()
            if self._current != _no_digests():
                pairs = zip(known, self._current, strict=True)
                self._earlier = array("q", (earlier if current == _NONE else current for earlier, current in pairs))
        else:
            self._end_redelivery()
        self._current = _no_digests()
        self._redelivering = same_session

    @property
    def holds_another_session(self) -> bool:
        """Whether the file still has what came in another session, which the next commit drops."""
        return self._obsolete > 0 and not self._redelivering

    def forget_obsolete(self) -> None:
        """Drop what can't come again; belongs into a transaction of its owner."""
        if self._obsolete:
            self._file.connection().execute("DELETE FROM deliveries WHERE id <= ?", (self._obsolete,))

    def committed(self) -> None:
        """The transaction is on the disk."""
        self._obsolete = 0

    def sort(self, messages: list[Message]) -> Sorted:
        """Take redeliveries out of what came on this connection."""
        if not any(message.dup for message in messages):
            if self._redelivering and any(message.packet_id for message in messages):
                self._end_redelivery()
            return Sorted(messages, [], 0)
        new: list[Message] = []
        unsure: list[Message] = []
        redelivered = 0
        for message in messages:
            if not message.packet_id:
                new.append(message)
            elif not message.dup:
                if self._redelivering:
                    self._end_redelivery()
                new.append(message)
            elif self._is_known(message):
                redelivered += 1
            else:
                (new if self._redelivering else unsure).append(message)
        return Sorted(new, unsure, redelivered)

    def remember(self, messages: Sequence[Message]) -> None:
        """Note what the commit holds, as of the ledger's count of messages, and drop what can't come again."""
        db = self._file.connection()
        self.forget_obsolete()
        packet_ids = array("H", [message.packet_id for message in messages])
        if not any(packet_ids):
            return
        digests = array("I", digests_of(messages))
        _put(self._current, packet_ids, digests)
        query = "INSERT INTO deliveries (received, packet_ids, digests) SELECT messages_received, ?, ? FROM ledger"
        db.execute(query, (packet_ids.tobytes(), digests.tobytes()))
        oldest = "SELECT messages_received FROM ledger"
        db.execute(f"DELETE FROM deliveries WHERE received < ({oldest}) - ?", (self._kept_max,))  # noqa: S608 - our own words

    def _is_known(self, message: Message) -> bool:
        digest = message.digest()
        return digest in (self._current[message.packet_id], self._known()[message.packet_id])

    def _known(self) -> array[int]:
        if self._earlier is None:
            self._earlier = _no_digests()
            for packet_ids, digests in self._file.all("SELECT packet_ids, digests FROM deliveries ORDER BY id"):
                _put(self._earlier, array("H", packet_ids), array("I", digests))
        return self._earlier

    def _end_redelivery(self) -> None:
        """Nothing of the connections before comes any more."""
        self._earlier = _no_digests()
        self._redelivering = False
        self._obsolete = self._before


def _no_digests() -> array[int]:
    """Room for a digest for each packet id: half a megabyte, of which a dict would take ten."""
    return array("q", [_NONE]) * _PACKET_IDS


def _put(digests_by_id: array[int], packet_ids: array[int], digests: array[int]) -> None:
    first, count = packet_ids[0], len(packet_ids)
    if first and packet_ids.tobytes() == _IN_TURN[first : first + count].tobytes():
        digests_by_id[first : first + count] = array("q", digests)  # as brokers number them
        return
    for packet_id, digest in zip(packet_ids, digests, strict=True):
        if packet_id:
            digests_by_id[packet_id] = digest
