"""The periodic work: what is due, what it writes, and that nothing ends the schedule."""

import itertools
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas import Estate, Kind
from schemas.localtime import Span
from stores import Outcome, SeriesChunk, Store, StoreError
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS, at, estate, hub, mark, put, run_jobs
from tests.waiting import wait_until
from usage.jobs import MARKED_DAYS_AT_ONCE, Jobs, Work
from usage.rollup import Figures
from usage.rows import DAILY, HOURLY, PROFILES, read_marks, read_rows

DAY = date(2026, 10, 20)
MIDNIGHT_NS = at("2026-10-20T00:00", "Europe/London")
NOON_NS = MIDNIGHT_NS + 12 * HOUR_NS
EVER = Span(0, 2**62)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def jobs_on(path: Path, known: Estate | None = None, now_ns: int = NOON_NS) -> Jobs:
    return Jobs(lambda: SqliteStore(path), lambda: known or estate(), lambda: now_ns)


def run(path: Path, now_ns: int, known: Estate | None = None) -> None:
    run_jobs(jobs_on(path, known), now_ns)


def row(store: Store, midnight_ns: int = MIDNIGHT_NS) -> Figures:
    return read_rows(store, DAILY, "armley", EVER)[midnight_ns]


def test_today_is_rolled_up_while_it_runs_and_stays_revision_zero(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3, "exits": 1})])
    run(path, NOON_NS + 1)
    put(store, Kind.FOOTFALL, [(NOON_NS + MINUTE_NS, {"entries": 2, "exits": 1})])
    run(path, NOON_NS + 2 * MINUTE_NS)
    assert (row(store)["entries"], row(store)["final"], row(store)["revision"]) == (5, False, 0)
    assert len(read_rows(store, HOURLY, "armley", Span(MIDNIGHT_NS, MIDNIGHT_NS + DAY_NS))) == 13


def test_a_day_is_closed_two_hours_after_it_ended_and_becomes_final(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3})])
    run(path, NOON_NS + 1)
    put(store, Kind.FOOTFALL, [(NOON_NS + HOUR_NS, {"entries": 2})])
    run(path, MIDNIGHT_NS + 26 * HOUR_NS - 1)
    assert (row(store)["entries"], row(store)["final"], row(store)["revision"]) == (5, False, 0)
    run(path, MIDNIGHT_NS + 26 * HOUR_NS)
    assert (row(store)["entries"], row(store)["final"], row(store)["revision"]) == (5, False, 1)
    run(path, MIDNIGHT_NS + 3 * DAY_NS)
    assert (row(store)["final"], row(store)["revision"]) == (True, 1)


def test_a_marked_day_is_recomputed_and_the_change_told(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 318})])
    now_ns = MIDNIGHT_NS + 5 * DAY_NS
    mark(store, MIDNIGHT_NS, now_ns - HOUR_NS)
    run(path, now_ns)
    put(store, Kind.FOOTFALL, [(NOON_NS + 1, {"entries": 13})])
    mark(store, MIDNIGHT_NS, now_ns)
    with capture_logs() as told:
        run(path, now_ns + MINUTE_NS)
    assert (row(store)["entries"], row(store)["revision"]) == (331, 2)
    changed = next(entry for entry in told if entry["event"] == "day_changed")
    assert (changed["date"], changed["changes"], changed["revision"]) == (
        "2026-10-20",
        "entries 318 -> 331, entries_open 318 -> 331",
        2,
    )
    assert not read_marks(store, EVER)["armley"][MIDNIGHT_NS].is_pending


def test_a_mark_is_given_two_seconds_to_settle(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 318})])
    now_ns = MIDNIGHT_NS + 5 * DAY_NS
    mark(store, MIDNIGHT_NS, now_ns)
    jobs_on(path).roll_up_marked_days(now_ns + 1_900_000_000)
    assert read_marks(store, EVER)["armley"][MIDNIGHT_NS].is_pending
    jobs_on(path).roll_up_marked_days(now_ns + 2_000_000_000)
    assert not read_marks(store, EVER)["armley"][MIDNIGHT_NS].is_pending


def test_a_mark_set_anew_during_a_recompute_keeps_the_day_due(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 318})])
    now_ns = MIDNIGHT_NS + 5 * DAY_NS
    mark(store, MIDNIGHT_NS, now_ns - HOUR_NS)

    class Remarking(SqliteStore):
        def write(self, lines: bytes) -> Outcome:
            if lines.startswith(b"usage_daily"):
                mark(store, MIDNIGHT_NS, now_ns)
            return super().write(lines)

    Jobs(lambda: Remarking(path), estate, lambda: now_ns).roll_up_marked_days(now_ns)
    assert read_marks(store, EVER)["armley"][MIDNIGHT_NS].is_pending


def test_recomputing_twice_is_recomputing_once(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3})])
    now_ns = MIDNIGHT_NS + 5 * DAY_NS
    for _ in range(2):
        mark(store, MIDNIGHT_NS, now_ns - HOUR_NS)
        run(path, now_ns)
        once = row(store)
        now_ns += HOUR_NS
    assert once["revision"] == 1


def test_a_late_total_changes_the_days_beside_it_too(store: Store, path: Path) -> None:
    three_days = [date(2026, 10, 19), DAY, date(2026, 10, 21)]
    midnights = [at(f"{day}T00:00", "Europe/London") for day in three_days]
    totals = [(midnights[0], 0), (midnights[2] + DAY_NS, 72)]
    put(store, Kind.FOOTFALL, [(t, {"entries_total": n}) for t, n in totals])
    now_ns = MIDNIGHT_NS + 5 * DAY_NS
    for midnight_ns in midnights:
        mark(store, midnight_ns, now_ns - HOUR_NS)
    run(path, now_ns)
    assert [row(store, at_ns)["entries"] for at_ns in midnights] == [24, 24, 24]
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries_total": 60})])
    mark(store, MIDNIGHT_NS, now_ns)
    run(path, now_ns + MINUTE_NS)
    assert [row(store, at_ns)["entries"] for at_ns in midnights] == [40, 24, 8]


def test_the_first_total_of_today_completes_yesterday(store: Store, path: Path) -> None:
    jobs = jobs_on(path)
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS, {"entries_total": 0}), (MIDNIGHT_NS + 22 * HOUR_NS, {"entries_total": 5})])
    run_jobs(jobs, MIDNIGHT_NS + DAY_NS + MINUTE_NS)
    assert row(store)["entries"] == 5
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + 26 * HOUR_NS, {"entries_total": 9})])
    run_jobs(jobs, MIDNIGHT_NS + 26 * HOUR_NS + MINUTE_NS)
    assert (row(store)["entries"], row(store, MIDNIGHT_NS + DAY_NS)["entries"]) == (7, 2)


def test_a_known_hub_that_is_silent_has_a_row_that_says_so(store: Store, path: Path) -> None:
    known = estate(hub(sensors=[{"id": "door", "kinds": ["footfall"], "every": "5m"}]))
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS - HOUR_NS, {"entries": 1})], sensor="door")
    run(path, MIDNIGHT_NS + DAY_NS, known)
    assert (row(store)["entries"], row(store)["completeness"]) == (None, 0.0)


def test_days_that_nobody_rolled_up_are_made_up_for(store: Store, path: Path) -> None:
    ten_days_ago = MIDNIGHT_NS - 10 * DAY_NS
    put(store, Kind.FOOTFALL, [(ten_days_ago + HOUR_NS, {"entries": 3}), (NOON_NS, {"entries": 4})])
    run(path, NOON_NS + 1)
    rows = read_rows(store, DAILY, "armley", EVER)
    assert [row["entries"] for _, row in sorted(rows.items())] == [3, *[None] * 9, 4]
    assert min(rows) == ten_days_ago


def test_days_before_a_hub_was_first_heard_of_are_no_days_of_a_dead_hub(store: Store, path: Path) -> None:
    known = estate(hub(sensors=[{"id": "door", "kinds": ["footfall"], "every": "5m"}]))
    run(path, NOON_NS, known)
    run(path, NOON_NS + 2 * DAY_NS, known)
    rows = read_rows(store, DAILY, "armley", EVER)
    assert sorted(rows) == [MIDNIGHT_NS, MIDNIGHT_NS + DAY_NS, MIDNIGHT_NS + 2 * DAY_NS]
    assert {row["completeness"] for row in rows.values()} == {0.0}


def test_a_total_that_ended_a_silence_while_jobs_was_away_completes_the_days_before(store: Store, path: Path) -> None:
    totals = [(MIDNIGHT_NS, {"entries_total": 0}), (MIDNIGHT_NS + HOUR_NS, {"entries_total": 1})]
    put(store, Kind.FOOTFALL, totals)
    for days in range(6):
        run(path, MIDNIGHT_NS + days * DAY_NS + 12 * HOUR_NS)
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + 6 * DAY_NS, {"entries_total": 144})])
    run(path, MIDNIGHT_NS + 8 * DAY_NS)
    rows = sorted(read_rows(store, DAILY, "armley", EVER).items())
    assert [row["entries"] for _, row in rows] == [24] * 6


def test_a_replay_of_long_ago_does_not_fill_the_years_since(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(at("2005-07-24T12:00"), {"entries": 3})])
    mark(store, at("2005-07-24T00:00", "Europe/London"), NOON_NS - HOUR_NS)
    for _ in range(2):
        run(path, NOON_NS)
    assert len(read_rows(store, DAILY, "armley", EVER)) == 1


class _Failing(SqliteStore):
    """A store that fails its first reads."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.failures = itertools.chain(["the store is away: start it"] * 2, itertools.repeat(None))

    def latest(
        self, measurement: str, *, before_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        failure = next(self.failures)
        if failure:
            raise StoreError(failure)
        return super().latest(measurement, before_ns=before_ns, where=where)


def test_the_schedule_works_and_stops_cleanly(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3})])
    jobs = jobs_on(path, now_ns=NOON_NS + 1)
    jobs.start()
    wait_until(lambda: MIDNIGHT_NS in read_rows(store, DAILY, "armley", EVER), 10, "today's roll-up")
    jobs.stop()
    jobs.stop()


@pytest.mark.usefixtures("store")
def test_work_of_another_room_is_done_at_once_too(path: Path) -> None:
    done: list[int] = []
    jobs = jobs_on(path, now_ns=NOON_NS)
    jobs.also(Work("other", 3600, lambda _store, _estate, now_ns: done.append(now_ns)))
    jobs.start()
    wait_until(lambda: done, 20, "its first run")
    jobs.stop()
    assert done == [NOON_NS]


def test_no_other_hub_is_looked_at_once_it_was_told_to_stop(store: Store, path: Path) -> None:
    assert not read_rows(store, DAILY, "armley", EVER)
    asked: list[str] = []

    class Stopping(SqliteStore):
        def read(
            self, measurement: str, *, where: Mapping[str, str] | None = None, **rest: Any
        ) -> Iterator[SeriesChunk]:
            asked.append((where or {}).get("hub", ""))
            jobs.stop()
            return super().read(measurement, where=where, **rest)

    jobs = Jobs(lambda: Stopping(path), lambda: estate(hub("armley"), hub("beeston")), lambda: NOON_NS)
    jobs.roll_up_missed(NOON_NS)
    assert asked == ["armley"]


def test_nothing_is_read_for_the_days_before_a_hub_was_heard_of(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3})])
    asked: set[str] = set()

    class Asked(SqliteStore):
        def read(self, measurement: str, **rest: Any) -> Iterator[SeriesChunk]:
            asked.add(measurement)
            return super().read(measurement, **rest)

    jobs = Jobs(lambda: Asked(path), lambda: estate(hub("armley"), hub("beeston")), lambda: NOON_NS)
    jobs.roll_up_missed(NOON_NS + 1)
    assert asked == {DAILY, PROFILES}


def test_a_store_that_is_away_is_told_in_one_line_and_tried_again(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usage.jobs.MINUTE_S", 0.05)
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3})])
    jobs = Jobs(lambda: _Failing(path), estate, lambda: NOON_NS + 1, today_every_s=1)
    with capture_logs() as told:
        jobs.start()
        wait_until(lambda: MIDNIGHT_NS in read_rows(store, DAILY, "armley", EVER), 10, "today's roll-up")
        jobs.stop()
    assert [entry["error"] for entry in told if entry["event"] == "jobs_waiting"] == ["the store is away: start it"] * 2


def test_raw_readings_older_than_the_retention_go_and_their_figures_stay(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3}), (NOON_NS + 5 * DAY_NS, {"entries": 4})])
    run(path, MIDNIGHT_NS + 26 * HOUR_NS)
    run(path, MIDNIGHT_NS + 4 * DAY_NS)
    jobs = Jobs(lambda: SqliteStore(path), estate, lambda: NOON_NS, retention_days=3)

    def kept_at(now_ns: int) -> list[int]:
        jobs.drop_expired(now_ns)
        return [time_ns for run_ in store.read("footfall", start_ns=0, stop_ns=2**62) for time_ns in run_.times_ns]

    # The days of the retention go by readings of 33 days before.
    assert kept_at(NOON_NS + 36 * DAY_NS - 1) == [NOON_NS, NOON_NS + 5 * DAY_NS]
    assert kept_at(NOON_NS + 36 * DAY_NS + 1) == [NOON_NS + 5 * DAY_NS]
    assert row(store)["entries"] == 3


def test_without_a_retention_nothing_goes(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3})])
    jobs_on(path).drop_expired(NOON_NS + 9999 * DAY_NS)
    assert len(list(store.read("footfall", start_ns=0, stop_ns=2**62))) == 1


def test_the_hubs_take_turns_however_many_days_of_one_are_marked(store: Store, path: Path) -> None:
    many = [at("2016-01-01T12:00", "Europe/London") + number * DAY_NS for number in range(3 * MARKED_DAYS_AT_ONCE)]
    put(store, Kind.FOOTFALL, [(noon_ns, {"entries": 1}) for noon_ns in many])
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 5})], hub="zoo")
    for noon_ns in many:
        mark(store, noon_ns - 12 * HOUR_NS, NOON_NS)
    mark(store, MIDNIGHT_NS, NOON_NS, hub="zoo")
    jobs_on(path).roll_up_marked_days(MIDNIGHT_NS + 5 * DAY_NS)
    marks = read_marks(store, EVER)

    assert not marks["zoo"][MIDNIGHT_NS].is_pending
    assert 0 < sum(not found.is_pending for found in marks["armley"].values()) <= MARKED_DAYS_AT_ONCE
