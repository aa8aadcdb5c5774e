"""A message as it travels: what every room that receives or publishes passes on."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple, Self

KEPT_BYTES = 1024
"""So much of a payload stays when it is cut."""


class Message(NamedTuple):
    """A PUBLISH: packet id 0 at QoS 0."""

    topic: bytes
    payload: bytes
    packet_id: int = 0
    dup: bool = False
    retained: bool = False
    cut_from_bytes: int = 0
    """How many bytes the payload had, where only the first of them were kept; 0 where it is whole."""
    subscription_id: int = 0
    """Of the subscription that it comes by; 0 where none has an identifier."""

    @property
    def payload_bytes(self) -> int:
        """How many bytes the sender gave the payload."""
        return self.cut_from_bytes or len(self.payload)

    def cut(self) -> Self:
        """The message with the first bytes of its payload."""
        if len(self.payload) <= KEPT_BYTES:
            return self
        return self._replace(payload=self.payload[:KEPT_BYTES], cut_from_bytes=self.payload_bytes)

    def digest(self) -> int:
        """Distinguishes this message from others of its packet id; 32 bits."""
        return zlib.crc32(self.payload, zlib.crc32(self.topic))


def digests_of(messages: Sequence[Message]) -> Iterator[int]:
    """The digest of each: as `Message.digest`, with that of a topic made once."""
    topics, payloads = [message.topic for message in messages], [message.payload for message in messages]
    of_topics = {topic: zlib.crc32(topic) for topic in set(topics)}
    return map(zlib.crc32, payloads, map(of_topics.__getitem__, topics))


def overlap(one: str, other: str) -> bool:
    """Whether there are topics that both filters cover."""
    if {one[:1], other[:1]} & {"$"} and one.split("/", maxsplit=1)[0] != other.split("/", maxsplit=1)[0]:
        return False
    for level, beside in zip_longest(one.split("/"), other.split("/")):
        if "#" in (level, beside):
            return True
        if level is None or beside is None or (level != beside and "+" not in (level, beside)):
            return False
    return True


def covers(topic_filter: str, topic: str) -> bool:
    """Whether a subscription to the filter gets messages of the topic (MQTT 5.0, section 4.7)."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    if wanted[-1] == "#":
        wanted.pop()
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(name in ("+", level) for name, level in zip(wanted, levels, strict=True))
