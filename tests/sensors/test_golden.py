"""Messages of each format with known answers: add a file to tests/sensors/golden/<format>, gain a test.

    {"topic": ..., "payload": text or JSON | "payload_b64": ...,
     "before": [{"topic", "payload"}, ...]    messages that announce how others are to be read
     "readings": as `hubpulse explain` prints them, "rejected": [{"reason": ..., "says": [what the detail contains]}],
     "no_reading": what the message is, where it carries no reading by its nature}

Each folder has an `estate.yaml`; the clock stands at NOW.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.explain import explain
from mqtt.messages import Message
from schemas import Settings
from sensors.estate_file import codecs_of, load_estate
from sensors.formats import BUILT_IN
from sensors.registry import Registry
from sensors.times import text_ns

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*/*.json"))
NOW = "2026-05-12T12:00:00Z"


def payload_of(case: dict[str, Any]) -> bytes:
    if "payload_b64" in case:
        return base64.b64decode(case["payload_b64"])
    sent = case["payload"]
    return (sent if isinstance(sent, str) else json.dumps(sent)).encode()


def test_every_format_has_golden_files() -> None:
    assert {file.parent.name for file in FILES} >= (BUILT_IN.keys() - {"native"}) | {"json"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_message_becomes_what_its_file_says(file: Path) -> None:
    case = json.loads(file.read_text(encoding="utf-8"))
    estate_file = file.parent / "estate.yaml"
    readings, rejections, no_reading = explain(
        case["topic"],
        payload_of(case),
        registry=Registry(load_estate(estate_file), codecs=codecs_of(estate_file)),
        settings=Settings(),
        clock_ns=lambda: text_ns(NOW),
        announcements=[Message(before["topic"].encode(), payload_of(before)) for before in case.get("before", [])],
    )

    found = [reading.model_dump(mode="json", exclude_none=True) for reading in readings]
    for reading in found:
        if not reading["suspect"]:
            del reading["suspect"]
    assert found == case["readings"]
    assert [type(value) for reading in found for value in reading["fields"].values()] == [
        type(value) for reading in case["readings"] for value in reading["fields"].values()
    ]
    assert [rejection.reason.value for rejection in rejections] == [expected["reason"] for expected in case["rejected"]]
    for rejection, expected in zip(rejections, case["rejected"], strict=True):
        assert [part for part in expected["says"] if part not in rejection.detail] == []
    assert no_reading == case.get("no_reading")
