"""The figures of a simulated year against its truth, in every store; and of some weeks that jobs lives through."""

from datetime import date
from pathlib import Path

import pytest

from simulators.scenarios import simulation
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, at, run_jobs
from tests.usage.simulated import EVER, Ingested, SimulatedYear, document
from usage.jobs import Jobs
from usage.rows import DAILY, HOURLY, read_marks, read_rows

FAULTS = ("outage", "late", "counter-reset-reboot", "rollover", "gaps", "out-of-order", "duplicates")
LAST = date(2025, 12, 31)
RECEIVED_NS = at("2026-02-01T12:00")
SETTLED_NS = RECEIVED_NS + 10 * 10**9


@pytest.fixture(scope="module")
def year() -> tuple[SimulatedYear, list[Ingested]]:
    """A year with both clock changes, and all of it as ingest makes it."""
    run = simulation(document(), scenario="normal", last=LAST, days=365, seed=5, faults=FAULTS)
    lived = SimulatedYear(run)
    return lived, list(lived.at_once(RECEIVED_NS))


@pytest.mark.timeout(300)
def test_a_year_equals_its_truth(year: tuple[SimulatedYear, list[Ingested]], any_store: Store) -> None:
    lived, ingested = year
    for batch in ingested:
        batch.store_in(any_store)
    run_jobs(Jobs(lambda: any_store, lambda: lived.estate, lambda: SETTLED_NS), SETTLED_NS)
    assert len(lived.expected()) == 365
    assert lived.differences(any_store) == []
    assert not any(mark.is_pending for mark in read_marks(any_store, EVER)["armley"].values())
    daily, hourly = (read_rows(any_store, name, "armley", EVER) for name in (DAILY, HOURLY))
    year_span = (lived.calendar.day(day).span.start_ns for day in (date(2025, 1, 1), date(2026, 1, 1)))
    start_ns, stop_ns = year_span
    assert len([time_ns for time_ns in hourly if start_ns <= time_ns < stop_ns]) == 365 * 24
    for name in ("entries", "exits", "wifi_bytes"):
        assert sum(int(row[name] or 0) for row in hourly.values()) == sum(int(row[name] or 0) for row in daily.values())


@pytest.mark.parametrize("hours", [7, 24])
def test_weeks_that_jobs_lives_through_end_up_equal_to_their_truth(tmp_path: Path, hours: int) -> None:
    store = SqliteStore(tmp_path / "store.db")
    run = simulation(document(), scenario="normal", last=date(2025, 11, 2), days=21, seed=11, faults=FAULTS)
    lived = SimulatedYear(run)
    now_ns = 0
    jobs = Jobs(lambda: store, lambda: lived.estate, lambda: now_ns)
    for batch in lived.as_it_happens(hours):
        batch.store_in(store)
        now_ns = batch.received_ns + 3 * 10**9
        run_jobs(jobs, now_ns)
    for _ in range(4):
        now_ns += DAY_NS
        run_jobs(jobs, now_ns)
    assert lived.differences(store) == []
    days = list(lived.expected())
    # The counters' last totals may still tell of the last day.
    assert [day for day in days if not lived.stored(store)[day]["final"]] == [max(days)]
    run_jobs(jobs, now_ns + 31 * DAY_NS)
    assert all(lived.stored(store)[day]["final"] for day in days)
    store.close()
