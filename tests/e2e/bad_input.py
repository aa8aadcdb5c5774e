"""The golden list of messages that are refused."""

import base64
from dataclasses import dataclass
from typing import Any

import yaml

from tests.real_parts import REPOSITORY

FILE = REPOSITORY / "tests" / "data" / "bad_input.yaml"


@dataclass(frozen=True)
class BadMessage:
    """A message and the reason that it is refused for; no two have the same topic."""

    what: str
    topic: str
    payload: bytes
    reason: str


def bad_messages() -> list[BadMessage]:
    cases = yaml.safe_load(FILE.read_text())
    messages = [_message(number, case) for number, case in enumerate(cases, start=1)]
    assert len({message.topic for message in messages}) == len(messages)
    return messages


def _message(number: int, case: dict[str, Any]) -> BadMessage:
    topic = case.get("topic", f"hubs/library/{case.get('kind', 'footfall')}/case-{number}")
    return BadMessage(case["what"], topic, _payload(case), case["reason"])


def _payload(case: dict[str, Any]) -> bytes:
    if "payload_b64" in case:
        return base64.b64decode(case["payload_b64"], validate=True)
    if "payload_repeated" in case:
        text, times = case["payload_repeated"]
        return str(text).encode() * int(times)
    return str(case["payload"]).encode()
