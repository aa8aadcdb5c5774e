"""What a jobs process does that a test kills: recompute every marked day of a store."""

import os
import signal
import sys
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from schemas import Settings
from stores import open_store
from tests.usage.given import at, estate
from usage.jobs import Jobs

NOW_NS = at("2026-02-01T12:00")


def recompute(settings: Settings, calls_max: int, report: Connection) -> None:
    """Recompute, and be killed at a function call of that number; report how many calls it was otherwise."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls == calls_max:
            os.kill(os.getpid(), signal.SIGKILL)

    jobs = Jobs(lambda: open_store(settings), estate, lambda: NOW_NS)
    sys.setprofile(count)
    jobs.run_once()
    sys.setprofile(None)
    report.send(calls)
