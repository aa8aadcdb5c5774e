"""Bad input of every kind among good: each is refused for the right reason and kept whole, the good is stored."""

import base64
import re
from collections import Counter
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from mqtt.messages import KEPT_BYTES
from mqtt.publisher import Publisher
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from tests.e2e.bad_input import BadMessage, bad_messages
from tests.e2e.conftest import StoreSettings
from tests.e2e.pipeline import LAST_TOPIC, Pipeline
from tests.servers import Mosquitto

pytestmark = pytest.mark.needs("mosquitto", "influxd")

ESTATE = """\
name: One hub
timezone: UTC
hubs:
  - id: library
    name: Library
    sensors: [{id: door, kinds: [footfall], every: 10m}]
"""
DAY = "2026-01-05"
MORNING_S = 1_767_603_600
ADDRESS = re.compile(rb"(?i)a4[:_-]?c1[.:_-]?38[:_-]?5e[.:_-]?7f[:_-]?0\d")


def publish(broker: Mosquitto, messages: list[BadMessage]) -> int:
    """Publish each bad message between two good ones; how many good ones there were, each of one entry."""
    good = [
        TimedMessage(
            0, "hubs/library/footfall/door", f'{{"time": "{DAY}T09:{n // 60:02}:{n % 60:02}Z", "entries": 1}}'.encode()
        )
        for n in range(len(messages) + 1)
    ]
    bad = [TimedMessage(0, message.topic, message.payload) for message in messages]
    around = chain.from_iterable(zip(good, bad, strict=False))
    with Publisher(MqttSettings(host=broker.host, port=broker.port), window_messages=20) as publisher:
        report = publisher.publish_all(chain(around, good[-1:]))
    assert (report.acknowledged, dict(report.refused)) == (len(good) + len(bad), {})
    return len(good)


def payload_of(refusal: dict[str, Any]) -> bytes:
    return refusal["payload"].encode() if "payload" in refusal else base64.b64decode(refusal["payload_b64"])


def masked(text: bytes) -> bytes:
    """What may be kept of a text with the addresses of the golden list in it."""
    return ADDRESS.sub(lambda address: re.sub(rb"[0-9A-Fa-f]", b"*", address[0]), text)


def kept(message: BadMessage) -> bytes:
    """What the quarantine keeps of a payload: the whole, but of one that is too large its first bytes."""
    return masked(message.payload[:KEPT_BYTES] if message.reason == "too_large" else message.payload)


@pytest.mark.parametrize("store_settings", ["influxdb"], indirect=True)
def test_every_bad_message_is_kept_under_its_reason_and_every_good_one_is_stored(
    broker: Mosquitto, store_settings: StoreSettings, make_pipeline: Callable[..., Pipeline], tmp_path: Path
) -> None:
    messages = bad_messages()
    assert len(messages) >= 40
    estate = tmp_path / "estate.yaml"
    estate.write_text(ESTATE)
    pipeline = make_pipeline(estate, **store_settings)
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_subscribed(ingest)
        good = publish(broker, messages)
        pipeline.wait_until_all_stored(ingest)
    listed = pipeline.command.run("quarantine", "list", "--json", "--limit", "1000").json

    found = {
        (refusal["topic"], payload_of(refusal)): refusal["reason"]
        for refusal in listed["refusals"]
        if refusal["topic"] != LAST_TOPIC
    }
    places = {message.what: (masked(message.topic.encode()).decode(), kept(message)) for message in messages}
    assert {what: found.get(place) for what, place in places.items()} == {m.what: m.reason for m in messages}
    assert len(found) == len(messages)
    assert all(refusal["detail"] for refusal in listed["refusals"])
    reasons = Counter(message.reason for message in messages) + Counter(bad_topic=1)
    assert Counter(listed["counts"]) == reasons

    ledger = pipeline.command.run("ledger", "--json").json
    assert ledger["balanced"]
    assert ledger["quarantine"] == listed["counts"]
    assert (ledger["messages_accepted"], ledger["messages_refused"]) == (good, len(messages) + 1)
    assert (ledger["readings_stored"], ledger["readings_pending"]) == (good, 0)
    assert pipeline.export(DAY, DAY, "library")[DAY]["entries"] == str(good)

    # What a phone calls itself is neither kept nor logged.
    assert not ADDRESS.search(ingest.err.encode())
    for path in pipeline.data.glob("buffer.db*"):
        assert not ADDRESS.search(path.read_bytes()), path.name
