"""Packets arrive in any pieces, and some are broken: whole ones are taken, and a broken one ends the connection."""

import itertools
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion

from ingest.mqtt_client import BatchClient
from mqtt.messages import Message
from tests.ingest.packets import CONNACK_5, PINGRESP, packet, packets_in, publish

messages = st.builds(
    Message,
    topic=st.binary(max_size=150),
    payload=st.one_of(st.binary(max_size=40), st.integers(100, 40_000).map(bytes)),
    packet_id=st.integers(0, 65_535),
    dup=st.booleans(),
    retained=st.booleans(),
    cut_from_bytes=st.just(0),
)
CONTENT_TYPE = b"\x03\x00\x04json"
properties = st.sampled_from([b"", CONTENT_TYPE, b"\x26\x00\x01k\x00\xc8" + bytes(200)])


@contextmanager
def connected(*, version_5: bool = True) -> Iterator[tuple[BatchClient, socket.socket]]:
    """A client at one end of a connection, and the broker's end of it."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    client = BatchClient(client_id="test", version_5=version_5)
    client._sock = ours
    with ours, theirs:
        yield client, theirs


def feed(client: BatchClient, broker: socket.socket, pieces: list[bytes]) -> list[Message]:
    for piece in pieces:
        broker.sendall(piece)
        assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    return client.take()


@given(st.lists(st.tuples(messages, properties), max_size=6), st.booleans(), st.data())
def test_messages_come_out_as_sent_however_the_bytes_are_split(
    sent: list[tuple[Message, bytes]], version_5: bool, data: st.DataObject
) -> None:
    stream = b"".join(
        publish(message, version_5=version_5, properties=extra) + (PINGRESP if message.dup else b"")
        for message, extra in sent
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[start:stop] for start, stop in itertools.pairwise([0, *cuts, len(stream)]) if start < stop]

    with connected(version_5=version_5) as (client, broker):
        assert feed(client, broker, pieces) == [message for message, _ in sent]


def test_a_stream_may_be_cut_at_every_byte() -> None:
    sent = [
        Message(b"hubs/a/co2/1", b"21.5", 1),
        Message(b"hubs/a/co2/2", b"x" * 130, 2, dup=True),
        Message(b"hubs/a/co2/3", b"", 0, retained=True),
    ]
    stream = publish(sent[0]) + publish(sent[1], properties=CONTENT_TYPE) + PINGRESP + publish(sent[2])

    for cut in range(1, len(stream)):
        with connected() as (client, broker):
            assert feed(client, broker, [stream[:cut], stream[cut:]]) == sent
    with connected() as (client, broker):
        assert feed(client, broker, [bytes([byte]) for byte in stream]) == sent


@given(message=messages, extra=st.sampled_from([b"", CONTENT_TYPE]), version_5=st.booleans())
def test_a_message_is_read_as_paho_reads_it(message: Message, extra: bytes, version_5: bool) -> None:
    data = publish(message._replace(topic=b"t" + message.topic), version_5=version_5, properties=extra)
    [(head, body)] = packets_in(data)
    version = MQTTProtocolVersion.MQTTv5 if version_5 else MQTTProtocolVersion.MQTTv311
    theirs = _packet.decode_publish(head, body, version)

    with connected(version_5=version_5) as (client, broker):
        [ours] = feed(client, broker, [data])

    assert ours == Message(theirs.topic, bytes(theirs.payload), theirs.mid, theirs.dup, theirs.retain)


def test_ten_megabytes_arrive_whole() -> None:
    message = Message(b"hubs/a/co2/1", bytes(10 * 1024**2), 7)
    stream = publish(message) + publish(Message(b"hubs/a/co2/2", b"1", 8))

    with connected() as (client, broker):
        pieces = [stream[at : at + 60_000] for at in range(0, len(stream), 60_000)]
        assert feed(client, broker, pieces) == [message, Message(b"hubs/a/co2/2", b"1", 8)]


GOOD = Message(b"hubs/a/co2/1", b"21.5", 1)
BROKEN = {
    "a length of five bytes": b"\x32\xff\xff\xff\xff\x01",
    "a topic longer than its packet": packet(0x32, b"\x00\xffabc"),
    "a topic that reaches into the next packet": packet(0x30, b"\x00\x08abc") + publish(GOOD),
    "no room for a topic": packet(0x30, b"\x00"),
    "no room for a packet id": packet(0x32, b"\x00\x03abc\x00"),
    "packet id 0 at QoS 1": packet(0x32, b"\x00\x03abc\x00\x00\x00x"),
    "QoS 2": packet(0x34, b"\x00\x03abc\x00\x01\x00x"),
    "QoS 3": packet(0x36, b"\x00\x03abc\x00\x01\x00x"),
    "no properties in MQTT 5": packet(0x32, b"\x00\x03abc\x00\x01"),
    "no properties in MQTT 5, before another packet": packet(0x32, b"\x00\x03abc\x00\x01") + publish(GOOD),
    "properties longer than the packet": packet(0x32, b"\x00\x03abc\x00\x01\x09x"),
    "a length of the properties that has no end": packet(0x32, b"\x00\x03abc\x00\x01\xff\xff"),
    "a reserved type": packet(0x00, b""),
    "what only clients send": packet(0x82, b"\x00\x01\x00\x00\x01a\x01"),
    "a CONNACK without a code": packet(0x20, b"\x00"),
    "a CONNACK with an unknown code": packet(0x20, b"\x00\x63\x00"),
    "a SUBACK without a packet id": packet(0x90, b"\x00"),
    "a PINGRESP with a body": packet(0xD0, b"x"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_malformed_packet_ends_the_connection_and_what_came_before_it_stays(broken: bytes) -> None:
    ended: list[object] = []
    with connected() as (client, broker):
        client.on_disconnect = lambda *about: ended.append(about)
        broker.sendall(publish(GOOD) + broken)

        assert client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS

        assert client.socket() is None
        assert len(ended) == 1
        assert client.take() == [GOOD]


@given(st.lists(st.one_of(st.binary(max_size=30), st.sampled_from([*BROKEN.values(), publish(GOOD)])), max_size=5))
@example([b"\x20\x03\x00\x01\x00"])
@example([b"\xe0\x02\x8e\x00"])
def test_no_bytes_whatever_raise_anything(pieces: list[bytes]) -> None:
    with connected() as (client, broker):
        for piece in filter(None, pieces):
            broker.sendall(piece)
            client.loop_read()
            if client.socket() is None:
                break
            client.take()


def test_what_an_earlier_connection_left_half_read_is_forgotten() -> None:
    with connected() as (client, broker):
        broker.sendall(publish(GOOD)[:-1])
        client.loop_read()
        client.forget()
        assert feed(client, broker, [publish(GOOD)]) == [GOOD]


def test_acknowledgements_go_out_in_the_order_given() -> None:
    packet_ids = [5, 3, 65_535, 1, 300]
    with connected() as (client, broker):
        client.acknowledge(packet_ids)
        client.acknowledge([])

        sent = packets_in(broker.recv(100))

    assert sent == [(0x40, packet_id.to_bytes(2, "big")) for packet_id in packet_ids]


def test_acknowledgements_wait_for_a_broker_that_does_not_read() -> None:
    packet_ids = list(range(1, 60_001))
    with connected() as (client, broker):
        broker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for start in range(0, len(packet_ids), 5000):
            client.acknowledge(packet_ids[start : start + 5000])
        assert client.want_write()

        received = b""
        while len(received) < 4 * len(packet_ids):
            received += broker.recv(65_536)
            client.loop_write()

    assert [int.from_bytes(body, "big") for _, body in packets_in(received)] == packet_ids


def test_the_inbox_knows_its_bytes() -> None:
    with connected() as (client, broker):
        broker.sendall(CONNACK_5 + publish(GOOD) + publish(GOOD._replace(payload=b"123")))
        client.loop_read()
        assert client.inbox_bytes == len(b"21.5") + len(b"123")
        client.take()
        assert client.inbox_bytes == 0
