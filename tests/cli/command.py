"""The `hubpulse` command as its users run it: a process of its own, in a folder of its own, with its own settings."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.waiting import wait_until

PROGRAM = Path(sys.executable).with_name("hubpulse")
ANSWER_DEADLINE_S = 60.0


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it said."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.exit_code == 0, self.err
        return json.loads(self.out)


class CommandLine:
    """Runs `hubpulse` in a folder; `settings` are its environment, nothing of the tester's own gets through."""

    def __init__(self, folder: Path, **settings: str | float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._settings = {name: str(value) for name, value in settings.items()}

    def run(self, *arguments: str | Path, stdin: bytes = b"", deadline_s: float = ANSWER_DEADLINE_S) -> Answer:
        """Run a command to its end."""
        ended = subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env=self._environment(),
            input=stdin,
            capture_output=True,
            timeout=deadline_s,
            check=False,
        )
        return Answer(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def start(self, *arguments: str | Path, **settings: str | int) -> "Running":
        """Start a command that runs until it is stopped; `settings` go over those of the folder."""
        return self.start_program([PROGRAM, *arguments], **settings)

    def start_program(self, command: Sequence[str | Path], **settings: str | int) -> "Running":
        """Start another program in its place, with the same settings."""
        more = {name: str(value) for name, value in settings.items()}
        return Running([*command], self.folder, {**self._environment(), **more})

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HUBPULSE_")}
        return {**inherited, "COLUMNS": "200", "NO_COLOR": "1", **self._settings}


class Running:
    """A command under way, the leader of a process group as in a terminal; killed at the end of the `with`."""

    def __init__(self, command: list[str | Path], folder: Path, environment: Mapping[str, str]) -> None:
        number = len(list(folder.glob("*.out")))
        self._out, self._err = folder / f"{number}.out", folder / f"{number}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def out(self) -> str:
        return self._out.read_text(errors="replace")

    @property
    def err(self) -> str:
        return self._err.read_text(errors="replace")

    @property
    def memory_peak_mb(self) -> float:
        """The most memory that it ever had resident (VmHWM of Linux)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    @property
    def children(self) -> list[int]:
        """The processes that it started, whichever session they are in."""
        lists = Path(f"/proc/{self.pid}/task").glob("*/children")
        return [int(pid) for path in lists for pid in path.read_text().split()]

    def wait_for(self, text: str, deadline_s: float = 30.0) -> None:
        """Return once it said something; fail where it ended first."""

        def is_said() -> bool:
            said = text in self.out or text in self.err
            assert said or self.is_running, f"ended without saying {text!r}:\n{self.out}\n{self.err}"
            return said

        wait_until(is_said, deadline_s, f"{text!r}")

    def signal(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal; to the whole process group, as a terminal does, where `group` is set."""
        if group:
            os.killpg(self.pid, number)
        else:
            self._process.send_signal(number)

    def wait(self, deadline_s: float = ANSWER_DEADLINE_S) -> Answer:
        """Wait for its end."""
        try:
            exit_code = self._process.wait(deadline_s)
        except subprocess.TimeoutExpired as late:
            message = f"still running after {deadline_s:g} s:\n{self.out}\n{self.err}"
            raise AssertionError(message) from late
        return Answer(exit_code, self.out, self.err)

    def kill(self) -> None:
        """End it as a power cut would; harmless where it has ended."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
