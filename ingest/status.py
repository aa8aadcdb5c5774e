"""How the pipeline itself is doing, as measurements in the store beside the readings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from ingest.buffer import Buffer
from ingest.pending import PendingRow
from ingest.quarantine import QuarantineError
from ingest.service_status import ServiceStatus
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR
from sensors.times import text_ns
from stores.lines import encode

REPORT_EVERY_NS = 10 * NS_A_SECOND
_CONNECTED_WITHIN_NS = 30 * NS_A_SECOND
_STATES_AGAIN_NS = 24 * NS_AN_HOUR
"""So far back the first report tells again which devices are on line: it is not known what the store has of it."""


class StatusReport:
    """Collects figures between two reports; `ingest` is the tag of this process."""

    def __init__(self, ingest: str, *, clock_ns: Callable[[], int]) -> None:
        self._ingest = ingest
        self._clock_ns = clock_ns
        self._next_ns = 0
        self._lag_ns: int | None = None
        self._store_errors = 0
        self._states_from_ns = clock_ns() - _STATES_AGAIN_NS
        self._states_to_ns = self._states_from_ns

    def stored(self, rows: Sequence[PendingRow]) -> None:
        """These batches reached the store now."""
        live_ns = [row.oldest_live_ns for row in rows if row.oldest_live_ns is not None]
        if live_ns:
            self._lag_ns = max(self._lag_ns or 0, self._clock_ns() - min(live_ns))

    def store_error(self) -> None:
        """The store did not take a batch."""
        self._store_errors += 1

    def taken(self) -> None:
        """The store took the report."""
        self._states_from_ns = self._states_to_ns

    def due(self) -> bool:
        """Whether it is time for the next report."""
        left_ns = self._next_ns - self._clock_ns()
        return not 0 < left_ns <= REPORT_EVERY_NS  # more where the clock was ahead when the last one was written

    def lines(self, buffer: Buffer) -> list[str]:
        """The report as line protocol; begins a new interval."""
        now_ns = self._clock_ns()
        self._next_ns = now_ns + REPORT_EVERY_NS
        ledger = buffer.ledger.read()
        oldest_ns = buffer.pending.oldest_committed_ns()
        fields: dict[str, int | float | bool] = {
            **ledger.model_dump(exclude={"notes", "by_hub", "refused_by_reason"}),
            "connected": is_connected(buffer.status, now_ns),
            "buffer_bytes": buffer.used_bytes(),
            "buffer_oldest_s": max(0.0, (now_ns - oldest_ns) / NS_A_SECOND) if oldest_ns is not None else 0.0,
            "store_errors": self._store_errors,
            "sessions_lost": ledger.notes.get("sessions_lost", 0),
        }
        with suppress(OSError):
            fields["disk_free_bytes"] = buffer.disk_free_bytes()
        if self._lag_ns is not None:
            fields["lag_s"] = max(0.0, self._lag_ns / NS_A_SECOND)
            self._lag_ns = None
        refused: dict[str, int] = {}
        with suppress(QuarantineError):  # ingest says so, and mends it
            refused = buffer.quarantine.counts()
        states = buffer.devices.since(self._states_from_ns)
        self._states_to_ns = max([self._states_from_ns, *(state.at_ns for state in states)])
        return [
            encode("pipeline_status", {"ingest": self._ingest}, fields, now_ns),
            *(
                encode("quarantine_status", {"ingest": self._ingest, "reason": reason}, {"waiting": count}, now_ns)
                for reason, count in refused.items()
            ),
            *(
                encode("device_availability", {"hub": s.hub, "sensor": s.sensor}, {"online": s.online}, s.at_ns)
                for s in states
            ),
        ]


def is_connected(parts: ServiceStatus, now_ns: int) -> bool:
    """Whether ingest received from the broker a moment ago."""
    status = parts.get("subscriber")
    return bool(status) and status["problem"] is None and now_ns - text_ns(status["at"]) < _CONNECTED_WITHIN_NS
