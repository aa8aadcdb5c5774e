"""A look at what else the broker carries: topics of no source, bounded, addresses of people's devices masked."""

import itertools
import time
from collections.abc import Callable

import pytest

from ingest.unmatched import _TURN_S, TOPICS_MAX, unmatched_topics
from mqtt.publisher import Publisher
from schemas import Settings
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from tests.servers import LOOPBACK, Mosquitto

pytestmark = pytest.mark.needs("mosquitto")


def idling(publisher: Publisher, messages: list[TimedMessage]) -> Callable[[], float]:
    """A clock that goes on by one with each look that waited in vain; it publishes once looking has begun."""
    looks, idle, looked_s = itertools.count(), itertools.count(), 0.0
    now = 0.0

    def now_s() -> float:
        nonlocal now, looked_s
        if next(looks) == 2:
            publisher.publish_all(messages)
        elif time.monotonic() - looked_s >= _TURN_S:
            now = float(next(idle))
        looked_s = time.monotonic()
        return now

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
        found = unmatched_topics(settings, ["hubs/#"], duration_s=20, monotonic_s=idling(publisher, messages))

    assert len(found) == TOPICS_MAX
    by_topic = {topic.topic: topic for topic in found}
    assert "hubs/armley/co2/air-1" not in by_topic
    assert by_topic["shellies/door/info"].messages == 2
    assert by_topic["shellies/door/info"].sample == '{"mac": "**:**:**:**:**:**"}'
