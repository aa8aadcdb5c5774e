"""The embedded broker: mosquitto where it is on the PATH, else amqtt. On loopback only, as a process of its own.

mosquitto keeps the promise (its queue is large and rests on disk); amqtt serves for a demo: it has no MQTT 5, does not
deliver again what was not acknowledged, and can lose what a publisher sent just before it left.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from schemas.errors import HubpulseError

HOST = "127.0.0.1"
_READY_DEADLINE_S = 15.0
_STOP_DEADLINE_S = 5.0
_POLL_S = 0.02
_PR_SET_PDEATHSIG = 1
_QUEUED_MESSAGES_MAX = 10_000_000

_MOSQUITTO_CONF = """\
listener {port} {host}
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval {autosave_interval_s}
max_queued_messages {queued}
max_inflight_messages 0
log_type error
log_type warning
{user}"""
_AMQTT_CONF = """\
listeners:
  default: {{type: tcp, bind: "{host}:{port}", max_connections: 100}}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin: {{allow_anonymous: true}}
"""


class EmbeddedBroker:
    """A broker that lives as long as the thread that starts it (to Linux, that is its parent), and not longer."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int,
        autosave_interval_s: int = 10,
        find: Callable[[str], str | None] = shutil.which,
    ) -> None:
        self._folder = data_dir / "broker"
        self.port = port
        self._autosave_interval_s = autosave_interval_s
        self._mosquitto = find("mosquitto") or find("/usr/sbin/mosquitto")
        self._process: subprocess.Popen[bytes] | None = None
        self.had_saved_all = False
        """Whether the one before was ended by us and had saved what it held: then its end lost nothing."""

    @property
    def name(self) -> str:
        """Which broker it is."""
        return "mosquitto" if self._mosquitto else "amqtt"

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it and wait until it answers. Raises HubpulseError, with the broker's last line."""
        if _answers(self.port):
            raise HubpulseError(
                f"port {self.port} is taken: is another broker or Hubpulse running? Choose another with --mqtt-port, or"
                " use that broker with HUBPULSE_MQTT__HOST"
            )
        if not self._mosquitto and find_spec("amqtt") is None:
            raise HubpulseError(
                "no broker is installed that could be started here: install mosquitto (Debian, Ubuntu: sudo apt-get"
                " install mosquitto) or amqtt (pip install 'hubpulse[broker]'), or use another machine's with"
                " HUBPULSE_MQTT__HOST"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        self.had_saved_all = self._saved_mark.exists()
        self._saved_mark.unlink(missing_ok=True)
        log_path = self._folder / "broker.log"
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A session of its own: Ctrl-C in a terminal goes to us alone, and we end the broker last.
                start_new_session=True,
                preexec_fn=partial(_die_with, os.getpid()),  # noqa: PLW1509 - a system call or two, nothing that could deadlock
            )
        until_s = time.monotonic() + _READY_DEADLINE_S
        while not _answers(self.port):
            if not self.running or time.monotonic() > until_s:
                self.stop()
                last_line = log_path.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
                raise HubpulseError(
                    f"{self.name} did not start on port {self.port}; its last line: {last_line[0][:300]}"
                )

    def stop(self) -> None:
        """End it; it keeps its sessions on disk."""
        process, self._process = self._process, None
        if process is None:
            return
        saved_ns = self._saved_ns()
        process.send_signal(signal.SIGTERM)
        try:
            ended = process.wait(_STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return
        if ended == 0 and self._saved_ns() != saved_ns:
            self._saved_mark.touch()

    @property
    def _saved_mark(self) -> Path:
        return self._folder / "saved"

    def _saved_ns(self) -> int:
        """When mosquitto last saved what it holds; 0 for never."""
        try:
            return (self._folder / "mosquitto.db").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _command(self) -> list[str]:
        conf = self._folder / f"{self.name}.conf"
        conf.write_text(
            (_MOSQUITTO_CONF if self._mosquitto else _AMQTT_CONF).format(
                port=self.port,
                host=HOST,
                folder=self._folder.resolve(),
                autosave_interval_s=self._autosave_interval_s,
                queued=_QUEUED_MESSAGES_MAX,
                # Started by root it would become another user, who may not write its sessions into our folder.
                user="user root\n" if os.geteuid() == 0 else "",
            )
        )
        program = [self._mosquitto] if self._mosquitto else [sys.executable, "-m", "amqtt.scripts.broker_script"]
        return [*program, "-c", str(conf)]


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=0.2):
            return True
    except OSError:
        time.sleep(_POLL_S)
        return False


def _die_with(parent_pid: int) -> None:
    """Ask the kernel (Linux) to end the broker should the process that started it be killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:  # it was killed before we could ask
            os._exit(1)
