"""HTTP connections that nobody can hold up: what takes too long is closed, and the longest wait goes first.

    accepted -> waiting for a request, at most REQUEST_MAX_S -> answering, at most ANSWER_MAX_S -> waiting for the next

A connection waits until a request has come whole. Of more than WAITING_MAX that wait the one that has waited longest is
closed: whoever sends a request at once, as browsers do, is answered however many others send half of one.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_MAX_S = 10.0
ANSWER_MAX_S = 60.0
WAITING_MAX = 100
ANSWERING_MAX = 100
HEADER_BYTES_MAX = 32 * 1024


class BoundedConnection(H11Protocol):
    """One connection of a browser."""

    waiting_since: float | None = None
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self.waiting_since = None
        self._set_deadline(None)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Look whether a request is there."""
        super().handle_events()
        cycle: Any = self.cycle  # None until the first request
        if self.waiting_since is not None and cycle and not cycle.response_complete:
            self.waiting_since = None
            self._set_deadline(ANSWER_MAX_S)

    def on_response_complete(self) -> None:
        """Wait for the next request; one that is there already begins at once."""
        self._wait()
        super().on_response_complete()

    def give_up(self) -> None:
        """Close it, and count it no more from now on."""
        self.waiting_since = None
        self.connections.discard(self)
        self.transport.abort()

    def _wait(self) -> None:
        self.waiting_since = self.loop.time()
        self._set_deadline(REQUEST_MAX_S)
        waiting: list[tuple[float, Any]] = [
            (connection.waiting_since, connection)
            for connection in self.connections
            if isinstance(connection, BoundedConnection) and connection.waiting_since is not None
        ]
        if len(waiting) > WAITING_MAX:
            _, longest = min(waiting, key=lambda found: found[0])
            longest.give_up()

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.give_up)
