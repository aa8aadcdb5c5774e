"""Several processes share the periodic work: each day of a hub is computed once, a dead one's hubs are taken over."""

from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import cast

import pytest

from schemas import Kind
from stores import Outcome, Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, at, estate, hub, mark, put
from usage import lease
from usage.job_share import PLACES_MAX, JobShare
from usage.jobs import Jobs
from usage.rollup_writer import pending_marks

SECOND_NS = 10**9
NOW_NS = at("2026-10-20T12:00")
MIDNIGHT_NS = at("2026-10-18T00:00", "Europe/London")
HUBS = [f"hub-{number}" for number in range(12)]


def no_pause(_seconds: float) -> None:
    """Nobody else comes in between."""


def all_hold(shares: Collection[JobShare], store: Store, since_ns: int) -> int:
    """Have each look for its place until all know of all; the time then."""
    now_ns = since_ns
    for _ in range(5):
        now_ns += 15 * SECOND_NS
        for share in shares:
            share.hold(store, now_ns, no_pause)
    return now_ns


def owners(shares: Collection[JobShare]) -> dict[str, JobShare]:
    """Whose each hub is; fails where that is nobody or several."""
    found = {}
    for name in (f"hub-{number}" for number in range(300)):
        [found[name]] = [share for share in shares if share.has(name)]
    return found


@pytest.mark.parametrize("count", [1, 2, 5, PLACES_MAX])
def test_each_hub_is_one_process_s_and_each_process_has_about_as_many(store: Store, count: int) -> None:
    shares = [JobShare(number) for number in range(count)]
    now_ns = all_hold(shares, store, NOW_NS)
    assert all(share.hold(store, now_ns, no_pause) for share in shares)
    assert [share.is_first for share in shares] == [True] + [False] * (count - 1)
    by_share = Counter(map(id, owners(shares).values()))
    assert len(by_share) == count
    assert max(by_share.values()) < 2.5 * 300 / count


def test_only_the_hubs_of_who_went_move_and_the_first_place_is_taken_over(store: Store) -> None:
    shares = [JobShare(number) for number in range(4)]
    now_ns = all_hold(shares, store, NOW_NS)
    before = owners(shares)
    gone = shares.pop(2)
    gone.release(store)
    now_ns = all_hold(shares, store, now_ns)
    after = owners(shares)
    assert {name for name in before if before[name] is not after[name]} == {n for n in before if before[n] is gone}

    shares.pop(0)  # killed
    now_ns = all_hold(shares, store, now_ns + lease.LEASE_S * SECOND_NS)
    owners(shares)
    assert [share.is_first for share in shares] == [True, False]


def test_one_more_than_there_are_places_stands_by(store: Store) -> None:
    shares = [JobShare(number) for number in range(PLACES_MAX)]
    now_ns = all_hold(shares, store, NOW_NS)
    late = JobShare(99)
    assert not late.hold(store, now_ns, no_pause)
    shares[5].release(store)
    now_ns = all_hold([*shares[:5], *shares[6:], late], store, now_ns)
    assert late.hold(store, now_ns, no_pause)


class _Counting:
    """A store that counts the days written to it."""

    def __init__(self, store: Store) -> None:
        self._store, self.days = store, Counter[tuple[str, int]]()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def write(self, lines: bytes) -> Outcome:
        for line in lines.decode().splitlines():
            if line.startswith("usage_daily,"):
                self.days[line.split("hub=")[1].split()[0].split(",")[0], int(line.rpartition(" ")[2])] += 1
        return self._store.write(lines)

    def taken(self) -> Counter[tuple[str, int]]:
        found, self.days = self.days, Counter()
        return found


def test_two_jobs_compute_each_day_once_and_the_hubs_of_a_dead_one_are_taken_over(
    any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LOOK_AGAIN_S", 0)
    known, now_ns = estate(*map(hub, HUBS)), NOW_NS
    seen = [_Counting(any_store), _Counting(any_store)]

    def opened(counting: _Counting) -> Callable[[], Store]:
        return lambda: cast(Store, counting)

    first, second = (Jobs(opened(each), lambda: known, lambda: now_ns, holder=n) for n, each in enumerate(seen, 1))

    def touch() -> set[tuple[str, int]]:
        for name in HUBS:
            put(any_store, Kind.FOOTFALL, [(MIDNIGHT_NS + DAY_NS // 2, {"entries": 3})], hub=name)
            mark(any_store, MIDNIGHT_NS, now_ns - 10 * SECOND_NS, hub=name)
        return {(name, MIDNIGHT_NS) for name in HUBS}

    def work(*all_jobs: Jobs) -> None:
        for jobs in all_jobs:
            jobs._guarded(jobs.roll_up_recently_marked)

    due = touch()
    work(first, second)
    assert due <= seen[0].taken().keys()
    assert second.runs.is_standing_by

    for _ in range(2):  # until each knows of the other
        now_ns += 15 * SECOND_NS
        work(first, second)
    due = touch()
    work(first, second)
    by_each = [counting.taken() for counting in seen]
    assert all(by_each)
    assert set((by_each[0] + by_each[1]).values()) == {1}
    assert due <= (by_each[0] + by_each[1]).keys()

    now_ns += 75 * SECOND_NS  # the first was killed
    work(second)
    due = touch()
    now_ns += 15 * SECOND_NS
    work(second)
    assert due <= seen[1].taken().keys()
    assert not second.runs.done_elsewhere


def test_what_is_of_all_hubs_is_done_by_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LOOK_AGAIN_S", 0)
    now_ns, done = NOW_NS, []
    all_jobs = [Jobs(lambda: store, estate, lambda: now_ns, holder=number) for number in (1, 2)]
    for number, jobs in enumerate(all_jobs):
        monkeypatch.setattr(jobs, "judge_cases", lambda _now_ns, number=number: done.append(number))
        jobs.judge_cases.__name__ = "judge_cases"
        jobs.runs.expect("judge_cases", 600)
        jobs.runs.expect("roll_up_marked", 60)
    for _ in range(3):
        now_ns += 15 * SECOND_NS
        for jobs in all_jobs:
            jobs._guarded(jobs.judge_cases)
            jobs._guarded(jobs.roll_up_marked)
    assert done == [0, 0, 0]
    assert all_jobs[1].runs.done_elsewhere == {"judge_cases"}
    assert all_jobs[1].runs.by_job["roll_up_marked"].last_success_ns == now_ns


def test_a_run_that_outlasts_its_place_leaves_the_marks_of_what_it_did_not_do(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LOOK_AGAIN_S", 0)
    known, now_ns = estate(*map(hub, HUBS)), NOW_NS
    other = JobShare(2)
    jobs = Jobs(lambda: store, lambda: known, lambda: now_ns, holder=1)
    for name in HUBS:
        put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + DAY_NS // 2, {"entries": 3})], hub=name)
        mark(store, MIDNIGHT_NS, now_ns - 10 * SECOND_NS, hub=name)
    made = jobs._writer

    def slow(*arguments: object) -> object:
        """The machine sleeps through the lease in the middle of the work, and the other takes its place."""
        nonlocal now_ns
        now_ns += 2 * lease.LEASE_S * SECOND_NS
        assert other.hold(store, now_ns, no_pause)
        return made(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "_writer", slow)
    jobs._guarded(jobs.roll_up_marked)
    assert pending_marks(store, now_ns=now_ns).keys() == set(HUBS)


def test_today_is_computed_as_often_as_is_asked_for(tmp_path: Path) -> None:
    jobs = Jobs(lambda: SqliteStore(tmp_path / "store.db"), estate, lambda: NOW_NS, today_every_s=300)
    jobs.start()
    jobs.stop()
    every_s = {name: run.every_s for name, run in jobs.runs.by_job.items()}
    assert (every_s["roll_up_unfinished"], every_s["roll_up_marked"]) == (300, 60)
