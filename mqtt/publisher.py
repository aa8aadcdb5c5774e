"""Publishes every message of a source: QoS 1, in order, none forgotten.

    source -> feed (paced) -> window (in flight, bounded) -> connection -> broker
                                  ^-- a new connection: sent again --'

Nothing is taken from the source while the window is full, and a message leaves the window only when the broker has
acknowledged it, over however many connections that takes.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

from mqtt.connection import Connection, connect
from mqtt.probe import place_of
from mqtt.protocol import State
from mqtt.reconnecting import connect_again
from mqtt.window import Outgoing, Report, Window
from schemas.errors import HubpulseError
from schemas.settings import MqttSettings

RUN_MESSAGES = 250  # packets handed to the socket at once
TURN_MAX_S = 0.2  # the longest wait, so that a stop is noticed soon


class Pace(Protocol):
    """When a message is due."""

    def due_s(self, message: Any) -> float:
        """The moment on the clock of `time.monotonic()` before which the message must not be sent."""
        ...


class Publisher:
    """Publishes messages over one connection at a time; a context manager that connects on entering.

    `patience_s` is how long the broker may stay away, or acknowledge nothing, before `publish_all` gives up;
    `window_messages` how many may be unacknowledged at a time (fewer where the broker allows fewer).
    """

    def __init__(self, settings: MqttSettings, *, window_messages: int = 1000, patience_s: float = 60) -> None:
        self._settings = settings
        self._client_id = f"hubpulse-publisher-{secrets.token_hex(4)}"
        self._window_messages = window_messages
        self._patience_s = patience_s
        self._connection: Connection | None = None
        self._disconnect_reason = ""
        self._window = Window(window_messages)

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def connect(self) -> Connection:
        """Connect, unless connected. Raises HubpulseError that says what to do."""
        if self._connection is None or self._connection.state is State.CLOSED:
            self._connection = connect(self._settings, client_id=self._client_id)
        return self._connection

    def close(self) -> None:
        """Disconnect, once everything is sent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def abort(self) -> None:
        """Cut the connection without a DISCONNECT, as when a device loses its power."""
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    @property
    def settled(self) -> int:
        """How many leading messages of the running or last `publish_all` never need to be sent again."""
        return self._window.settled

    def publish_all(
        self,
        messages: Iterable[Outgoing],
        *,
        on_sent: Callable[[int], None] | None = None,
        on_latency_s: Callable[[list[float]], None] | None = None,
        pace: Pace | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Report:
        """Send every message and wait until the broker has answered for each; may be called again.

        A lost connection is made again and what was unacknowledged sent again: a message may arrive twice, never not
        at all. `on_sent` gets how many more messages the broker answered for, `on_latency_s` the seconds from
        sending to acknowledgement of each. Once `stop()` is true nothing more is taken from the source; what is in
        flight is still waited for, and likewise where the source raises, before that is raised here.
        Raises HubpulseError when the broker stays away, or silent, past the patience.
        """
        window = self._window = Window(self._window_messages)
        window.open(self.connect().terms)
        feed = _Feed(messages, pace)
        reported = 0
        while not (feed.ended and window.empty):
            connection = self._live_connection(window, stop)
            latencies_s = window.settle(connection.take_answers(), time.monotonic())
            if on_latency_s is not None and latencies_s:
                on_latency_s(latencies_s)
            if on_sent is not None and window.done > reported:
                on_sent(window.done - reported)
                reported = window.done
            if stop():
                feed.stop()
            self._check_patience(window)
            wait_s = _send_run(connection, window, feed)
            connection.turn(wait_s)
        if feed.error is not None:
            raise feed.error
        return window.report(complete=not feed.stopped)

    def _live_connection(self, window: Window, stop: Callable[[], bool]) -> Connection:
        """The connection, or a new one where it was lost: what it left unanswered is due again."""
        connection = self._connection
        if connection is None:
            raise HubpulseError("the publisher was closed while publishing")
        if connection.state is State.CLOSED:
            lost_s = time.monotonic()
            self._disconnect_reason = connection.disconnect_reason
            # Packets that are sent again are of the version of the lost connection.
            make = partial(connect, self._settings, client_id=self._client_id, version_5=connection.terms.is_v5)
            after = f"{window.done} messages"
            connection = connect_again(make, after=after, patience_s=self._patience_s, stop=stop)
            self._connection = connection
            window.open(connection.terms)
            window.progress_s += time.monotonic() - lost_s
        return connection

    def _check_patience(self, window: Window) -> None:
        if not window.empty and time.monotonic() - window.progress_s > self._patience_s:
            reason = f" and disconnected us ({self._disconnect_reason})" if self._disconnect_reason else ""
            raise HubpulseError(
                f"the broker at {place_of(self._settings)} acknowledged nothing for {self._patience_s:g} s"
                f"{reason}, first of all a message on {window.oldest_topic!r}: see the broker's log"
            )


class _Feed:
    """The source, one message at a time, each when it is due."""

    def __init__(self, messages: Iterable[Outgoing], pace: Pace | None) -> None:
        self._source = iter(messages)
        self._pace = pace
        self._held: tuple[Outgoing, float] | None = None
        self.ended = False
        self.stopped = False
        self.error: Exception | None = None

    def stop(self) -> None:
        """Take nothing more."""
        if not self.ended:
            self._held, self.ended, self.stopped = None, True, True

    def take(self, now_s: float) -> Outgoing | None:
        """The next message, where there is one and it is due."""
        if self._held is None and not self.ended:
            self._held = self._next(now_s)
        if self._held is None or self._held[1] > now_s:
            return None
        (message, _), self._held = self._held, None
        return message

    def _next(self, now_s: float) -> tuple[Outgoing, float] | None:
        """A message and when it is due."""
        try:
            message = next(self._source, None)
        except Exception as error:  # noqa: BLE001 - raised once what came before it is acknowledged
            self.error, message = error, None
        self.ended = message is None
        if message is None:
            return None
        return message, self._pace.due_s(message) if self._pace is not None else now_s

    def wait_s(self, now_s: float) -> float:
        """How long nothing will be due."""
        if self.ended:
            return math.inf
        return 0 if self._held is None else max(0, self._held[1] - now_s)


def _send_run(connection: Connection, window: Window, feed: _Feed) -> float:
    """Send what is due and has room, at most one run of it; return how long the connection may wait for its socket.

    A slow source does not hold up what it gave already, nor a request to stop.
    """
    now_s = time.monotonic()
    run: list[bytes] = []
    while len(run) < RUN_MESSAGES and window.has_room and time.monotonic() - now_s < TURN_MAX_S:
        packet = window.again(now_s)
        if packet is None:
            message = feed.take(now_s)
            if message is None:
                break
            packet = window.admit(message, now_s)
        run.append(packet)
    if run:
        connection.send(b"".join(run))
    if feed.ended and window.empty:
        return 0
    return min(TURN_MAX_S, feed.wait_s(now_s)) if window.has_room else TURN_MAX_S
