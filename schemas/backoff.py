"""Waits between tries: they double up to a limit, and each is drawn between nothing and all of it (full jitter)."""

from __future__ import annotations

import random
from dataclasses import dataclass

_DOUBLINGS_MAX = 32


@dataclass(slots=True)
class Backoff:
    """The wait before the next try; `reset` after a success."""

    first_s: float
    max_s: float
    rng: random.Random
    tries: int = 0

    def next_s(self) -> float:
        """Seconds to wait before the next try."""
        limit_s = min(self.max_s, self.first_s * 2 ** min(self.tries, _DOUBLINGS_MAX))
        self.tries += 1
        return self.rng.uniform(0, limit_s)

    def reset(self) -> None:
        """Begin with the shortest wait again."""
        self.tries = 0
