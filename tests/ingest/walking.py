"""The whole way of a reading in one process: an ingest in a thread of its own."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from ingest.buffer import BufferReader
from ingest.ledger import Ledger
from ingest.pipeline import Ingest
from schemas import Reason, Settings
from tests.mqtt.receiving import DEADLINE_S
from tests.waiting import wait_until

ESTATE = "name: Hubs\ntimezone: Europe/London\nhubs: [{id: armley}]\n"
AIR = "hubs/armley/temperature/air-1"


class Running:
    """An ingest in a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ingest = Ingest(settings)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.ingest.run()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def stop(self) -> None:
        self.ingest.stop()
        self.thread.join(DEADLINE_S)
        assert not self.thread.is_alive()

    @property
    def ledger(self) -> Ledger:
        with closing(BufferReader(self.settings.data_dir)) as reader:
            return reader.ledger.read()

    def refusals(self) -> list[tuple[str, bytes, Reason]]:
        with closing(BufferReader(self.settings.data_dir)) as reader:
            return [(refusal.topic, refusal.payload, refusal.reason) for refusal in reader.quarantine.find(limit=1000)]

    def wait_for(self, **counts: int) -> Ledger:
        """Wait until the ledger has these counts at least, and nothing is pending where that is one of them."""

        def arrived() -> Ledger | None:
            if self.error is not None:
                raise self.error
            ledger = self.ledger
            return ledger if all(getattr(ledger, name) >= count for name, count in counts.items()) else None

        ledger = wait_until(arrived, DEADLINE_S, f"the ledger to say {counts}")
        assert ledger is not None
        assert ledger.balanced
        return ledger


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    ingest = Running(settings)
    ingest.thread.start()
    try:
        assert ingest.ingest.ready.wait(DEADLINE_S)
        yield ingest
    finally:
        ingest.stop()


def with_limits(settings: Settings, **limits: Any) -> Settings:
    return settings.model_copy(update={"ingest": settings.ingest.model_copy(update=limits)})


def temperatures(count: int, *, first: int = 0) -> list[bytes]:
    return [b'{"time": %d, "value": 21.5}' % (1_778_500_000 + first + number) for number in range(count)]
