"""Hubs that are open past midnight: each part of a night belongs to its own local day, everywhere."""

from datetime import date, datetime
from pathlib import Path

import pytest

from dashboards.web import wording
from schemas import Kind
from schemas.localtime import from_ns
from simulators.scenarios import simulation
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, HOUR_NS, at, estate, figures_of, hub, put, run_jobs
from tests.usage.simulated import SimulatedYear, document
from usage import Queries
from usage.jobs import Jobs

NIGHTS = {"fri": "18:00-24:00", "sat": "00:00-02:00, 18:00-24:00", "sun": "00:00-02:00"}
KNOWN = estate(hub(opening=NIGHTS, sensors=[{"id": "door", "kinds": ["footfall"], "every": "1h"}]))
FRIDAY, SATURDAY, SUNDAY = "2026-11-06", "2026-11-07", "2026-11-08"


def test_people_minutes_and_coverage_of_a_night_are_each_of_the_day_whose_midnight_passed(store: Store) -> None:
    evening_ns = at(f"{FRIDAY}T18:00")
    put(
        store, Kind.FOOTFALL, [(evening_ns + i * HOUR_NS, {"entries": 10, "exits": 0}) for i in range(7)], sensor="door"
    )
    found = {day: figures_of(store, KNOWN, day) for day in (FRIDAY, SATURDAY)}
    names = ("entries", "entries_open", "open_minutes", "footfall_completeness", "people_state")
    assert [found[FRIDAY][name] for name in names] == [60, 60, 360, 1, 2]
    # One of the two hours after midnight is covered, and nothing of the next evening.
    assert [found[SATURDAY][name] for name in names] == [10, 10, 480, 0.125, 1]


def test_why_tells_both_parts_of_a_day_with_two_nights(store: Store) -> None:
    explained = Queries(store, KNOWN, now_ns=at(f"{SUNDAY}T12:00")).why("armley", date.fromisoformat(SATURDAY))
    assert explained is not None
    parts = [[from_ns(ns).hour for ns in span] for span in explained.day.open]
    assert parts == [[0, 2], [18, 0]]


@pytest.mark.parametrize(
    "now, words",
    [
        (f"{FRIDAY}T12:00", "opens 18:00"),
        (f"{FRIDAY}T23:00", "open until 02:00"),
        (f"{SATURDAY}T01:00", "open until 02:00"),
        (f"{SATURDAY}T02:00", "opens 18:00"),
        (f"{SUNDAY}T01:59", "open until 02:00"),
        (f"{SUNDAY}T02:00", "closed since 02:00"),
    ],
)
def test_a_night_is_open_until_it_closes(store: Store, now: str, words: str) -> None:
    (state,) = Queries(store, KNOWN, now_ns=at(now)).hub_states()
    assert wording.opening(state.opening) == words


def test_a_hub_that_is_open_for_days_on_end_is_open_until_the_day_ends(store: Store) -> None:
    known = estate(hub(opening={"mon": "09:00-24:00", "tue-sun": "00:00-24:00"}))
    (state,) = Queries(store, known, now_ns=at("2026-11-09T12:00")).hub_states()
    assert wording.opening(state.opening) == "open until 24:00"


@pytest.mark.parametrize("last", ["2025-04-01", "2025-10-28"])
def test_nights_over_a_clock_change_are_as_they_were(tmp_path: Path, last: str) -> None:
    by_night = "00:00-01:30, 18:00-24:00"
    known = document()
    known["hubs"][0]["opening"] = {"mon-thu": by_night, "fri": "18:00-24:00", "sun": "01:30-05:00, 18:00-24:00"}
    run = simulation(known, scenario="normal", last=date.fromisoformat(last), days=6, seed=3, faults=())
    lived = SimulatedYear(run)
    received_ns = at(datetime.fromisoformat(last).isoformat()) + 5 * DAY_NS
    store = SqliteStore(tmp_path / "store.db")
    for batch in lived.at_once(received_ns):
        batch.store_in(store)
    run_jobs(Jobs(lambda: store, lambda: lived.estate, lambda: 0), received_ns + DAY_NS)
    assert len(lived.expected()) == 6
    assert lived.differences(store) == []
    store.close()
