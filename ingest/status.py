"""How the pipeline itself is doing, as measurements in the store beside the readings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from ingest.buffer import Buffer
from schemas.localtime import NS_A_SECOND
from sensors.times import text_ns
from stores.lines import encode

REPORT_EVERY_NS = 10 * NS_A_SECOND
_LIVE_WITHIN_NS = 3600 * NS_A_SECOND
"""An older reading is history that came late or was replayed: its age is no lag."""
_CONNECTED_WITHIN_NS = 30 * NS_A_SECOND


class StatusReport:
    """Collects figures between two reports; `ingest` is the tag of this process."""

    def __init__(self, ingest: str, *, clock_ns: Callable[[], int]) -> None:
        self._ingest = ingest
        self._clock_ns = clock_ns
        self._next_ns = 0
        self._lag_ns: int | None = None
        self._store_errors = 0

    def stored(self, lines: Sequence[str]) -> None:
        """These lines reached the store now."""
        now_ns = self._clock_ns()
        ages = [now_ns - int(line[line.rindex(" ") + 1 :]) for line in lines]
        live = [age for age in ages if age < _LIVE_WITHIN_NS]
        if live:
            self._lag_ns = max(self._lag_ns or 0, *live)

    def store_error(self) -> None:
        """The store did not take a batch."""
        self._store_errors += 1

    def due(self) -> bool:
        """Whether it is time for the next report."""
        return self._clock_ns() >= self._next_ns

    def lines(self, buffer: Buffer) -> list[str]:
        """The report as line protocol; begins a new interval."""
        now_ns = self._clock_ns()
        self._next_ns = now_ns + REPORT_EVERY_NS
        ledger = buffer.ledger()
        oldest_ns = buffer.oldest_pending_ns()
        fields: dict[str, int | float | bool] = {
            **ledger.model_dump(),
            "connected": _connected(buffer, now_ns),
            "buffer_bytes": buffer.used_bytes(),
            "buffer_oldest_s": max(0.0, (now_ns - oldest_ns) / NS_A_SECOND) if oldest_ns is not None else 0.0,
            "store_errors": self._store_errors,
        }
        if self._lag_ns is not None:
            fields["lag_s"] = max(0.0, self._lag_ns / NS_A_SECOND)
            self._lag_ns = None
        refused = buffer.refused_by_reason()
        return [
            encode("pipeline_status", {"ingest": self._ingest}, fields, now_ns),
            *(
                encode("quarantine_status", {"ingest": self._ingest, "reason": reason}, {"waiting": count}, now_ns)
                for reason, count in refused.items()
            ),
        ]


def _connected(buffer: Buffer, now_ns: int) -> bool:
    value = buffer.status("subscriber")
    if value is None:
        return False
    status = json.loads(value)
    return status["problem"] is None and now_ns - text_ns(status["at"]) < _CONNECTED_WITHIN_NS
