"""Filters that change and filters that overlap: nothing falls between, and each message counts once."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt.copies import Copies
from mqtt.messages import Message, covers, overlap
from mqtt.packets import PacketSplitter, encode_topic
from tests.mqtt.clients import client_kind  # noqa: F401 - a fixture for every test here
from tests.mqtt.fake_broker import SUBSCRIBE, UNSUBSCRIBE, Conversation, FakeBroker
from tests.mqtt.packets import packet
from tests.mqtt.receiving import numbers, payloads, publish, ready, receive, receive_nothing, subscribing, until
from tests.servers import Mosquitto
from tests.waiting import wait_until

DEADLINE_S = 20
needs_mosquitto = pytest.mark.needs("mosquitto")
LEVEL = st.sampled_from(["a", "b", "+"])
FILTER = st.builds(
    lambda levels, rest: "/".join([*levels, *rest]), st.lists(LEVEL, max_size=3), st.sampled_from([["#"], ["a"], ["+"]])
)
TOPIC = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map("/".join)


@given(FILTER, FILTER, TOPIC)
def test_filters_that_cover_one_topic_overlap(one: str, other: str, topic: str) -> None:
    if covers(one, topic) and covers(other, topic):
        assert overlap(one, other)
        assert overlap(other, one)


@pytest.mark.parametrize(
    "one, other, expected",
    [
        ("hubs/#", "hubs/a/#", True),
        ("hubs/#", "v3/+/devices/+/up", False),
        ("hubs/#", "hubs", True),
        ("hubs/+/co2/+", "hubs/a/+/b", True),
        ("hubs/+/co2/+", "hubs/a/wifi/+", False),
        ("+/a", "a", False),
        ("#", "$SYS/#", False),
        ("$SYS/#", "$SYS/broker/uptime", True),
    ],
)
def test_which_filters_overlap(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is expected


def test_the_old_filters_stay_until_the_broker_has_taken_the_new_ones() -> None:
    """Unsubscribed first, 21 of 58,200 messages fell between the two."""
    granted = threading.Event()

    def slow(talk: Conversation) -> None:
        talk.accept()
        talk.grant(1)
        body = talk.hear(SUBSCRIBE)
        assert granted.wait(DEADLINE_S)
        talk.say(packet(0x90, body[:2] + b"\0\1"))
        talk.say(packet(0xB0, talk.hear(UNSUBSCRIBE)[:2] + b"\0\0"))
        talk.wait()

    with FakeBroker(slow) as broker, subscribing(broker.port, filters=["old/#"]) as subscriber:
        ready(subscriber)
        subscriber.resubscribe(["new/#"])
        until(subscriber, lambda: [head for head, _ in broker.talks[0].heard].count(SUBSCRIBE) == 2, "the subscription")
        receive_nothing(subscriber)
        assert UNSUBSCRIBE not in [head for head, _ in broker.talks[0].heard]
        assert [*subscriber.filters_at_broker] == ["new/#", "old/#"]
        granted.set()
        until(subscriber, lambda: UNSUBSCRIBE in [head for head, _ in broker.talks[0].heard], "the old filter to go")
        until(subscriber, lambda: [*subscriber.filters_at_broker] == ["new/#"], "the broker's answer")


def test_an_old_filter_is_remembered_until_the_broker_has_answered_for_it() -> None:
    """Cut off before that it may still be there, and gives a copy of each message: found by a campaign (seed 45)."""
    cut = threading.Event()

    def cut_off(talk: Conversation) -> None:
        talk.accept()
        talk.grant(1)
        talk.grant(1)
        talk.hear(UNSUBSCRIBE)
        assert cut.wait(DEADLINE_S)

    def answering(talk: Conversation) -> None:
        talk.accept(session_present=True)
        talk.grant(1)
        talk.say(packet(0xB0, talk.hear(UNSUBSCRIBE)[:2] + b"\0\0"))
        talk.wait()

    with FakeBroker(cut_off, answering) as broker, subscribing(broker.port, filters=["old/#"]) as subscriber:
        ready(subscriber)
        subscriber.resubscribe(["new/#"])
        until(subscriber, lambda: UNSUBSCRIBE in [head for head, _ in broker.talks[0].heard], "the old filter to go")
        assert [*subscriber.filters_at_broker] == ["new/#", "old/#"]
        cut.set()
        until(subscriber, lambda: [*subscriber.filters_at_broker] == ["new/#"], "the broker's answer")
        assert UNSUBSCRIBE in [head for head, _ in broker.talks[1].heard]


@needs_mosquitto
def test_every_message_comes_while_filters_change(mosquitto: Mosquitto) -> None:
    choices = (["hubs/#"], ["hubs/+/+/+"], ["hubs/a/#", "hubs/b/#"])
    with subscribing(mosquitto.port, filters=choices[0]) as subscriber:
        ready(subscriber)
        publisher = threading.Thread(target=publish, args=(mosquitto.port, numbers(0, 5000)))
        publisher.start()
        came: set[bytes] = set()
        turns = 0

        def turn() -> bool:
            nonlocal turns
            turns += 1
            came.update(payloads(subscriber.receive(0.002)))
            subscriber.acknowledge()
            if turns % 20 == 0:
                subscriber.resubscribe(choices[turns // 20 % 3])
            return len(came) == 5000

        wait_until(turn, DEADLINE_S, "every message", poll_s=0)
        publisher.join(DEADLINE_S)


@needs_mosquitto
def test_filters_of_an_earlier_process_are_unsubscribed_once_the_new_ones_are_there(mosquitto: Mosquitto) -> None:
    with subscribing(mosquitto.port, filters=["hubs/#", "old/#"]) as subscriber:
        ready(subscriber)
    publish(mosquitto.port, [b"kept"], topic="old/x")
    before = {"filters_before": ["hubs/#", "old/#"]}
    with subscribing(mosquitto.port, filters=["hubs/#", "new/#"], **before) as subscriber:
        assert payloads(receive(subscriber, 1)) == [b"kept"]
        subscriber.acknowledge()
        until(subscriber, lambda: subscriber.filters_at_broker == ("hubs/#", "new/#"), "the old filter to go")
        receive_nothing(subscriber)
        for topic in ("old/x", "new/x"):
            publish(mosquitto.port, [topic.encode()], topic=topic)
        assert payloads(receive(subscriber, 1)) == [b"new/x"]
        receive_nothing(subscriber)


@needs_mosquitto
@pytest.mark.parametrize("filters", [["hubs/a/#", "hubs/#"], ["hubs/#", "hubs/a/#", "hubs/+/+/b"]])
def test_each_message_comes_once_although_filters_overlap(mosquitto: Mosquitto, filters: list[str]) -> None:
    """Mosquitto delivers one copy for each filter that covers the topic."""
    with subscribing(mosquitto.port, filters=filters) as subscriber:
        ready(subscriber)
        for topic in ("hubs/a/temperature/b", "hubs/c/temperature/d"):
            publish(mosquitto.port, [b"1"] * 50, topic=topic)
            assert payloads(receive(subscriber, 50)) == [b"1"] * 50
            subscriber.acknowledge()
        receive_nothing(subscriber)
        assert not subscriber.in_doubt
    with subscribing(mosquitto.port, filters=filters, filters_before=filters) as subscriber:
        until(subscriber, lambda: subscriber.subscribed, "the subscription")
        receive_nothing(subscriber)  # the copies were acknowledged, too


@needs_mosquitto
@pytest.mark.parametrize("was_killed_meanwhile", [False, True])
def test_what_waits_is_not_taken_for_a_copy_of_what_a_new_filter_would_bring(
    mosquitto: Mosquitto, *, was_killed_meanwhile: bool
) -> None:
    """It was kept for the old filters, before the new one that covers its topic first."""
    old, new = ["hubs/+/co2/#", "hubs/#"], ["hubs/a/#", "hubs/+/co2/#", "hubs/#"]
    with subscribing(mosquitto.port, filters=old) as subscriber:
        ready(subscriber)
    publish(mosquitto.port, [b"kept"], topic="hubs/a/co2/s")
    remembered = new if was_killed_meanwhile else old
    resumed = {"filters_before": remembered, "on_session_resumed": lambda: was_killed_meanwhile}
    with subscribing(mosquitto.port, filters=new, **resumed) as subscriber:
        assert set(payloads(receive(subscriber, 1))) == {b"kept"}
        assert subscriber.in_doubt
        subscriber.acknowledge()
        until(subscriber, lambda: not subscriber.in_doubt, "the doubt to end")


def come(*identifiers: int, topic: bytes = b"hubs/a/co2/b") -> list[Message]:
    return [Message(topic, b"1", number, subscription_id=found) for number, found in enumerate(identifiers, 1)]


def test_the_copy_of_the_first_filter_counts_and_one_of_an_unknown_filter_too() -> None:
    copies = Copies(["hubs/a/#", "hubs/#"])
    first, second = copies.identifiers

    assert copies.without(come(first, second)) == come(first)
    assert copies.without(come(second, topic=b"hubs/c/co2/d")) == come(second, topic=b"hubs/c/co2/d")
    assert copies.without(come(0, 77)) == come(0, 77)
    assert Copies(["hubs/#", "v3/#"]).identifiers == []
    assert Copies(["hubs/a/#", "hubs/#", "x/#"]).identifiers[:2] == [first, second]


@given(
    st.lists(
        st.sampled_from(
            [b"\x01\x01", b"\x02\0\0\0\x09", b"\x03\0\x01t", b"\x08\0\x02ab", b"\x09\0\0", b"\x26\0\x01k\0\x01v"]
        )
    ),
    st.lists(st.integers(1, 2**28 - 1), max_size=3),
    st.data(),
)
def test_the_lowest_identifier_is_found_among_other_properties(
    others: list[bytes], identifiers: list[int], data: st.DataObject
) -> None:
    properties = data.draw(st.permutations([*others, *(b"\x0b" + _variable(number) for number in identifiers)]))
    block = b"".join(properties)
    body = encode_topic("a/b") + b"\0\x07" + _variable(len(block)) + block + b"payload"
    splitter = PacketSplitter(version_5=True, hand_over=lambda _head, _body: 0)
    splitter.feed(packet(0x32, body))

    [message] = splitter.take_messages()
    assert (message.payload, message.subscription_id) == (b"payload", min(identifiers, default=0))


def _variable(number: int) -> bytes:
    encoded = b""
    while True:
        number, low = divmod(number, 128)
        encoded += bytes([low | 128 if number else low])
        if not number:
            return encoded
