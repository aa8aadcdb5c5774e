"""How much of what a hub sends is taken at once. Beyond its rate a hub's messages are surplus (see `ingest.intake`).

A hub has tokens, `hub_messages_per_s_max` more each second up to `hub_messages_burst`; a message costs one, another one
for each KiB of its payload, and once it is decoded one for each further reading. Sensors that the estate file names
have some of their own on top, so that whoever floods a hub's other topics does not make them wait.

What is refused takes the most time, for its faults are told and its MAC addresses masked. So a hub has another, smaller
measure for that; once it is used up, what the hub may send at once is, too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter

from mqtt.messages import Message
from schemas.settings import IngestSettings
from sensors.registry import Registry

_TOPICS_MAX, _BUCKETS_MAX = 100_000, 10_000
_KIB = 1024
_topic_of = attrgetter("topic")
_OWED_MAX_S = 60
_REFUSED_PER_S, _REFUSED_BURST = 20, 1000
"""Refused messages, or KiB of them: each takes a millisecond at most."""


class Bucket:
    """Tokens that come again with time; they may be owed, too."""

    __slots__ = ("_at_s", "_burst", "_per_s", "_tokens")

    def __init__(self, per_s: float, burst: float, now_s: float) -> None:
        self._per_s, self._burst = per_s, burst
        self._tokens, self._at_s = burst, now_s

    def take(self, count: int, now_s: float) -> bool:
        """Take so many tokens, or none."""
        if self.left(now_s) < count:
            return False
        self._tokens -= count
        return True

    def owe(self, count: int) -> None:
        """Take tokens, whether they are there or not: at most what a minute brings is owed."""
        self._tokens = max(self._tokens - count, min(self._tokens, -_OWED_MAX_S * self._per_s))

    def empty(self) -> None:
        """Have none, for now."""
        self._tokens = min(self._tokens, 0)

    def left(self, now_s: float) -> float:
        """How many there are."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        return self._tokens


class HubRates:
    """The tokens of every hub. Whose a message is, the topic says: a hub of the estate file, else the source."""

    def __init__(
        self, registry: Registry, settings: IngestSettings, *, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._monotonic_s = monotonic_s
        self._hubs: dict[str, Bucket] = {}
        self._refused: dict[str, Bucket] = {}
        self._sensors: dict[bytes, Bucket | None] = {}
        self.use(registry)

    def use(self, registry: Registry) -> None:
        """Take topics for those of another estate's hubs from here on."""
        self._registry = registry
        self._owners: dict[bytes, str] = {}
        self._sensors.clear()

    def owner_of(self, topic: bytes) -> str:
        """Whose tokens a message of this topic takes."""
        owner = self._owners.get(topic)
        if owner is None:
            if len(self._owners) >= _TOPICS_MAX:
                self._owners.clear()
            owner = self._owners[topic] = self._registry.owner_of(topic)
        return owner

    def split(self, messages: Sequence[Message]) -> tuple[list[Message], list[Message]]:
        """The messages to take now, and the surplus."""
        now_s = self._monotonic_s()
        costs: Counter[str] = Counter()
        for topic, count in Counter(map(_topic_of, messages)).items():
            costs[self.owner_of(topic)] += count
        for message in messages:
            if len(message.payload) >= _KIB:
                costs[self.owner_of(message.topic)] += len(message.payload) // _KIB
        short = {owner for owner, cost in costs.items() if not self._bucket(owner, now_s).take(cost, now_s)}
        if not short:
            return list(messages), []
        now: list[Message] = []
        surplus: list[Message] = []
        for message in messages:
            owner = self.owner_of(message.topic)
            is_taken = owner not in short or self._takes(owner, message, now_s)
            (now if is_taken else surplus).append(message)
        return now, surplus

    def charge(self, readings: Mapping[bytes, int]) -> None:
        """Take tokens for readings beyond the first of each message, by topic."""
        now_s = self._monotonic_s()
        for topic, count in readings.items():
            self._bucket(self.owner_of(topic), now_s).owe(count)

    def refused(self, messages: Iterable[Message]) -> None:
        """Messages were decoded for nothing: a hub that sends many of them may send no more at once than its rate."""
        now_s = self._monotonic_s()
        costs: Counter[str] = Counter()
        for message in messages:
            costs[self.owner_of(message.topic)] += 1 + len(message.payload) // _KIB
        for owner, cost in costs.items():
            if len(self._refused) >= _BUCKETS_MAX:
                self._refused.clear()
            measure = self._refused.setdefault(owner, Bucket(_REFUSED_PER_S, _REFUSED_BURST, now_s))
            if not measure.take(cost, now_s):
                measure.empty()
                self._bucket(owner, now_s).empty()

    def has_room(self, owner: str) -> bool:
        """Whether more of a hub's messages can be taken now."""
        now_s = self._monotonic_s()
        return self._bucket(owner, now_s).left(now_s) > 0

    def owe(self, owner: str, messages: int) -> None:
        """Take tokens for messages that had to wait."""
        self._bucket(owner, self._monotonic_s()).owe(messages)

    def _takes(self, owner: str, message: Message, now_s: float) -> bool:
        cost = 1 + len(message.payload) // _KIB
        if self._bucket(owner, now_s).take(cost, now_s):
            return True
        if message.topic not in self._sensors:
            if len(self._sensors) >= _TOPICS_MAX:
                self._sensors.clear()
            settings = self._settings
            bucket = Bucket(settings.sensor_messages_per_s_max, settings.sensor_messages_burst, now_s)
            self._sensors[message.topic] = bucket if self._registry.is_named(message.topic) else None
        own = self._sensors[message.topic]
        return own is not None and own.take(cost, now_s)

    def _bucket(self, owner: str, now_s: float) -> Bucket:
        bucket = self._hubs.get(owner)
        if bucket is None:
            if len(self._hubs) >= _BUCKETS_MAX:
                self._hubs.clear()
            settings, hubs = self._settings, self._registry.hubs_behind(owner)
            bucket = Bucket(settings.hub_messages_per_s_max * hubs, settings.hub_messages_burst * hubs, now_s)
            self._hubs[owner] = bucket
        return bucket
