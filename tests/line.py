"""A line between a client and a server that can be bad in the ways that lines are."""

import contextlib
import socket
import struct
import threading
from enum import Enum
from typing import Self

from tests.servers import LOOPBACK, free_port

CHUNK_BYTES = 64 * 1024
SLOW_S, DRIP_S = 0.03, 0.002
DRIPS_MAX = 200
REFUSAL = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Mode(Enum):
    """What the line does with bytes."""

    OPEN = "open"
    HELD = "held"  # both ends wait
    ONE_WAY = "one way"  # what the client sends is held: acknowledgements never arrive
    DROPPED = "dropped"  # a black hole: nothing arrives, and nobody is told
    SLOW = "slow"
    DRIPPING = "dripping"  # byte by byte
    REFUSING = "refusing"  # whatever is asked is answered as by an HTTP server that knows nobody


class Line:
    """Listens on `port` and passes bytes between each client and the server; closed at the end of the `with`."""

    def __init__(self, server_port: int) -> None:
        self.port = free_port()
        self.mode = Mode.OPEN
        self._server_port = server_port
        self._listener = socket.create_server((LOOPBACK, self.port))
        self._changed = threading.Condition()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._ended = False
        self._pause = threading.Event()

    def set(self, mode: Mode) -> None:
        """Change what it does. After bytes were dropped, the connections are no use any more and are cut."""
        with self._changed:
            was, self.mode = self.mode, mode
            self._changed.notify_all()
        if was is Mode.DROPPED and mode is not Mode.DROPPED:
            self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        with self._changed:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((LOOPBACK, self._server_port), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._changed:
                self._pairs.append((client, server))
            for source, target, is_from_client in ((client, server, True), (server, client, False)):
                arguments = (source, target, is_from_client)
                threading.Thread(target=self._pump, args=arguments, name="line", daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_from_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                with self._changed:
                    self._changed.wait_for(lambda: self._ended or not self._holds(is_from_client))
                if self._ended:
                    return
                if self.mode is Mode.REFUSING and is_from_client:
                    source.sendall(REFUSAL)
                    source.shutdown(socket.SHUT_RDWR)
                    break
                self._pass(data, target)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def _holds(self, is_from_client: bool) -> bool:
        return self.mode is Mode.HELD or (self.mode is Mode.ONE_WAY and is_from_client)

    def _pass(self, data: bytes, target: socket.socket) -> None:
        if self.mode is Mode.DROPPED:
            return
        if self.mode is Mode.SLOW:
            self._pause.wait(SLOW_S)
        if self.mode is Mode.DRIPPING:
            for i in range(min(DRIPS_MAX, len(data))):
                target.sendall(data[i : i + 1])
                self._pause.wait(DRIP_S)
            data = data[DRIPS_MAX:]
        target.sendall(data)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="line", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._listener.close()
        self.cut()
