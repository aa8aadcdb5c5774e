"""How each ingest last said that it is: every host writes its ledger and its quarantine's counts to the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.localtime import NS_A_SECOND, NS_AN_HOUR
from schemas.measurements import LEDGER_COUNTS
from stores import Store
from stores.protocol import Number

_STATUS, _QUARANTINE = "pipeline_status", "quarantine_status"
_TOLD_FOR_NS = 7 * 24 * NS_AN_HOUR
_FRESH_NS = 300 * NS_A_SECOND
_SLACK_NS = 600 * NS_A_SECOND


@dataclass(frozen=True, slots=True)
class IngestState:
    """One ingest: its counts since its buffer was made, as of `reported_ns`."""

    name: str
    reported_ns: int
    counts: Mapping[str, int]
    """Its ledger, by the names of LEDGER_COUNTS."""
    balanced: bool
    connected: bool
    waiting_s: float
    """How long the oldest reading has waited for the store, in seconds; 0 where none waits."""
    silent: bool
    """Whether its last report is more than five minutes old."""
    sessions_lost: int | None = None
    """How often the broker lost its session; None where it does not say so."""
    disk_free_bytes: int | None = None
    """What is free where its buffer is; None where it does not say so."""

    @property
    def waiting_since_ns(self) -> int:
        """Since when the oldest reading has waited."""
        return self.reported_ns - int(self.waiting_s * NS_A_SECOND)


def ingest_states(store: Store, now_ns: int) -> Iterator[IngestState]:
    """Every ingest that reported within a week, in order of their names. Raises StoreError."""
    for chunk in store.latest(_STATUS, before_ns=now_ns + _SLACK_NS):
        (reported_ns,) = chunk.times_ns
        if now_ns - reported_ns > _TOLD_FOR_NS:
            continue
        yield IngestState(
            chunk.tags["ingest"],
            reported_ns,
            {name: int(chunk.columns[name][0] or 0) for name in LEDGER_COUNTS},
            balanced=bool(chunk.columns["balanced"][0]),
            connected=bool(chunk.columns["connected"][0]),
            waiting_s=float(chunk.columns["buffer_oldest_s"][0] or 0),
            silent=now_ns - reported_ns > _FRESH_NS,
            sessions_lost=_whole(chunk.columns["sessions_lost"][0]),
            disk_free_bytes=_whole(chunk.columns["disk_free_bytes"][0]),
        )


def _whole(value: Number | None) -> int | None:
    return None if value is None else int(value)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many messages wait in an ingest's quarantine for one reason, as of `reported_ns`."""

    ingest: str
    reason: str
    waiting: int
    reported_ns: int


def refusals(store: Store, now_ns: int) -> Iterator[Waiting]:
    """What waits at every ingest that reported within a week, in order of names and reasons. Raises StoreError."""
    for chunk in store.latest(_QUARANTINE, before_ns=now_ns + _SLACK_NS):
        (reported_ns,) = chunk.times_ns
        if now_ns - reported_ns <= _TOLD_FOR_NS:
            waiting = int(chunk.columns["waiting"][0] or 0)
            yield Waiting(chunk.tags["ingest"], chunk.tags["reason"], waiting, reported_ns)
