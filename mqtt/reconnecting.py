"""A connection in place of one that was lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from mqtt.connection import Connection
from schemas.backoff import Backoff
from schemas.errors import HubpulseError

_RETRY_FIRST_S, _RETRY_MAX_S = 0.1, 2.0


def connect_again(
    make: Callable[[], Connection], *, after: str, patience_s: float, stop: Callable[[], bool]
) -> Connection:
    """What `make` gives in place of a lost connection, tried until the patience ends or `stop()` is true.

    Raises HubpulseError, which says after what the connection was lost.
    """
    deadline_s = time.monotonic() + patience_s
    backoff = Backoff(_RETRY_FIRST_S, _RETRY_MAX_S, random.SystemRandom())
    while True:
        try:
            return make()
        except HubpulseError as error:
            wait_s = backoff.next_s()
            if stop() or time.monotonic() + wait_s > deadline_s:
                raise HubpulseError(f"the connection was lost after {after}, and now {error}") from error
        time.sleep(wait_s)
