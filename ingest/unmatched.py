"""A bounded look at what else the broker carries: topics that no source of the estate file covers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import NamedTuple

from mqtt.connection import connect
from mqtt.messages import covers
from schemas.settings import Settings
from sensors.macs import mask_macs

TOPICS_MAX = 500
_CONNECT_MAX_S = 10.0
_SAMPLE_BYTES = 300
_TURN_S = 0.1


class UnmatchedTopic(NamedTuple):
    """A topic of no source; addresses of people's devices are masked."""

    topic: str
    messages: int
    sample: str
    """The beginning of its first message."""


def unmatched_topics(
    settings: Settings,
    sources: Sequence[str],
    *,
    duration_s: float,
    monotonic_s: Callable[[], float] = time.monotonic,
) -> list[UnmatchedTopic]:
    """What is published within a time, or retained, on topics that no source covers; the first 500 topics.

    Over a connection of its own: it takes nothing from ingest, and sees what the user may read. Raises HubpulseError.
    """
    found: dict[bytes, tuple[int, bytes]] = {}
    client_id = f"hubpulse-look-{secrets.token_hex(8)}"
    connection = connect(settings.mqtt, client_id=client_id, timeout_s=_CONNECT_MAX_S)
    until_s = monotonic_s() + duration_s
    with closing(connection):
        connection.subscribe(("#",))
        while connection.is_open and monotonic_s() < until_s:
            connection.turn(_TURN_S)
            for message in connection.take_messages():
                known = found.get(message.topic)
                if known is not None:
                    found[message.topic] = (known[0] + 1, known[1])
                elif len(found) < TOPICS_MAX and not _is_covered(message.topic, sources):
                    found[message.topic] = (1, message.payload[:_SAMPLE_BYTES])
            connection.acknowledge()
    return [UnmatchedTopic(_shown(topic), count, _shown(sample)) for topic, (count, sample) in sorted(found.items())]


def _is_covered(topic: bytes, sources: Sequence[str]) -> bool:
    text = topic.decode(errors="replace")
    return any(covers(source, text) for source in sources)


def _shown(text: bytes) -> str:
    return mask_macs(text, is_cut=len(text) == _SAMPLE_BYTES).decode(errors="replace")
