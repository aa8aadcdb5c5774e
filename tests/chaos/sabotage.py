"""`hubpulse` with a mistake built in, to see that a campaign finds it: `python sabotage.py MISTAKE ingest`."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import stores
from hubpulse import main
from ingest import pipeline
from ingest.buffer import Buffer
from ingest.deliveries import Sorted
from mqtt.messages import Message
from mqtt.subscriber import Subscriber
from stores import Accepted, Keep

BUSY_DISK, BUSY_S = Event(), 0.1


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
    open_store = stores.open_store

    def forgetful(*arguments: Any) -> Any:
        store = open_store(*arguments)
        write = store.write

        def hopeful(lines: bytes) -> Any:
            outcome = write(lines)
            return Accepted() if isinstance(outcome, Keep) else outcome

        store.write = hopeful  # type: ignore[method-assign]
        return store

    pipeline.open_store = forgetful  # type: ignore[assignment, attr-defined]


MISTAKES: Mapping[str, Callable[[], None]] = {
    mistake.__name__: mistake
    for mistake in (acknowledge_before_commit, no_delivery_memory, drop_what_the_store_does_not_take)
}

if __name__ == "__main__":
    MISTAKES[sys.argv.pop(1)]()
    main()
