"""How long more is waited for before what came is taken: a commit of many messages costs what one of a few does.

A broker sends so many messages and no more until they are answered (20 is mosquitto's default for MQTT 3.1.1). Waiting
then only delays it, so what came is taken as soon as that number is there, or once it has become quiet after a burst.
One that sends fewer than a burst shows it: so many come, nothing more in the whole window, and once they are answered
as many again. After a few such windows that number is enough, until more come or the broker has nothing left.
"""

from __future__ import annotations

IN_FLIGHT_3_1_1 = 20
"""The fewest messages that the brokers we know send without an answer, where the client can't ask for more."""

_LOOK_EVERY_S = 0.004
_LOOK_AT_LEAST_EVERY_S = 0.2
_BURST_MESSAGES = 10
_QUIET_GAPS = 8
_BEGIN_SHARE = 0.25
"""All that came in a window came in this share of it: a broker that waits sends what it may at once."""
_PROMPT_MAX_S = 1.0
_STALLS_SURE = 3
"""So many windows alike are no accident of few sensors that send seldom."""


class Gathering:
    """Decides when to look again, and when to take what is there. Not shared between threads.

    Its time is that which it asked to wait.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._messages = 0
        self._age_s = self._changed_s = self._nothing_s = 0.0
        self._stalls = self._sent_at_a_time = 0

    def had_nothing(self, seconds: float) -> None:
        """So long nothing came; since what was there was taken, in all, where it is told more than once."""
        self._nothing_s += seconds

    def wait_s(self, messages: int, *, enough: int) -> float:
        """Seconds until the next look; 0 where what is there is to be taken now, which `enough` messages always are."""
        if not self._messages:
            self._begin()
        if messages != self._messages:
            self._messages, self._changed_s = messages, self._age_s
        left_s = self._window_s - self._age_s
        if left_s <= 0:
            self._note_stall()
        elif messages < self._enough_while_stalled(enough) and not self._is_quiet():
            # The longer it took so far, the less it matters.
            wait_s = min(max(_LOOK_EVERY_S, self._age_s / 4), _LOOK_AT_LEAST_EVERY_S, left_s)
            self._age_s += wait_s
            return wait_s
        if messages > self._sent_at_a_time:
            self._stalls = 0
        self._messages, self._age_s = 0, 0.0
        return 0.0

    def _begin(self) -> None:
        """What comes late was not held back by an answer."""
        if self._nothing_s >= min(self._window_s, _PROMPT_MAX_S):
            self._stalls = 0
        self._nothing_s = 0.0

    def _note_stall(self) -> None:
        if self._changed_s > _BEGIN_SHARE * self._window_s:
            return
        self._stalls = self._stalls + 1 if self._messages == self._sent_at_a_time else 1
        self._sent_at_a_time = self._messages

    def _enough_while_stalled(self, enough: int) -> int:
        return min(enough, self._sent_at_a_time) if self._stalls >= _STALLS_SURE else enough

    def _is_quiet(self) -> bool:
        """Whether a burst is over: nothing came for many times as long as between its messages."""
        if self._messages < _BURST_MESSAGES:
            return False
        between_s = self._changed_s / self._messages
        return self._age_s - self._changed_s >= max(_LOOK_EVERY_S, _QUIET_GAPS * between_s)
