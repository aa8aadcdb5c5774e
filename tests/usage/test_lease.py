"""Only one process does the periodic work."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from stores import SeriesChunk, Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import at
from usage.lease import AWAY_AFTER_S, CLAIM_AGE_MAX_S, LEASE, LEASE_S, Lease, is_held

NOW_NS = at("2026-10-20T12:00")
SECOND_NS = 10**9


def no_pause(_seconds: float) -> None:
    """Nobody else comes in between."""


@pytest.mark.parametrize("seconds", [0, 29, 31, LEASE_S - 1])
def test_the_second_stands_by_while_the_first_holds_the_lease(store: Store, seconds: int) -> None:
    assert Lease(1).hold(store, NOW_NS, no_pause)
    assert not Lease(2).hold(store, NOW_NS + seconds * SECOND_NS, no_pause)


def test_a_renewed_lease_holds_on(store: Store) -> None:
    first, second = Lease(1), Lease(2)
    for seconds in range(0, 10 * LEASE_S, 20):
        assert first.hold(store, NOW_NS + seconds * SECOND_NS, no_pause)
        assert not second.hold(store, NOW_NS + seconds * SECOND_NS, no_pause)


def test_a_lease_that_is_held_for_long_is_no_old_point(store: Store) -> None:
    """A store refuses points that are older than what it keeps, which may be a day."""
    first, second = Lease(1), Lease(2)
    for seconds in range(0, 3 * CLAIM_AGE_MAX_S, LEASE_S - 1):
        now_ns = NOW_NS + seconds * SECOND_NS
        assert first.hold(store, now_ns, no_pause)
        (claim,) = store.latest(LEASE, before_ns=now_ns + 1)
        assert now_ns - claim.times_ns[0] <= (CLAIM_AGE_MAX_S + LEASE_S) * SECOND_NS
        assert not second.hold(store, now_ns, no_pause)


def test_whether_anybody_works_is_known_while_the_lease_lasts_and_a_little_longer(store: Store) -> None:
    assert is_held(store, NOW_NS) is None
    first = Lease(1)
    assert first.hold(store, NOW_NS, no_pause)
    ends_ns = NOW_NS + (LEASE_S + AWAY_AFTER_S) * SECOND_NS
    assert is_held(store, ends_ns - 1) is True
    assert is_held(store, ends_ns) is False
    first.release(store)
    assert is_held(store, NOW_NS + 1) is False


def test_the_lease_of_a_process_that_died_runs_out(store: Store) -> None:
    assert Lease(1).hold(store, NOW_NS, no_pause)
    assert Lease(2).hold(store, NOW_NS + LEASE_S * SECOND_NS, no_pause)


def test_a_released_lease_is_free_at_once(store: Store) -> None:
    first = Lease(1)
    assert first.hold(store, NOW_NS, no_pause)
    first.release(store)
    assert Lease(2).hold(store, NOW_NS + 1, no_pause)
    assert not first.hold(store, NOW_NS + 2, no_pause)


def test_a_holder_that_slept_through_its_lease_gives_way(store: Store) -> None:
    first, second = Lease(1), Lease(2)
    assert first.hold(store, NOW_NS, no_pause)
    later_ns = NOW_NS + 2 * LEASE_S * SECOND_NS
    assert second.hold(store, later_ns, no_pause)
    assert not first.hold(store, later_ns + 1, no_pause)


class _AtOnce(SqliteStore):
    """A store whose reader waits until the other contender has read, too."""

    def __init__(self, path: Path, both: Barrier) -> None:
        super().__init__(path)
        self._both = both

    def latest(
        self, measurement: str, *, before_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        found = list(super().latest(measurement, before_ns=before_ns, where=where))
        self._both.wait(10)
        return iter(found)


@pytest.mark.parametrize("ahead_ns", [-1, 1])
def test_of_two_who_claim_at_once_one_gets_the_lease(tmp_path: Path, ahead_ns: int) -> None:
    both = Barrier(2)

    def contend(holder: int, now_ns: int) -> bool:
        store = _AtOnce(tmp_path / "store.db", both)
        won = Lease(holder).hold(store, now_ns, lambda _seconds: both.wait(10))
        store.close()
        return won

    SqliteStore(tmp_path / "store.db").prepare()
    with ThreadPoolExecutor(2) as contenders:
        outcomes = contenders.map(contend, [1, 2], [NOW_NS, NOW_NS + ahead_ns])
    assert sorted(outcomes) == [False, True]


def test_a_clock_that_is_behind_still_gets_a_lease_that_ran_out(store: Store) -> None:
    ahead, behind = Lease(1), Lease(2)
    assert ahead.hold(store, NOW_NS + 30 * SECOND_NS, no_pause)
    ahead.release(store)
    assert behind.hold(store, NOW_NS, no_pause)
