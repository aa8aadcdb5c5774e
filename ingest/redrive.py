"""Sends refused messages through the decoder again, once the estate file or the store was corrected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ingest.buffer import Buffer
from ingest.decoder import Decoder
from schemas.estate import Estate
from schemas.readings import Reason
from schemas.settings import Settings
from sensors.registry import Registry


class Redriven(NamedTuple):
    """What became of one refusal."""

    id: int
    readings: int
    """Readings now on their way to the store."""
    refused_again: bool
    detail: str


def redrive(
    settings: Settings,
    estate: Estate,
    *,
    clock_ns: Callable[[], int],
    ids: Sequence[int] | None = None,
    reason: Reason | None = None,
) -> Iterator[Redriven]:
    """Take refusals the way of new messages: those of `ids`, else all of `reason`, else all. Raises HubpulseError.

    A message without a time keeps the time of its first receipt. What is refused again stays as it was. A running
    ingest takes the readings to the store within seconds; without one they wait in the buffer.
    """
    buffer = Buffer(settings.data_dir, clock_ns=clock_ns, bytes_max=settings.ingest.buffer_bytes_max)
    decoder = Decoder(
        Registry(estate),
        clock_ns=clock_ns,
        clock_ahead_max_s=settings.ingest.clock_ahead_max_s,
        retention_days=settings.retention_days,
        message_bytes_max=settings.ingest.message_bytes_max,
    )
    try:
        for refusal_id, received_ns, message in buffer.refusals(ids=ids, reason=reason):
            batch = decoder.decode([message], received_ns=received_ns)
            batch.messages = 0
            taken = buffer.redrive(refusal_id, batch)
            details = [r.detail for refused in batch.refused for r in refused.rejections]
            details += [f"no reading: {what}" for what in batch.no_reading]
            yield Redriven(refusal_id, len(batch.lines) if taken else 0, not taken, "; ".join(details))
    finally:
        buffer.close()
