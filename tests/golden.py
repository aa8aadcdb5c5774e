"""Messages with known answers, one a file: those of formats, native ones among them.

    {"why": ..., "topic": ...,
     "payload": text or JSON | "payload_b64": ... | "payload_parts": [[text, times], ...],
     "before": [{"topic", "payload"}, ...]    messages that announce how others are to be read
     "readings": as `hubpulse explain` prints them, "rejected": [{"reason": ..., "says": [what the detail contains]}],
     "no_reading": what the message is, where it carries no reading by its nature}

Each folder has an `estate.yaml`; the clock stands at NOW.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ingest.explain import Explanation, explain
from mqtt.messages import Message
from schemas import Settings
from sensors.estate_file import codecs_of, load_estate
from sensors.registry import Registry
from sensors.times import text_ns

GOLDEN = Path(__file__).parent / "sensors" / "golden"
NATIVE = Path(__file__).parent / "data" / "native"
NOW = "2026-05-12T12:00:00Z"


class Case(NamedTuple):
    """A message, those that announced how it is to be read, and what its file says that it becomes."""

    topic: str
    payload: bytes
    before: tuple[tuple[str, bytes], ...]
    answer: dict[str, Any]


def payload_of(sent: dict[str, Any]) -> bytes:
    """The bytes of a message as its file has them."""
    if "payload_b64" in sent:
        return base64.b64decode(sent["payload_b64"])
    if "payload_parts" in sent:
        return "".join(text * times for text, times in sent["payload_parts"]).encode()
    payload = sent["payload"]
    return (payload if isinstance(payload, str) else json.dumps(payload)).encode()


def read_case(file: Path) -> Case:
    """The message of a file."""
    case = json.loads(file.read_text(encoding="utf-8"))
    before = tuple((each["topic"], payload_of(each)) for each in case.get("before", []))
    return Case(case["topic"], payload_of(case), before, case)


def cases(folder: Path) -> Iterator[Case]:
    """The messages of a folder."""
    yield from map(read_case, sorted(folder.glob("*.json")))


def explained(file: Path) -> Explanation:
    """What becomes of a file's message in the estate beside it."""
    case, estate = read_case(file), file.parent / "estate.yaml"
    return explain(
        case.topic,
        case.payload,
        registry=Registry(load_estate(estate), codecs=codecs_of(estate)),
        settings=Settings(),
        clock_ns=lambda: text_ns(NOW),
        announcements=[Message(topic.encode(), payload) for topic, payload in case.before],
    )


def check(file: Path) -> None:
    """Hold what becomes of a file's message against what the file says."""
    readings, rejections, no_reading = explained(file)
    case = read_case(file).answer
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
    assert no_reading == case.get("no_reading")
