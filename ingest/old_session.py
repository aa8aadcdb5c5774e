"""The session of a client id that is no longer ours: it is unsubscribed, emptied and ended.

Only once the new one is subscribed, so that nothing is published between the two. What both were given comes twice:
readings without a time are marked `maybe_repeated`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial

from mqtt.connection import Connection, connect
from mqtt.messages import Message
from mqtt.protocol import State
from schemas.errors import HubpulseError
from schemas.settings import IngestSettings, MqttSettings

_AGAIN_S = 30.0
_END_TIMEOUT_S = 3.0


class OldSession:
    """Empties it a step at a time, beside the one that receives."""

    def __init__(
        self,
        settings: MqttSettings,
        limits: IngestSettings,
        *,
        client_id: str,
        filters: Sequence[str],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._client_id = client_id
        self._filters = list(filters)
        self._monotonic_s = monotonic_s
        self._connection: Connection | None = None
        self._next_s = -math.inf
        self._version_5 = True
        self._asked = False
        self.is_empty = False
        """Whether the broker has nothing left of it."""

    def receive(self) -> list[Message]:
        """What came of it, without a wait; a `receipt` answers it."""
        connection = self._connection
        if connection is None or connection.state is State.CLOSED:
            self._open()
            return []
        connection.turn(0)
        if not connection.is_open:
            return []
        messages = connection.take_messages()
        if messages or connection.has_unanswered or connection.is_unsubscribing:
            self._asked = False
        elif not self._asked:
            self._asked = connection.ping()
        elif connection.ping_answered:
            self.is_empty = True
        return messages

    def receipt(self) -> Callable[[], object]:
        """To be called once what came until now is durable."""
        connection = self._connection
        return (lambda: None) if connection is None else partial(connection.acknowledge, connection.taken)

    def end(self) -> None:
        """Let the broker forget the session: a clean start with an expiry of 0. Raises HubpulseError."""
        self.close()
        connect(self._settings, client_id=self._client_id, timeout_s=_END_TIMEOUT_S).close()

    def close(self) -> None:
        """Disconnect; what was not emptied stays."""
        if self._connection is not None:
            self._connection.close()

    def _open(self) -> None:
        now_s = self._monotonic_s()
        if now_s < self._next_s:
            return
        if self._connection is not None and self._connection.ending is not None and not self._connection.is_open:
            self._version_5 = not self._version_5  # a broker without MQTT 5 refuses it
        self._next_s = now_s + _AGAIN_S
        self._asked = False
        self._connection = Connection(
            self._settings,
            client_id=self._client_id,
            version_5=self._version_5,
            keeps_session=True,
            limits=self._limits,
            monotonic_s=self._monotonic_s,
        )
        self._connection.on_state = self._on_state
        self._connection.open()

    def _on_state(self, before: State, state: State) -> None:
        if before is State.CONNECTING and state is State.CONNECTED and self._connection is not None:
            if self._connection.session_present and self._filters:
                self._connection.unsubscribe(self._filters)
            self.is_empty = not self._connection.session_present


def try_to_end(old: OldSession) -> bool:
    """Whether the session is ended; where the broker is away it is tried again at the next start."""
    try:
        old.end()
    except HubpulseError:
        return False
    return True
