"""Native messages with known answers: add a file to tests/data/native, gain a test.

    {"why": ..., "topic": ..., "payload": text | "payload_b64": ... | "payload_parts": [[text, times], ...],
     "readings": as `hubpulse explain` prints them, "rejected": [{"reason": ..., "says": [what the detail contains]}]}

The clock stands at NOW, and the estate knows the hub armley with the sensor door-1.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.explain import explain
from schemas import Estate, Settings
from sensors.registry import Registry
from sensors.times import text_ns

GOLDEN = Path(__file__).parent.parent / "data" / "native"
FILES = sorted(GOLDEN.glob("*.json"))
NOW = "2026-05-12T12:00:00Z"
ESTATE = Estate.model_validate(
    {
        "timezone": "Europe/London",
        "hubs": [
            {"id": "armley", "sensors": [{"id": "door-1", "kinds": ["footfall"], "zone": "entrance", "every": "5m"}]}
        ],
    }
)


def payload_of(case: dict[str, Any]) -> bytes:
    if "payload_b64" in case:
        return base64.b64decode(case["payload_b64"])
    if "payload_parts" in case:
        return "".join(text * times for text, times in case["payload_parts"]).encode()
    return str(case["payload"]).encode()


def test_there_are_golden_files() -> None:
    assert len(FILES) > 100


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_native_message_becomes_what_its_file_says(file: Path) -> None:
    case = json.loads(file.read_text(encoding="utf-8"))

    readings, rejections, _ = explain(
        case["topic"],
        payload_of(case),
        registry=Registry(ESTATE),
        settings=Settings(),
        clock_ns=lambda: text_ns(NOW),
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
        assert "\n" not in rejection.detail
        assert len(rejection.detail) < 400
