"""A look at what else the broker carries: topics of no source, bounded, addresses of people's devices masked."""

import itertools
from collections.abc import Callable

import pytest

from ingest.unmatched import TOPICS_MAX, unmatched_topics
from mqtt.publisher import Publisher
from schemas import Settings
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from tests.servers import LOOPBACK, Mosquitto

pytestmark = pytest.mark.needs("mosquitto")


def turning(publisher: Publisher, messages: list[TimedMessage]) -> Callable[[], float]:
    """A clock that goes on by one with each look at it, and publishes once the look has begun."""
    turns = itertools.count()

    def now_s() -> float:
        turn = next(turns)
        if turn == 10:
            publisher.publish_all(messages)
        return float(turn)

    return now_s


def test_topics_of_no_source_are_shown_and_others_are_not(mosquitto: Mosquitto) -> None:
    settings = Settings(mqtt=MqttSettings(host=LOOPBACK, port=mosquitto.port))
    messages = [
        TimedMessage(0, "hubs/armley/co2/air-1", b"612"),
        TimedMessage(0, "shellies/door/info", b'{"mac": "a4:c1:38:0b:1c:2d"}'),
        TimedMessage(0, "shellies/door/info", b"2"),
        *(TimedMessage(0, f"many/{number}", b"") for number in range(TOPICS_MAX + 50)),
    ]
    with Publisher(settings.mqtt) as publisher:
        found = unmatched_topics(settings, ["hubs/#"], duration_s=40, monotonic_s=turning(publisher, messages))

    assert len(found) == TOPICS_MAX
    by_topic = {topic.topic: topic for topic in found}
    assert "hubs/armley/co2/air-1" not in by_topic
    assert by_topic["shellies/door/info"].messages == 2
    assert by_topic["shellies/door/info"].sample == '{"mac": "**:**:**:**:**:**"}'
