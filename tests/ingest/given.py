"""What the tests of ingest start from: a clock that is set by hand, estates, messages."""

from collections.abc import Callable, Mapping
from typing import Any

from ingest.batches import Batch, Refused
from ingest.buffer import Buffer
from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas import Estate, Reason, Settings
from schemas.localtime import NS_A_SECOND
from schemas.readings import Rejection
from schemas.settings import IngestSettings
from sensors.registry import Registry
from sensors.times import text_ns

NOW = "2026-05-12T12:00:00Z"
NOW_NS = text_ns(NOW)
DAY_NS = 86_400 * NS_A_SECOND
OPEN_ESTATE = Estate(open=True)
AIR = "hubs/armley/temperature/air-1"
DOOR = "hubs/armley/footfall/door-1"

OpenBuffer = Callable[..., Buffer]


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now_ns: int = NOW_NS) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns

    def forward(self, seconds: float) -> None:
        self.now_ns += int(seconds * NS_A_SECOND)


def estate(*hubs: Mapping[str, Any], **more: Any) -> Estate:
    return Estate.model_validate({"timezone": "Europe/London", "hubs": list(hubs), **more})


def message(topic: str, payload: str | bytes, packet_id: int = 0, **flags: bool) -> Message:
    body = payload.encode() if isinstance(payload, str) else payload
    return Message(topic.encode(), body, packet_id, **flags)


def at(time: str, value: float = 21.5) -> str:
    """The payload of a reading with a time."""
    return f'{{"time": "{time}", "value": {value}}}'


def make_decoder(
    estate: Estate = OPEN_ESTATE,
    clock: Callable[[], int] = lambda: NOW_NS,
    *,
    retention_days: int | None = None,
    **limits: Any,
) -> Decoder:
    settings = Settings(retention_days=retention_days, ingest=IngestSettings(**limits))
    return Decoder(Registry(estate), settings, clock_ns=clock)


def reasons(batch: Batch) -> list[Reason]:
    return [rejection.reason for refused in batch.refused for rejection in refused.rejections]


def lines(count: int, *, line_bytes: int = 100) -> Batch:
    return Batch([f"line-{number}".ljust(line_bytes, "x") for number in range(count)], messages=count)


def refusal(topic: str, payload: bytes, *details: str) -> Batch:
    rejections = [Rejection(reason=Reason.BAD_SCHEMA, detail=detail) for detail in details or ("because",)]
    return Batch(refused=[Refused(message(topic, payload), rejections, 0, NOW_NS)], messages=1)
