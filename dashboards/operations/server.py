"""`/healthz`, `/readyz` and `/metrics` on a loopback port of their own, by the standard library's server."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import structlog

from dashboards.access.hosts import is_host_of_board
from dashboards.operations.health import ServiceHealth

log = structlog.get_logger("hubpulse")

HOST = "127.0.0.1"
ANSWERING_MAX = 16
_REQUEST_MAX_S = 5
_ROOM_MAX_S = 1.0
_JSON = "application/json"
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class MetricsServer:
    """Answers between the ends of a `with`. Where the port is taken it says so, and the service runs without it."""

    def __init__(self, health: ServiceHealth, *, port: int) -> None:
        """Port 0 means none. Where it should be any free one, a test gives -1."""
        self._server: _Server | None = None
        if port:
            try:
                self._server = _Server(health, max(port, 0))
            except OSError as error:
                log.warning("metrics_unavailable", port=port, error=error.strerror or str(error))

    @property
    def port(self) -> int | None:
        """Where it listens; None where it does not."""
        return self._server.server_address[1] if self._server is not None else None

    def __enter__(self) -> Self:
        if self._server is not None:
            threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, health: ServiceHealth, port: int) -> None:
        self.health = health
        self._room = threading.Semaphore(ANSWERING_MAX)
        self._lock = threading.Lock()
        self._waiting: dict[socket.socket, None] = {}
        """Connections whose request has not come whole, the oldest first."""
        super().__init__((HOST, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, of so many; where all are taken, who has said nothing for longest goes."""
        if self._room.acquire(blocking=False) or (self._hang_up_longest() and self._room.acquire(timeout=_ROOM_MAX_S)):
            with self._lock:
                self._waiting[request] = None
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and give the thread's place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.has_asked(request)
            self._room.release()

    def has_asked(self, connection: socket.socket) -> None:
        """The request of a connection is there: from now on it is we who take the time."""
        with self._lock:
            self._waiting.pop(connection, None)

    def _hang_up_longest(self) -> bool:
        with self._lock:
            longest = next(iter(self._waiting), None)
            if longest is not None:
                del self._waiting[longest]
                with suppress(OSError):
                    longest.shutdown(socket.SHUT_RDWR)  # its thread reads the end, and closes it
        return longest is not None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up in the middle is no news."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_MAX_S
    server: _Server
    server_version, sys_version = "hubpulse", ""

    def do_GET(self) -> None:
        """Answer one of the three."""
        self.server.has_asked(self.connection)
        health = self.server.health
        if not is_host_of_board(self.headers.get("Host", "localhost"), ()):
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, {"error": "ask by the address 127.0.0.1"})
        elif self.path == "/healthz":
            self._answer(*health.alive())
        elif self.path == "/readyz":
            self._answer(*health.ready())
        elif self.path == "/metrics":
            self._send(HTTPStatus.OK, health.metrics(), _METRICS)
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "ask for /healthz, /readyz or /metrics"})

    def log_message(self, *_: Any) -> None:
        """A scrape every few seconds is no event."""

    def _answer(self, status: HTTPStatus, found: dict[str, Any]) -> None:
        self._send(status, json.dumps(found).encode(), _JSON)

    def _send(self, status: HTTPStatus, body: bytes, media_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)
