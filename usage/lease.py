"""Only one process at a time has a place in the periodic work: a lease in the store, which the holder renews.

A claim is a point of its own, later than the one before it, so the latest point says who holds the lease. Two who
claim at the same time both look again after a pause, when only the later claim stands. Should two work at once all
the same (a process that slept through its lease), they write the same figures: the lease saves work, the figures
never depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from schemas.localtime import NS_A_SECOND, NS_AN_HOUR
from stores import Store
from stores.lines import encode
from usage.rows import write

LEASE = "jobs_lease"
_FIRST = "jobs"
LEASE_S = 60
LOOK_AGAIN_S = 1.0
CLAIM_AGE_MAX_S = 3600
"""A claim that is older is made anew: a store refuses a point that is older than what it keeps."""
AWAY_AFTER_S = 300
"""So long after the last lease ran out nobody works: one who computes much renews late, and clocks differ."""


class _Claim(NamedTuple):
    time_ns: int
    holder: int
    until_ns: int


class Lease:
    """One process's hold on a place in the periodic work. `holder` identifies the process."""

    def __init__(self, holder: int, place: int = 0) -> None:
        self._holder, self.place = holder, place
        self._work = {"work": f"{_FIRST}-{place}" if place else _FIRST}
        self._claim: _Claim | None = None

    def hold(self, store: Store, now_ns: int, pause: Callable[[float], object]) -> bool:
        """Take or renew the lease; False where another process holds it. `pause` waits for so many seconds."""
        if self._is_renewed(now_ns):
            return True
        last = self._latest(store, now_ns)
        if last is None or (last.holder != self._holder and last.until_ns <= now_ns):
            self._write(store, max(now_ns, last.time_ns + 1 if last else now_ns), now_ns)
            pause(LOOK_AGAIN_S)
            last = self._latest(store, now_ns)
        elif last.holder == self._holder:
            is_old = now_ns - last.time_ns > CLAIM_AGE_MAX_S * NS_A_SECOND
            self._write(store, now_ns if is_old else last.time_ns, now_ns)
        if last is None or last.holder != self._holder:
            self._claim = None
            return False
        return True

    def release(self, store: Store) -> None:
        """Let another process take over at once."""
        if self._claim is not None:
            write(store, [self._line(self._claim._replace(until_ns=0))])
            self._claim = None

    def _is_renewed(self, now_ns: int) -> bool:
        """Whether more than half of the lease is left, so that nobody else can have claimed it."""
        return self._claim is not None and self._claim.until_ns - now_ns > LEASE_S * NS_A_SECOND // 2

    def _write(self, store: Store, time_ns: int, now_ns: int) -> None:
        claim = _Claim(time_ns, self._holder, now_ns + LEASE_S * NS_A_SECOND)
        write(store, [self._line(claim)])
        self._claim = claim

    def _line(self, claim: _Claim) -> str:
        return encode(LEASE, self._work, {"holder": claim.holder, "until_ns": claim.until_ns}, claim.time_ns)

    def _latest(self, store: Store, now_ns: int) -> _Claim | None:
        return _claims(store, now_ns, self._work).get(self._work["work"])


def held_places(store: Store, now_ns: int) -> set[int]:
    """The places that a process holds now. Raises StoreError."""
    held = (work for work, claim in _claims(store, now_ns).items() if claim.until_ns > now_ns)
    return {int(work.removeprefix(_FIRST).removeprefix("-") or 0) for work in held}


def is_held(store: Store, now_ns: int) -> bool | None:
    """Whether somebody does the periodic work of this store; None where nobody ever did. Raises StoreError."""
    claims = _claims(store, now_ns).values()
    return any(claim.until_ns > now_ns - AWAY_AFTER_S * NS_A_SECOND for claim in claims) if claims else None


def _claims(store: Store, now_ns: int, where: dict[str, str] | None = None) -> dict[str, _Claim]:
    """The latest claim of each place."""
    found: dict[str, _Claim] = {}
    # Another machine's clock may run ahead of ours.
    for run in store.latest(LEASE, before_ns=now_ns + 24 * NS_AN_HOUR, where=where):
        holder, until_ns = run.columns["holder"][0], run.columns["until_ns"][0]
        if holder is not None and until_ns is not None:
            found[run.tags["work"]] = _Claim(run.times_ns[0], int(holder), int(until_ns))
    return found
