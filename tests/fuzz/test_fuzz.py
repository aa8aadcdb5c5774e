"""Nothing that a stranger sends raises, leaves its bounds, or leaves a MAC address behind.

`make fuzz` tries 200,000 of each; here it is a share of 5,000 that takes seconds, another one in each run. Each may
take 50 ms of CPU.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from mqtt.packets import PacketSplitter
from tests.fuzz.__main__ import CPU_MAX_S, cpu_s
from tests.fuzz.strategies import CORPUS, STRATEGIES
from tests.fuzz.targets import TARGETS

CPU_S = 8.0
"""Of each target, on a machine that is slower than most."""
EXAMPLES = {
    "message": 1500,
    "frame": 500,
    "codec": 100,
    "packets": 1000,
    "estate": 600,
    "board": 700,
    "quarantine": 700,
}


@pytest.mark.claim("S-77")
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_a_stranger_sends_does_harm(name: str) -> None:
    enough_s = time.process_time() + CPU_S

    @settings(max_examples=EXAMPLES[name], suppress_health_check=list(HealthCheck))
    @given(STRATEGIES[name])
    def try_one(data: bytes) -> None:
        if time.process_time() < enough_s:
            assert cpu_s(name, data) <= CPU_MAX_S[name]

    try_one()


def corpus() -> list[Path]:
    return sorted(path for path in CORPUS.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", corpus(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once_does_no_harm_any_more(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def a_splitter_that_forgets(splitter: PacketSplitter, data: bytes) -> int:
    return splitter._split(data)


@pytest.mark.parametrize(
    "name, broken, instead, data",
    [
        ("message", "ingest.privacy.mask_macs", lambda text, **_: text, b"hubs/armley/co2/air\nA4-C1-38-0B-1C-2D"),
        ("message", "ingest.encode.SeriesEncoder.encode", lambda *_, **__: "co2,hub=a b=1 1", b"hubs/armley/co2/x\n1"),
        ("packets", "mqtt.packets.PacketSplitter.feed", a_splitter_that_forgets, b"\x03\x32\x06\0\1a\0\1\0"),
        ("estate", "sensors.yaml_text._printable", str, b'"\\u2028x": 1'),
        ("quarantine", "cli.context.printable", lambda text, **_: text, b"a\n\x1b[2J"),
    ],
)
def test_harm_would_be_seen(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: str, instead: Callable[..., Any], data: bytes
) -> None:
    TARGETS[name](data)
    monkeypatch.setattr(broken, instead)

    with pytest.raises(AssertionError):
        TARGETS[name](data)
