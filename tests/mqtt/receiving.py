"""A subscriber at work in a test, and messages sent to it."""

import random
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from mqtt.messages import Message
from mqtt.publisher import Publisher
from mqtt.subscriber import Subscriber
from schemas.settings import IngestSettings, MqttSettings
from simulators.messages import TimedMessage as Sent
from tests.waiting import wait_until

DEADLINE_S = 20
TOPIC = "hubs/a/temperature/b"


@contextmanager
def subscribing(port: int, *, filters: Iterable[str] = ("hubs/#",), **options: Any) -> Iterator[Subscriber]:
    """A subscriber whose waits between tries are short. It does nothing unless `receive` is called."""
    limits = {"backoff_first_s": 0.01, "backoff_max_s": 0.05} | options.pop("limits", {})
    on_new_session: Callable[[], None] = options.pop("on_new_session", lambda: None)
    on_session_resumed: Callable[[], bool] = options.pop("on_session_resumed", lambda: False)
    before: Collection[str] = options.pop("filters_before", ())
    monotonic = {"monotonic_s": options.pop("monotonic_s")} if "monotonic_s" in options else {}
    subscriber = Subscriber(
        mqtt_settings=MqttSettings(host="127.0.0.1", port=port, **options),
        ingest_settings=IngestSettings(**limits),
        filters=tuple(filters),
        rng=random.Random(7),
        filters_before=before,
        on_new_session=on_new_session,
        on_session_resumed=on_session_resumed,
        **monotonic,
    )
    try:
        yield subscriber
    finally:
        subscriber.close()


def until(subscriber: Subscriber, condition: Callable[[], object], what: str) -> list[Message]:
    """Keep the subscriber going until the condition holds; return what came meanwhile, not acknowledged."""
    received: list[Message] = []

    def turn() -> object:
        received.extend(subscriber.receive(0.02))
        return condition()

    wait_until(turn, DEADLINE_S, what, poll_s=0)
    return received


def ready(subscriber: Subscriber) -> None:
    assert until(subscriber, lambda: subscriber.subscribed, "the subscription") == []


def receive(subscriber: Subscriber, count: int) -> list[Message]:
    """The next so many messages, not acknowledged."""
    received: list[Message] = []

    def turn() -> bool:
        received.extend(subscriber.receive(0.02))
        return len(received) >= count

    wait_until(turn, DEADLINE_S, f"{count} messages", poll_s=0)
    return received


def receive_nothing(subscriber: Subscriber) -> None:
    """Nothing comes, as far as a few turns can tell."""
    for _ in range(5):
        assert subscriber.receive(0.02) == []


def publish(port: int, payloads: Iterable[bytes], *, topic: str = TOPIC) -> None:
    """Send these at QoS 1; returns once the broker has them."""
    with Publisher(MqttSettings(host="127.0.0.1", port=port)) as publisher:
        publisher.publish_all([Sent(0, topic, payload) for payload in payloads])


def numbers(start: int, stop: int) -> list[bytes]:
    return [b"%d" % number for number in range(start, stop)]


def payloads(messages: Iterable[Message]) -> list[bytes]:
    return [message.payload for message in messages]
