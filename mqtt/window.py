"""The messages that are out and not answered for yet: what bounds a publisher, and what it sends again."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from mqtt.connection import Terms
from mqtt.packets import encode_publish, encode_topic, sent_again

_PACKET_IDS = 65535
_BYTES_MAX = 16 * 1024**2
_FAILURE_FROM = 0x80


class Outgoing(Protocol):
    """What can be published."""

    @property
    def topic(self) -> str: ...

    @property
    def payload(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the messages that were taken from the source.

    `acknowledged` are with the broker; `refused` counts, by reason, those that it does not want. Only MQTT 5 brokers
    say so: a 3.1.1 broker acknowledges what its access rules forbid, and drops it.
    """

    sent: int
    acknowledged: int
    refused: Mapping[str, int]
    complete: bool
    """The source came to its end, not to a stop."""


class _Outstanding(NamedTuple):
    number: int  # of the message, from 0
    topic: str
    packet: bytes
    sent_s: float


class Window:
    """Messages in flight, over one connection after the other: at most `messages_max`, or 16 MiB of them."""

    def __init__(self, messages_max: int) -> None:
        self._messages_max = messages_max
        self._room = 0
        self._terms = Terms(is_v5=True)
        self._in_flight: dict[int, _Outstanding] = {}
        self._in_flight_bytes = 0
        self._again: deque[tuple[int, _Outstanding]] = deque()
        self._packet_id = 0
        self._sent = 0
        self._acknowledged = 0
        self._refused: Counter[str] = Counter()
        self.progress_s = 0.0
        """When the broker last answered, or the window was last empty (`time.monotonic()`)."""

    def open(self, terms: Terms) -> None:
        """Go on over a new connection: everything unanswered is due again, in its order."""
        self._terms = terms
        self._room = min(self._messages_max, terms.receive_max)
        self._again.extendleft(reversed(self._in_flight.items()))
        self._in_flight.clear()
        self._in_flight_bytes = 0

    @property
    def has_room(self) -> bool:
        return len(self._in_flight) < self._room and self._in_flight_bytes < _BYTES_MAX

    @property
    def empty(self) -> bool:
        return not self._in_flight and not self._again

    @property
    def done(self) -> int:
        """How many messages were answered for."""
        return self._sent - len(self._in_flight) - len(self._again)

    @property
    def settled(self) -> int:
        """How many messages from the first on, without a gap, were answered for."""
        oldest = self._oldest()
        return self._sent if oldest is None else oldest.number

    @property
    def oldest_topic(self) -> str:
        oldest = self._oldest()
        return "" if oldest is None else oldest.topic

    def report(self, *, complete: bool) -> Report:
        return Report(self._sent, self._acknowledged, dict(self._refused), complete)

    def again(self, now_s: float) -> bytes | None:
        """The packet of the next message that is due again, now in flight."""
        if not self._again:
            return None
        packet_id, lost = self._again.popleft()
        packet = sent_again(lost.packet)
        self._put(packet_id, _Outstanding(lost.number, lost.topic, packet, now_s))
        return packet

    def admit(self, message: Outgoing, now_s: float) -> bytes:
        """The packet of a new message, now in flight; empty for one that no broker, or not this one, can take.

        Only once `again` has nothing more.
        """
        number = self._sent
        self._sent += 1
        try:
            topic = encode_topic(message.topic)
        except ValueError:
            self._refused["invalid topic"] += 1
            return b""
        packet_id = self._free_id()
        packet = encode_publish(topic, message.payload, packet_id, self._terms.is_v5)
        if len(packet) > self._terms.packet_bytes_max:
            self._refused[f"larger than the {self._terms.packet_bytes_max} bytes that the broker takes"] += 1
            return b""
        if not self._in_flight:
            self.progress_s = now_s
        self._put(packet_id, _Outstanding(number, message.topic, packet, now_s))
        return packet

    def settle(self, answers: Sequence[tuple[int, int]], now_s: float) -> list[float]:
        """Take out what (packet id, reason code) answers for; return the seconds that each took."""
        latencies_s: list[float] = []
        for packet_id, reason in answers:
            answered = self._in_flight.pop(packet_id, None)
            if answered is None:
                continue
            self._in_flight_bytes -= len(answered.packet)
            if reason < _FAILURE_FROM:
                self._acknowledged += 1
            else:
                self._refused[_reason_name(reason)] += 1
            latencies_s.append(now_s - answered.sent_s)
        if latencies_s:
            self.progress_s = now_s
        return latencies_s

    def _oldest(self) -> _Outstanding | None:
        first = next(iter(self._in_flight.values()), None)
        if first is None and self._again:
            first = self._again[0][1]
        return first

    def _put(self, packet_id: int, outstanding: _Outstanding) -> None:
        self._in_flight[packet_id] = outstanding
        self._in_flight_bytes += len(outstanding.packet)

    def _free_id(self) -> int:
        while True:
            self._packet_id = self._packet_id % _PACKET_IDS + 1
            if self._packet_id not in self._in_flight:
                return self._packet_id


@lru_cache(maxsize=256)
def _reason_name(code: int) -> str:
    try:
        return str(ReasonCode(PacketTypes.PUBACK, identifier=code))
    except (KeyError, ValueError, AssertionError):
        return f"reason code {code}"
