"""`hubpulse simulate` as people call it: publish, verify, print the estate, go on live."""

import itertools
import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.buffer import BufferReader
from schemas import Estate
from sensors.estate_file import load_estate
from simulators.scenarios import estate_document
from tests.cli.command import CommandLine
from tests.servers import Mosquitto, free_port
from tests.simulators.listening import Listener
from tests.simulators.small_estate import document
from tests.waiting import wait_until

DAYS = ("--days", "3", "--until", "2025-05-16", "--seed", "11")


@pytest.fixture(name="hubpulse")
def _hubpulse(mosquitto: Mosquitto, tmp_path: Path) -> CommandLine:
    (tmp_path / "estate.yaml").write_text(yaml.safe_dump(document()))
    return CommandLine(tmp_path, HUBPULSE_MQTT__HOST=mosquitto.host, HUBPULSE_MQTT__PORT=mosquitto.port)


@pytest.fixture(name="offline")
def _offline(tmp_path: Path) -> CommandLine:
    """Where no broker is needed, or must not be asked for."""
    return CommandLine(tmp_path, HUBPULSE_MQTT__HOST="127.0.0.1", HUBPULSE_MQTT__PORT=free_port())


@pytest.fixture(name="ingesting")
def _ingesting(hubpulse: CommandLine, mosquitto: Mosquitto) -> Iterator[None]:
    with hubpulse.start("ingest"):
        wait_until(lambda: "hubpulse-ingest" in mosquitto.log, 30, "ingest to connect")
        yield


def wait_until_stored(folder: Path, messages: int) -> None:
    def is_stored() -> bool:
        ledger = reader.ledger.read()
        return ledger.messages_received >= messages and not ledger.readings_pending

    with closing(BufferReader(folder / "data")) as reader:
        wait_until(is_stored, 60, "the readings to be stored")


@pytest.mark.usefixtures("ingesting")
def test_what_was_simulated_is_verified_and_a_false_truth_is_not(hubpulse: CommandLine, tmp_path: Path) -> None:
    arguments = (
        "--estate",
        "estate.yaml",
        "--fault",
        "gaps:0.3",
        "--fault",
        "disconnect:0.01",
        "--truth",
        "truth.jsonl",
    )
    report = hubpulse.run("simulate", *DAYS, *arguments, "--json").json
    assert report["complete"]
    assert report["messages"] == report["acknowledged"] > 0
    wait_until_stored(tmp_path, report["messages"])
    verified = hubpulse.run("simulate", "verify", "--truth", "truth.jsonl")
    assert (verified.exit_code, verified.out) == (0, "all 9 hub days are as in the truth\n")

    lines = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    day = next(line for line in lines if line["type"] == "usage_daily" and line["hub"] == "south")
    day["entries"] += 1
    (tmp_path / "false.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    refuted = hubpulse.run("simulate", "verify", "--truth", "false.jsonl")
    assert refuted.exit_code == 1
    expected = f"south {day['date']} entries: expected {day['entries']}, found {day['entries'] - 1}"
    assert refuted.out.splitlines() == [expected, "1 of 9 hub days differ from the truth"]
    told: dict[str, Any] = json.loads(hubpulse.run("simulate", "verify", "--truth", "false.jsonl", "--json").out)
    assert [difference["field"] for difference in told["differences"]] == ["entries"]


def test_live_goes_on_where_the_days_end(hubpulse: CommandLine, mosquitto: Mosquitto, tmp_path: Path) -> None:
    hub = {"id": "quick", "sensors": [{"id": "door", "kinds": ["footfall"], "every": "5s"}]}
    (tmp_path / "estate.yaml").write_text(yaml.safe_dump({"hubs": [hub]}))
    started_ms = time.time() * 1000
    with Listener(mosquitto.port) as listener:

        def seen_ms() -> list[int]:
            bodies = [json.loads(payload) for payload in list(listener.payloads)]
            return [r["time"] for body in bodies for r in (body if isinstance(body, list) else [body])]

        with hubpulse.start("simulate", "--days", "1", "--live", "--estate", "estate.yaml") as running:
            wait_until(lambda: max(seen_ms(), default=0) > started_ms + 3000, 90, "readings of the present", poll_s=0.5)
            running.signal(signal.SIGINT)
            assert running.wait().exit_code == 0
    times = seen_ms()
    assert times == sorted(set(times))
    assert max(times) <= time.time() * 1000
    assert times[0] < started_ms - 24 * 3600 * 1000 + 3600 * 1000
    assert all(later - earlier < 6000 for earlier, later in itertools.pairwise(times))


def test_a_rate_is_held_and_told(hubpulse: CommandLine, mosquitto: Mosquitto) -> None:
    with Listener(mosquitto.port) as listener:
        arguments = ("--days", "1", "--until", "2025-05-16", "--hubs", "1", "--rate", "2000", "--json")
        report = hubpulse.run("simulate", *arguments).json
        listener.wait_for(report["acknowledged"])
    assert report["messages"] == report["acknowledged"] > 1000
    assert 0 < report["rate_held_per_s"] <= 2000
    assert report["latency_p50_ms"] <= report["latency_p99_ms"]


def test_the_estate_it_plays_can_be_printed(offline: CommandLine, tmp_path: Path) -> None:
    printed = offline.run("simulate", "estate", "--hubs", "30").out
    assert len(yaml.safe_load(printed)["hubs"]) == 30
    (tmp_path / "estate.yaml").write_text(printed)
    assert load_estate(tmp_path / "estate.yaml") == Estate.model_validate(estate_document(None, hubs=30))


@pytest.mark.parametrize(
    "arguments,complaint",
    [
        (["--scenario", "storm"], "no scenario is called 'storm': choose from normal"),
        (["--fault", "gremlins"], "no fault is called 'gremlins': choose from"),
        (["--until", "yesterday"], "--until 'yesterday' is not a date"),
        (["--live", "--speed", "60"], "--live, --rate and --speed each set the pace"),
        (["--until", "2023-05-01"], "the simulated estate opened on 2024-01-01"),
        (["verify", "--truth", "none.jsonl"], "simulate with --truth none.jsonl first"),
    ],
)
def test_what_cannot_be_done_is_one_line_that_says_what_to_do(
    offline: CommandLine, arguments: list[str], complaint: str
) -> None:
    answer = offline.run("simulate", *arguments)
    assert answer.exit_code == 1
    assert answer.out == ""
    assert len(answer.err.splitlines()) == 1
    assert complaint in answer.err


def test_scenarios_and_faults_are_listed(offline: CommandLine) -> None:
    told = offline.run("simulate", "list", "--json").json
    assert list(told["scenarios"]) == ["normal", "outage", "chaos", "clock-change", "busy-day"]
    assert set(told["faults"]) > {"duplicates", "outage", "disconnect"}
    listed = offline.run("simulate", "list").out
    assert all(name in listed for name in [*told["scenarios"], *told["faults"]])
