"""Copies of one message, which a broker sends for each subscription that covers its topic (MQTT 5.0, 3.3.4).

Where filters overlap, each has a subscription identifier: the copy of the first filter that covers the topic counts.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from itertools import combinations

from mqtt.messages import Message, covers, overlap

_IDENTIFIER_BITS = 0x0FFF_FFFF
_TOPICS_MAX = 100_000


class Copies:
    """Tells the copy that counts from the others."""

    def __init__(self, filters: Iterable[str]) -> None:
        self._filters = tuple(filters)
        self.may_come = any(overlap(one, other) for one, other in combinations(self._filters, 2))
        """Whether two of the filters overlap."""
        self._identifier = {name: _identifier(name) for name in self._filters}
        self._known = set(self._identifier.values())
        self._first: dict[bytes, int] = {}

    @property
    def identifiers(self) -> list[int]:
        """Of each filter, in their order; none where no copy may come."""
        return list(self._identifier.values()) if self.may_come else []

    def without(self, messages: Iterable[Message]) -> list[Message]:
        """The messages, each once. One that comes by a subscription that we don't know of is kept."""
        return [message for message in messages if self._counts(message)]

    def _counts(self, message: Message) -> bool:
        identifier = message.subscription_id
        if identifier not in self._known:
            return True
        first = self._first.get(message.topic)
        if first is None:
            if len(self._first) >= _TOPICS_MAX:
                self._first.clear()
            topic = message.topic.decode(errors="replace")
            first = next((self._identifier[name] for name in self._filters if covers(name, topic)), identifier)
            self._first[message.topic] = first
        return identifier == first


def _identifier(topic_filter: str) -> int:
    """The same for a filter whenever and wherever it is subscribed: what waits at the broker keeps its identifier."""
    return zlib.crc32(topic_filter.encode()) & _IDENTIFIER_BITS or 1
