"""MQTT packets, taken apart and put together by the run.

paho reads a packet byte by byte and builds an object for each message, which bounds it at some 20,000 messages a
second. Layout: MQTT 5.0 (OASIS, 2019) sections 2.1, 3.3 and 3.4, and the same ones of 3.1.1.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple

from mqtt.messages import KEPT_BYTES, Message

PAYLOAD_BYTES_MAX = 268_435_455
"""No MQTT packet can hold more."""

_PUBLISH, _PUBACK, _TYPE_BITS = 0x30, 0x40, 0xF0
_RETAIN_BIT, _QOS_1_BIT, _QOS_2_BIT, _DUP_BIT = 0x01, 0x02, 0x04, 0x08
_PLAIN_PUBLISH = _PUBLISH | _QOS_1_BIT
_MORE_BIT, _VALUE_BITS = 0x80, 0x7F
_LENGTH_BYTES_MAX = 4
_PUBACK_BYTES = 2
_TOPIC_BYTES_MAX = 65_535
_HEADER_BYTES_MAX = 2 + _TOPIC_BYTES_MAX + 2 + _LENGTH_BYTES_MAX
"""After so many bytes of a PUBLISH its topic, its packet id and the length of its properties are known."""
_ANSWER_BYTES_MAX = 96 * 1024
"""Of any other packet: room for the longest reason, and for an answer to each of many topic filters."""

_SUBSCRIPTION_ID = 0x0B
_PROPERTY_BYTES = {0x01: 1, 0x02: 4, 0x23: 2}
"""Properties of a PUBLISH of a fixed length (MQTT 5.0, 3.3.2.3)."""
_PROPERTY_TEXTS = {0x03: 1, 0x08: 1, 0x09: 1, 0x26: 2}
"""Those that are one or two texts."""

_SHAPE_BYTES = 5
"""So many bytes at most tell a PUBLISH, its length, where that has two bytes, and the length of its topic."""
_SHAPES_MAX = 8192

_new_tuple = tuple.__new__  # makes a Message in half the time of calling it


class MalformedPacketError(Exception):
    """The broker sent bytes that are not MQTT."""


class Inbox:
    """What came in and was not taken yet: messages, and answers to what was published."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.messages_bytes = 0
        self.answers: list[tuple[int, int]] = []

    def take_messages(self) -> list[Message]:
        taken, self.messages, self.messages_bytes = self.messages, [], 0
        return taken

    def take_answers(self) -> list[tuple[int, int]]:
        """(packet id, reason code) of each answer, in the broker's order."""
        taken, self.answers = self.answers, []
        return taken


class _LongPublish:
    """A PUBLISH as it comes, of which its properties and what is not to be kept of its payload are never held."""

    def __init__(self, message: Message, skip_bytes: int, payload_bytes: int, kept_bytes: int) -> None:
        self._message = message
        self._payload_bytes = payload_bytes
        self._kept_bytes = kept_bytes
        self._payload = bytearray()
        self._before_payload_bytes = skip_bytes
        self._missing_bytes = skip_bytes + payload_bytes

    def take(self, data: memoryview) -> int:
        """Go on with what was read; returns how much of it belongs to this packet."""
        taken = min(self._missing_bytes, len(data))
        skipped = min(self._before_payload_bytes, taken)
        room = self._kept_bytes - len(self._payload)
        self._payload += data[skipped : min(skipped + room, taken)]
        self._before_payload_bytes -= skipped
        self._missing_bytes -= taken
        return taken

    def whole(self) -> Message | None:
        """The message, once all of it has come."""
        if self._missing_bytes:
            return None
        cut_from_bytes = self._payload_bytes if self._payload_bytes > self._kept_bytes else 0
        return self._message._replace(payload=bytes(self._payload), cut_from_bytes=cut_from_bytes)


class _Shape(NamedTuple):
    """Of a PUBLISH at QoS 1: its bytes in all; what gives its topic, packet id, bytes of properties, and payload."""

    packet_bytes: int
    take_apart: Callable[[bytes, int], tuple[Any, ...]]


class PacketSplitter(Inbox):
    """Takes packets out of a stream that comes in any pieces; `hand_over` gets those that are not for the inbox.

    A PUBLISH that is longer than `payload_bytes_max` comes without its properties being held, and where that is due
    to its payload, with the first bytes of it alone: no sender decides how much memory we use.
    """

    def __init__(
        self, *, version_5: bool, hand_over: Callable[[int, bytes], int], payload_bytes_max: int = PAYLOAD_BYTES_MAX
    ) -> None:
        super().__init__()
        self._version_5 = version_5
        self._hand_over = hand_over
        self._payload_bytes_max = payload_bytes_max
        self._parts: list[bytes] = []
        self._missing = 0
        self._long: _LongPublish | None = None
        self._shapes: dict[bytes, _Shape] = {}

    def feed(self, data: bytes) -> int:
        """Go on with what was read; returns the first failure of `hand_over`, else 0. Raises MalformedPacketError."""
        if self._long is not None:
            data = data[self._go_on(self._long, memoryview(data)) :]
        self._parts.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return 0
        try:
            return self._split(b"".join(self._parts))
        except IndexError as error:
            raise MalformedPacketError("a packet ends before its header does") from error

    def _split(self, data: bytes) -> int:
        """Take every whole packet out of `data`, and keep the rest until it is whole."""
        start, size, failure = 0, len(data), 0
        shape_of, add, payload_bytes = self._shapes.get, self.messages.append, 0
        while size - start >= 2:  # noqa: PLR2004 - a packet has a type byte and at least one of length
            # Nearly every packet is a PUBLISH of a length that came before, which one call takes apart.
            shape = shape_of(data[start : start + _SHAPE_BYTES])
            if shape is not None and start + shape.packet_bytes <= size:
                topic, packet_id, properties, payload = shape.take_apart(data, start)
                if packet_id and not properties:
                    add(_new_tuple(Message, (topic, payload, packet_id, False, False, 0, 0)))
                    payload_bytes += len(payload)
                    start += shape.packet_bytes
                    continue
            stop, failure = self._take_packet(data, start)
            if stop <= start or failure:
                break
            start = stop
        self.messages_bytes += payload_bytes
        if not failure:
            self._parts = [data[start:]] if start < size else []
        return failure

    def _take_packet(self, data: bytes, start: int) -> tuple[int, int]:
        """Take one packet: where the next one begins, which is not beyond `start` where it is not whole yet.

        Beside it, the failure of `hand_over`, else 0.
        """
        self._missing = 0
        head, length, body = data[start], data[start + 1], start + 2
        is_publish = head & _TYPE_BITS == _PUBLISH
        if length & _MORE_BIT:
            body, length = _variable_integer(data, start + 1)
            if length > self._payload_bytes_max and is_publish:
                self._missing = max(0, body + min(length, _HEADER_BYTES_MAX) - len(data))
                return (start if self._missing else self._begin_long(data, head, body, body + length)), 0
            if length > _ANSWER_BYTES_MAX and not is_publish:
                raise MalformedPacketError("a packet of a length that only a PUBLISH may have")
        stop = body + length
        if stop > len(data) or not body:
            self._missing = stop - len(data) if body else 0
            return start, 0
        if is_publish:
            self._take_publish(data, head, body, stop)
            if head == _PLAIN_PUBLISH and len(self._shapes) < _SHAPES_MAX:
                self._remember_shape(data, start, body, stop)
        elif head == _PUBACK and length >= _PUBACK_BYTES:
            reason_at = body + _PUBACK_BYTES
            self.answers.append((data[body] << 8 | data[body + 1], data[reason_at] if stop > reason_at else 0))
        else:
            return stop, self._hand_over(head, data[body:stop])
        return stop, 0

    def _remember_shape(self, data: bytes, start: int, body: int, stop: int) -> None:
        """Take packets that begin as this one apart by one call, where their first bytes tell all lengths."""
        topic_bytes = data[body] << 8 | data[body + 1]
        rest_bytes = stop - body - topic_bytes - (5 if self._version_5 else 4)
        if body + 2 - start <= _SHAPE_BYTES and rest_bytes >= 0:
            properties = "B" if self._version_5 else "0s"
            layout = Struct(f">{body + 2 - start}x{topic_bytes}sH{properties}{rest_bytes}s")
            self._shapes[data[start : start + _SHAPE_BYTES]] = _Shape(stop - start, layout.unpack_from)

    def _take_publish(self, data: bytes, head: int, at: int, stop: int) -> int:
        """Take one message; returns where its payload begins."""
        topic_at = at + 2
        at = topic_at + (data[at] << 8 | data[at + 1])
        topic = data[topic_at:at]
        packet_id = subscription_id = 0
        if head & _QOS_1_BIT:
            packet_id = data[at] << 8 | data[at + 1]
            at += 2
            if not packet_id:
                raise MalformedPacketError("a QoS 1 PUBLISH without a packet id")
        if head & _QOS_2_BIT:
            raise MalformedPacketError("a QoS 2 PUBLISH, which nobody subscribed to")
        if self._version_5:
            length = data[at]
            at += 1
            if length:
                at, length = _variable_integer(data, at - 1)
                subscription_id = _subscription_id(data, at, at + length) if at else 0
                at = at + length if at else stop + 1
        if at > stop:
            raise MalformedPacketError("a PUBLISH is shorter than its header says")
        is_dup, is_retained = head & _DUP_BIT != 0, head & _RETAIN_BIT != 0
        self.messages.append(
            _new_tuple(Message, (topic, data[at:stop], packet_id, is_dup, is_retained, 0, subscription_id))
        )
        self.messages_bytes += stop - at
        return at

    def _begin_long(self, data: bytes, head: int, body: int, stop: int) -> int:
        """Begin with a PUBLISH that is long, of which `data` holds the header; returns where the next packet begins."""
        payload_at = self._take_publish(data, head, body, stop)
        payload_bytes = stop - payload_at
        self.messages_bytes -= payload_bytes
        message = self.messages.pop()
        kept_bytes = payload_bytes if payload_bytes <= self._payload_bytes_max else KEPT_BYTES
        held_from = min(payload_at, len(data))
        self._long = _LongPublish(message, payload_at - held_from, payload_bytes, kept_bytes)
        return held_from + self._go_on(self._long, memoryview(data)[held_from:])

    def _go_on(self, publish: _LongPublish, data: memoryview) -> int:
        """Let a PUBLISH that is long take what is its own; returns how much that was."""
        taken = publish.take(data)
        message = publish.whole()
        if message is not None:
            self._long = None
            self.messages.append(message)
            self.messages_bytes += len(message.payload)
        return taken


def _subscription_id(data: bytes, at: int, stop: int) -> int:
    """The lowest subscription identifier among the properties of a PUBLISH, as far as they are there; else 0."""
    found = []
    stop = min(stop, len(data))
    while at < stop:
        kind, at = data[at], at + 1
        if kind == _SUBSCRIPTION_ID:
            length, number = _variable_integer(data[at : min(at + _LENGTH_BYTES_MAX, stop)], 0)
            if not length:
                break
            at += length
            found.append(number)
        elif kind in _PROPERTY_BYTES:
            at += _PROPERTY_BYTES[kind]
        else:
            for _ in range(_PROPERTY_TEXTS.get(kind, 0)):
                at += 2 + (data[at] << 8 | data[at + 1]) if at + 1 < stop else stop
            if kind not in _PROPERTY_TEXTS:
                break
    return min(found, default=0)


def encode_publish(topic: bytes, payload: bytes, packet_id: int, version_5: bool) -> bytes:  # noqa: FBT001 - quicker
    """A PUBLISH at QoS 1, without properties, to a topic as `encode_topic` gives it."""
    body_bytes = len(topic) + len(payload) + (3 if version_5 else 2)
    properties = b"\0" if version_5 else b""
    return b"".join((b"\x32", _encode_length(body_bytes), topic, packet_id.to_bytes(2, "big"), properties, payload))


def sent_again(packet: bytes) -> bytes:
    """The same PUBLISH, marked as one that was sent before."""
    return b"\x3a" + packet[1:]


def encode_acknowledgements(packet_ids: list[int]) -> bytes:
    """A PUBACK for each, in the order given."""
    run = array("H", (_PUBACK << 8 | _PUBACK_BYTES,)) * (2 * len(packet_ids))
    run[1::2] = array("H", packet_ids)
    if sys.byteorder == "little":
        run.byteswap()
    return run.tobytes()


@lru_cache(maxsize=65_536)
def encode_topic(topic: str) -> bytes:
    """The topic as it stands in a packet, after its length. Raises ValueError where no client may publish to it."""
    try:
        encoded = topic.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"topic {topic!r} is no valid text") from error
    if not 0 < len(encoded) <= _TOPIC_BYTES_MAX or "\0" in topic or "+" in topic or "#" in topic:
        raise ValueError(f"topic {topic[:80]!r} can't be published to: it is empty, too long or holds +, # or NUL")
    return len(encoded).to_bytes(2, "big") + encoded


@lru_cache(maxsize=4096)
def _encode_length(length: int) -> bytes:
    """A variable byte integer: 7 bits a byte, the lowest first."""
    encoded = bytearray()
    while True:
        length, low = divmod(length, 128)
        encoded.append(low | _MORE_BIT if length else low)
        if not length:
            return bytes(encoded)


def _variable_integer(data: bytes, at: int) -> tuple[int, int]:
    """Decode a variable byte integer: (position after it, value); position 0 where it is not all there yet."""
    value = shift = 0
    for count in range(_LENGTH_BYTES_MAX):
        if at + count >= len(data):
            return 0, 0
        byte = data[at + count]
        value |= (byte & _VALUE_BITS) << shift
        if not byte & _MORE_BIT:
            return at + count + 1, value
        shift += 7
    raise MalformedPacketError("a length of more than four bytes")
