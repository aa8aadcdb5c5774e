"""How long more messages are waited for before those that came are taken."""

import threading
from collections.abc import Callable

import pytest

from mqtt.gathering import Gathering
from mqtt.messages import Message
from tests.mqtt.fake_broker import Conversation, FakeBroker, is_silent
from tests.mqtt.packets import publish as publish_packet
from tests.mqtt.receiving import DEADLINE_S, TOPIC, numbers, payloads, publish, ready, receive, subscribing
from tests.servers import Mosquitto
from tests.waiting import wait_until

WINDOW_S = 0.05


def gather(window_s: float, came: Callable[[float], int], *, enough: int = 5000) -> tuple[float, int]:
    """After how long what `came` until then is taken, and in how many looks."""
    gathering = Gathering(window_s)
    age_s, looks = 0.0, 1
    while wait_s := gathering.wait_s(came(age_s), enough=enough):
        age_s += wait_s
        looks += 1
    return age_s, looks


def burst(size: int) -> Callable[[float], int]:
    return lambda _age_s: size


def steady(rate: float) -> Callable[[float], int]:
    return lambda age_s: 1 + int(rate * age_s)


def test_a_few_wait_for_the_whole_window() -> None:
    assert gather(WINDOW_S, burst(3))[0] == pytest.approx(WINDOW_S)


@pytest.mark.parametrize("rate", [10, 100, 1000, 10_000])
def test_what_comes_evenly_is_taken_by_the_window(rate: int) -> None:
    assert gather(WINDOW_S, steady(rate))[0] == pytest.approx(WINDOW_S)


def test_as_many_as_are_enough_wait_for_nothing() -> None:
    assert gather(WINDOW_S, burst(20), enough=20) == (0, 1)


@pytest.mark.parametrize("size", [10, 32, 100])
def test_a_burst_that_ends_waits_for_a_moment_alone(size: int) -> None:
    assert gather(60, burst(size))[0] < 0.01


def test_a_long_window_costs_few_looks() -> None:
    age_s, looks = gather(60, burst(1))
    assert age_s == pytest.approx(60)
    assert looks < 400


def test_each_window_begins_anew() -> None:
    gathering = Gathering(WINDOW_S)
    for _ in range(3):
        total_s = 0.0
        while wait_s := gathering.wait_s(2, enough=5000):
            total_s += wait_s
        assert total_s == pytest.approx(WINDOW_S)


def taken_after_s(gathering: Gathering, messages: int, *, nothing_s: float) -> float:
    """How long so many that come at once wait, after so long with nothing."""
    gathering.had_nothing(nothing_s)
    total_s = 0.0
    while wait_s := gathering.wait_s(messages, enough=5000):
        total_s += wait_s
    return total_s


@pytest.mark.parametrize("at_a_time", [1, 3, 9])
@pytest.mark.parametrize("window_s", [WINDOW_S, 60])
def test_a_broker_that_sends_few_until_they_are_answered_is_found_out(at_a_time: int, window_s: float) -> None:
    gathering = Gathering(window_s)
    waits_s = [taken_after_s(gathering, at_a_time, nothing_s=0.001) for _ in range(100)]
    assert sum(waits_s) == pytest.approx(3 * window_s)


def test_a_broker_that_sent_few_has_nothing_left_or_sends_more() -> None:
    for nothing_s, messages in ((WINDOW_S, 3), (0.001, 4)):
        gathering = Gathering(WINDOW_S)
        for _ in range(10):
            taken_after_s(gathering, 3, nothing_s=0.001)
        taken_after_s(gathering, messages, nothing_s=nothing_s)
        assert taken_after_s(gathering, 3, nothing_s=0.001) == pytest.approx(WINDOW_S)


@pytest.mark.parametrize("nothing_s", [2 * WINDOW_S, 3600])
def test_sensors_that_send_seldom_wait_for_the_window_each_time(nothing_s: float) -> None:
    gathering = Gathering(WINDOW_S)
    for _ in range(20):
        assert taken_after_s(gathering, 1, nothing_s=nothing_s) == pytest.approx(WINDOW_S)


@pytest.mark.needs("mosquitto")
def test_a_window_does_not_cap_what_a_broker_gives_that_sends_three_at_a_time(
    make_mosquitto: Callable[..., Mosquitto],
) -> None:
    count = 180
    broker = make_mosquitto(max_inflight_messages=3)
    with subscribing(broker.port, limits={"commit_every_s": 1}) as subscriber:
        ready(subscriber)
        publish(broker.port, numbers(0, count))
        received: list[bytes] = []

        def take() -> bool:
            received.extend(payloads(subscriber.receive(0.2)))
            subscriber.acknowledge()
            return len(received) == count

        wait_until(take, DEADLINE_S, "all of them, which a window for each three would give in 60 s", poll_s=0)


@pytest.mark.needs("mosquitto")
def test_a_broker_that_sends_twenty_at_a_time_is_not_made_to_wait(mosquitto: Mosquitto) -> None:
    count = 200
    with subscribing(mosquitto.port, limits={"commit_every_s": DEADLINE_S}, receive_max=20) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, count))
        received: list[bytes] = []

        def take() -> bool:
            received.extend(payloads(subscriber.receive(0.02)))
            subscriber.acknowledge()
            return len(received) == count

        wait_until(take, DEADLINE_S, "all of them, which a window for each twenty would not give", poll_s=0)


@pytest.mark.needs("mosquitto")
def test_what_is_being_gathered_is_taken_at_once_by_who_is_in_a_hurry(mosquitto: Mosquitto) -> None:
    with subscribing(mosquitto.port, limits={"commit_every_s": 60}) as subscriber:
        ready(subscriber)
        publish(mosquitto.port, numbers(0, 3))
        wait_until(
            lambda: subscriber.receive(0.01) == [] and subscriber._connection.waiting == 3, DEADLINE_S, "three to wait"
        )
        assert payloads(subscriber.receive(0)) == numbers(0, 3)
        assert receive(subscriber, 0) == []


def test_what_came_on_a_connection_that_is_lost_while_more_is_waited_for_is_taken() -> None:
    """At QoS 0, as a broker may have granted it, nobody sends it again."""
    may_go = threading.Event()

    def delivers_and_goes(talk: Conversation) -> None:
        talk.accept()
        talk.grant(0)
        talk.say(publish_packet(Message(TOPIC.encode(), b"21.5")))
        may_go.wait(DEADLINE_S)

    with (
        FakeBroker(delivers_and_goes, is_silent) as broker,
        subscribing(broker.port, limits={"commit_every_s": 60}) as subscriber,
    ):
        wait_until(lambda: [subscriber.receive(0.01)] and subscriber._connection.waiting, DEADLINE_S, "the message")
        may_go.set()

        def is_lost() -> bool:
            subscriber.keep_alive()
            return not subscriber.connected

        wait_until(is_lost, DEADLINE_S, "the loss")
        assert payloads(subscriber.receive(0.01)) == [b"21.5"]
