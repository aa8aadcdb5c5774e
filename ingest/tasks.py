"""What ingest and its workers tell each other (`ingest.worker`)."""

from __future__ import annotations

from typing import Any, NamedTuple

from ingest.batches import Batch
from ingest.new_sensors import NewSensor
from mqtt.messages import Message
from schemas.settings import Settings
from sensors.registry import Registry

BEGUN = b"begun"


class Setup(NamedTuple):
    """What decoding goes by."""

    registry: Registry
    settings: Settings
    """Limits; no secrets."""

    announced: list[Message]
    """What was announced until now of how messages are to be read."""

    new_sensors: list[NewSensor]
    """Sensors that the estate file does not name, seen within the last days."""


class Share(NamedTuple):
    """What a worker decodes of a parcel. Its readings without a time get times from `first_ns` on."""

    first_ns: int
    maybe_repeated: bool
    messages: list[Message]

    def packed(self) -> tuple[int, bool, list[Any]]:
        """The same by columns, which travel in a quarter of the time."""
        topics, payloads, _, _, retained, cut, _ = zip(*self.messages, strict=True)
        return self.first_ns, self.maybe_repeated, [topics, payloads, retained, cut]


class Task(NamedTuple):
    """One step of a worker."""

    now_ns: int
    shares: list[tuple[int, bool, list[Any]]]


class Answer(NamedTuple):
    """What became of a task, and the traces of faults that came to light."""

    batch: Batch
    faults: list[str]
