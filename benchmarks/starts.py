"""What it costs to start: a command, a check of health, a service until it is ready. CPU and clock, median of ROUNDS.

python -m benchmarks.starts [ROUNDS]

Each is a process of its own, with its children; those that run on are asked to stop once they say that they are ready,
and what they took until they had ended counts. The check of health is what systemd and compose ask: of a board that
runs beside it.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.cli.command import PROGRAM
from tests.servers import free_port

ROUNDS = 9
_HUBPULSE = str(PROGRAM)
_WITHIN_S = 60.0


class Taken(NamedTuple):
    """Seconds of the processor until its end, and on the clock until it was done or ready."""

    cpu_s: float
    clock_s: float


def run(command: Sequence[str], environment: Mapping[str, str], ready: str = "") -> Taken:
    """Run it to its end; or until it says that it is ready, and stop it then."""
    started_s, used_s = time.perf_counter(), _children_s()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if ready and ready in line:
            clock_s = time.perf_counter() - started_s
            process.send_signal(signal.SIGTERM)
            break
    else:
        clock_s = time.perf_counter() - started_s
    process.communicate(timeout=_WITHIN_S)
    return Taken(_children_s() - used_s, clock_s)


def _children_s() -> float:
    used = os.times()
    return used.children_user + used.children_system


def main() -> None:
    """Print a line for each."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HUBPULSE_")},
            "HUBPULSE_DATA_DIR": folder,
            "HUBPULSE_BOARD__PORT": str(port),
        }
        board = [_HUBPULSE, "board", "--port", str(port)]
        beside = subprocess.Popen(board, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert beside.stdout is not None
            beside.stdout.readline()
            print(f"median of {rounds}: CPU, clock in seconds")
            for name, command, ready in (
                ("--version", [_HUBPULSE, "--version"], ""),
                ("--help", [_HUBPULSE, "--help"], ""),
                ("a check of health", [sys.executable, "-m", "cli.probe", "board"], ""),
                ("doctor", [_HUBPULSE, "doctor"], ""),
                ("board, until it answers", [_HUBPULSE, "board", "--port", str(free_port())], "Board: "),
                ("up, until it receives", _up(Path(folder) / "up"), "Ctrl-C stops everything"),
            ):
                taken = [run(command, environment, ready) for _ in range(rounds)]
                cpu_s, clock_s = (statistics.median(column) for column in zip(*taken, strict=True))
                print(f"{name:<26} {cpu_s:>6.2f} {clock_s:>6.2f}", flush=True)
        finally:
            beside.terminate()
            beside.communicate(timeout=_WITHIN_S)


def _up(folder: Path) -> list[str]:
    return [_HUBPULSE, "up", "--data", str(folder), "--port", str(free_port()), "--mqtt-port", str(free_port())]


if __name__ == "__main__":
    main()
