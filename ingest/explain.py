"""What a message becomes, without a broker, a buffer or a store: the pipeline's own decoder, looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas.kinds import Kind
from schemas.localtime import rfc3339
from schemas.readings import Reading, Rejection
from schemas.settings import Settings
from sensors.registry import Registry
from stores.lines import parse


class Explanation(NamedTuple):
    """The readings that a message would be stored as, what of it would be refused, and what it is if neither."""

    readings: list[Reading]
    rejected: list[Rejection]
    no_reading: str | None


def explain(
    topic: str, payload: bytes, *, registry: Registry, settings: Settings, clock_ns: Callable[[], int]
) -> Explanation:
    """What would become of a message."""
    decoder = Decoder(registry, settings, clock_ns=clock_ns)
    batch = decoder.decode([Message(topic.encode(errors="surrogateescape"), payload)])
    rejections = [rejection for refused in batch.refused for rejection in refused.rejections]
    return Explanation([_reading(line) for line in batch.lines], rejections, next(iter(batch.no_reading), None))


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
