"""A connection to a broker that is written down, and that can be cut."""

import socket
import threading
from dataclasses import dataclass, field
from typing import Self

from tests.mqtt.packets import packets_in
from tests.servers import LOOPBACK, free_port

PUBLISH, PUBACK = 0x30, 0x40


@dataclass
class Connection:
    """The two ends of a connection that goes through the proxy, and what was passed on."""

    ends: tuple[socket.socket, socket.socket]
    to_broker: bytearray = field(default_factory=bytearray)
    to_client: bytearray = field(default_factory=bytearray)
    broker_left: threading.Event = field(default_factory=threading.Event)

    @property
    def delivered(self) -> list[int]:
        """The packet ids of the QoS 1 messages that went to the client whole, in order."""
        ids = []
        for head, body in packets_in(bytes(self.to_client)):
            if head & 0xF0 == PUBLISH and head & 0x06:
                at = 2 + int.from_bytes(body[:2], "big")
                ids.append(int.from_bytes(body[at : at + 2], "big"))
        return ids

    @property
    def acknowledged(self) -> list[int]:
        """The packet ids of the acknowledgements that the client sent, in order."""
        return [
            int.from_bytes(body[:2], "big") for head, body in packets_in(bytes(self.to_broker)) if head & 0xF0 == PUBACK
        ]

    def sent_by_client(self, head: int) -> bool:
        return any(found & 0xF0 == head for found, _ in packets_in(bytes(self.to_broker)))

    def cut(self) -> None:
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # cut already


class Proxy:
    """Listens on `port` and passes everything on to the broker's; `connections` is what happened."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self.port = free_port()
        self.connections: list[Connection] = []
        self._listener = socket.create_server((LOOPBACK, self.port))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()
        for connection in self.connections:
            for end in connection.ends:
                end.close()

    def cut(self) -> None:
        """Break off every connection, at whatever byte it is."""
        for connection in self.connections:
            connection.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection((LOOPBACK, self._broker_port))
            except OSError:
                client.close()
                continue
            connection = Connection((client, broker))
            self.connections.append(connection)
            for source, target, record, over in (
                (client, broker, connection.to_broker, threading.Event()),
                (broker, client, connection.to_client, connection.broker_left),
            ):
                thread = threading.Thread(target=_pump, args=(source, target, record, over), daemon=True)
                self._threads.append(thread)
                thread.start()


def _pump(source: socket.socket, target: socket.socket, record: bytearray, over: threading.Event) -> None:
    try:
        while data := source.recv(65_536):
            record += data  # first: whoever sees what came of it finds it here
            target.sendall(data)
    except OSError:
        pass
    over.set()
    # Only this direction is over: the other end may still have to hear what was passed on.
    try:
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
