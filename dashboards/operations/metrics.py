"""A service's figures in Prometheus' text format, read where they are kept: the ledger, the status of parts, the runs.

Names and units are Prometheus' (https://prometheus.io/docs/practices/naming/). What only grows is a counter; what a
redrive takes back, such as messages refused, is a gauge. Labels are words of closed lists, never hubs or sensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.registry import Collector

from dashboards.operations.health import Part
from ingest.activity import Activity
from ingest.buffer import BufferReader
from ingest.ledger import Ledger
from ingest.status import is_connected
from schemas.errors import HubpulseError
from schemas.localtime import NS_A_SECOND
from schemas.settings import Settings
from usage.job_runs import JobRuns

FALLING = ("messages_refused", "messages_waiting", "readings_refused", "readings_store_rejected", "readings_pending")
"""Counts of the ledger that a redrive, the decoder or the store takes back."""


class _Parts(Collector):
    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        unread = 0
        for part in self._parts:
            try:
                yield from part.metrics()
            except HubpulseError:  # readiness says why
                unread += 1
        yield _gauge("parts_without_metrics", "Parts of the service whose figures can't be read now.", unread)


def exposition(parts: Sequence[Part]) -> bytes:
    """The figures of the parts and of the process itself."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Parts(parts))
    return generate_latest(registry)


def ingest_metrics(settings: Settings, reader: BufferReader, activity: Activity, *, now_ns: int) -> Iterator[Metric]:
    """The figures of a data folder, and of the ingest that works on it."""
    # Read in this order, so that the answer is of nearly one moment.
    ledger, use = reader.ledger.read(), reader.quarantine.use_by_reason()
    yield from _ledger_metrics(ledger)
    oldest_ns = reader.pending.oldest_committed_ns()
    waits_s = 0.0 if oldest_ns is None else max(0.0, (now_ns - oldest_ns) / NS_A_SECOND)
    yield _gauge("pending_oldest_age_seconds", "How long the oldest readings have been waiting for the store.", waits_s)
    if activity.newest_stored_ns is not None:
        age_s = (now_ns - activity.newest_stored_ns) / NS_A_SECOND
        yield _gauge("last_stored_reading_age_seconds", "Age of the reading that reached the store last.", age_s)
    yield _gauge("buffer_bytes", "Bytes in the buffer that its bound is about.", reader.used_bytes())
    yield _gauge("buffer_max_bytes", "The bound of the buffer.", settings.ingest.buffer_bytes_max)
    yield _labelled_gauge(
        "quarantine_messages", "Messages in the quarantine.", "reason", {r: count for r, (count, _) in use.items()}
    )
    yield _labelled_gauge(
        "quarantine_bytes", "Bytes in the quarantine.", "reason", {r: size for r, (_, size) in use.items()}
    )
    yield _gauge("quarantine_max_bytes", "The bound of the quarantine.", settings.ingest.quarantine_bytes_max)
    yield _gauge("broker_connected", "1 while ingest receives from the broker.", is_connected(reader.status, now_ns))
    yield _labelled_counter(
        "store_errors", "Batches that the store did not take, since the start.", "kind", dict(activity.store_errors)
    )


def _ledger_metrics(ledger: Ledger) -> Iterator[Metric]:
    for name, count in ledger.model_dump(exclude={"balanced"}).items():
        if not isinstance(count, int):
            continue
        text = f"{name.replace('_', ' ').capitalize()}, as in the ledger."
        yield _gauge(name, text, count) if name in FALLING else CounterMetricFamily(f"hubpulse_{name}", text, count)
    yield _gauge("ledger_balanced", "1 where the ledger balances.", ledger.balanced)
    yield _labelled_counter(
        "refusals", "Messages refused whole, those since redriven included.", "reason", ledger.refused_by_reason
    )
    yield _labelled_counter("ledger_notes", "What the ledger notes beside its equations.", "note", ledger.notes)


def jobs_metrics(runs: JobRuns) -> Iterator[Metric]:
    """The figures of the periodic work."""
    took = SummaryMetricFamily("hubpulse_job_duration_seconds", "How long the runs of a job took.", labels=["job"])
    for job, run in runs.by_job.items():
        took.add_metric([job], run.runs, run.seconds)
    yield took
    known = runs.by_job
    yield _labelled_counter(
        "job_failures", "Runs of a job that failed.", "job", {job: run.failures for job, run in known.items()}
    )
    done = {job: run.last_success_ns / NS_A_SECOND for job, run in known.items() if run.last_success_ns is not None}
    yield _labelled_gauge("job_last_success_timestamp_seconds", "When a job was last done.", "job", done)
    yield _gauge("marked_days_waiting", "Past days that late readings touched and that wait.", runs.days_waiting)
    yield _gauge("jobs_standing_by", "1 while another process does the work.", runs.is_standing_by)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"hubpulse_{name}", text, value)


def _labelled_gauge(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"hubpulse_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _labelled_counter(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"hubpulse_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
