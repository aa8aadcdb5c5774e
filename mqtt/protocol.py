"""Where in its life a connection is, how it ended, and which version of MQTT to speak, learnt from that."""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """Where in its life a connection is."""

    DISCONNECTED = auto()
    CONNECTING = auto()
    CONNECTED = auto()
    SUBSCRIBED = auto()
    """The broker took every subscription."""
    CLOSING = auto()
    CLOSED = auto()


MAY_FOLLOW = {
    State.DISCONNECTED: {State.CONNECTING, State.CLOSED},
    State.CONNECTING: {State.CONNECTED, State.CLOSED},
    State.CONNECTED: {State.SUBSCRIBED, State.CLOSING, State.CLOSED},
    State.SUBSCRIBED: {State.CONNECTED, State.CLOSING, State.CLOSED},
    State.CLOSING: {State.CLOSED},
    State.CLOSED: frozenset[State](),
}
"""The states that may come after each."""


class Ending(Enum):
    """How a connection came to its end."""

    UNREACHABLE = auto()
    SILENT = auto()
    """Nothing answered in time."""
    CLOSED_AT_ONCE = auto()
    """The broker closed it without an answer."""
    NO_VERSION_5 = auto()
    REFUSED = auto()
    LOST = auto()
    """After it had been accepted."""
    OURS = auto()
    """We ended it."""


class ProtocolFallback:
    """MQTT 5, or 3.1.1 for a broker without it, which refuses the version, closes the connection or falls silent.

    A broker that once answered in 5 is not tried in 3.1.1 because it was slow or closed a connection; one that was
    spoken to in 3.1.1 is tried in 5 again after each lost connection.
    """

    def __init__(self, *, closed_max: int) -> None:
        self.version_5 = True
        self._closed_max = closed_max
        self._closed = 0
        self._knows_5 = False

    def accepted(self) -> None:
        """The broker took a connection of this version."""
        self._closed = 0
        self._knows_5 = self._knows_5 or self.version_5

    def ended(self, ending: Ending) -> bool:
        """Choose the version of the next connection; returns whether 3.1.1 is to be tried, which needs no wait."""
        if ending is Ending.LOST:
            self.version_5 = True
            return False
        if ending is Ending.CLOSED_AT_ONCE:
            self._closed += 1
            if self._closed < self._closed_max:
                return False
        elif ending not in (Ending.NO_VERSION_5, Ending.SILENT):
            return False
        self._closed = 0
        self.version_5 = not self.version_5 or (self._knows_5 and ending is not Ending.NO_VERSION_5)
        return not self.version_5
