"""The parts of Hubpulse's services: what each needs, and whether it goes on. Their figures are in `metrics`."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from dashboards.operations.health import STORE, Check, checked
from schemas.errors import HubpulseError
from schemas.localtime import NS_A_SECOND, from_ns
from schemas.progress import Progress
from schemas.settings import Settings
from stores import Store

if TYPE_CHECKING:
    from prometheus_client import Metric

    from ingest.activity import Activity
    from ingest.buffer import BufferReader
    from usage.job_runs import JobRuns

_ALIVE_WITHIN_S = 30
_SILENT_MAX_S = 60.0
_LATE_RUNS = 3
"""A job is late when it has missed so many of its runs, and five minutes have passed."""
_LATE_AFTER_S = 300


class StorePart:
    """The store that everybody reads or writes."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store

    def stalled(self) -> str | None:
        return None

    def checks(self) -> Iterator[Check]:
        yield checked(STORE, self._look)

    def metrics(self) -> Iterator[Metric]:
        return iter(())

    def _look(self) -> str:
        with closing(self._open_store()) as store:
            return store.check()


class IngestPart:
    """The way from the broker to the store, of one data folder."""

    def __init__(self, settings: Settings, activity: Activity, *, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._settings, self._activity, self._clock_ns = settings, activity, clock_ns

    def stalled(self) -> str | None:
        return self._activity.stalled()

    def checks(self) -> Iterator[Check]:
        yield checked("data folder", lambda: writable(self._settings))
        try:
            with closing(self._reader()) as reader:
                yield checked("broker", lambda: self._broker(reader))
                yield checked("writer", lambda: _writer(reader))
        except HubpulseError as error:
            yield Check("buffer", is_ok=False, detail=str(error))

    def metrics(self) -> Iterator[Metric]:
        from dashboards.operations.metrics import ingest_metrics  # noqa: PLC0415 - only where metrics are asked for

        with closing(self._reader()) as reader:
            yield from ingest_metrics(self._settings, reader, self._activity, now_ns=self._clock_ns())

    def _reader(self) -> BufferReader:
        from ingest.buffer import BufferReader  # noqa: PLC0415 - only where there is a buffer

        return BufferReader(self._settings.data_dir)

    def _broker(self, reader: BufferReader) -> str:
        from sensors.times import text_ns  # noqa: PLC0415 - only where ingest has run

        status = reader.status.get("subscriber")
        if not status:
            raise HubpulseError("nothing was received yet: ingest is starting")
        age_s = (self._clock_ns() - text_ns(status["at"])) // NS_A_SECOND
        if abs(age_s) > _ALIVE_WITHIN_S:
            raise HubpulseError(f"last sign of life {age_s} s ago: see ingest's log")
        if status["problem"]:
            raise HubpulseError(status["problem"])
        return f"receiving from {status['broker']}"


class JobsPart:
    """The periodic work."""

    def __init__(self, settings: Settings, runs: JobRuns, *, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._settings, self._runs, self._clock_ns = settings, runs, clock_ns

    def stalled(self) -> str | None:
        return "the jobs do not go on: see their log" if self._runs.progress.is_overdue else None

    def checks(self) -> Iterator[Check]:
        yield checked("data folder", lambda: writable(self._settings))
        if self._runs.is_standing_by:
            yield Check("jobs", is_ok=True, detail="standing by: another process does the work")
            return
        for job in (job for job in self._runs.by_job if job not in self._runs.done_elsewhere):
            yield checked(job, lambda job=job: self._last_run(job))  # type: ignore[misc]

    def metrics(self) -> Iterator[Metric]:
        from dashboards.operations.metrics import jobs_metrics  # noqa: PLC0415 - likewise

        return jobs_metrics(self._runs)

    def _last_run(self, job: str) -> str:
        run = self._runs.by_job[job]
        if run.problem is not None:
            raise HubpulseError(run.problem)
        if run.last_success_ns is None:
            raise HubpulseError("has not run yet: the jobs are starting")
        age_s = (self._clock_ns() - run.last_success_ns) // NS_A_SECOND
        if age_s > max(_LATE_RUNS * run.every_s, _LATE_AFTER_S):
            raise HubpulseError(f"last done {age_s} s ago, due every {run.every_s} s: see the log of jobs")
        return f"last done {from_ns(run.last_success_ns):%Y-%m-%dT%H:%M:%SZ}"


class BoardPart:
    """The board's server: `answers` asks it."""

    def __init__(self, answers: Callable[[], bool], *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._answers = answers
        self._progress = Progress(slack_s=_SILENT_MAX_S, monotonic_s=monotonic_s)
        self._progress.step()

    def stalled(self) -> str | None:
        if self._answers():
            self._progress.step()
        return "the board does not answer: see its log" if self._progress.is_overdue else None

    def checks(self) -> Iterator[Check]:
        return iter(())

    def metrics(self) -> Iterator[Metric]:
        return iter(())


def writable(settings: Settings) -> str:
    """Whether a service may write to its data folder, and has room there. Raises HubpulseError."""
    folder = settings.data_dir
    if not os.access(folder, os.W_OK | os.X_OK):
        raise HubpulseError(f"{folder} can't be written: check its owner and mode, and that its disk is mounted")
    free = shutil.disk_usage(folder).free
    if free < settings.ingest.disk_free_bytes_min:
        raise HubpulseError(f"{free} bytes free at {folder}: make room, nothing is taken from the broker")
    return f"{folder}, {free} bytes free"


def _writer(reader: BufferReader) -> str:
    state = str(reader.status.get("writer").get("state", "starting"))
    if state.startswith("holding"):
        raise HubpulseError(f"{state} (readings wait in the buffer, nothing is lost)")
    return state
