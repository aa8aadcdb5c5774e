"""Which part of the periodic work is this process's, where several do it: hubs are shared out, the rest is one's.

Each process holds a place by a lease of its own, and each hub belongs to the place that a hash gives it among those
that are held (rendezvous hashing: Thaler and Ravishankar, 1998): a process that comes or goes moves its own hubs alone.
What is of all hubs together is done at the first place, which is taken over as soon as it is free. Places are looked at
every quarter of a lease; while two processes know of different ones, a hub may be computed by both, who write the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import blake2b

from schemas.localtime import NS_A_SECOND
from stores import Store
from usage import lease
from usage.lease import Lease, held_places

PLACES_MAX = 16
"""Processes that share the work; more stand by."""
BY_HUB = frozenset({"roll_up_unfinished", "roll_up_recently_marked", "roll_up_marked", "roll_up_missed"})
"""The jobs that go hub by hub."""


class JobShare:
    """One process's part. `holder` identifies the process."""

    def __init__(self, holder: int) -> None:
        self._holder = holder
        self._lease: Lease | None = None
        self._places: frozenset[int] = frozenset()
        self._looked_ns = self._taken_ns = 0

    @property
    def is_first(self) -> bool:
        """Whether what is of all hubs together is this process's; it is where no place was ever taken."""
        return self._lease is None or self._lease.place == 0

    def has(self, hub: str) -> bool:
        """Whether a hub is this process's; each is where no place was ever taken."""
        return self._lease is None or _place_of(hub, self._places) == self._lease.place

    def hold(self, store: Store, now_ns: int, pause: Callable[[float], object]) -> bool:
        """Take or keep a place; False where there is none, or where the others don't know of it yet.

        `pause` waits for so many seconds. Raises StoreError.
        """
        is_lost = self._lease is not None and not self._lease.hold(store, now_ns, pause)
        if is_lost:
            self._lease = None
        if self._lease is None or not 0 <= now_ns - self._looked_ns < _look_every_ns():
            self._look(store, now_ns, pause)
        return self._lease is not None and (self.is_first or now_ns - self._taken_ns >= _look_every_ns())

    def keep(self, store: Store, now_ns: int, pause: Callable[[float], object]) -> bool:
        """The same in the middle of work; True for who never asked for a place. Raises StoreError."""
        return not self._looked_ns or self.hold(store, now_ns, pause)

    def release(self, store: Store) -> None:
        """Let another process take over at once. Raises StoreError."""
        if self._lease is not None:
            self._lease.release(store)
            self._lease = None

    def _look(self, store: Store, now_ns: int, pause: Callable[[float], object]) -> None:
        """See who holds which place; take the first that is free, where it is better than ours."""
        held = held_places(store, now_ns)
        ours = PLACES_MAX if self._lease is None else self._lease.place
        wanted = [0] if self._lease is not None else range(PLACES_MAX)
        for place in wanted:
            if place in held or place >= ours:
                continue
            taken = Lease(self._holder, place)
            if taken.hold(store, now_ns, pause):
                self.release(store)
                held = held - {ours} | {place}
                self._lease, self._taken_ns = taken, now_ns
                break
        self._places, self._looked_ns = frozenset(held), now_ns


def _look_every_ns() -> int:
    return lease.LEASE_S * NS_A_SECOND // 4


def _place_of(hub: str, places: Collection[int]) -> int:
    return max(places, key=lambda place: blake2b(f"{place}/{hub}".encode(), digest_size=8).digest(), default=0)
