"""A way to the broker that lets everything through, until what the client says is held back."""

import contextlib
import socket
import threading
from typing import Self

from tests.servers import LOOPBACK, free_port

RECEIVE_BYTES = 64 * 1024


class Valve:
    """Listens on `port` and passes bytes between each client and the server; closed at the end of the `with`."""

    def __init__(self, server_port: int) -> None:
        self.port = free_port()
        self._server_port = server_port
        self._listener = socket.create_server((LOOPBACK, self.port))
        self._sockets: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept, name="valve", daemon=True)]
        self._open = threading.Event()
        self._open.set()
        self._ended = False

    def hold(self) -> None:
        """Let nothing of what clients send reach the server from now on."""
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection((LOOPBACK, self._server_port))
            self._sockets += [client, server]
            for source, target, held in ((client, server, True), (server, client, False)):
                pump = threading.Thread(target=self._pump, args=(source, target, held), name="valve pump", daemon=True)
                self._threads.append(pump)
                pump.start()

    def _pump(self, source: socket.socket, target: socket.socket, held: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(RECEIVE_BYTES):
                if held:
                    self._open.wait()
                if self._ended:
                    return
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._open.set()
        for open_socket in self._sockets:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
            open_socket.close()
        for thread in self._threads:
            thread.join(5)
