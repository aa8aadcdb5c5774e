"""Asked to stop, everything stops: soon, cleanly, and with what was received safe."""

import signal
import socket
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ingest.buffer import BufferReader
from schemas import HubpulseError
from tests.cli.command import CommandLine, Running, is_alive
from tests.e2e.conftest import influx_settings
from tests.e2e.pipeline import Pipeline, write_recording
from tests.servers import LOOPBACK, Influxd, free_port
from tests.waiting import wait_until

STOP_WITHIN_S = 10.0
READINGS = 6000
ESTATE = "name: One hub\ntimezone: UTC\nhubs: [{id: library, name: Library}]\n"


def assert_clean_end(running: Running, started_by_it: list[int], *ports: int) -> None:
    """It ends in time with exit code 0, without a traceback, and leaves no process and no open port behind."""
    asked_s = time.monotonic()
    answer = running.wait(STOP_WITHIN_S)
    assert time.monotonic() - asked_s < STOP_WITHIN_S
    assert answer.exit_code == 0, answer.err
    assert "Traceback" not in answer.out + answer.err
    assert [pid for pid in started_by_it if is_alive(pid)] == []
    for port in ports:
        assert not is_open(port)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


@pytest.fixture
def library(tmp_path: Path) -> Path:
    estate = tmp_path / "library.yaml"
    estate.write_text(ESTATE)
    return estate


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """One entry every ten seconds of a day."""
    times = range(1_767_571_200, 1_767_571_200 + 10 * READINGS, 10)
    messages = [("hubs/library/footfall/door", f'{{"time": {time_s}, "entries": 1}}') for time_s in times]
    return write_recording(tmp_path / "counts.jsonl", messages)


@pytest.mark.needs("mosquitto")
def test_sigterm_in_the_middle_of_a_replay_loses_nothing(
    make_pipeline: Callable[..., Pipeline], library: Path, recording: Path
) -> None:
    pipeline = make_pipeline(library)
    with pipeline.start_ingest(HUBPULSE_MQTT__RECEIVE_MAX=1) as ingest:
        pipeline.wait_until_subscribed(ingest)
        with pipeline.command.start("replay", recording, "--speed", "max") as replay:
            wait_until(lambda: (ledger := pipeline.ledger()) and ledger.readings_stored, 30, "the first readings")
            ingest.signal(signal.SIGTERM)
            assert_clean_end(ingest, [])
            assert replay.wait().exit_code == 0, replay.err
    stopped = pipeline.ledger()
    assert stopped is not None
    assert stopped.balanced
    assert 0 < stopped.readings_accepted < READINGS
    assert stopped.readings_pending == 0, "the store took everything, so nothing waits in the buffer"
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_all_stored(ingest)
    assert pipeline.export("2026-01-05", "2026-01-05", "library")["2026-01-05"]["entries"] == str(READINGS)


@pytest.mark.needs("mosquitto", "influxd")
def test_sigterm_while_the_store_does_not_answer_leaves_everything_in_the_buffer(
    make_pipeline: Callable[..., Pipeline], library: Path, recording: Path, influxd: Influxd, influx_database: str
) -> None:
    pipeline = make_pipeline(library, **influx_settings(influxd, influx_database))
    with (
        socket.create_server((LOOPBACK, free_port())) as mute,
        pipeline.start_ingest(HUBPULSE_INFLUX__URL=f"http://{LOOPBACK}:{mute.getsockname()[1]}") as ingest,
    ):
        pipeline.wait_until_subscribed(ingest)
        pipeline.replay(recording)
        wait_until(lambda: (ledger := pipeline.ledger()) and ledger.readings_accepted == READINGS, 30, "all readings")
        ingest.signal(signal.SIGTERM)
        assert_clean_end(ingest, [])
    stopped = pipeline.ledger()
    assert stopped is not None
    assert (stopped.balanced, stopped.readings_pending) == (True, READINGS)
    with pipeline.start_ingest() as ingest:
        pipeline.wait_until_all_stored(ingest)
    assert pipeline.export("2026-01-05", "2026-01-05", "library")["2026-01-05"]["entries"] == str(READINGS)


def test_sigterm_ends_ingest_that_never_found_its_broker(tmp_path: Path) -> None:
    command = CommandLine(tmp_path, HUBPULSE_MQTT__HOST=LOOPBACK, HUBPULSE_MQTT__PORT=free_port())
    with command.start("ingest") as ingest:
        wait_until((tmp_path / "data" / "buffer.db").exists, 30, "ingest to start")
        ingest.signal(signal.SIGTERM)
        assert_clean_end(ingest, [])


@pytest.mark.parametrize("command, sign", [("jobs", "jobs.alive"), ("board", "Board: ")])
def test_sigterm_ends_the_other_services(tmp_path: Path, command: str, sign: str) -> None:
    port = free_port()
    arguments = ("--port", str(port)) if command == "board" else ()
    with CommandLine(tmp_path).start(command, *arguments) as service:
        wait_until(lambda: sign in service.out or (tmp_path / "data" / sign).exists(), 30, f"{command} to start")
        service.signal(signal.SIGTERM)
        assert_clean_end(service, [], port)


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize(
    "number, group",
    [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False)],
    ids=["Ctrl-C in a terminal", "SIGINT", "SIGTERM"],
)
def test_up_ends_with_all_its_parts(tmp_path: Path, number: signal.Signals, group: bool) -> None:
    port, mqtt_port = free_port(), free_port()
    with CommandLine(tmp_path).start("up", "--port", str(port), "--mqtt-port", str(mqtt_port)) as up:
        up.wait_for("Ctrl-C stops everything")
        parts = up.children
        assert (is_open(port), is_open(mqtt_port), len(parts)) == (True, True, 1)
        up.signal(number, group=group)
        assert_clean_end(up, parts, port, mqtt_port)


@pytest.mark.needs("mosquitto")
def test_ctrl_c_ends_the_demo_while_it_loads_its_history(tmp_path: Path) -> None:
    port, mqtt_port = free_port(), free_port()
    arguments = ("--days", "30", "--port", str(port), "--mqtt-port", str(mqtt_port), "--data", "simulated")
    with CommandLine(tmp_path).start("demo", *arguments) as demo:
        wait_until(lambda: messages_received(tmp_path / "simulated"), 60, "the history")
        parts = demo.children
        demo.signal(signal.SIGINT, group=True)
        assert_clean_end(demo, parts, port, mqtt_port)


def messages_received(data_dir: Path) -> int:
    try:
        with closing(BufferReader(data_dir)) as reader:
            return reader.ledger.read().messages_received
    except HubpulseError:
        return 0
