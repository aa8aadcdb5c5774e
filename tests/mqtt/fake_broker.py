"""A broker that does as it is told, connection by connection: for those that real ones don't behave like on demand."""

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Self

from tests.mqtt.packets import CONNACK_5, CONNACK_311, packet
from tests.servers import LOOPBACK, free_port

CONNECT, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PINGREQ = 0x10, 0x40, 0x82, 0xA2, 0xC0


class Conversation:
    """One connection, at the broker's end."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.heard: list[tuple[int, bytes]] = []

    def hear(self, head: int) -> bytes:
        """The body of the next packet of that kind; raises ConnectionError at the end of the connection."""
        while True:
            found, body = self._packet()
            self.heard.append((found, body))
            if found == head:
                return body

    def say(self, data: bytes) -> None:
        self._sock.sendall(data)

    def accept(self, *, session_present: bool = False) -> None:
        """Take the connection, with or without a session."""
        body = self.hear(CONNECT)
        answer = bytearray(CONNACK_5 if body[6] == 5 else CONNACK_311)
        answer[2] = session_present
        self.say(bytes(answer))

    def grant(self, *codes: int) -> None:
        """Answer the next subscription with these codes."""
        body = self.hear(SUBSCRIBE)
        properties = b"\0" if self.version == 5 else b""
        self.say(packet(0x90, body[:2] + properties + bytes(codes)))

    def wait(self) -> None:
        """Stay until the client goes."""
        while True:
            self.hear(-1)

    @property
    def version(self) -> int:
        return next(body[6] for head, body in self.heard if head == CONNECT)

    def _packet(self) -> tuple[int, bytes]:
        head = self._exactly(1)[0]
        length = shift = 0
        while True:
            byte = self._exactly(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return head, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._sock.recv(count - len(data))
            if not piece:
                raise ConnectionError("the client went")
            data += piece
        return data


Behaviour = Callable[[Conversation], None]


def normal(talk: Conversation) -> None:
    talk.accept()
    talk.grant(1)
    talk.wait()


def closes_at_once(talk: Conversation) -> None:
    talk.hear(CONNECT)


def is_silent(talk: Conversation) -> None:
    talk.wait()


class FakeBroker:
    """Behaves at its n-th connection as the n-th of `behaviours`, and at all later ones as the last."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours: Sequence[Behaviour] = behaviours
        self.port = free_port()
        self.talks: list[Conversation] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((LOOPBACK, self.port))
        self._start(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(10)
        for sock in self._sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(sock)
            talk = Conversation(sock)
            behaviour = self._behaviours[min(len(self.talks), len(self._behaviours) - 1)]
            self.talks.append(talk)
            self._start(lambda talk=talk, behaviour=behaviour, sock=sock: _talk(talk, behaviour, sock))  # type: ignore[misc]


def _talk(talk: Conversation, behaviour: Behaviour, sock: socket.socket) -> None:
    with sock:
        try:
            behaviour(talk)
        except OSError:
            return
