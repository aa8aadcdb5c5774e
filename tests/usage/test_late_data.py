"""A gateway outage of three days, replayed late, while jobs runs on its own."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from schemas import Kind
from schemas.localtime import Span
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS, Reading, at, estate, figures_of, hub, mark, put, run_jobs
from tests.waiting import wait_until
from usage import Queries, RollupWriter
from usage.jobs import Jobs
from usage.rows import DAILY, read_marks, read_rows

KNOWN = estate(
    hub(
        sensors=[
            {"id": "door", "kinds": ["footfall"], "every": "10m", "counter_bits": 16, "max_step": 500},
            {"id": "side", "kinds": ["footfall"], "every": "10m"},
        ]
    ),
    timezone="UTC",
)
FIRST = date(2026, 10, 19)
DAYS = [FIRST + timedelta(days=step) for step in range(5)]
START_NS = at("2026-10-19T00:00")
NOW_NS = START_NS + 10 * DAY_NS
OUTAGE = range(START_NS + DAY_NS, START_NS + 4 * DAY_NS)
EVER = Span(0, 2**62)


def readings(field: str, per_reading: int) -> Iterator[Reading]:
    """Every ten minutes of five days; a total counts on until the last midnight, an interval count repeats itself."""
    is_total = field.endswith("total")
    for i, time_ns in enumerate(range(START_NS, START_NS + 5 * DAY_NS + is_total, 10 * MINUTE_NS)):
        yield time_ns, {field: per_reading * (i if is_total else 1)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def deliver(store: Store, *, outage: bool) -> None:
    """The readings of the outage, with their marks, or those of the other times."""
    for sensor, field, per_reading in (("door", "entries_total", 2), ("side", "entries", 1)):
        part = [(t, fields) for t, fields in readings(field, per_reading) if (t in OUTAGE) == outage]
        put(store, Kind.FOOTFALL, part, sensor=sensor)
    for day in DAYS[1:4] if outage else ():
        mark(store, at(f"{day}T00:00"), NOW_NS - HOUR_NS)


def entries(store: Store) -> list[int | float | None]:
    return [row["entries"] for _, row in sorted(read_rows(store, DAILY, "armley", EVER).items())][: len(DAYS)]


def is_settled(store: Store) -> bool:
    return not any(mark.is_pending for mark in read_marks(store, EVER)["armley"].values())


def test_late_readings_tell_the_days_after_them_how_often_a_sensor_reports(path: Path) -> None:
    known, store = estate(hub()), SqliteStore(path)
    store.prepare()
    start_ns = at(f"{FIRST}T00:00", "Europe/London")
    now_ns = start_ns + 3 * DAY_NS
    put(store, Kind.CO2, [(start_ns + DAY_NS + i * HOUR_NS, {"co2_ppm": 500.0}) for i in range(0, 24, 2)], sensor="air")
    jobs = Jobs(lambda: store, lambda: known, lambda: now_ns)
    run_jobs(jobs, now_ns)
    put(store, Kind.CO2, [(start_ns + i * HOUR_NS, {"co2_ppm": 500.0}) for i in range(24)], sensor="air")
    mark(store, start_ns, now_ns)
    run_jobs(jobs, now_ns + 10 * 10**9)
    (row,) = read_rows(store, DAILY, "armley", Span(start_ns + DAY_NS, start_ns + 2 * DAY_NS)).values()
    live = figures_of(store, known, str(DAYS[1]), now_ns=now_ns)
    assert row["completeness"] == live["completeness"] == 0.5
    store.close()


def test_late_readings_tell_the_two_weeks_after_them_that_a_sensor_was_there_and_died(path: Path) -> None:
    known, store = estate(hub()), SqliteStore(path)
    store.prepare()
    start_ns = at(f"{FIRST}T00:00", "Europe/London")
    now_ns = start_ns + 17 * DAY_NS + DAY_NS // 2
    put(store, Kind.CO2, [(start_ns + i * HOUR_NS, {"co2_ppm": 500.0}) for i in range(18 * 24)], sensor="air")
    jobs = Jobs(lambda: store, lambda: known, lambda: now_ns)
    run_jobs(jobs, now_ns)
    put(store, Kind.CO2, [(start_ns + i * HOUR_NS, {"co2_ppm": 500.0}) for i in range(24)], sensor="other")
    mark(store, start_ns, now_ns)
    days = [FIRST + timedelta(days=step) for step in range(17)]
    now_ns += 10 * 10**9
    live = [figures_of(store, known, str(day), now_ns=now_ns)["environment_completeness"] for day in days]
    run_jobs(jobs, now_ns)
    rows = read_rows(store, DAILY, "armley", Span(start_ns, start_ns + 17 * DAY_NS + HOUR_NS))
    stored = [row["environment_completeness"] for _, row in sorted(rows.items())]
    assert stored == live == [1.0, *[0.5] * 14, 1.0, 1.0]
    store.close()


def test_figures_become_right_without_a_command_and_the_log_says_what_changed(store: Store, path: Path) -> None:
    deliver(store, outage=False)
    for _ in RollupWriter(store, KNOWN, "armley", now_ns=NOW_NS - DAY_NS).recompute(DAYS):
        pass
    # The door's total went on counting during the outage, the side entrance is missing whole days of it.
    assert entries(store) == [432, 288, 288, 288, 432]

    jobs = Jobs(lambda: SqliteStore(path), lambda: KNOWN, lambda: NOW_NS)
    jobs.start()
    deliver(store, outage=True)
    wait_until(lambda: entries(store) == [432] * 5, 60, "right figures")
    wait_until(
        lambda: not any(m.is_pending for m in read_marks(store, EVER)["armley"].values()), 30, "marks to be done"
    )
    jobs.stop()

    found = Queries(store, KNOWN, now_ns=NOW_NS).changes(DAYS[0], DAYS[-1])
    told = [(day, change.before, change.after, change.revision) for day, change in found if change.figure == "entries"]
    assert told == [(day, 288.0, 432.0, 2) for day in DAYS[1:4]]


def test_an_export_is_right_before_jobs_has_run(store: Store) -> None:
    deliver(store, outage=False)
    for _ in RollupWriter(store, KNOWN, "armley", now_ns=NOW_NS - DAY_NS).recompute(DAYS):
        pass
    deliver(store, outage=True)
    found = Queries(store, KNOWN, now_ns=NOW_NS).daily(DAYS[0], DAYS[-1])
    assert [day.figures["entries"] for day in found] == [432] * 5


def test_a_late_count_that_ends_at_midnight_is_counted_on_the_day_before(path: Path) -> None:
    store = SqliteStore(path)
    known = estate(hub(sensors=[{"id": "s1", "kinds": ["footfall"], "stamp": "end"}]), timezone="UTC")
    midnight_ns = START_NS + 2 * DAY_NS
    put(store, Kind.FOOTFALL, [(START_NS + HOUR_NS, {"entries": 1})])
    jobs = Jobs(lambda: store, lambda: known, lambda: NOW_NS)
    jobs.roll_up_missed(NOW_NS)
    put(store, Kind.FOOTFALL, [(midnight_ns, {"entries": 4})])
    mark(store, midnight_ns, NOW_NS)
    jobs.roll_up_marked_days(NOW_NS + 60 * 10**9)
    rows = read_rows(store, DAILY, "armley", EVER)
    assert rows[midnight_ns - DAY_NS]["entries"] == 4
    store.close()
