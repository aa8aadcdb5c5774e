"""A web server that starts and stops cleanly inside another process: uvicorn in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from dashboards.web.connections import ANSWERING_MAX, HEADER_BYTES_MAX, WAITING_MAX, BoundedConnection
from schemas import HubpulseError

_START_DEADLINE_S = 10
_STOP_DEADLINE_S = 5
_ANSWER_DEADLINE_S = 10
_TICK_S = 1.0
"""How often the date that answers bear is made anew; uvicorn wakes up ten times as often to see whether to stop."""


class BoardServer:
    """Serves an app on `host:port` (0 takes a free port) between `start()` and `stop()`, or as a context manager.

    The port is bound by the constructor, so that one in use is known before anything else starts; it raises
    HubpulseError with the cure.
    """

    def __init__(self, app: FastAPI, *, host: str = "127.0.0.1", port: int = 8080) -> None:
        self._socket = _bind(host, port)
        self._host, self._port = host, int(self._socket.getsockname()[1])
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                proxy_headers=False,  # `BehindProxy` hears them, of proxies that are trusted
                server_header=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=2,
                http=BoundedConnection,
                h11_max_incomplete_event_size=HEADER_BYTES_MAX,
                limit_concurrency=WAITING_MAX + ANSWERING_MAX,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="board", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that it is bound to."""
        return self._port

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self._port}"

    def start(self) -> None:
        """Return once requests are answered."""
        self._thread.start()
        if not self._server.answering.wait(_START_DEADLINE_S):
            self.stop()
            raise HubpulseError(f"the board did not start at {self.url}: see the log for the reason, then try again")

    def stop(self) -> None:
        """Answer what is under way, then release the port. A second call does nothing."""
        self._server.end()
        if self._thread.is_alive():
            self._thread.join(_STOP_DEADLINE_S)
        self._socket.close()

    def answers(self) -> bool:
        """Whether it answers a request, as a browser on this machine would send it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - compared, not bound
        try:
            with socket.create_connection((host, self._port), timeout=_ANSWER_DEADLINE_S) as connection:
                connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                return connection.recv(5) == b"HTTP/"
        except OSError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(uvicorn.Server):
    """Says when it answers. Signals reach the main thread alone, so uvicorn leaves them be in this one."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Stop soon; from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._ended.set)

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _TICK_S)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answering.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what uvicorn leaves open, too: what is not done in time, and who came in that very moment."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise HubpulseError(
            f"the board can't listen on {host}:{port} ({getattr(error, 'strerror', None) or error}): "
            "stop what uses that port, or choose another with --port"
        ) from error
    return listener
