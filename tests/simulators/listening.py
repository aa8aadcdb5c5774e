"""The other end of the broker: what a subscriber really receives."""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from tests.servers import LOOPBACK
from tests.waiting import wait_until


def settings_of(port: int, **more: Any) -> MqttSettings:
    return MqttSettings(host=LOOPBACK, port=port, **more)


def numbered(number: int, topic: str = "hubs/armley/footfall/door-1") -> list[TimedMessage]:
    return [TimedMessage(n * 10**9, topic, b'{"entries":%d}' % n) for n in range(number)]


class Listener:
    """A subscriber that notes every message from entering the context on."""

    def __init__(self, port: int, topic: str = "#", *, client_id: str = "", keeps_session: bool = False) -> None:
        self._port = port
        self._topic = topic
        self.received: list[tuple[str, bytes]] = []
        self._subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=not keeps_session if client_id else None
        )
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _c, _u, message: self.received.append((message.topic, bytes(message.payload)))

    def __enter__(self) -> Self:
        self._subscribed.clear()
        self._client.connect(LOOPBACK, self._port)
        self._client.loop_start()
        wait_until(self._subscribed.is_set, 10, "the subscription")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, payload in self.received]

    def wait_for(self, number: int, deadline_s: float = 20) -> None:
        wait_until(lambda: len(self.received) >= number, deadline_s, f"{number} messages")

    def wait_for_each(self, messages: Iterable[TimedMessage], deadline_s: float = 20) -> None:
        """Until each has come at least once: after a lost connection some come twice, so a number tells nothing."""
        expected = {(message.topic, message.payload) for message in messages}
        wait_until(lambda: expected <= set(self.received), deadline_s, f"each of {len(expected)} messages")
        assert expected == set(self.received)


@contextmanager
def silent_broker(connack: bytes = b"\x20\x03\x00\x00\x00") -> Iterator[int]:
    """The port of a broker that greets (MQTT 5 by default), and then never answers."""
    with socket.create_server((LOOPBACK, 0)) as server:
        connections: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connections.append(connection)
                connection.recv(4096)
                connection.sendall(connack)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for connection in connections:
                connection.close()
