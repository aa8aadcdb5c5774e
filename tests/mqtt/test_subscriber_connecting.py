"""Brokers that refuse, close connections, fall silent, have no MQTT 5 or send nonsense: we report it and reconnect."""

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from ingest.broker import EmbeddedBroker
from mqtt.messages import Message
from tests.mqtt.fake_broker import (
    CONNECT,
    PUBACK,
    SUBSCRIBE,
    Conversation,
    FakeBroker,
    closes_at_once,
    is_silent,
    normal,
)
from tests.mqtt.packets import packet
from tests.mqtt.packets import publish as publish_packet
from tests.mqtt.receiving import numbers, payloads, publish, ready, receive, receive_nothing, subscribing, until
from tests.mqtt.test_client import BROKEN
from tests.servers import Mosquitto, free_port

GOOD = Message(b"hubs/a/co2/b", b"500", 1)


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def versions(broker: FakeBroker) -> list[int]:
    """The version of MQTT that each connection asked for: 5, or 4 for 3.1.1."""
    return [talk.version for talk in broker.talks if talk.heard]


def test_a_broker_that_is_not_there_yet_is_waited_for(make_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = make_mosquitto()
    broker.stop()
    with subscribing(broker.port) as subscriber:
        until(subscriber, lambda: "no broker answers" in str(subscriber.problem), "the problem to be named")
        broker.start()
        ready(subscriber)
        assert subscriber.problem is None


def test_a_problem_is_told_once_and_not_with_every_try() -> None:
    with structlog.testing.capture_logs() as logs, subscribing(free_port()) as subscriber:
        tries = subscriber._backoff
        until(subscriber, lambda: tries.tries >= 5, "five tries")

    assert [entry["event"] for entry in logs] == ["receiving_failed"]


def test_waits_between_tries_grow_and_are_never_longer_than_asked() -> None:
    clock = Seconds()
    with subscribing(free_port(), monotonic_s=clock, limits={"backoff_first_s": 1, "backoff_max_s": 8}) as subscriber:
        waits = []
        for _ in range(8):
            subscriber.receive(0)
            waits.append(subscriber._wait_until_s - clock.now)
            clock.now = subscriber._wait_until_s

    assert all(0 <= wait <= limit for wait, limit in zip(waits, [1, 2, 4, 8, 8, 8, 8, 8], strict=True))
    assert max(waits) > 1


def test_a_refused_subscription_is_a_problem_until_it_is_granted() -> None:
    """An administrator mends the rights; the broker does not tell us."""
    clock = Seconds()

    def refuses_first(talk: Conversation) -> None:
        talk.accept()
        talk.grant(1, 0x87)
        talk.grant(1, 1)
        talk.wait()

    with (
        FakeBroker(refuses_first) as broker,
        structlog.testing.capture_logs() as logs,
        subscribing(broker.port, filters=["hubs/#", "v3/#"], monotonic_s=clock) as subscriber,
    ):
        until(subscriber, lambda: "refuses the subscription to v3/#" in str(subscriber.problem), "the refusal")
        assert not subscriber.subscribed
        receive_nothing(subscriber)

        clock.now += 31
        ready(subscriber)
        assert subscriber.problem is None

    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["subscription_refused"]


def test_a_broker_that_grants_qos_0_only_may_lose_messages_and_we_say_so() -> None:
    def grants_less(talk: Conversation) -> None:
        talk.accept()
        talk.grant(0)
        talk.wait()

    with (
        FakeBroker(grants_less) as broker,
        structlog.testing.capture_logs() as logs,
        subscribing(broker.port) as subscriber,
    ):
        ready(subscriber)

    assert [entry["filters"] for entry in logs if entry["event"] == "subscription_at_qos_0"] == [["hubs/#"]]


def refuses_5(talk: Conversation) -> None:
    """As a broker of 3.1.1 answers MQTT 5: with a CONNACK of its own version."""
    talk.hear(CONNECT)
    if talk.version == 5:
        talk.say(b"\x20\x02\x00\x01")
        return
    talk.say(b"\x20\x02\x00\x00")
    talk.grant(1)
    talk.say(publish_packet(GOOD, version_5=False))
    talk.wait()


def closes_on_5(talk: Conversation) -> None:
    talk.hear(CONNECT)
    if talk.version == 4:
        talk.say(b"\x20\x02\x00\x00")
        talk.grant(1)
        talk.say(publish_packet(GOOD, version_5=False))
        talk.wait()


def ignores_5(talk: Conversation) -> None:
    talk.hear(CONNECT)
    if talk.version == 5:
        talk.wait()
    talk.say(b"\x20\x02\x00\x00")
    talk.grant(1)
    talk.say(publish_packet(GOOD, version_5=False))
    talk.wait()


@pytest.mark.parametrize(
    "behaviour, tries",
    [(refuses_5, [5, 4]), (closes_on_5, [5, 5, 4]), (ignores_5, [5, 4])],
    ids=["refused", "closed", "silent"],
)
def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1(
    behaviour: Callable[[Conversation], None], tries: list[int]
) -> None:
    clock = Seconds()

    def hurry() -> bool:
        clock.now += 1
        return subscriber.subscribed

    with FakeBroker(behaviour) as broker, subscribing(broker.port, monotonic_s=clock) as subscriber:
        until(subscriber, hurry, "the subscription")
        assert receive(subscriber, 1) == [GOOD]
        subscriber.acknowledge()

        assert versions(broker) == tries
        assert subscriber.problem is None


def test_one_hiccup_of_a_broker_does_not_cost_mqtt_5() -> None:
    with FakeBroker(closes_at_once, normal) as broker, subscribing(broker.port) as subscriber:
        ready(subscriber)

        assert versions(broker) == [5, 5]


def test_a_broker_that_once_answered_in_mqtt_5_is_not_taken_for_an_old_one() -> None:
    """It may close connections while it starts, and be slow while it saves its sessions."""
    clock = Seconds()

    def goes(talk: Conversation) -> None:
        talk.accept()
        talk.grant(1)

    def hurry() -> bool:
        clock.now += 1
        return len(broker.talks) == 6 and subscriber.subscribed

    behaviours = (goes, closes_at_once, closes_at_once, closes_at_once, is_silent, normal)
    with FakeBroker(*behaviours) as broker, subscribing(broker.port, monotonic_s=clock) as subscriber:
        until(subscriber, hurry, "the sixth connection")

        assert versions(broker) == [5] * 6


def test_after_a_lost_connection_mqtt_5_comes_first_again() -> None:
    def old_then_gone(talk: Conversation) -> None:
        talk.accept()
        talk.grant(1)

    with (
        FakeBroker(closes_at_once, closes_at_once, old_then_gone, normal) as broker,
        subscribing(broker.port) as subscriber,
    ):
        until(subscriber, lambda: len(broker.talks) == 4 and subscriber.subscribed, "the fourth connection")

        assert versions(broker) == [5, 5, 4, 5]


def test_a_real_broker_without_mqtt_5(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path, port=free_port(), find=lambda _name: None)
    broker.start()
    try:
        with subscribing(broker.port) as subscriber:
            ready(subscriber)
            publish(broker.port, numbers(0, 50))
            received = receive(subscriber, 50)
            subscriber.acknowledge()
            assert payloads(received) == numbers(0, 50)
            receive_nothing(subscriber)
    finally:
        broker.stop()


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_after_a_malformed_packet_we_connect_again(broken: bytes) -> None:
    def speaks_nonsense(talk: Conversation) -> None:
        talk.accept()
        talk.grant(1)
        talk.say(publish_packet(GOOD) + broken)
        talk.wait()

    def sane(talk: Conversation) -> None:
        talk.accept()
        talk.grant(1)
        talk.say(publish_packet(GOOD._replace(dup=True)))
        talk.wait()

    with FakeBroker(speaks_nonsense, sane) as broker, subscribing(broker.port) as subscriber:
        received = receive(subscriber, 2)

        assert received == [GOOD, GOOD._replace(dup=True)]
        assert len(broker.talks) == 2


def test_what_is_no_broker_at_all_is_said() -> None:
    def web_server(talk: Conversation) -> None:
        talk.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with FakeBroker(web_server) as broker, subscribing(broker.port) as subscriber:
        until(subscriber, lambda: "closed the connection" in str(subscriber.problem), "the problem to be named")


def test_one_that_never_answers_is_said() -> None:
    clock = Seconds()

    def hurry() -> bool:
        clock.now += 1
        return "does not answer" in str(subscriber.problem)

    with FakeBroker(is_silent) as broker, subscribing(broker.port, monotonic_s=clock) as subscriber:
        until(subscriber, hurry, "the problem to be named")


def test_a_connection_that_is_lost_at_once_is_not_made_again_at_once() -> None:
    """Two ingests of one client id would otherwise throw each other out as fast as they can."""

    def takes_over(talk: Conversation) -> None:
        talk.accept()
        talk.hear(SUBSCRIBE)
        talk.say(packet(0xE0, b"\x8e\x00"))

    clock = Seconds()
    limits = {"backoff_first_s": 1, "backoff_max_s": 64}
    with (
        FakeBroker(takes_over) as broker,
        subscribing(broker.port, monotonic_s=clock, limits=limits) as subscriber,
    ):
        for connection in range(1, 6):
            clock.now = max(clock.now, subscriber._wait_until_s)
            until(
                subscriber,
                lambda expected=connection: len(broker.talks) == expected and "taken over" in str(subscriber.problem),  # type: ignore[misc]
                "the loss",
            )
            until(subscriber, lambda: not subscriber.connected, "the loss to be noticed")

        assert "HUBPULSE_MQTT__CLIENT_ID" in str(subscriber.problem)
        assert subscriber._backoff.tries >= 5


def test_short_connections_that_did_good_lengthen_no_wait_and_are_no_conflict() -> None:
    """A line that is cut every few seconds is no other client, and a longer wait would mend nothing."""

    def delivers_and_goes(talk: Conversation) -> None:
        talk.accept()
        talk.grant(1)
        talk.say(publish_packet(GOOD))
        talk.hear(PUBACK)

    clock = Seconds()
    limits = {"backoff_first_s": 1, "backoff_max_s": 64}
    waits, problems = [], []
    with FakeBroker(delivers_and_goes) as broker, subscribing(broker.port, monotonic_s=clock, limits=limits) as one:
        for _ in range(8):
            clock.now = max(clock.now, one._wait_until_s)
            assert receive(one, 1) == [GOOD]
            one.acknowledge()
            until(one, lambda: not one.connected, "the loss")
            waits.append(one._wait_until_s - clock.now)
            problems.append(str(one.problem))

    assert max(waits) <= 1
    assert not any("CLIENT_ID" in problem for problem in problems)


@pytest.mark.needs("mosquitto")
def test_two_of_the_same_client_id_are_told_so(mosquitto: Mosquitto) -> None:
    with subscribing(mosquitto.port) as one, subscribing(mosquitto.port) as two:

        def both() -> bool:
            two.receive(0)
            return "give each ingest its own" in f"{one.problem} {two.problem}".lower()

        until(one, both, "the problem to be named")


@pytest.fixture
def many_files() -> Iterator[None]:
    """More open files than `select` can handle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        pytest.skip("no more than 2000 files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2000, hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    yield
    for descriptor in opened:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_process_with_more_than_a_thousand_files_still_waits_for_its_socket() -> None:
    with FakeBroker(normal) as broker, subscribing(broker.port) as subscriber:
        ready(subscriber)
        sock = subscriber._connection._client.socket()
        assert sock is not None
        assert sock.fileno() > 1024
        turns = 0

        def count() -> bool:
            nonlocal turns
            turns += 1
            return turns == 5

        started_s = os.times().user
        until(subscriber, count, "five turns")
        assert os.times().user - started_s < 0.09  # five waits of 20 ms
