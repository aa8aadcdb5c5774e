"""Devices that send and belong to no sensor yet: what they seem to be, and their messages once they are adopted."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import NamedTuple

from ingest.buffer import BufferReader
from ingest.quarantine import Quarantine, WaitingDevice
from mqtt.messages import Message
from schemas.kinds import Kind
from schemas.localtime import from_ns
from schemas.plugins import PluginError
from schemas.settings import Settings
from sensors.decoders.guess import guess_models, kinds_as
from sensors.formats import Answer, Uplink, find_format

_SAMPLE_CHARS = 400


class PendingDevice(NamedTuple):
    """A device that waits to be adopted."""

    device: str
    format: str
    models: tuple[str, ...]
    """What it may be; none where its network server decodes its frames, or its format needs no model."""
    kinds: tuple[Kind, ...]
    """What it seems to measure."""
    first_seen: datetime
    last_seen: datetime
    messages: int
    topic: str
    sample: str
    """The beginning of its latest message."""


def pending_devices(settings: Settings) -> list[PendingDevice]:
    """The devices whose messages wait in the quarantine, those that sent last first. Raises HubpulseError."""
    with closing(BufferReader(settings.data_dir)) as reader:
        return [_described(device, reader.quarantine) for device in reader.quarantine.unknown_devices()]


def _described(waiting: WaitingDevice, quarantine: Quarantine) -> PendingDevice:
    sample = next(quarantine.messages(ids=[waiting.sample_id], reason=None), None)
    topic, payload = (sample.message.topic.decode(errors="replace"), sample.message.payload) if sample else ("", b"")
    models: tuple[str, ...] = ()
    kinds = waiting.kinds
    if sample is not None and not kinds and isinstance(uplink := _uplink(waiting.format, sample.message), Uplink):
        models = guess_models(uplink, payload)
        kinds = kinds_as(models[0], uplink) if models else ()
    return PendingDevice(
        waiting.device,
        waiting.format,
        models,
        kinds,
        from_ns(waiting.first_seen_ns),
        from_ns(waiting.last_seen_ns),
        waiting.messages,
        topic,
        payload[:_SAMPLE_CHARS].decode(errors="replace"),
    )


def _uplink(format_: str, message: Message) -> Answer | None:
    try:
        [answer] = find_format(format_).decode([message])
    except (PluginError, ValueError):
        return None
    return answer
