"""systemd is told how a service is, and its watchdog is fed only while every loop goes on."""

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import structlog

from cli.supervision import ServiceManager, Supervision
from dashboards.operations.health import ServiceHealth
from tests.cli.command import CommandLine, Running
from tests.mqtt.receiving import publish
from tests.operations.test_health import Whole
from tests.servers import LOOPBACK, Mosquitto, free_port
from tests.waiting import wait_until

DEADLINE_S = 60


class Listener:
    """What systemd would hear."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.heard: list[str] = []

    def listen(self) -> list[str]:
        """Everything that was told until now, a variable each."""
        while True:
            try:
                self.heard += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.heard

    def wait_for(self, text: str, *, ends: Callable[[], str] = str) -> None:
        wait_until(lambda: text in self.listen(), DEADLINE_S, f"{text}; {ends()}")

    def forget(self) -> None:
        self.listen()
        self.heard.clear()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    found = Listener(tmp_path / "notify")
    yield found
    found.close()


def test_ready_once_begun_fed_while_it_goes_on_and_told_when_it_stops(listener: Listener) -> None:
    begun, part = False, Whole()
    manager = ServiceManager({"NOTIFY_SOCKET": str(listener.path), "WATCHDOG_USEC": "30000000"})
    supervision = Supervision(ServiceHealth([part]), has_begun=lambda: begun, manager=manager)  # type: ignore[list-item]
    assert (manager.is_there, manager.watchdog_s) == (True, 30)

    supervision.look()
    assert listener.listen() == ["STATUS=starting", "WATCHDOG=1"]
    begun = True
    supervision.look()
    assert listener.listen()[2:] == ["STATUS=running", "READY=1", "WATCHDOG=1"]
    listener.forget()
    part.why = "writing stands\nstill"
    with structlog.testing.capture_logs() as logs:
        supervision.look()
        supervision.look()
    assert listener.listen() == ["STATUS=writing stands still"] * 2
    assert [entry["event"] for entry in logs] == ["service_stalled"]
    listener.forget()
    part.why = None
    supervision.look()
    supervision.stopping()
    assert listener.listen() == ["STATUS=running", "WATCHDOG=1", "STOPPING=1", "STATUS=stopping"]


def test_an_abstract_socket_is_a_socket_too() -> None:
    name = f"hubpulse-test-{free_port()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(DEADLINE_S)
        ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).tell(READY="1")
        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "environment",
    [{}, {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"}],
)
def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    manager = ServiceManager(environment)
    manager.tell(READY="1")
    assert manager.watchdog_s is None


@pytest.fixture
def started(listener: Listener, tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Callable[[str], tuple[Running, int]]]:
    running: list[Running] = []

    def start(service: str) -> tuple[Running, int]:
        port = free_port()
        command = CommandLine(
            tmp_path / "run",
            HUBPULSE_MQTT__HOST=LOOPBACK,
            HUBPULSE_MQTT__PORT=mosquitto.port,
            HUBPULSE_METRICS__PORT=port,
            HUBPULSE_BOARD__PORT=free_port(),
            NOTIFY_SOCKET=str(listener.path),
            WATCHDOG_USEC="600000",
        )
        running.append(command.start(service))
        listener.wait_for("READY=1", ends=lambda: running[-1].err)
        return running[-1], port

    yield start
    for each in running:
        each.kill()


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("service", ["ingest", "jobs", "board", "up"])
def test_each_service_is_ready_fed_answers_and_says_that_it_stops(
    started: Callable[[str], tuple[Running, int]], listener: Listener, service: str
) -> None:
    running, port = started(service)
    address = f"http://{LOOPBACK}:{port}"
    assert requests.get(f"{address}/healthz", timeout=30).json() == {"status": "ok", "stalled": []}
    wait_until(lambda: requests.get(f"{address}/readyz", timeout=30).status_code == 200, DEADLINE_S, "it to be ready")
    metrics = requests.get(f"{address}/metrics", timeout=30).text
    assert ("hubpulse_messages_received_total" in metrics) == (service in {"ingest", "up"})
    assert ("hubpulse_marked_days_waiting" in metrics) == (service in {"jobs", "up"})
    listener.forget()
    listener.wait_for("WATCHDOG=1", ends=lambda: running.err)
    running.signal(signal.SIGTERM)
    listener.wait_for("STOPPING=1", ends=lambda: running.err)
    assert running.wait().exit_code == 0


FROZEN = """
import pathlib, sys, threading
import ingest.activity, mqtt.subscriber, stores.sqlite_store
ingest.activity._SLACK_S, ingest.activity._REQUESTS_MAX = 1.0, 0
places = {"receiving": (mqtt.subscriber.Subscriber, "receive"), "writing": (stores.sqlite_store.SqliteStore, "write")}
place, name = places[sys.argv[1]]
real = getattr(place, name)
def freeze(self, *arguments):
    if pathlib.Path("freeze").exists():
        threading.Event().wait()
    return real(self, *arguments)
setattr(place, name, freeze)
import hubpulse
sys.argv = ["hubpulse", "ingest"]
hubpulse.main()
"""


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("loop", ["receiving", "writing"])
def test_a_process_of_which_one_loop_is_frozen_is_not_fed(
    listener: Listener, tmp_path: Path, mosquitto: Mosquitto, loop: str
) -> None:
    settings: dict[str, str | int] = {"HUBPULSE_MQTT__HOST": LOOPBACK, "HUBPULSE_MQTT__PORT": mosquitto.port}
    command = CommandLine(tmp_path / "run", **settings, NOTIFY_SOCKET=str(listener.path), WATCHDOG_USEC="600000")
    with command.start_program([sys.executable, "-c", FROZEN, loop]) as running:
        listener.wait_for("READY=1", ends=lambda: running.err)
        listener.forget()
        listener.wait_for("WATCHDOG=1", ends=lambda: running.err)
        (command.folder / "freeze").touch()
        publish(mosquitto.port, [b"21.5"], topic="hubs/armley/temperature/air-1")
        wait_until(lambda: any(f"{loop} " in said for said in listener.listen()), DEADLINE_S, "the loop to be missed")
        listener.forget()
        wait_until(lambda: len(listener.listen()) >= 5, DEADLINE_S, "more to be told")
        assert [said for said in listener.heard if not said.startswith("STATUS=")] == []
        assert "service_stalled" in running.err
