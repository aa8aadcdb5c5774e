"""A real mosquitto on the configuration that is shipped, with the secrets that are made for it."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.deploy.compose_file import SERVICES
from tests.real_parts import REPOSITORY, require
from tests.servers import Mosquitto
from tests.waiting import wait_until

CONFIGURATION = (REPOSITORY / "deploy/mosquitto/mosquitto.conf").read_text()


def value_of(setting: str) -> str:
    (value,) = (line.split()[1] for line in CONFIGURATION.splitlines() if line.startswith(f"{setting} "))
    return value


@pytest.fixture
def broker(tmp_path: Path, secrets_folder: Path) -> Iterator[Mosquitto]:
    """The shipped configuration, with paths and interface of its own as the file itself says."""
    server = Mosquitto(tmp_path / "mosquitto")
    configuration = f"user {pwd.getpwuid(os.getuid()).pw_name}\n{CONFIGURATION}"
    for shipped, own in (
        ("listener 1883", f"listener {server.port} 127.0.0.1"),
        ("/run/secrets/broker_passwords", str(secrets_folder / "broker/passwords")),
        ("/mosquitto/data/", f"{server.folder}/"),
    ):
        assert configuration.count(shipped) == 1
        configuration = configuration.replace(shipped, own)
    server.config = configuration
    with server:
        yield server


def answer(broker: Mosquitto, username: str | None, password: str | None) -> str:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(username, password)
    answers: list[str] = []
    client.on_connect = lambda _client, _userdata, _flags, reason, _properties: answers.append(str(reason))
    client.connect(broker.host, broker.port)
    client.loop_start()
    try:
        return wait_until(lambda: answers, 10, "the broker's answer")[0]
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize("username", ["hubpulse", "sensors"])
def test_the_generated_credentials_are_accepted(broker: Mosquitto, secrets_folder: Path, username: str) -> None:
    password = (secrets_folder / username / "mqtt_password").read_text()

    assert answer(broker, username, password) == "Success"


@pytest.mark.parametrize("username, password", [(None, None), ("hubpulse", "wrong"), ("nobody", "wrong")])
def test_everybody_else_is_refused(broker: Mosquitto, username: str | None, password: str | None) -> None:
    assert answer(broker, username, password) == "Not authorized"


def health(broker: Mosquitto, configuration_folder: Path) -> int:
    _, _, *arguments = SERVICES["mosquitto"]["healthcheck"]["test"]
    command = [require("mosquitto_sub"), "-h", broker.host, "-p", str(broker.port), *arguments]
    environment = os.environ | {"XDG_CONFIG_HOME": str(configuration_folder)}
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=30).returncode


def test_the_health_check_passes_with_its_secret(broker: Mosquitto, secrets_folder: Path) -> None:
    assert health(broker, secrets_folder / "broker") == 0


def test_the_health_check_fails_without_its_secret_or_its_broker(
    broker: Mosquitto, secrets_folder: Path, tmp_path: Path
) -> None:
    assert health(broker, tmp_path) != 0
    broker.stop()
    assert health(broker, secrets_folder / "broker") != 0


def test_messages_are_kept_while_nobody_takes_them() -> None:
    assert value_of("persistence") == "true"
    assert int(value_of("max_queued_messages")) >= 1_000_000
    assert 0 < int(value_of("autosave_interval")) <= 60
    assert int(value_of("max_inflight_messages")) >= 1000
