"""A message beyond the bound, however large: its first bytes come, it is acknowledged, and no memory is spent on it."""

import os
from pathlib import Path

import pytest

from mqtt.messages import KEPT_BYTES, Message
from tests.mqtt.fake_broker import Conversation, FakeBroker
from tests.mqtt.packets import publish as publish_packet
from tests.mqtt.packets import variable_integer
from tests.mqtt.proxy import Proxy
from tests.mqtt.receiving import DEADLINE_S, TOPIC, publish, ready, receive, receive_nothing, subscribing, until
from tests.servers import Mosquitto
from tests.waiting import wait_until

PUBACK = 0x40
HUGE_BYTES = 200_000_000
AFTER = Message(b"hubs/a/co2/b", b"500", 2)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.claim("S-61")
def test_two_hundred_megabytes_in_one_packet_do_not_grow_memory() -> None:
    head = publish_packet(Message(b"hubs/a/co2/b", b"", 1))[2:]
    piece = bytes(1_000_000)

    def sends_a_huge_packet(talk: Conversation) -> None:
        talk.accept()
        talk.grant(1)
        talk.say(b"\x32" + variable_integer(len(head) + HUGE_BYTES) + head)
        for _ in range(HUGE_BYTES // len(piece)):
            talk.say(piece)
        talk.say(publish_packet(AFTER))
        talk.wait()

    most_bytes = 0
    with FakeBroker(sends_a_huge_packet) as broker, subscribing(broker.port) as subscriber:
        ready(subscriber)
        before_bytes = resident_bytes()
        received = []

        def turn() -> bool:
            nonlocal most_bytes
            received.extend(subscriber.receive(0.02))
            most_bytes = max(most_bytes, resident_bytes())
            return len(received) == 2

        wait_until(turn, 60, "both messages", poll_s=0)
        subscriber.acknowledge()
        until(subscriber, lambda: [h for h, _ in broker.talks[0].heard].count(PUBACK) == 2, "the acknowledgements")

    assert received == [Message(b"hubs/a/co2/b", bytes(KEPT_BYTES), 1, cut_from_bytes=HUGE_BYTES), AFTER]
    assert [body for head, body in broker.talks[0].heard if head == PUBACK] == [b"\x00\x01", b"\x00\x02"]
    assert most_bytes - before_bytes < 20_000_000


@pytest.mark.needs("mosquitto")
def test_a_real_broker_is_rid_of_a_message_beyond_the_bound(mosquitto: Mosquitto) -> None:
    body = b"7" * 20_000_000
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, [b"before", body, b"after"])

        received = receive(subscriber, 3)
        subscriber.acknowledge()
        connection = proxy.connections[-1]
        wait_until(lambda: len(connection.acknowledged) == 3, DEADLINE_S, "three acknowledgements")
        proxy.cut()
        until(subscriber, lambda: not subscriber.connected, "the loss to be noticed")
        ready(subscriber)
        receive_nothing(subscriber)

    assert [(message.topic, message.payload, message.payload_bytes) for message in received] == [
        (TOPIC.encode(), b"before", 6),
        (TOPIC.encode(), b"7" * KEPT_BYTES, len(body)),
        (TOPIC.encode(), b"after", 5),
    ]
