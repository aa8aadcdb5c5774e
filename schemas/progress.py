"""Whether a loop goes on: its own thread says so at each turn, and anybody may ask."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Progress:
    """A loop's promise to be heard of again, within `slack_s` after what it waits for."""

    def __init__(self, *, slack_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._slack_s = slack_s
        self._monotonic_s = monotonic_s
        self._due_s = math.inf
        self.has_begun = False
        """Whether it was ever heard of."""

    def step(self, wait_s: float = 0.0) -> None:
        """The loop goes on; what it does next may take so long on top of the slack."""
        self._due_s = self._monotonic_s() + self._slack_s + wait_s
        self.has_begun = True

    def end(self) -> None:
        """The loop is over, as it should be: it is not missed."""
        self._due_s = math.inf

    @property
    def is_overdue(self) -> bool:
        """Whether it was not heard of in time."""
        return self._monotonic_s() > self._due_s
