"""The embedded broker, whichever of the two it is: it starts, it ends, and it never outlives us."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.broker import EmbeddedBroker
from schemas import HubpulseError
from tests.mqtt.receiving import numbers, payloads, publish, ready, receive, subscribing
from tests.real_parts import REPOSITORY
from tests.servers import LOOPBACK, free_port
from tests.waiting import wait_until

NAMES = [pytest.param("mosquitto", marks=pytest.mark.needs("mosquitto")), "amqtt"]


def no_mosquitto(_name: str) -> None:
    return None


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


MakeBroker = Callable[[str], EmbeddedBroker]


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[MakeBroker]:
    made: list[EmbeddedBroker] = []

    def make(name: str) -> EmbeddedBroker:
        options: dict[str, Any] = {} if name == "mosquitto" else {"find": no_mosquitto}
        made.append(EmbeddedBroker(tmp_path, port=free_port(), **options))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


@pytest.mark.parametrize("name", NAMES)
def test_it_starts_passes_messages_and_stops(make_broker: MakeBroker, name: str) -> None:
    broker = make_broker(name)
    assert (broker.name, broker.running) == (name, False)
    broker.start()

    with subscribing(broker.port) as subscriber:
        ready(subscriber)
        publish(broker.port, numbers(0, 20))
        assert payloads(receive(subscriber, 20)) == numbers(0, 20)
    broker.stop()

    assert not broker.running
    assert not answers(broker.port)
    broker.stop()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_heard_on_this_machine_only(make_broker: MakeBroker, name: str) -> None:
    broker = make_broker(name)
    broker.start()

    with socket.socket() as probe:
        probe.bind(("127.0.0.2", 0))  # another address of this machine, as another machine would use
        assert probe.connect_ex(("127.0.0.2", broker.port)) != 0


@pytest.mark.parametrize("name", NAMES)
def test_a_port_that_is_taken_says_so(make_broker: MakeBroker, name: str) -> None:
    broker = make_broker(name)
    with (
        socket.create_server((LOOPBACK, broker.port)),
        pytest.raises(HubpulseError, match=r"is taken: .*--mqtt-port") as error,
    ):
        broker.start()

    assert "\n" not in str(error.value)
    assert not broker.running


def test_a_program_that_will_not_start_is_quoted(tmp_path: Path) -> None:
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\necho nothing doing today >&2\nexit 3\n")
    program.chmod(0o755)
    broker = EmbeddedBroker(tmp_path / "data", port=free_port(), find=lambda _name: str(program))

    with pytest.raises(HubpulseError, match="nothing doing today") as error:
        broker.start()

    assert "\n" not in str(error.value)
    assert not broker.running


@pytest.mark.needs("mosquitto")
def test_sessions_and_their_messages_outlive_a_restart(make_broker: MakeBroker) -> None:
    """Also where it is started by root, when it would like to become another user, who may not write here."""
    broker = make_broker("mosquitto")
    broker.start()
    with subscribing(broker.port) as subscriber:
        ready(subscriber)
    publish(broker.port, numbers(0, 2000))
    broker.stop()
    broker.start()

    with subscribing(broker.port, on_new_session=lambda: pytest.fail("the session was lost")) as subscriber:
        assert payloads(receive(subscriber, 2000)) == numbers(0, 2000)


@pytest.mark.needs("mosquitto")
def test_what_was_saved_as_we_ended_it_is_known_at_the_next_start_alone(make_broker: MakeBroker) -> None:
    broker = make_broker("mosquitto")
    broker.start()
    assert not broker.had_saved_all
    with subscribing(broker.port) as subscriber:
        ready(subscriber)
    broker.stop()
    second = make_broker("mosquitto")
    second.start()
    assert second.had_saved_all
    assert second._process is not None
    second._process.kill()
    wait_until(lambda: not second.running, 30, "the broker's end")
    third = make_broker("mosquitto")
    third.start()
    assert not third.had_saved_all


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
@pytest.mark.parametrize("name", NAMES)
def test_it_does_not_outlive_a_parent_that_is_killed(name: str, tmp_path: Path) -> None:
    program = f"""
        import sys
        from pathlib import Path
        from ingest.broker import EmbeddedBroker
        options = {{}} if {name!r} == "mosquitto" else {{"find": lambda name: None}}
        broker = EmbeddedBroker(Path({str(tmp_path)!r}), port=int(sys.argv[1]), **options)
        broker.start()
        print(broker._process.pid, flush=True)
        sys.stdin.read()
    """
    port = free_port()
    command = [sys.executable, "-c", textwrap.dedent(program), str(port)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        broker_pid = int(parent.stdout.readline())
        assert answers(port)
        os.kill(parent.pid, signal.SIGKILL)

    wait_until(lambda: not answers(port), 15, "the broker to end")
    wait_until(lambda: is_gone(broker_pid), 15, "its process to end")


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"  # ended; nobody has asked how


def test_without_any_broker_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amqtt", None)
    broker = EmbeddedBroker(tmp_path, port=free_port(), find=lambda _program: None)

    with pytest.raises(HubpulseError, match=r"install mosquitto\) or amqtt \(pip install 'hubpulse\[broker\]'\)"):
        broker.start()


@pytest.mark.needs("mosquitto")
def test_mosquitto_saves_as_often_as_is_asked_for(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path, port=free_port(), autosave_interval_s=1800)
    broker.start()
    broker.stop()
    assert "autosave_interval 1800\n" in (tmp_path / "broker" / "mosquitto.conf").read_text()
