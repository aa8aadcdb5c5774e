"""Messages beyond their hub's rate: on the disk and acknowledged, to be decoded as its rate allows.

A row of `surplus` holds messages of one hub and one commit, one after the other: bytes of the topic (2), of the payload
(4), whether it was retained (1), topic, payload. `received_ns` is the first of the nanoseconds that are theirs.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mqtt.messages import Message
from stores.sqlite_file import SqliteFile

SCHEMA = (
    """
    CREATE TABLE surplus (
        id INTEGER PRIMARY KEY AUTOINCREMENT, hub TEXT NOT NULL, received_ns INTEGER NOT NULL,
        messages INTEGER NOT NULL, maybe_repeated INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL,
        checksum INTEGER NOT NULL
    )
    """,
    "CREATE INDEX surplus_hub ON surplus (hub, id, messages, bytes)",
)
_HEAD = struct.Struct(">HIB")
_INSERT = (
    "INSERT INTO surplus (hub, received_ns, messages, maybe_repeated, bytes, body, checksum)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class Held(NamedTuple):
    """Messages of one hub that wait."""

    hub: str
    received_ns: int
    messages: Sequence[Message]
    maybe_repeated: bool


class HeldRow(NamedTuple):
    """The same, as a row."""

    id: int
    held: Held


class Surplus:
    """The table of them; `add` and `remove` belong into a transaction of its owner."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, waiting: Sequence[Held]) -> None:
        """Put messages into it."""
        for held in waiting:
            body = _packed(held.messages)
            row = (held.hub, held.received_ns, len(held.messages), held.maybe_repeated, len(body), body)
            self._file.connection().execute(_INSERT, (*row, zlib.crc32(body)))

    def remove(self, ids: Sequence[int]) -> int:
        """Take rows out; how many messages they held."""
        count = 0
        for row_id in ids:
            query = "DELETE FROM surplus WHERE id = ? RETURNING messages"
            count += sum(row[0] for row in self._file.connection().execute(query, (row_id,)).fetchall())
        return count

    def oldest(self, hub: str) -> HeldRow | None:
        """The row of a hub that waits longest."""
        query = "SELECT id, hub, received_ns, maybe_repeated, body, checksum FROM surplus WHERE hub = ? ORDER BY id"
        row = self._file.one(query, (hub,))
        if row is None:
            return None
        row_id, hub, received_ns, maybe_repeated, body, checksum = row
        if not is_as_put(body, checksum):
            raise self._file.unusable(f"surplus {row_id} is not as it was committed")
        return HeldRow(row_id, Held(hub, received_ns, list(_unpacked(body)), bool(maybe_repeated)))

    def messages(self) -> dict[str, int]:
        """How many messages of each hub wait."""
        return self._sums("messages")

    def bytes(self) -> Counter[str]:
        """How much those of each hub take."""
        return Counter(self._sums("bytes"))

    def _sums(self, column: str) -> dict[str, int]:
        if self._file.one("SELECT 1 FROM sqlite_master WHERE name = 'surplus'") is None:
            return {}
        return dict(self._file.all(f"SELECT hub, sum({column}) FROM surplus GROUP BY hub"))  # noqa: S608 - our own names


def is_as_put(body: bytes, checksum: int) -> bool:
    """Whether a row has the bytes that were committed."""
    return zlib.crc32(body) == checksum


def packed_bytes(message: Message) -> int:
    """How much a message takes."""
    return _HEAD.size + len(message.topic) + len(message.payload)


def _packed(messages: Sequence[Message]) -> bytes:
    parts: list[bytes] = []
    for message in messages:
        parts += (
            _HEAD.pack(len(message.topic), len(message.payload), message.retained),
            message.topic,
            message.payload,
        )
    return b"".join(parts)


def _unpacked(body: bytes) -> Iterator[Message]:
    at = 0
    while at < len(body):
        topic_bytes, payload_bytes, retained = _HEAD.unpack_from(body, at)
        middle = at + _HEAD.size + topic_bytes
        yield Message(body[at + _HEAD.size : middle], body[middle : middle + payload_bytes], retained=bool(retained))
        at = middle + payload_bytes


class Room:
    """How much more may wait, of each hub and of all."""

    def __init__(self, used: Counter[str], *, hub_bytes_max: int, bytes_max: int) -> None:
        self._used, self._total = used, used.total()
        self._hub_bytes_max, self._bytes_max = hub_bytes_max, bytes_max

    def take(self, hub: str, size: int) -> bool:
        """Take some of it; False where there is none."""
        if self._used[hub] + size > self._hub_bytes_max or self._total + size > self._bytes_max:
            return False
        self._used[hub] += size
        self._total += size
        return True
