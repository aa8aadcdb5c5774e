"""What a jobs process does that a test kills: recompute every marked day of a store."""

import os
import signal
import sys
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any, NamedTuple

from schemas import Settings
from stores import Outcome, Store, open_store
from tests.usage.given import at, estate, run_jobs
from usage.jobs import Jobs

NOW_NS = at("2026-02-01T12:00")


class Point(NamedTuple):
    """A point of a recompute: a function call, or the end of a write to the store, by their numbers."""

    call: int = 0
    write: int = 0


def recompute(settings: Settings, killed_at: Point | None, report: Connection) -> None:
    """Recompute, and be killed at a point of it; report the last point otherwise."""
    calls = writes = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        if event in ("call", "c_call"):
            calls += 1
            if killed_at is not None and killed_at.call == calls:
                os.kill(os.getpid(), signal.SIGKILL)

    def opened() -> Store:
        store = open_store(settings)
        write = store.write

        def counted(lines: bytes) -> Outcome:
            nonlocal writes
            outcome = write(lines)
            writes += 1
            if killed_at is not None and killed_at.write == writes:
                os.kill(os.getpid(), signal.SIGKILL)
            return outcome

        store.write = counted  # type: ignore[method-assign]
        return store

    jobs = Jobs(opened, estate, lambda: NOW_NS)
    sys.setprofile(count)
    run_jobs(jobs, NOW_NS)
    sys.setprofile(None)
    report.send(Point(calls, writes))
