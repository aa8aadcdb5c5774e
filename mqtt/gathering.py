"""How long more is waited for before what came is taken: a commit of many messages costs what one of a few does.

A broker sends so many messages and no more until they are answered (20 is mosquitto's default for MQTT 3.1.1). Waiting
then only delays it, so what came is taken as soon as that number is there, or once it has become quiet after a burst.
"""

from __future__ import annotations

IN_FLIGHT_3_1_1 = 20
"""The fewest messages that the brokers we know send without an answer, where the client can't ask for more."""

_LOOK_EVERY_S = 0.004
_LOOK_AT_LEAST_EVERY_S = 0.2
_BURST_MESSAGES = 10
_QUIET_GAPS = 8


class Gathering:
    """Decides when to look again, and when to take what is there. Not shared between threads.

    Its time is that which it asked to wait.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._messages = 0
        self._age_s = self._changed_s = 0.0

    def wait_s(self, messages: int, *, enough: int) -> float:
        """Seconds until the next look; 0 where what is there is to be taken now, which `enough` messages always are."""
        if messages != self._messages:
            self._messages, self._changed_s = messages, self._age_s
        left_s = self._window_s - self._age_s
        if messages >= enough or left_s <= 0 or self._is_quiet():
            self._messages, self._age_s = 0, 0.0
            return 0.0
        # The longer it took so far, the less it matters.
        wait_s = min(max(_LOOK_EVERY_S, self._age_s / 4), _LOOK_AT_LEAST_EVERY_S, left_s)
        self._age_s += wait_s
        return wait_s

    def _is_quiet(self) -> bool:
        """Whether a burst is over: nothing came for many times as long as between its messages."""
        if self._messages < _BURST_MESSAGES:
            return False
        between_s = self._changed_s / self._messages
        return self._age_s - self._changed_s >= max(_LOOK_EVERY_S, _QUIET_GAPS * between_s)
