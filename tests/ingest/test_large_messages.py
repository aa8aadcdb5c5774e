"""One message within the limit of bytes, of whatever it is made: memory is bounded, and it is refused whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from ingest.decoder import Decoder
from mqtt.messages import KEPT_BYTES, Message
from schemas import Estate, Reason
from schemas.settings import IngestSettings
from sensors.formats import READINGS_MAX, Answer, Decoded, Item
from sensors.registry import Registry
from tests.ingest.given import DOOR, NOW_NS, make_decoder, message, reasons
from tests.real_parts import REPOSITORY

_BYTES = IngestSettings().message_bytes_max
_GROWTH_MAX_MB = 24
_MEASURE = """
import sys
from pathlib import Path
from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas.estate import Estate
from sensors.registry import Registry

def highest_kb():
    return int(next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM")).split()[1])

element, bytes_max = sys.argv[1].encode(), int(sys.argv[2])
decoder = Decoder(Registry(Estate(open=True)), clock_ns=lambda: 1_800_000_000_000_000_000)
decoder.decode([Message(b"hubs/a/footfall/d", b'[1, {"entries": "x"}, {"entries": 1}]', 1)])
payload = b"[" + b",".join([element] * ((bytes_max - 2) // (len(element) + 1))) + b"]"
if element == b"keys":
    payload = b"{" + b",".join(b'"%05x":1' % number for number in range(bytes_max // 10)) + b"}"
before_kb = highest_kb()
decoder.decode([Message(b"hubs/a/footfall/d", payload, 2), Message(b"hubs/a/footfall/d", b'{"entries": 1}', 3)])
print((highest_kb() - before_kb) // 1024)
"""


@pytest.mark.claim("S-11")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads what Linux says of a process")
@pytest.mark.parametrize("element", ["1", "{}", '{"a":1}', "[]", '{"entries":"x"}', '{"entries":1}', "keys"])
def test_memory_for_one_message_is_bounded_whatever_its_elements_are(element: str) -> None:
    """520,000 elements once took hundreds of megabytes, an error object for each: more than the service may have."""
    command = [sys.executable, "-c", _MEASURE, element, str(_BYTES)]
    grown_mb = int(subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=60).stdout)

    assert grown_mb <= _GROWTH_MAX_MB


def test_a_message_of_too_many_readings_is_refused_whole_and_its_first_bytes_are_kept() -> None:
    payload = "[" + ",".join(["1"] * 520_000) + "]"
    batch = make_decoder().decode([message(DOOR, payload), message(DOOR, '{"entries": 1}')])

    assert reasons(batch) == [Reason.TOO_LARGE]
    [refused] = batch.refused
    assert "520000 readings: send at most" in refused.rejections[0].detail
    assert (len(refused.message.payload), refused.message.cut_from_bytes) == (KEPT_BYTES, len(payload))
    assert len(batch.lines) == 1


def test_as_many_readings_as_a_message_may_have_are_taken() -> None:
    fits, beyond = ("[" + ",".join(['{"entries":1}'] * count) + "]" for count in (READINGS_MAX, READINGS_MAX + 1))
    batch = make_decoder().decode([message(DOOR, fits), message(DOOR, beyond)])

    assert len(set(batch.lines)) == READINGS_MAX
    assert reasons(batch) == [Reason.TOO_LARGE]


class Multiplies:
    """A format that makes of every byte a thousand readings."""

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        return [[Decoded("a/d", [Item("footfall", 1, None, {"entries": 1})] * 1000 * len(m.payload))] for m in messages]  # type: ignore[arg-type]


def test_a_format_that_makes_more_readings_than_a_message_can_hold_is_refused_too() -> None:
    registry = Registry(Estate.model_validate({"open": True, "sources": [{"topic": "x/#"}]}))
    registry._formats["native"] = Multiplies()
    batch = Decoder(registry, clock_ns=lambda: NOW_NS).decode([Message(b"x/1", b"1"), Message(b"x/2", b"")])

    assert reasons(batch) == [Reason.TOO_LARGE]
    assert batch.lines == []
