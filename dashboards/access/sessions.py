"""Who has signed in, and who tries to: in memory, bounded."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

SESSION_S = 12 * 3600
SESSIONS_MAX = 1_000
TRIES_FREE = 5
"""So many wrong passwords in a row cost nothing; then each doubles the wait."""
WAIT_MAX_S = 900
_TRACKED_MAX = 10_000


class Sessions:
    """Sessions by a secret that the browser has and this has only the digest of."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._open: OrderedDict[bytes, tuple[str, str, float]] = OrderedDict()

    def begin(self, account: str, stamp: str) -> str:
        """A new session's secret; `stamp` is that of the password. Beyond the bound the oldest session ends."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._open[digest(secret)] = account, stamp, self._clock_s() + SESSION_S
            while len(self._open) > SESSIONS_MAX:
                self._open.popitem(last=False)
        return secret

    def account(self, secret: str) -> tuple[str, str] | None:
        """Whose session it is, and with which password it was begun, while it lasts."""
        if not secret:
            return None
        with self._lock:
            account, stamp, until_s = self._open.get(digest(secret), ("", "", 0.0))
        return (account, stamp) if self._clock_s() < until_s else None

    def end(self, secret: str) -> None:
        """End a session."""
        with self._lock:
            self._open.pop(digest(secret), None)


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    until_s: float = 0.0


class Throttle:
    """Slows down who guesses passwords: by account, and by address."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def wait_s(self, *of: str) -> float:
        """How long one of these has to wait before the next try; 0 for not at all."""
        with self._lock:
            now_s = self._clock_s()
            return max(0.0, *(self._tries[each].until_s - now_s for each in of if each in self._tries), 0.0)

    def failed(self, *of: str) -> None:
        """Count a wrong password."""
        with self._lock:
            for each in of:
                tries = self._tries.pop(each, None) or _Tries()
                tries.failed += 1
                beyond = min(tries.failed - TRIES_FREE, WAIT_MAX_S.bit_length())
                tries.until_s = self._clock_s() + (min(WAIT_MAX_S, 2**beyond) if beyond >= 0 else 0.0)
                self._tries[each] = tries
            while len(self._tries) > _TRACKED_MAX:
                self._tries.popitem(last=False)

    def succeeded(self, *of: str) -> None:
        """Forget the wrong ones."""
        with self._lock:
            for each in of:
                self._tries.pop(each, None)


def digest(secret: str) -> bytes:
    """What is kept of a random secret."""
    return hashlib.sha256(secret.encode()).digest()
