"""A device is bound to the topics of its hub: what one hub may publish never becomes another hub's reading."""

import json
from typing import Any

import pytest

from ingest.batches import Batch
from schemas import Reason
from tests.ingest.given import NOW, estate, make_decoder, message, reasons

EUI, OTHER = "24e124710c401234", "24e124710c405678"
KNOWN = estate(
    {"id": "armley", "sensors": [{"id": "air", "device": EUI}]},
    {"id": "beeston", "sensors": [{"id": "air", "device": OTHER}]},
    sources=[
        {"topic": "hubs/+/tts/devices/+/up", "format": "tts"},
        {"topic": "v3/+/devices/+/up", "format": "tts"},
        {"topic": "hubs/+/+/+", "format": "native"},
    ],
)


def uplink(device: str) -> str:
    sent: dict[str, Any] = {"end_device_ids": {"device_id": "a", "dev_eui": device}, "received_at": NOW}
    return json.dumps(sent | {"uplink_message": {"decoded_payload": {"co2": 600}}})


def decode(topic: str, device: str) -> Batch:
    return make_decoder(KNOWN).decode([message(topic, uplink(device))])


def series_of(batch: Batch) -> list[str]:
    return [line.split(" ")[0] for line in batch.lines]


@pytest.mark.claim("S-03")
@pytest.mark.parametrize("named", [EUI, EUI.upper()])
def test_a_hub_does_not_speak_for_the_device_of_another(named: str) -> None:
    batch = decode("hubs/beeston/tts/devices/a/up", named)

    assert batch.lines == []
    assert reasons(batch) == [Reason.UNKNOWN_SENSOR] * 2  # the reading, and the counter of frames
    assert "not one of hub 'beeston'" in batch.refused[0].rejections[0].detail


@pytest.mark.parametrize(
    "topic, device",
    [
        ("hubs/armley/tts/devices/a/up", EUI),
        ("hubs/beeston/tts/devices/a/up", OTHER),
        ("v3/app/devices/a/up", EUI),
        ("v3/app/devices/a/up", OTHER),
    ],
)
def test_its_own_hub_and_a_gateway_do(topic: str, device: str) -> None:
    batch = decode(topic, device)

    assert batch.refused == []
    hub = "armley" if device == EUI else "beeston"
    assert series_of(batch) == [f"co2,hub={hub},sensor=air", f"device,hub={hub},sensor=air"]


def test_a_message_that_was_refused_for_it_is_taken_once_the_device_is_the_hubs() -> None:
    moved = estate(
        {"id": "armley"},
        {"id": "beeston", "sensors": [{"id": "air", "device": EUI}]},
        sources=KNOWN.model_dump()["sources"],
    )
    batch = make_decoder(moved).decode([message("hubs/beeston/tts/devices/a/up", uplink(EUI))])

    assert series_of(batch) == ["co2,hub=beeston,sensor=air", "device,hub=beeston,sensor=air"]
