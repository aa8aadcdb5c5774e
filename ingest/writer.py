"""Takes batches from the buffer to the store; each ends in accept, reject or keep.

    pending rows -> one body -> store: accepted                  -> corrections, day marks -> settle
                                       too large, rejected       -> halve, and halve again; a single line that is
                                                                    refused goes to the quarantine
                                       keep                      -> wait (Retry-After, else backoff with full jitter)

Until `settle` the rows stay in the buffer, so stopping at any point only means writing the same lines again.
"""

from __future__ import annotations

import json
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field

import structlog

from ingest.activity import Activity
from ingest.buffer import Buffer, BufferFullError
from ingest.overwritten import overwritten_lines
from ingest.pending import PendingRow
from ingest.privacy import masked_trace
from ingest.quarantine import RejectedLine
from ingest.status import StatusReport
from schemas.backoff import Backoff
from schemas.errors import HubpulseError
from schemas.localtime import rfc3339
from schemas.measurements import READING_NOTES
from schemas.settings import IngestSettings, Settings
from stores import Accepted, Keep, Outcome, Rejected, Store, StoreError, TooLarge
from stores.lines import encode, parse

log = structlog.get_logger("hubpulse.writer")

_RETRY_AFTER_MAX_S = 300.0
_CORRECTIONS_AT_ONCE = 2000
_LOOK_EVERY_S = 1.0
"""Other processes commit too: a redrive from the command line."""


@dataclass(slots=True)
class _Work:
    """Bodies of lines still to be answered, the first of them last; and the lines that the store refused."""

    parts: list[bytes]
    rejected: list[RejectedLine] = field(default_factory=list)


@dataclass(slots=True)
class _Corrections:
    """How many readings were overwritten since the last batch was settled, and the lines that tell of them."""

    readings: int = 0
    lines: list[str] = field(default_factory=list)


class Writer(threading.Thread):
    """The thread between buffer and store; both are opened inside it, since neither is shared between threads."""

    def __init__(
        self,
        *,
        open_buffer: Callable[[], Buffer],
        open_store: Callable[[], Store],
        settings: IngestSettings,
        clock_ns: Callable[[], int],
        rng: random.Random,
        activity: Activity | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """`pause` waits so many seconds, or until the writer is to stop."""
        super().__init__(name="writer", daemon=True)
        self._activity = activity or Activity(Settings())
        self._report = StatusReport(self._activity.ingest_name, clock_ns=clock_ns)
        self._open_buffer = open_buffer
        self._open_store = open_store
        self._settings = settings
        self._clock_ns = clock_ns
        self._backoff = Backoff(settings.backoff_first_s, settings.backoff_max_s, rng)
        self._committed = threading.Event()
        self._stopping = threading.Event()
        self._holding: str | None = None
        self._state = ""
        self._corrections = _Corrections()
        self._stop_by_s = math.inf
        self._monotonic_s = monotonic_s
        self._pause = pause or self._stopping.wait
        self.failure: BaseException | None = None

    def notify(self) -> None:
        """A batch was committed."""
        self._committed.set()

    def stop(self, deadline_s: float) -> bool:
        """Write what the store takes, then end; True where the thread ended within the deadline."""
        self._stop_by_s = self._monotonic_s() + deadline_s
        self._stopping.set()
        self._committed.set()
        self.join(deadline_s)
        return not self.is_alive()

    def raise_failure(self) -> None:
        """Raise HubpulseError where the thread ended by itself."""
        if self.failure is not None:
            raise HubpulseError(
                f"the writer stopped ({self.failure}): readings are safe in the buffer; fix the cause and start again"
            ) from self.failure

    def run(self) -> None:
        try:
            with closing(self._open_buffer()) as buffer, closing(self._open_store()) as store:
                self._run(buffer, store)
        except HubpulseError as error:
            self.failure = error
            log.error("writer_stopped", error=str(error))  # noqa: TRY400 - foreseeable: no trace
        except Exception as error:  # noqa: BLE001 - kept for `raise_failure`
            self.failure = error
            log.error("writer_stopped", trace=masked_trace(error))  # noqa: TRY400 - the trace, masked
        finally:
            self._activity.writing.end()

    def _run(self, buffer: Buffer, store: Store) -> None:
        self._set_state(buffer, "waiting for readings")
        while True:
            # Asked before the look into the buffer: what was committed before a stop is seen.
            stopping = self._stopping.is_set()
            self._committed.clear()
            self._activity.writing.step()
            try:
                drained = self._turn(buffer, store)
            except BufferFullError as error:
                drained = False
                self._hold(buffer, Keep(str(error)))
            if stopping and (drained or self._holding is not None or self._overdue()):
                return

    def _overdue(self) -> bool:
        return self._stopping.is_set() and self._monotonic_s() >= self._stop_by_s

    def _turn(self, buffer: Buffer, store: Store) -> bool:
        """Write once; True where there was nothing to write."""
        rows = self._oldest(buffer)
        if not rows:
            if not self._stopping.is_set():
                self._committed.wait(_LOOK_EVERY_S)
        elif self._is_young(rows):
            self._wait(self._settings.flush_age_s)
            self._flush(buffer, store, self._oldest(buffer))
        else:
            self._flush(buffer, store, rows)
        if self._report.due() and not self._holding:
            self._write_report(buffer, store)
        return not rows

    def _oldest(self, buffer: Buffer) -> list[PendingRow]:
        return buffer.pending.oldest(self._settings.flush_lines_max)

    def _write_report(self, buffer: Buffer, store: Store) -> None:
        """Write how the pipeline is doing; what the store does not take now is in the next report."""
        outcome = _write_lines(store, self._report.lines(buffer))
        if isinstance(outcome, Accepted):
            self._report.taken()
        else:
            log.warning("status_not_stored", error=outcome.detail)

    def _is_young(self, rows: Sequence[PendingRow]) -> bool:
        """Whether more may come to fill the flush; what waited for the store once does not wait again."""
        full = sum(row.readings for row in rows) >= self._settings.flush_lines_max
        return not (full or self._holding or self._stopping.is_set())

    def _flush(self, buffer: Buffer, store: Store, rows: Sequence[PendingRow]) -> None:
        """Write them flush by flush; what the store took is settled by one commit, also where it takes no more."""
        written: list[PendingRow] = []
        rejected: list[RejectedLine] = []
        kept: Keep | None = None
        for some in _flushes(rows, self._settings.flush_lines_max):
            work = _Work(_bodies(some, self._settings.flush_lines_max)[::-1])
            kept = self._write_all(store, work)
            if kept is not None:
                break
            written += some
            rejected += work.rejected
        if written:
            kept = self._settle(buffer, store, written, rejected) or kept
        if kept is not None:
            self._hold(buffer, kept)
            return
        if self._holding:
            log.info("store_resumed")
        self._holding = None
        self._backoff.reset()
        self._set_state(buffer, "writing")

    def _settle(
        self, buffer: Buffer, store: Store, written: Sequence[PendingRow], rejected: Sequence[RejectedLine]
    ) -> Keep | None:
        """Forget what the store has answered for, once it knows the days to compute and what was overwritten."""
        kept = self._write_corrections(store) or self._write_marks(store, written)
        if kept is not None:
            return kept
        buffer.settle(written, rejected)
        if self._corrections.readings:
            buffer.note("overwritten", self._corrections.readings)
            self._corrections = _Corrections()
        self._report.stored(written)
        with suppress(ValueError):  # of a line that is not ours
            self._activity.newest_stored_ns = int(written[-1].lines.rpartition(b" ")[2])
        if rejected:
            log.warning("readings_rejected", count=len(rejected), error=rejected[0].detail)
        return None

    def _write_all(self, store: Store, work: _Work) -> Keep | None:
        """Write every part, halving what the store refuses; None once each line is stored or known to be bad."""
        while work.parts:
            if self._overdue():
                return Keep("asked to stop before the store had taken everything")
            body = work.parts.pop()
            self._activity.writing.step()
            outcome = _write(store, body)
            self._count_error(outcome)
            match outcome:
                case Accepted(overwritten):
                    self._corrections.readings += len(overwritten)
                    self._corrections.lines += overwritten_lines(overwritten, body)
                case Keep():
                    return outcome
                case Rejected(detail) | TooLarge(detail) if b"\n" not in body:
                    work.rejected.append(_as_message(body, detail))
                case Rejected() | TooLarge():
                    lines = body.split(b"\n")
                    middle = len(lines) // 2
                    work.parts += [b"\n".join(lines[middle:]), b"\n".join(lines[:middle])]
        return None

    def _write_corrections(self, store: Store) -> Keep | None:
        """Write what the readings were that the store says were overwritten: it says so once."""
        waiting = self._corrections.lines
        while some := waiting[:_CORRECTIONS_AT_ONCE]:
            outcome = _write_lines(store, some)
            match outcome:
                case Accepted():
                    del waiting[:_CORRECTIONS_AT_ONCE]
                case Keep():
                    return outcome
                case Rejected(detail) | TooLarge(detail):
                    return Keep(f"the store refuses corrections ({detail}): is overwritten used by something else?")
        return None

    def _write_marks(self, store: Store, rows: Sequence[PendingRow]) -> Keep | None:
        """Mark the days, after their readings: whoever sees the mark sees the readings."""
        marks = sorted({mark for row in rows for mark in row.marks})
        if not marks:
            return None
        now_ns = self._clock_ns()
        lines = [encode("day_marks", {"hub": m.hub}, {"marked_ns": now_ns}, m.midnight_ns) for m in marks]
        outcome = _write_lines(store, lines)
        match outcome:
            case Accepted():
                return None
            case Keep():
                return outcome
            case Rejected(detail) | TooLarge(detail):
                return Keep(f"the store refuses day marks ({detail}): is day_marks used by something else?")

    def _hold(self, buffer: Buffer, kept: Keep) -> None:
        if kept.detail != self._holding:
            log.log(logging.ERROR if kept.needs_operator else logging.WARNING, "store_holding", error=kept.detail)
        self._holding = kept.detail
        self._report.store_error()
        self._set_state(buffer, f"holding: {kept.detail}")
        wait_s = self._backoff.next_s()
        if kept.retry_after_s is not None:
            wait_s = min(max(wait_s, kept.retry_after_s), _RETRY_AFTER_MAX_S)
        self._wait(wait_s)

    def _wait(self, wait_s: float) -> None:
        self._activity.writing.step(wait_s)
        self._pause(wait_s)

    def _count_error(self, outcome: Outcome) -> None:
        match outcome:
            case Keep(needs_operator=True):
                self._activity.store_errors["needs_operator"] += 1
            case Keep():
                self._activity.store_errors["unreachable"] += 1
            case Rejected():
                self._activity.store_errors["rejected"] += 1
            case TooLarge():
                self._activity.store_errors["too_large"] += 1

    def _set_state(self, buffer: Buffer, state: str) -> None:
        """Leave word of what it does since when: a change alone, since each is a commit."""
        # Where it can't be kept, `settle` can't either, and says so.
        with suppress(BufferFullError):
            if state != self._state:
                buffer.status.set("writer", {"state": state, "at": rfc3339(self._clock_ns())})
                self._state = state


def _flushes(rows: Sequence[PendingRow], lines_max: int) -> list[list[PendingRow]]:
    """Rows that have at most `lines_max` lines together; one that has more is alone."""
    found: list[list[PendingRow]] = []
    room = 0
    for row in rows:
        if row.readings > room:
            found.append([])
            room = lines_max
        found[-1].append(row)
        room -= row.readings
    return found


def _bodies(rows: Sequence[PendingRow], lines_max: int) -> list[bytes]:
    """The lines of a flush; in parts where a row alone has more than `lines_max`."""
    body = b"\n".join(row.lines for row in rows)
    if sum(row.readings for row in rows) <= lines_max:
        return [body]
    lines = body.split(b"\n")
    return [b"\n".join(lines[start : start + lines_max]) for start in range(0, len(lines), lines_max)]


def _write_lines(store: Store, lines: Sequence[str]) -> Outcome:
    return _write(store, "\n".join(lines).encode())


def _write(store: Store, body: bytes) -> Outcome:
    try:
        return store.write(body)
    except StoreError as error:
        return Keep(str(error), needs_operator=True)


def _as_message(line: bytes, detail: str) -> RejectedLine:
    """The native message of a line, so that it can be shown, corrected and sent again like any other.

    One that is not ours, of whatever origin, is kept as it is, under a topic that no source has.
    """
    try:
        point = parse(line.decode("ascii"))
        topic = f"hubs/{point.tags['hub']}/{point.measurement}/{point.tags['sensor']}"
    except (ValueError, KeyError):
        return RejectedLine("$buffer/line", line, detail)
    fields = {name: value for name, value in point.fields.items() if name not in READING_NOTES}
    return RejectedLine(topic, json.dumps({"time": point.time_ns, **fields}).encode(), detail)
