"""Real servers for tests, each in a folder of its own on free loopback ports.

with Mosquitto(tmp_path) as broker:
connect("127.0.0.1", broker.port)
broker.kill()     # as a power cut would
broker.start()    # the same ports and the same data again
"""

import abc
import fcntl
import os
import pwd
import random
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import requests

from tests.real_parts import require
from tests.waiting import wait_until

LOOPBACK = "127.0.0.1"
READY_DEADLINE_S = 20.0
STOP_DEADLINE_S = 15.0


class FreePorts:
    """Loopback ports that no other test process on this machine is given, for as long as this one lives.

    They are below the range that the kernel gives to clients. A client that keeps knocking on a stopped server's port
    could otherwise be given that very port, connect to itself, and keep the server from coming back.
    """

    FIRST, STOP = 15_000, 32_000

    def __init__(self) -> None:
        # A process holds a port by a lock on the byte of that number. It ends with the process, never earlier: a
        # lock ends when any handle of the file in the process is closed, so there is one, and it stays open.
        self._locks = (Path(tempfile.gettempdir()) / f"hubpulse-test-ports-{os.getuid()}").open("wb")
        self._given: set[int] = set()

    def take(self) -> int:
        candidates = [port for port in range(self.FIRST, self.STOP) if port not in self._given]
        random.SystemRandom().shuffle(candidates)
        for port in candidates:
            if self._locked(port) and self._is_free(port):
                self._given.add(port)
                return port
        message = f"no free loopback port between {self.FIRST} and {self.STOP}"
        raise RuntimeError(message)

    def _locked(self, port: int) -> bool:
        try:
            fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        return True

    @staticmethod
    def _is_free(port: int) -> bool:
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return False
        return True


free_port = FreePorts().take


def handles(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1]
    return bool(int(caught, 16) >> (number - 1) & 1)


class Server(abc.ABC):
    """A real program that can be started, stopped, killed and started again on the same ports and data."""

    name: str
    ready_deadline_s = READY_DEADLINE_S

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_file = folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @abc.abstractmethod
    def command(self) -> list[str]: ...

    @abc.abstractmethod
    def is_ready(self) -> bool: ...

    def environment(self) -> dict[str, str]:
        return {}

    @property
    def pid(self) -> int:
        if self._process is None:
            message = f"{self.name} is not running"
            raise RuntimeError(message)
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def start(self) -> None:
        """Start it and return when it answers."""
        if self.is_running:
            message = f"{self.name} is running already"
            raise RuntimeError(message)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env=os.environ | self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._is_up_or_gone, self.ready_deadline_s, f"{self.name} to answer")
        if not self.is_running:
            message = f"{self.name} ended at once; its log says:\n{self.log}"
            raise RuntimeError(message)

    def stop(self) -> None:
        """End it as an administrator would (SIGTERM); harmless when it is not running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL); harmless when it is not running."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(STOP_DEADLINE_S)
        self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _is_up_or_gone(self) -> bool:
        return not self.is_running or self.is_ready()


class Mosquitto(Server):
    """Debian's broker: persistent, with a queue large enough for a whole replay.

    `settings` are further lines of mosquitto.conf. Sessions and messages are saved at a clean stop and every
    `autosave_interval_s`, so a kill loses what came after. `config` is the whole file: to start the broker on
    another one, set it before `start`, with a listener on `port`.
    """

    name = "mosquitto"

    def __init__(
        self,
        folder: Path,
        *,
        max_inflight_messages: int = 20,
        max_queued_messages: int = 1_000_000,
        autosave_interval_s: int = 1,
        settings: str = "",
    ) -> None:
        super().__init__(folder)
        self._program = require("mosquitto")
        self.host = LOOPBACK
        self.port = free_port()
        self.config_file = folder / "mosquitto.conf"
        self.config = "\n".join(
            [
                f"listener {self.port} {LOOPBACK}",
                "allow_anonymous true",
                # Started as root it would become another user, who cannot write into this folder.
                f"user {pwd.getpwuid(os.getuid()).pw_name}",
                "persistence true",
                f"persistence_location {folder}/",
                f"autosave_interval {autosave_interval_s}",
                f"max_inflight_messages {max_inflight_messages}",
                f"max_queued_messages {max_queued_messages}",
                "set_tcp_nodelay true",
                "log_dest stderr",
                settings,
                "",
            ]
        )

    def command(self) -> list[str]:
        self.config_file.write_text(self.config)
        return [str(self._program), "-c", str(self.config_file)]

    def is_ready(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((self.host, self.port)) != 0:
                return False
        # It listens before it handles signals: stopped in between, it would end without saving anything.
        return handles(self.pid, signal.SIGTERM)


class Influxd(Server):
    """InfluxDB 1.x (Debian's 1.6.7), with the two calls that a test needs to look inside it."""

    name = "influxd"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._program = require("influxd")
        self.host = LOOPBACK
        self.port = free_port()
        self._rpc_port = free_port()
        self.url = f"http://{self.host}:{self.port}"

    def command(self) -> list[str]:
        return [str(self._program), "run", "-config", os.devnull]

    def environment(self) -> dict[str, str]:
        return {
            "INFLUXDB_REPORTING_DISABLED": "true",
            "INFLUXDB_BIND_ADDRESS": f"{LOOPBACK}:{self._rpc_port}",
            "INFLUXDB_META_DIR": str(self.folder / "meta"),
            "INFLUXDB_DATA_DIR": str(self.folder / "data"),
            "INFLUXDB_DATA_WAL_DIR": str(self.folder / "wal"),
            "INFLUXDB_DATA_QUERY_LOG_ENABLED": "false",
            "INFLUXDB_HTTP_BIND_ADDRESS": f"{LOOPBACK}:{self.port}",
            "INFLUXDB_HTTP_LOG_ENABLED": "false",
            "INFLUXDB_MONITOR_STORE_ENABLED": "false",
        }

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/ping", timeout=1).ok
        except requests.RequestException:
            return False

    def query(self, statement: str, *, database: str = "") -> list[dict[str, Any]]:
        """Run an InfluxQL statement; return its rows as dictionaries, tags included, times in nanoseconds."""
        answer = requests.post(f"{self.url}/query", params={"q": statement, "db": database, "epoch": "ns"}, timeout=60)
        answer.raise_for_status()
        rows: list[dict[str, Any]] = []
        for result in answer.json()["results"]:
            if "error" in result:
                raise RuntimeError(result["error"])
            for series in result.get("series", []):
                tags = series.get("tags", {})
                rows += [
                    tags | dict(zip(series["columns"], values, strict=True)) for values in series.get("values", [])
                ]
        return rows

    def write(self, lines: str, *, database: str) -> None:
        """Write line protocol with times in nanoseconds, creating the database where it is missing."""
        self.query(f'CREATE DATABASE "{database}"')
        answer = requests.post(
            f"{self.url}/write", params={"db": database, "precision": "ns"}, data=lines.encode(), timeout=60
        )
        answer.raise_for_status()
