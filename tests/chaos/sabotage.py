"""Mistakes to build into `hubpulse`, to see that a campaign finds each: `make chaos CHAOS_ARGS="--sabotage NAME"`."""

import itertools
import sqlite3
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import stores
from ingest import pipeline
from ingest.buffer import Buffer
from ingest.deliveries import Sorted
from mqtt.messages import Message
from mqtt.subscriber import Subscriber
from stores import Accepted, Keep
from stores.sqlite_file import SqliteFile

BUSY_DISK, BUSY_S = Event(), 0.1
RECEIVE_MAX, TURNS = 50, 20


def acknowledge_before_commit() -> None:
    receive = Subscriber.receive

    def hasty(self: Subscriber, timeout_s: float) -> Any:
        messages = receive(self, timeout_s)
        self.acknowledge()
        self._connection.turn(0)  # so that the broker has them
        BUSY_DISK.wait(BUSY_S)
        return messages

    Subscriber.receive = hasty  # type: ignore[method-assign]


def no_delivery_memory() -> None:
    def all_new(_self: Buffer, messages: list[Message]) -> Sorted:
        return Sorted(messages, [], 0)

    Buffer.sort = all_new  # type: ignore[assignment, method-assign]


def drop_what_the_store_does_not_take() -> None:
    _answer_instead(lambda outcome: isinstance(outcome, Keep))


def drop_what_the_store_forbids() -> None:
    """A token that is no longer good is no reason to lose anything."""
    _answer_instead(lambda outcome: isinstance(outcome, Keep) and outcome.needs_operator)


def synchronous_normal() -> None:
    prepare = SqliteFile._prepare

    def hasty(self: SqliteFile, db: sqlite3.Connection) -> None:
        prepare(self, db)
        db.execute("PRAGMA synchronous = NORMAL")

    SqliteFile._prepare = hasty  # type: ignore[method-assign]


def offset_instead_of_packet_id() -> None:
    """Take as many messages for redelivered as were committed on the connection before and maybe not acknowledged."""
    begin, sort = Buffer.begin_connection, Buffer.sort
    unsure, came = 0, 0

    def counting_begin(self: Buffer, *, same_session: bool) -> None:
        nonlocal unsure, came
        unsure, came = (min(came, RECEIVE_MAX) if same_session else 0), 0
        begin(self, same_session=same_session)

    def counting_sort(self: Buffer, messages: list[Message]) -> Sorted:
        nonlocal unsure, came
        sort(self, messages)
        redelivered = min(unsure, len(messages))
        unsure, came = unsure - redelivered, came + len(messages)
        return Sorted(messages[redelivered:], [], redelivered)

    Buffer.begin_connection = counting_begin  # type: ignore[method-assign]
    Buffer.sort = counting_sort  # type: ignore[method-assign]


def unsubscribe_first() -> None:
    resubscribe = Subscriber.resubscribe

    def hasty(self: Subscriber, filters: Any) -> None:
        if tuple(filters) != self._filters and self.connected:
            self._connection.unsubscribe(list(self._filters))
            for _ in itertools.repeat(None, TURNS):
                self._connection.turn(0.01)
        resubscribe(self, filters)

    Subscriber.resubscribe = hasty  # type: ignore[method-assign]


def _answer_instead(is_dropped: Callable[[Any], bool]) -> None:
    """Have the store say that it took what it did not."""
    open_store = stores.open_store

    def forgetful(*arguments: Any) -> Any:
        store = open_store(*arguments)
        write = store.write

        def hopeful(lines: bytes) -> Any:
            outcome = write(lines)
            return Accepted() if is_dropped(outcome) else outcome

        store.write = hopeful  # type: ignore[method-assign]
        return store

    pipeline.open_store = forgetful  # type: ignore[assignment, attr-defined]


MISTAKES: Mapping[str, Callable[[], None]] = {
    mistake.__name__: mistake
    for mistake in (
        acknowledge_before_commit,
        synchronous_normal,
        offset_instead_of_packet_id,
        drop_what_the_store_forbids,
        drop_what_the_store_does_not_take,
        unsubscribe_first,
        no_delivery_memory,
    )
}
