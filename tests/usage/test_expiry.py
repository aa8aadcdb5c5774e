"""What is older than its retention goes, in steps that hold nobody up, and never what a figure still needs."""

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from ingest.doctor import _kept
from schemas import Estate, Kind, Policy, Settings
from stores import Store
from stores.lines import encode
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, at, estate, mark, put
from usage.expiry import REACH_NS, raw_needed_since_ns
from usage.jobs import Jobs
from usage.rows import DAILY, row_line, write

NOW_NS = at("2026-10-20T12:00", "Europe/London")
MIDNIGHT_NS = at("2026-10-20T00:00", "Europe/London")
FINAL: Mapping[str, float] = {"entries": 3, "final": True, "revision": 1}


def days_before(days: int) -> int:
    return MIDNIGHT_NS - days * DAY_NS


def since_days(store: Store, retention_days: int) -> float:
    """How many days before now readings are kept."""
    return (NOW_NS - raw_needed_since_ns(store, retention_days, NOW_NS)) / DAY_NS


def test_the_days_of_the_retention_keep_what_they_go_by(store: Store) -> None:
    assert REACH_NS == 33 * DAY_NS
    assert since_days(store, 100) == 133


@pytest.mark.parametrize("retention_days, kept_days", [(3, 60.5 + 33), (200, 233)])
def test_a_day_that_is_not_final_keeps_what_it_goes_by(store: Store, retention_days: int, kept_days: float) -> None:
    write(store, [row_line(DAILY, "armley", days_before(60), {"entries": 3, "final": False, "revision": 1})])
    write(store, [row_line(DAILY, "armley", days_before(65), {**FINAL})])
    assert since_days(store, retention_days) == kept_days


def test_a_day_to_be_recomputed_keeps_what_it_goes_by_until_it_is(store: Store) -> None:
    mark(store, days_before(20), NOW_NS - DAY_NS)
    assert since_days(store, 3) == 20.5 + 33


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def jobs_on(path: Path, known: Estate | None = None, **retention: int) -> Jobs:
    return Jobs(lambda: SqliteStore(path), lambda: known or estate(), lambda: NOW_NS, **retention)  # type: ignore[arg-type] # of an estate's days


def times(store: Store, measurement: str) -> list[int]:
    return [time_ns for run in store.read(measurement, start_ns=0, stop_ns=2**62) for time_ns in run.times_ns]


def test_figures_go_after_their_own_retention_and_for_ever_is_for_ever(store: Store, path: Path) -> None:
    old_ns, young_ns = days_before(401), days_before(399)
    write(store, [row_line(DAILY, "armley", time_ns, {**FINAL}) for time_ns in (old_ns, young_ns)])
    write(store, [encode("usage_daily_door", {"hub": "armley", "sensor": "door"}, {"entries": 3}, old_ns)])
    put(store, Kind.FOOTFALL, [(old_ns, {"entries": 3})])
    jobs_on(path).drop_expired(NOW_NS)
    assert times(store, DAILY) == [old_ns, young_ns]
    jobs_on(path, figures_retention_days=400).drop_expired(NOW_NS)
    assert (times(store, DAILY), times(store, "usage_daily_door")) == ([young_ns], [])
    assert times(store, "footfall") == [old_ns]


def test_nothing_goes_before_the_days_that_nobody_was_there_for_are_made_up_for(store: Store, path: Path) -> None:
    put(store, Kind.FOOTFALL, [(days_before(50), {"entries": 3})])
    jobs = jobs_on(path, retention_days=1)
    jobs.runs.expect("roll_up_missed", 3600)
    jobs.drop_expired(NOW_NS)
    assert times(store, "footfall") == [days_before(50)]
    jobs.runs.succeeded("roll_up_missed", 0.0)
    jobs.drop_expired(NOW_NS)
    assert times(store, "footfall") == []


def test_a_run_ends_after_its_time_and_the_next_goes_on(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stores.sqlite_store.EXPIRE_POINTS_MAX", 10)
    monkeypatch.setattr("usage.jobs.EXPIRY_PAUSE_S", 0)
    put(store, Kind.FOOTFALL, [(days_before(100) + n, {"entries": 1}) for n in range(95)])
    clock = iter(range(NOW_NS, NOW_NS + 10**14, 10 * 10**9))
    jobs = Jobs(lambda: SqliteStore(path), estate, lambda: next(clock), retention_days=1)
    jobs.drop_expired(NOW_NS)
    left = len(times(store, "footfall"))
    assert 0 < left < 95
    for _ in range(5):
        jobs.drop_expired(next(clock))
    assert times(store, "footfall") == []


def test_a_writer_has_its_turn_between_the_steps(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stores.sqlite_store.EXPIRE_POINTS_MAX", 10)
    put(store, Kind.FOOTFALL, [(days_before(100) + n, {"entries": 1}) for n in range(50)])
    written: list[int] = []

    def write_one() -> bool:
        thread = threading.Thread(target=lambda: written.append(_write(path, len(written))))
        thread.start()
        thread.join(60)
        return True

    expiring = SqliteStore(path)
    expiring.expire(NOW_NS - DAY_NS, goes_on=write_one)
    expiring.close()
    assert written == list(range(5))


def _write(path: Path, number: int) -> int:
    other = SqliteStore(path)
    put(other, Kind.CO2, [(NOW_NS + number, {"co2_ppm": 400.0})])
    other.close()
    return number


def test_the_doctor_says_what_is_in_force_and_where_the_settings_say_otherwise() -> None:
    assert _kept(Settings(), {}) == "keeps readings for ever, figures for ever"
    assert _kept(Settings(retention_days=365), {}) == "keeps readings 365 days, figures for ever"
    said = _kept(Settings(retention_days=365), {Policy.RAW: 30, Policy.USAGE: None})
    assert said.startswith("keeps readings 30 days, figures for ever (the settings say otherwise of readings")
    assert _kept(Settings(), {Policy.RAW: 30}) == "keeps readings 30 days, figures for ever"
