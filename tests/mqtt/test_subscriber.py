"""On a real broker: what is acknowledged, when, in which order, and on which connection."""

import itertools
import random
import threading
from collections.abc import Callable

import pytest
import structlog
from paho.mqtt import publish as paho_publish

from mqtt.messages import Message
from tests.mqtt.clients import client_kind  # noqa: F401 - a fixture for every test here
from tests.mqtt.proxy import Connection, Proxy
from tests.mqtt.receiving import (
    DEADLINE_S,
    TOPIC,
    numbers,
    payloads,
    publish,
    ready,
    receive,
    receive_nothing,
    subscribing,
    until,
)
from tests.servers import Mosquitto
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("mosquitto")

DISCONNECT = 0xE0


def acknowledged(proxy: Proxy, count: int) -> list[int]:
    """The acknowledgements of the last connection, once there are so many."""
    connection = proxy.connections[-1]
    wait_until(lambda: len(connection.acknowledged) >= count, DEADLINE_S, f"{count} acknowledgements")
    return connection.acknowledged


def is_in_order(connection: Connection) -> bool:
    """Whether what was acknowledged are the first messages of this very connection, in their order."""
    answers = connection.acknowledged
    return connection.delivered[: len(answers)] == answers


def test_nothing_is_acknowledged_before_it_is_said_to_be_durable(mosquitto: Mosquitto) -> None:
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, 100))

        received = receive(subscriber, 100)
        receive_nothing(subscriber)
        assert proxy.connections[-1].acknowledged == []

        subscriber.acknowledge()
        assert acknowledged(proxy, 100) == [message.packet_id for message in received]
        assert payloads(received) == numbers(0, 100)


def test_acknowledging_twice_says_it_once(mosquitto: Mosquitto) -> None:
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, 3))
        receive(subscriber, 3)
        subscriber.acknowledge()
        subscriber.acknowledge()
        publish(mosquitto.port, numbers(3, 4))
        receive(subscriber, 1)
        subscriber.acknowledge()

        assert len(acknowledged(proxy, 4)) == 4


def test_what_was_not_acknowledged_comes_again_marked_as_a_duplicate(mosquitto: Mosquitto) -> None:
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, 10))
        first = receive(subscriber, 10)
        proxy.cut()

        again = receive(subscriber, 10)

        assert again == [message._replace(dup=True) for message in first]
        subscriber.acknowledge()
        acknowledged(proxy, 10)
        proxy.cut()
        until(subscriber, lambda: not subscriber.connected, "the loss to be noticed")
        ready(subscriber)
        receive_nothing(subscriber)


def test_a_receipt_answers_what_was_received_before_it_and_nothing_after(mosquitto: Mosquitto) -> None:
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, 10))
        first = receive(subscriber, 10)
        receipt = subscriber.receipt()
        publish(mosquitto.port, numbers(10, 15))
        later = receive(subscriber, 5)

        receipt()
        assert acknowledged(proxy, 10) == [message.packet_id for message in first]
        receipt()
        receive_nothing(subscriber)
        assert len(acknowledged(proxy, 10)) == 10
        subscriber.acknowledge()
        assert acknowledged(proxy, 15) == [message.packet_id for message in [*first, *later]]


def test_a_receipt_of_a_connection_that_is_lost_answers_nothing_on_the_next(mosquitto: Mosquitto) -> None:
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, 10))
        receive(subscriber, 10)
        receipt = subscriber.receipt()
        proxy.cut()
        again = receive(subscriber, 10)

        receipt()
        receive_nothing(subscriber)
        assert [connection.acknowledged for connection in proxy.connections] == [[], []]
        assert all(message.dup for message in again)


def test_a_connection_is_kept_alive_while_nothing_is_received_and_what_came_waits(mosquitto: Mosquitto) -> None:
    with subscribing(mosquitto.port) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, 3))
        for _ in range(5):
            subscriber.keep_alive()
        assert payloads(receive(subscriber, 3)) == numbers(0, 3)


def test_an_acknowledgement_never_goes_out_on_another_connection(mosquitto: Mosquitto) -> None:
    """The commit lasts while the connection is lost and made again: the same packet id may mean another message now."""
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, 5))
        receive(subscriber, 5)
        proxy.cut()
        until(subscriber, lambda: not subscriber.connected, "the loss to be noticed")
        subscriber.acknowledge()
        until(subscriber, lambda: subscriber.connected, "the connection")

        assert [connection.acknowledged for connection in proxy.connections] == [[], []]


def test_what_came_on_two_connections_is_answered_on_the_second_alone(mosquitto: Mosquitto) -> None:
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, 5))
        receive(subscriber, 5)
        proxy.cut()
        again = receive(subscriber, 5)
        publish(mosquitto.port, numbers(5, 6))
        [new] = receive(subscriber, 1)

        subscriber.acknowledge()

        assert acknowledged(proxy, 6) == [message.packet_id for message in [*again, new]]
        receive_nothing(subscriber)
        assert [len(connection.acknowledged) for connection in proxy.connections] == [0, 6]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_message_comes_and_every_answer_is_in_order_whenever_the_line_is_cut(
    mosquitto: Mosquitto, seed: int
) -> None:
    rng = random.Random(seed)
    sent, cut_in = numbers(0, 3000), 1000
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port, receive_max=50) as subscriber:
        ready(subscriber)
        committed: set[bytes] = set()

        def turn() -> int:
            committed.update(payloads(subscriber.receive(0.02)))
            if rng.random() < 0.05:
                proxy.cut()
            if rng.random() < 0.9:
                subscriber.acknowledge()
            return len(committed)

        publish(mosquitto.port, sent[:cut_in])
        wait_until(lambda: turn() >= cut_in // 2, DEADLINE_S, "half of the first messages", poll_s=0)
        proxy.cut()
        committed.update(payloads(until(subscriber, lambda: len(proxy.connections) > 1, "another connection")))
        publisher = threading.Thread(target=publish, args=(mosquitto.port, sent[cut_in:]))
        publisher.start()
        wait_until(lambda: turn() == len(sent), DEADLINE_S, "all messages", poll_s=0)
        publisher.join(DEADLINE_S)

        assert committed == set(sent)
        assert len(proxy.connections) > 1
        assert all(is_in_order(connection) for connection in proxy.connections)
        assert any(connection.acknowledged for connection in proxy.connections)


def test_thousands_may_be_on_their_way_at_once(mosquitto: Mosquitto) -> None:
    """Mosquitto's own limit is 20: the client's ReceiveMaximum raises it."""
    with subscribing(mosquitto.port, receive_max=4000) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, 5000))

        received = receive(subscriber, 4000)
        receive_nothing(subscriber)
        assert payloads(received) == numbers(0, 4000)

        subscriber.acknowledge()
        assert payloads(receive(subscriber, 1000)) == numbers(4000, 5000)


def test_a_batch_stays_near_its_limits(mosquitto: Mosquitto) -> None:
    """At most one more read of the socket than the limit."""
    body = bytes(10_000)
    with subscribing(mosquitto.port, limits={"held_bytes_max": 1024**2}) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, [body] * 500)
        sizes = []

        def turn() -> bool:
            sizes.append(len(subscriber.receive(0.02)))
            return sum(sizes) == 500

        wait_until(turn, DEADLINE_S, "all messages", poll_s=0)

    assert max(sizes) * len(body) <= 1024**2 + 256 * 1024 + len(body)


def test_ten_megabytes_in_one_message_pass(mosquitto: Mosquitto) -> None:
    body = random.Random(1).randbytes(10 * 1024**2)
    with subscribing(mosquitto.port, limits={"message_bytes_max": len(body)}) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, [b"before", body, b"after"])

        assert payloads(receive(subscriber, 3)) == [b"before", body, b"after"]


def test_messages_wait_with_the_broker_while_we_are_away(mosquitto: Mosquitto) -> None:
    sessions: list[str] = []
    with subscribing(mosquitto.port, on_new_session=lambda: sessions.append("new")) as subscriber:
        ready(subscriber)
    publish(mosquitto.port, numbers(0, 2000))

    with subscribing(mosquitto.port, on_new_session=lambda: sessions.append("again")) as subscriber:
        received = receive(subscriber, 2000)

    assert payloads(received) == numbers(0, 2000)
    assert not any(message.dup for message in received)
    assert sessions == ["new"]


def test_a_session_that_the_broker_forgot_is_said(mosquitto: Mosquitto) -> None:
    sessions: list[int] = []
    with (
        structlog.testing.capture_logs() as logs,
        Proxy(mosquitto.port) as proxy,
        subscribing(proxy.port, session_expiry_s=0, on_new_session=lambda: sessions.append(1)) as subscriber,
    ):
        ready(subscriber)
        assert not any(entry["event"] == "session_lost" for entry in logs)
        proxy.cut()
        until(subscriber, lambda: not subscriber.connected, "the loss to be noticed")
        ready(subscriber)

    assert len(sessions) == 2
    assert any(entry["event"] == "session_lost" for entry in logs)


def test_a_clean_end_disconnects_after_the_last_acknowledgement(mosquitto: Mosquitto) -> None:
    with Proxy(mosquitto.port) as proxy:
        with subscribing(proxy.port) as subscriber:
            ready(subscriber)
            publish(mosquitto.port, numbers(0, 500))
            receive(subscriber, 500)
            subscriber.acknowledge()
        connection = proxy.connections[0]
        assert connection.broker_left.wait(DEADLINE_S)

        assert connection.sent_by_client(DISCONNECT)
        assert len(connection.acknowledged) == 500
        with subscribing(proxy.port) as subscriber:
            ready(subscriber)
            receive_nothing(subscriber)


def test_two_ingests_of_a_group_share_the_messages(mosquitto: Mosquitto) -> None:
    group = {"share_group": "workers"}
    with (
        subscribing(mosquitto.port, client_id="one", **group) as one,
        subscribing(mosquitto.port, client_id="two", **group) as two,
    ):
        ready(one)
        ready(two)
        publish(mosquitto.port, numbers(0, 1000))
        shares: list[list[bytes]] = [[], []]

        def turn() -> bool:
            for subscriber, share in zip((one, two), shares, strict=True):
                share.extend(payloads(subscriber.receive(0.02)))
                subscriber.acknowledge()
            return len(shares[0]) + len(shares[1]) >= 1000

        wait_until(turn, DEADLINE_S, "all messages", poll_s=0)

    assert sorted(itertools.chain(*shares)) == sorted(numbers(0, 1000))
    assert min(map(len, shares)) > 100


def test_a_retained_message_comes_once_and_not_with_each_connection(mosquitto: Mosquitto) -> None:
    paho_publish.single(TOPIC, b"kept", qos=1, retain=True, hostname="127.0.0.1", port=mosquitto.port)
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port) as subscriber:
        [message] = receive(subscriber, 1)
        assert message.retained
        subscriber.acknowledge()
        acknowledged(proxy, 1)
        proxy.cut()
        until(subscriber, lambda: not subscriber.connected, "the loss to be noticed")
        ready(subscriber)
        receive_nothing(subscriber)


def test_at_qos_0_there_is_nothing_to_answer(mosquitto: Mosquitto) -> None:
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port) as subscriber:
        ready(subscriber)
        paho_publish.single(TOPIC, b"21.5", qos=0, hostname="127.0.0.1", port=mosquitto.port)

        assert receive(subscriber, 1) == [Message(TOPIC.encode(), b"21.5")]
        subscriber.acknowledge()
        receive_nothing(subscriber)
        assert proxy.connections[0].acknowledged == []


@pytest.mark.parametrize("online", [True, False])
def test_other_filters_take_the_place_of_the_old_ones(mosquitto: Mosquitto, online: bool) -> None:
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port, filters=["hubs/a/#", "old/#"]) as subscriber:
        ready(subscriber)
        if not online:
            proxy.cut()
            until(subscriber, lambda: not subscriber.connected, "the loss to be noticed")
        subscriber.resubscribe(["hubs/a/#", "new/#"])
        until(subscriber, lambda: subscriber.filters_at_broker == ("hubs/a/#", "new/#"), "the old filter to go")
        for topic in ("old/x", "new/x", TOPIC):
            publish(mosquitto.port, [topic.encode()], topic=topic)

        assert payloads(receive(subscriber, 2)) == [b"new/x", TOPIC.encode()]
        receive_nothing(subscriber)


def test_the_same_filters_again_are_not_asked_for_again(mosquitto: Mosquitto) -> None:
    """In 3.1.1 a subscription brings the retained messages once more."""
    with Proxy(mosquitto.port) as proxy, subscribing(proxy.port) as subscriber:
        ready(subscriber)
        to_broker = proxy.connections[0].to_broker
        wait_until(lambda: b"hubs/#" in bytes(to_broker), 10, "the proxy to note the subscription")
        before = bytes(to_broker)
        subscriber.resubscribe(["hubs/#"])
        receive_nothing(subscriber)

        assert bytes(to_broker) == before


def test_a_broker_that_stops_is_waited_for(mosquitto: Mosquitto) -> None:
    with subscribing(mosquitto.port) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, 10))
        received = receive(subscriber, 10)
        mosquitto.stop()
        until(subscriber, lambda: not subscriber.connected, "the loss to be noticed")
        until(subscriber, lambda: "no broker answers" in str(subscriber.problem), "the problem to be named")
        mosquitto.start()
        again = receive(subscriber, 10)

        assert payloads(again) == payloads(received)
        assert subscriber.problem is None


def test_a_broker_that_is_killed_delivers_what_it_had_saved(make_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = make_mosquitto(autosave_interval_s=1, settings="autosave_on_changes false")
    with subscribing(broker.port) as subscriber:
        ready(subscriber)
        publish(broker.port, numbers(0, 10))
        receive(subscriber, 10)
        saved = broker.folder / "mosquitto.db"
        wait_until(lambda: saved.exists() and b"hubs/a" in saved.read_bytes(), DEADLINE_S, "the broker to save")
        broker.kill()
        until(subscriber, lambda: not subscriber.connected, "the loss to be noticed")
        broker.start()

        again = receive(subscriber, 10)

        assert payloads(again) == numbers(0, 10)
        assert all(message.dup for message in again)
