"""`hubpulse replay` and `hubpulse record` as people run them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from cli.app import main
from mqtt.publisher import Publisher
from simulators.messages import TimedMessage, encode
from simulators.recordings import Recording
from tests.real_parts import REPOSITORY
from tests.servers import Mosquitto, free_port
from tests.simulators.listening import Listener, numbered, settings_of
from tests.simulators.tabulated import DATA
from tests.waiting import wait_until

DOOR = DATA / "uci_calit2" / "inout_30min_part.csv"


class Result(NamedTuple):
    code: int
    out: str
    err: str


class Commands:
    """Runs commands in a folder of their own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        monkeypatch.chdir(folder)

    def run(self, *arguments: object) -> Result:
        self._monkeypatch.setattr(sys, "argv", ["hubpulse", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        return Result(int(ended.value.code or 0), out, " ".join(err.split()))


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path, monkeypatch, capsys)


def test_a_table_is_replayed_by_the_name_of_its_mapping(commands: Commands, mosquitto: Mosquitto) -> None:
    with Listener(mosquitto.port) as listener:
        result = commands.run(
            "replay", DOOR, "--mapping", "calit2", "--speed", "max", "--mqtt-port", mosquitto.port, "--json"
        )
        listener.wait_for(240)
    shown = json.loads(result.out)
    assert (result.code, shown["sent"], shown["acknowledged"], shown["complete"]) == (0, 240, 240, True)
    assert shown["skipped"] == shown["refused"] == shown["notes"] == {}
    assert "--estate" in result.err
    assert "calit2.estate.yaml" in result.err


def test_what_was_left_out_is_said_at_the_end(commands: Commands, mosquitto: Mosquitto, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "time: {column: t}\nreadings:\n  - {topic: hubs/a/footfall/b, fields: {entries: n}}\n"
    )
    (tmp_path / "t.csv").write_text("t,n\n2026-01-01T00:00Z,1\n2026-01-01T00:00Z,1\n2026-01-01T00:05Z,\nyesterday,4\n")
    result = commands.run("replay", "t.csv", "--mapping", "m.yaml", "--speed", "max", "--mqtt-port", mosquitto.port)
    assert result.code == 0
    assert "sent 1, acknowledged 1" in result.out
    assert "skipped: 1 x duplicate: same sensor, time and values as before (first: line 3)" in result.out
    assert "skipped: 1 x blank: no value in the columns of a reading (first: line 4)" in result.out
    assert "skipped: 1 x time blank or in no known format (first: line 5" in result.out


def test_a_table_of_which_nothing_can_be_sent_is_an_error(
    commands: Commands, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("local_time_start,in_count,out_count\n01/02/2026,1,2\n")
    result = commands.run("replay", "t.csv", "--mapping", "calit2", "--speed", "max", "--mqtt-port", mosquitto.port)
    assert result.code == 1
    assert "error: nothing of t.csv could be sent" in result.err
    assert "skipped: 1 x time blank or in no known format (first: line 2, '01/02/2026'" in result.out


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (("none.jsonl",), "error: can't read none.jsonl: No such file or directory"),
        ((DOOR, "--mapping", "none"), "error: none: can't be read"),
        (
            (DOOR, "--mapping", "robod", "--speed", "max"),
            "column 'timestamp' is not in the table; it has local_time_start",
        ),
        ((DOOR, "--speed", "max"), "no recording"),
    ],
)
def test_what_cannot_be_replayed_is_one_plain_line(
    commands: Commands, mosquitto: Mosquitto, arguments: tuple[object, ...], problem: str
) -> None:
    result = commands.run("replay", *arguments, "--mqtt-port", mosquitto.port)
    assert result.code == 1
    assert problem in result.err
    assert "Traceback" not in result.err


def test_without_a_broker_the_error_says_what_to_set(commands: Commands) -> None:
    result = commands.run("replay", DOOR, "--mapping", "calit2", "--speed", "max", "--mqtt-port", free_port())
    assert result.code == 1
    assert "error: no broker answers at 127.0.0.1" in result.err


def test_the_broker_comes_from_the_environment(
    commands: Commands, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBPULSE_MQTT__PORT", str(mosquitto.port))
    assert commands.run("replay", DOOR, "--mapping", "calit2", "--speed", "max").code == 0


def test_shifted_to_now_the_last_reading_is_of_this_minute(
    commands: Commands, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    recorded = tmp_path / "r.jsonl"
    recorded.write_bytes(encode(TimedMessage(10**18, "hubs/a/co2/b", b'{"time":"2001-09-09T01:46:40Z","co2_ppm":600}')))
    with Listener(mosquitto.port) as listener:
        result = commands.run("replay", recorded, "--speed", "max", "--shift-to-now", "--mqtt-port", mosquitto.port)
        listener.wait_for(1)
    assert result.code == 0
    assert json.loads(listener.payloads[0])["time"] >= "2026"


def test_to_resume_what_never_broke_off_starts_from_the_beginning_and_says_so(
    commands: Commands, mosquitto: Mosquitto
) -> None:
    result = commands.run(
        "replay", DOOR, "--mapping", "calit2", "--speed", "max", "--resume", "--mqtt-port", mosquitto.port
    )
    assert (result.code, "sent 240" in result.out) == (0, True)
    assert "starting from its beginning" in result.err


def test_a_recording_ends_after_its_time(commands: Commands, mosquitto: Mosquitto, tmp_path: Path) -> None:
    result = commands.run("record", "r.jsonl.gz", "--for", "1s", "--mqtt-port", mosquitto.port, "--json")
    shown = json.loads(result.out)
    assert (result.code, shown["written"], shown["files"]) == (0, 0, ["r.jsonl.gz"])
    assert (tmp_path / "r.jsonl.gz").exists()


@pytest.mark.parametrize(
    "arguments, problem",
    [
        (("--topic", "a/#/b"), "write topic filters such as hubs/#"),
    ],
)
def test_what_cannot_be_recorded_is_one_plain_line(
    commands: Commands, mosquitto: Mosquitto, arguments: tuple[str, ...], problem: str
) -> None:
    result = commands.run("record", "r.jsonl", *arguments, "--mqtt-port", mosquitto.port)
    assert result.code == 1
    assert problem in result.err


@pytest.mark.parametrize(
    "command, option, value",
    [("replay", "--speed", "fast"), ("record", "--for", "soon")],
)
def test_an_option_that_cannot_be_read_is_wrong_usage(
    commands: Commands, command: str, option: str, value: str
) -> None:
    result = commands.run(command, DOOR, option, value)
    assert (result.code, option in result.err, "Traceback" in result.err) == (2, True, False)


class Process:
    """A command in a process of its own, so that it can be sent a signal."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from cli.app import main; main()", *map(str, arguments)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def interrupt(self) -> tuple[int, str, str]:
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


def test_ctrl_c_ends_a_recording_cleanly(mosquitto: Mosquitto, tmp_path: Path) -> None:
    recorder = Process(tmp_path, "record", "r.jsonl.gz", "--mqtt-port", mosquitto.port)
    wait_until(lambda: "hubpulse-recorder" in mosquitto.log, 30, "the recorder")
    path = tmp_path / "r.jsonl.gz"

    def something_was_written() -> bool:
        with Publisher(settings_of(mosquitto.port)) as publisher:
            publisher.publish_all(numbered(200))
        return path.stat().st_size > 100

    wait_until(something_was_written, 30, "a first flush", poll_s=0.2)
    code, out, err = recorder.interrupt()
    number = len(list(Recording(path).messages()))
    assert number >= 200
    assert (code, out) == (0, f"recorded {number} messages to r.jsonl.gz\n")
    assert "Traceback" not in err


def test_ctrl_c_stops_a_replay_which_goes_on_with_resume(
    commands: Commands, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    arguments = ("replay", DOOR, "--mapping", "calit2", "--mqtt-port", mosquitto.port)
    with Listener(mosquitto.port) as listener:
        slow = Process(tmp_path, *arguments, "--speed", "30000")
        listener.wait_for(5, deadline_s=30)
        code, out, err = slow.interrupt()
        assert (code, "sent " in out) == (1, True)
        assert "`--resume` with the same options goes on from here" in err
        assert 5 <= len(listener.received) < 240
        result = commands.run(*arguments, "--speed", "max", "--resume", "--json")
        listener.wait_for(240)
    assert (result.code, json.loads(result.out)["complete"]) == (0, True)
    assert len(listener.received) == 240
