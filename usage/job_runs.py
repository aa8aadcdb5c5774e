"""How the periodic work goes: when each job last succeeded, how long it took, what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from schemas.progress import Progress

STALLED_AFTER_S = 600.0
"""A day of a hub takes seconds; the first one of a run also reads a year of its rows."""


@dataclass(frozen=True, slots=True)
class JobRun:
    """What is known of one job. Times are UTC in nanoseconds, None where it never came to that."""

    every_s: int
    runs: int = 0
    failures: int = 0
    seconds: float = 0.0
    """What all of its runs took."""
    last_success_ns: int | None = None
    problem: str | None = None
    """Why its last run failed; None where it did not."""


class JobRuns:
    """Written by the thread of the jobs, read by any."""

    def __init__(self, clock_ns: Callable[[], int], *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_ns, self._monotonic_s = clock_ns, monotonic_s
        self._runs: dict[str, JobRun] = {}
        self.progress = Progress(slack_s=STALLED_AFTER_S, monotonic_s=monotonic_s)
        self.days_waiting = 0
        """Marked days that were to be recomputed when all marks were looked at last."""
        self.is_standing_by = False
        """Whether other processes do all the work."""
        self.done_elsewhere: frozenset[str] = frozenset()
        """The jobs that another process does, where several share the work."""

    @property
    def by_job(self) -> Mapping[str, JobRun]:
        """Every job by its name."""
        return dict(self._runs)

    def expect(self, job: str, every_s: int) -> None:
        """A job is to run so often."""
        self._runs[job] = JobRun(every_s)

    def begin(self) -> float:
        """A run begins; to be given to `succeeded` or `failed`."""
        self.progress.step()
        return self._monotonic_s()

    def succeeded(self, job: str, began_s: float) -> None:
        """It is done."""
        self._end(job, began_s, last_success_ns=self._clock_ns(), problem=None)

    def failed(self, job: str, began_s: float, problem: str) -> None:
        """It could not be done."""
        known = self._runs.get(job)
        self._end(job, began_s, failures=(known.failures if known else 0) + 1, problem=problem)

    def _end(self, job: str, began_s: float, **changes: object) -> None:
        known = self._runs.get(job, JobRun(0))
        took_s = self._monotonic_s() - began_s
        self._runs[job] = replace(known, runs=known.runs + 1, seconds=known.seconds + took_s, **changes)  # type: ignore[arg-type]
        self.progress.step(max(known.every_s, 1))
