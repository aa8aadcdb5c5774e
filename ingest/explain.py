"""What a message becomes, without a broker, a buffer or a store: the pipeline's own decoder, looked at."""

from __future__ import annotations

from collections.abc import Callable

from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas.kinds import Kind
from schemas.localtime import rfc3339
from schemas.readings import Reading, Rejection
from schemas.settings import Settings
from sensors.registry import Registry
from stores.lines import parse


def explain(
    topic: str, payload: bytes, *, registry: Registry, settings: Settings, clock_ns: Callable[[], int]
) -> tuple[list[Reading], list[Rejection]]:
    """The readings that a message would be stored as, and what of it would be refused."""
    decoder = Decoder(
        registry,
        clock_ns=clock_ns,
        clock_ahead_max_s=settings.ingest.clock_ahead_max_s,
        retention_days=settings.retention_days,
        message_bytes_max=settings.ingest.message_bytes_max,
    )
    batch = decoder.decode([Message(topic.encode(errors="surrogateescape"), payload)])
    rejections = [rejection for refused in batch.refused for rejection in refused.rejections]
    return [_reading(line) for line in batch.lines], rejections


def _reading(line: str) -> Reading:
    point = parse(line)
    suspect = bool(point.fields.pop("suspect", False))
    return Reading(
        hub=point.tags["hub"],
        kind=Kind(point.measurement),
        sensor=point.tags["sensor"],
        zone=point.tags.get("zone"),
        time=rfc3339(point.time_ns),
        fields=point.fields,
        suspect=suspect,
    )
