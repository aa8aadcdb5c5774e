"""The health check of a service: quick, and by the service's own sign of life."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingest.heartbeat import beat
from tests.servers import LOOPBACK, free_port

LONG_AGO_S = 1_700_000_000
PROBED = """
import runpy, sys
try:
    runpy.run_module("cli.probe", run_name="__main__")
finally:
    print(*sys.modules, file=sys.stdout)
"""


def probe(*arguments: str, **variables: str) -> tuple[int, str]:
    environment = {**os.environ, **{f"HUBPULSE_{name}": value for name, value in variables.items()}}
    command = [sys.executable, "-m", "cli.probe", *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("service", ["ingest", "jobs"])
def test_a_service_is_well_while_its_sign_of_life_is_fresh(tmp_path: Path, service: str) -> None:
    code, said = probe(service, DATA_DIR=str(tmp_path))
    assert (code, f"never ran on {tmp_path}" in said) == (1, True)

    beat(service, tmp_path)
    assert probe(service, DATA_DIR=str(tmp_path)) == (0, "")

    os.utime(tmp_path / f"{service}.alive", (LONG_AGO_S, LONG_AGO_S))
    code, said = probe(service, DATA_DIR=str(tmp_path))
    assert (code, f"start `hubpulse {service}` again" in said) == (1, True)


def test_a_sign_of_life_from_before_the_clock_was_set_back_is_none(tmp_path: Path) -> None:
    beat("ingest", tmp_path)
    ahead_s = time.time() + 86_400
    os.utime(tmp_path / "ingest.alive", (ahead_s, ahead_s))
    code, said = probe("ingest", DATA_DIR=str(tmp_path))
    assert (code, "start `hubpulse ingest` again" in said) == (1, True)


def test_a_sign_of_life_that_can_not_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "jobs.alive").mkdir()
    assert probe("jobs", DATA_DIR=str(tmp_path)) == (
        1,
        f"jobs: {tmp_path}/jobs.alive can't be read (Is a directory): check its owner and mode\n",
    )


def test_what_a_service_says_is_wrong_is_shown(tmp_path: Path) -> None:
    beat("ingest", tmp_path, "broker can't be reached")
    assert probe("ingest", DATA_DIR=str(tmp_path)) == (1, "ingest: broker can't be reached\n")


def test_a_board_that_does_not_answer() -> None:
    code, said = probe("board", BOARD__PORT=str(free_port()))
    assert (code, "start `hubpulse board`" in said) == (1, True)


@pytest.mark.parametrize(
    "name, value, word",
    [
        ("BOARD__PORT", "abc", "port"),
        ("BOARD__PORT", "-1", "port"),
        ("BOARD__PORT", "70000", "port"),
        ("BOARD__PORT", "80\n80", "port"),
        ("BOARD__HOST", "a..b", "host"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(name: str, value: str, word: str) -> None:
    code, said = probe("board", **{name: value})
    (line,) = said.splitlines()
    assert (code, line.startswith(f"board: HUBPULSE_{name}: {value!r} is not a {word}: write ")) == (1, True), said


def test_a_port_that_is_no_board() -> None:
    with (
        socket.create_server((LOOPBACK, 0)) as server,
        subprocess.Popen(
            [sys.executable, "-m", "cli.probe", "board"],
            env={**os.environ, "HUBPULSE_BOARD__PORT": str(server.getsockname()[1])},
            stderr=subprocess.PIPE,
            text=True,
        ) as asking,
    ):
        connection, _ = server.accept()
        connection.recv(1000)
        connection.sendall(b"HTTP/1.0 503 Service Unavailable\r\n\r\n")
        connection.close()
        _, said = asking.communicate(timeout=60)
    assert (asking.returncode, "answers HTTP/1.0 503 Service Unavailable" in said) == (1, True)


def test_wrong_usage_names_the_services() -> None:
    assert probe("everything") == (2, "error: name one service: ingest, jobs, board\n")


def test_nothing_but_the_standard_library_is_imported(tmp_path: Path) -> None:
    beat("ingest", tmp_path)
    environment = {**os.environ, "HUBPULSE_DATA_DIR": str(tmp_path)}
    command = [
        sys.executable,
        "-c",
        PROBED.replace("import runpy, sys", "import runpy, sys; sys.argv[1:] = ['ingest']"),
    ]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    ours = {"cli", "ingest", "schemas", "sitecustomize"}  # Debian's Python brings the last one along
    foreign = {name.partition(".")[0] for name in ended.stdout.split()} - set(sys.stdlib_module_names) - ours
    assert {name for name in foreign if not name.startswith(("__editable__", "_"))} == set()
