"""A mosquitto on the shipped configuration, and clients of it."""

import os
import pwd
import signal
import socket
import subprocess
from pathlib import Path
from typing import Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.deploy.compose_file import SERVICES
from tests.deploy.installation import Installation
from tests.real_parts import REPOSITORY, require
from tests.servers import Mosquitto, free_port
from tests.waiting import wait_until

CONFIGURATION = (REPOSITORY / "deploy/mosquitto/mosquitto.conf").read_text()
SECRETS = "/etc/hubpulse/secrets"
DEADLINE_S = 15.0
READY_DEADLINE_S = 30.0


class ShippedMosquitto(Mosquitto):
    """The shipped configuration word by word, but for free ports and the place of the secrets."""

    def __init__(self, folder: Path, secrets: Path) -> None:
        super().__init__(folder)
        self.tls_port = free_port()
        configuration = CONFIGURATION
        for shipped, own in (
            ("listener 1883 127.0.0.1\n", f"listener {self.port} 127.0.0.1\n"),
            ("listener 8883\n", f"listener {self.tls_port}\n"),
        ):
            assert configuration.count(shipped) == 1
            configuration = configuration.replace(shipped, own)
        # Started as root it would become another user, who cannot write into this folder.
        self.config = f"user {pwd.getpwuid(os.getuid()).pw_name}\n{configuration.replace(SECRETS, str(secrets))}"

    def reload(self) -> None:
        os.kill(self.pid, signal.SIGHUP)


class Client:
    """A client that connects by TLS and keeps what it is sent."""

    def __init__(
        self,
        broker: ShippedMosquitto,
        installation: Installation,
        user: str | None,
        password: str | None = None,
        *,
        client_id: str = "",
        session_expiry_s: int = 0,
        will: str | None = None,
    ) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5)
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = session_expiry_s
        self._client.username_pw_set(user, password or (installation.password(user) if user else None))
        self._client.tls_set(ca_certs=str(installation.secrets / "ca/ca.crt"))
        if will is not None:
            self._client.will_set(will, b"1", qos=1)
        answers: list[str] = []
        self.received: list[str] = []
        self.published: list[str] = []
        self._subscribed: list[bool] = []
        self._client.on_connect = lambda _c, _u, _f, reason, _p: answers.append(str(reason))
        self._client.on_message = lambda _c, _u, message: self.received.append(message.topic)
        self._client.on_publish = lambda _c, _u, _id, reason, _p: self.published.append(str(reason))
        self._client.on_subscribe = lambda _c, _u, _id, _reasons, _p: self._subscribed.append(True)
        self.ended: list[str] = []
        self._client.on_disconnect = lambda _c, _u, _f, reason, _p: self.ended.append(str(reason))
        self._client.connect(broker.host, broker.tls_port, clean_start=not session_expiry_s, properties=session)
        self._client.loop_start()
        self.answer = wait_until(lambda: answers, DEADLINE_S, "the broker's answer")[0]

    def publish(self, topic: str, payload: bytes = b"1") -> str:
        """Publish a message; the broker's answer to it."""
        before = len(self.published)
        self._client.publish(topic, payload, qos=1)
        return wait_until(lambda: self.published[before:], DEADLINE_S, "the broker's answer to a message")[0]

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        wait_until(lambda: self._subscribed, DEADLINE_S, "the broker's answer to a subscription")

    def break_off(self) -> None:
        """Be gone without a word."""
        connected = self._client.socket()
        assert isinstance(connected, socket.socket)
        connected.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def health(broker: Mosquitto, configuration_folder: Path) -> int:
    _, _, *arguments = SERVICES["mosquitto"]["healthcheck"]["test"]
    command = [require("mosquitto_sub"), "-h", broker.host, "-p", str(broker.port), *arguments]
    environment = os.environ | {"XDG_CONFIG_HOME": str(configuration_folder)}
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=30).returncode


def value_of(setting: str, *, last: bool = False) -> str:
    """A setting's value; of the `last` listener, where each has its own."""
    *others, value = (line.split()[1] for line in CONFIGURATION.splitlines() if line.startswith(f"{setting} "))
    assert last or not others
    return value
