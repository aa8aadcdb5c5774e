"""Packets arrive in any pieces, and some are broken: whole ones are taken, and a broken one ends the connection.

Both clients, ours and stock paho, are held to the same.
"""

import itertools
import select
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paho.mqtt.client as mqtt
import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion

from mqtt import client as client_module
from mqtt.client import FastClient, StockClient, client_class, paho_differences
from mqtt.messages import KEPT_BYTES, Message
from mqtt.packets import PAYLOAD_BYTES_MAX, encode_publish, encode_topic
from tests.mqtt.packets import CONNACK_5, PINGRESP, packet, packets_in, publish, variable_integer

messages = st.builds(
    Message,
    topic=st.binary(max_size=150),
    payload=st.one_of(st.binary(max_size=40), st.integers(100, 40_000).map(bytes)),
    packet_id=st.integers(0, 65_535),
    dup=st.booleans(),
    retained=st.booleans(),
    cut_from_bytes=st.just(0),
    subscription_id=st.just(0),
)
CONTENT_TYPE = b"\x03\x00\x04json"
properties = st.sampled_from([b"", CONTENT_TYPE, b"\x26\x00\x01k\x00\xc8" + b"v" * 200])


BOTH = pytest.mark.parametrize("kind", [FastClient, StockClient])


@contextmanager
def connected(
    kind: type[StockClient] = FastClient, *, version_5: bool = True, payload_bytes_max: int = PAYLOAD_BYTES_MAX
) -> Iterator[tuple[StockClient, socket.socket]]:
    """A client at one end of a connection, and the broker's end of it."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    client = kind(client_id="test", version_5=version_5, payload_bytes_max=payload_bytes_max)
    client._sock = ours
    with ours, theirs:
        yield client, theirs


def read_all(client: StockClient) -> MQTTErrorCode:
    """Read until nothing is left, or the connection has ended."""
    while (sock := client.socket()) is not None and select.select([sock], [], [], 0)[0]:
        code = client.loop_read()
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return code
    return MQTTErrorCode.MQTT_ERR_SUCCESS


def feed(client: StockClient, broker: socket.socket, pieces: list[bytes]) -> list[Message]:
    for piece in pieces:
        broker.sendall(piece)
        assert read_all(client) == MQTTErrorCode.MQTT_ERR_SUCCESS
    return client.inbox.take_messages()


@BOTH
@given(
    st.lists(st.tuples(messages, properties), max_size=6),
    st.booleans(),
    st.sampled_from([128, 5_000, PAYLOAD_BYTES_MAX]),
    st.data(),
)
def test_messages_come_out_as_sent_however_the_bytes_are_split(
    kind: type[StockClient], sent: list[tuple[Message, bytes]], version_5: bool, bytes_max: int, data: st.DataObject
) -> None:
    if kind is StockClient:  # which takes no empty topic
        sent = [(message._replace(topic=b"t" + message.topic), extra) for message, extra in sent]
    stream = b"".join(
        publish(message, version_5=version_5, properties=extra) + (PINGRESP if message.dup else b"")
        for message, extra in sent
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[start:stop] for start, stop in itertools.pairwise([0, *cuts, len(stream)]) if start < stop]

    with connected(kind, version_5=version_5, payload_bytes_max=bytes_max) as (client, broker):
        expected = [message if len(message.payload) <= bytes_max else message.cut() for message, _ in sent]
        assert feed(client, broker, pieces) == expected


@BOTH
@pytest.mark.parametrize("version_5", [True, False])
@pytest.mark.parametrize("payload_bytes", [0, 60, 100, 300, 20_000])
def test_packets_as_long_as_one_before_are_taken_apart_like_it(
    kind: type[StockClient], version_5: bool, payload_bytes: int
) -> None:
    payloads = [bytes([letter]) * payload_bytes for letter in b"abc"]
    sent = [Message(b"hubs/a/co2/%d" % n, payload, n, dup=n == 2) for n, payload in enumerate(payloads, 1)]
    longer = Message(b"hubs/a/co2/4", b"d" * (payload_bytes + len(CONTENT_TYPE)), 4)
    stream = b"".join(map(publish_of(version_5), [*sent, *sent, longer]))
    if version_5:  # as long in all as the one before, and its payload is shorter
        sent.append(Message(b"hubs/a/co2/5", b"e" * payload_bytes, 5))
        stream += publish(sent[-1], properties=CONTENT_TYPE)

    for cut in range(1, len(stream), 1 + len(stream) // 97):
        with connected(kind, version_5=version_5) as (client, broker):
            found = feed(client, broker, [stream[:cut], stream[cut:]])
            assert found == [*sent[:3], *sent[:3], longer, *sent[3:]]


def publish_of(version_5: bool) -> Callable[[Message], bytes]:
    return lambda message: publish(message, version_5=version_5)


@BOTH
def test_a_stream_may_be_cut_at_every_byte(kind: type[StockClient]) -> None:
    sent = [
        Message(b"hubs/a/co2/1", b"21.5", 1),
        Message(b"hubs/a/co2/2", b"x" * 130, 2, dup=True),
        Message(b"hubs/a/co2/3", b"", 0, retained=True),
    ]
    stream = publish(sent[0]) + publish(sent[1], properties=CONTENT_TYPE) + PINGRESP + publish(sent[2])

    for cut in range(1, len(stream)):
        with connected(kind) as (client, broker):
            assert feed(client, broker, [stream[:cut], stream[cut:]]) == sent
    with connected(kind) as (client, broker):
        assert feed(client, broker, [bytes([byte]) for byte in stream]) == sent


@BOTH
@given(message=messages, extra=st.sampled_from([b"", CONTENT_TYPE]), version_5=st.booleans())
def test_a_message_is_read_as_paho_reads_it(
    kind: type[StockClient], message: Message, extra: bytes, version_5: bool
) -> None:
    data = publish(message._replace(topic=b"t" + message.topic), version_5=version_5, properties=extra)
    [(head, body)] = packets_in(data)
    version = MQTTProtocolVersion.MQTTv5 if version_5 else MQTTProtocolVersion.MQTTv311
    theirs = _packet.decode_publish(head, body, version)

    with connected(kind, version_5=version_5) as (client, broker):
        [ours] = feed(client, broker, [data])

    assert ours == Message(theirs.topic, bytes(theirs.payload), theirs.mid, theirs.dup, theirs.retain)


@BOTH
def test_ten_megabytes_arrive_whole(kind: type[StockClient]) -> None:
    message = Message(b"hubs/a/co2/1", bytes(10 * 1024**2), 7)
    stream = publish(message) + publish(Message(b"hubs/a/co2/2", b"1", 8))

    with connected(kind) as (client, broker):
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
        assert client.inbox.take_messages() == [GOOD]


@pytest.mark.claim("S-60")
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
            client.inbox.take_messages()


@BOTH
def test_acknowledgements_go_out_in_the_order_given(kind: type[StockClient]) -> None:
    packet_ids = [5, 3, 65_535, 1, 300]
    with connected(kind) as (client, broker):
        client.acknowledge(packet_ids)
        client.acknowledge([])

        sent = packets_in(broker.recv(100))

    assert sent == [(0x40, packet_id.to_bytes(2, "big")) for packet_id in packet_ids]


@BOTH
def test_acknowledgements_wait_for_a_broker_that_does_not_read(kind: type[StockClient]) -> None:
    packet_ids = list(range(1, 60_001))
    with connected(kind) as (client, broker):
        broker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for start in range(0, len(packet_ids), 5000):
            client.acknowledge(packet_ids[start : start + 5000])
        assert client.want_write()

        received = b""
        while len(received) < 4 * len(packet_ids):
            received += broker.recv(65_536)
            client.loop_write()

    assert [int.from_bytes(body, "big") for _, body in packets_in(received)] == packet_ids


@BOTH
def test_the_inbox_knows_its_bytes(kind: type[StockClient]) -> None:
    with connected(kind) as (client, broker):
        broker.sendall(CONNACK_5 + publish(GOOD) + publish(GOOD._replace(payload=b"123")))
        read_all(client)
        assert client.inbox.messages_bytes == len(b"21.5") + len(b"123")
        client.inbox.take_messages()
        assert client.inbox.messages_bytes == 0


NEXT = Message(b"hubs/a/co2/2", b"1", 8)


@pytest.mark.parametrize("version_5", [True, False])
@pytest.mark.parametrize("piece_bytes", [1, 1000, 60_000])
@BOTH
def test_of_a_message_beyond_the_bound_the_first_bytes_are_kept_and_what_follows_is_read(
    kind: type[StockClient], piece_bytes: int, version_5: bool
) -> None:
    huge = Message(b"t" * 65_535, bytes(range(256)) * 1000, 7, dup=True)
    stream = publish(GOOD, version_5=version_5) + publish(huge, version_5=version_5, properties=CONTENT_TYPE)
    stream += publish(NEXT, version_5=version_5)

    with connected(kind, version_5=version_5, payload_bytes_max=10_000) as (client, broker):
        cuts = [*range(0, 100 * piece_bytes, piece_bytes), *range(100 * piece_bytes, len(stream), 60_000), len(stream)]
        received = feed(client, broker, [stream[start:stop] for start, stop in itertools.pairwise(cuts)])

    assert received == [GOOD, huge._replace(payload=huge.payload[:KEPT_BYTES], cut_from_bytes=256_000), NEXT]


@pytest.mark.parametrize("payload_bytes", [4, 10_000, 10_001])
@pytest.mark.parametrize("properties_bytes", [0, 60_000, 600_000])
@BOTH
def test_a_payload_alone_makes_a_message_too_large_and_not_its_properties(
    kind: type[StockClient], properties_bytes: int, payload_bytes: int
) -> None:
    sent = Message(b"hubs/a/co2/1", b"7" * payload_bytes, 7)
    user_property = b"\x26\x00\x01k\xea\x5b" + b"v" * 59_995
    stream = publish(sent, properties=user_property * (properties_bytes // 60_000)) + publish(NEXT)

    with connected(kind, payload_bytes_max=10_000) as (client, broker):
        pieces = [stream[at : at + 60_000] for at in range(0, len(stream), 60_000)]
        assert feed(client, broker, pieces) == [sent if payload_bytes <= 10_000 else sent.cut(), NEXT]
        assert client.inbox.messages_bytes == 0


def test_only_a_publish_may_be_that_long() -> None:
    with connected(payload_bytes_max=10_000) as (client, broker):
        broker.sendall(packet(0x90, bytes(100_000)))

        assert read_all(client) == MQTTErrorCode.MQTT_ERR_PROTOCOL
        assert client.socket() is None


@pytest.mark.parametrize("properties_bytes", [0, 150_000_000])
def test_the_rest_of_a_message_beyond_the_bound_is_not_held(properties_bytes: int) -> None:
    head = publish(Message(b"hubs/a/co2/1", b"", 7))[2:-1] + variable_integer(properties_bytes)
    piece = bytes(100_000)
    with connected(payload_bytes_max=10_000) as (client, broker):
        feed(client, broker, [b"\x32" + variable_integer(200_000_000) + head])
        tracemalloc.start()
        try:
            for _ in range(1000):
                assert feed(client, broker, [piece]) == []
            held_bytes, most_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert held_bytes < 200_000
    assert most_bytes < 1_500_000


@BOTH
def test_what_is_published_is_answered_for(kind: type[StockClient]) -> None:
    """Paho gives its own packet ids; the answers name ours."""
    with connected(kind) as (client, broker):
        broker.sendall(CONNACK_5)
        read_all(client)
        client.send(
            encode_publish(encode_topic("t"), b"one", 300, True) + encode_publish(encode_topic("t"), b"two", 7, True)
        )
        sent = packets_in(broker.recv(100))
        ids = [body[3:5] for _, body in sent]
        broker.sendall(packet(0x40, ids[1]) + packet(0x40, ids[0] + b"\x87\x00"))
        read_all(client)

        assert [(head, body[5:]) for head, body in sent] == [(0x32, b"\x00one"), (0x32, b"\x00two")]
        assert client.inbox.take_answers() == [(7, 0), (300, 0x87)]
        assert client.inbox.take_answers() == []


def test_this_paho_is_the_one_that_is_expected() -> None:
    assert paho_differences() == []
    assert client_class() is FastClient


@pytest.fixture
def unchecked() -> Iterator[None]:
    client_class.cache_clear()
    yield
    client_class.cache_clear()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("part", ["_packet_read", "_packet_handle", "_packet_queue", "_sock_recv"])
def test_where_a_private_part_of_paho_is_another_stock_paho_serves(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = getattr(mqtt.Client, part)
    monkeypatch.setattr(mqtt.Client, part, lambda self, _more, *rest: original(self, *rest))

    with structlog.testing.capture_logs() as logs:
        assert client_class() is StockClient
        assert client_class() is StockClient

    assert [(entry["event"], entry["differences"]) for entry in logs] == [("mqtt_stock_client", [part])]


@pytest.mark.usefixtures("unchecked")
def test_a_private_part_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mqtt.Client, "_sock_recv")
    monkeypatch.setattr(client_module, "_ATTRIBUTES", ("_in_packet", "_no_such_attribute"))

    assert paho_differences() == ["_sock_recv", "_no_such_attribute"]
