"""A writer at work in a test: its waits take no time, and its store is in memory."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ingest.batches import Batch, DayMark
from ingest.buffer import Buffer
from ingest.writer import Writer
from schemas.settings import IngestSettings
from stores import Accepted, Outcome
from tests.ingest.fake_store import Answer, FakeStore
from tests.ingest.given import NOW_NS
from tests.waiting import wait_until

DEADLINE_S = 20


def readings(count: int, *, first: int = 0, value: float = 21.5) -> list[str]:
    return [f"temperature,hub=a,sensor=b temperature_c={value} {NOW_NS + first + n}" for n in range(count)]


def commit(buffer: Buffer, lines: list[str], *marks: DayMark) -> None:
    buffer.commit(Batch(lines, set(marks), messages=len(lines)))


class Pauses:
    """The writer's waits: each lasts until it is let go or the writer is to stop, however many seconds were asked."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.writer: Writer | None = None
        self._let_go = threading.Semaphore(0)

    def __call__(self, seconds: float) -> None:
        if seconds > 0:
            self.seconds.append(seconds)
            wait_until(self._over, DEADLINE_S, "the writer's pause to be let go", poll_s=0.002)

    def let_go(self) -> None:
        self._let_go.release()

    def wait_for(self, count: int) -> list[float]:
        wait_until(lambda: len(self.seconds) >= count, DEADLINE_S, f"{count} pauses of the writer", poll_s=0.002)
        return self.seconds

    def _over(self) -> bool:
        stopping = self.writer is not None and self.writer._stopping.is_set()
        return stopping or self._let_go.acquire(blocking=False)


@contextmanager
def running(folder: Path, store: FakeStore, **options: Any) -> Iterator[tuple[Writer, Pauses]]:
    """A writer at work on the buffer of a folder."""
    pauses = Pauses()
    limits = {"flush_age_s": 0, "flush_lines_max": 100} | options.pop("settings", {})
    given = {
        "open_buffer": lambda: Buffer(folder, clock_ns=lambda: NOW_NS),
        "open_store": lambda: store,
        "settings": IngestSettings(**limits),
        "clock_ns": lambda: NOW_NS,
        "rng": random.Random(7),
        "pause": pauses,
    }
    writer = Writer(**(given | options))  # type: ignore[arg-type] # options of the tests' own
    pauses.writer = writer
    writer.start()
    try:
        yield writer, pauses
    finally:
        assert writer.stop(DEADLINE_S)


def drained(buffer: Buffer) -> None:
    wait_until(lambda: not buffer.ledger.read().readings_pending, DEADLINE_S, "the buffer to drain")


def once(first: Outcome, *others: Outcome) -> Answer:
    """These answers first, then everything is accepted."""
    answers = [first, *others]
    return lambda _lines: answers.pop(0) if answers else Accepted()
