"""A real HTTP server on loopback whose answers are one function of the request.

with LoopbackServer(lambda request: Answer(204)) as server:
    connect(server.url)
    server.stop()     # nothing listens any more
    server.start()    # the same port again
"""

import contextlib
import gzip
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from tests.servers import LOOPBACK, free_port

BREAK_OFF = 0


@dataclass(frozen=True)
class Request:
    """What a client asked; a gzipped body is unpacked, the fields of a form are in `form`."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True)
class Answer:
    """A body that is not bytes is sent in HTTP chunks, each as it comes. BREAK_OFF is the end of the connection."""

    status: int
    body: bytes | Iterable[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answering = Callable[[Request], Answer]


class LoopbackServer:
    """Serves `answer` until stopped, and remembers what was asked."""

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.connections: list[socket.socket] = []
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._server: ThreadingHTTPServer | None = None

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def start(self) -> None:
        handler = type("Handler", (_Handler,), {"outer": self})
        self._server = _Server((LOOPBACK, self.port), handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Stop listening, and break off the connections that a client keeps."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.connections.clear()
        self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    """Takes it calmly when a client hangs up."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # handed through


class _Handler(BaseHTTPRequestHandler):
    """Hands requests to the server object that started it."""

    outer: LoopbackServer
    protocol_version = "HTTP/1.1"
    # An answer goes out in one piece: head and body apart would wait for each other's acknowledgement.
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.outer.connections.append(self.connection)

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that is overridden
        pass

    def _respond(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = Request(self.command, url.path, dict(parse_qsl(url.query)), dict(self.headers), body)
        self.outer.requests.append(request)
        answer = self.outer.answer(request)
        if answer.status == BREAK_OFF:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        if isinstance(answer.body, bytes):
            if answer.status != HTTPStatus.NO_CONTENT:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in answer.body:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")
