"""What a day's people are worth is said alike by the export, `why`, the board's page and Grafana's queries."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dashboards.grafana import render
from dashboards.grafana.hub_days import SILENT
from dashboards.web.board import create_board
from schemas import Estate, Kind
from schemas.localtime import midnight_ns, to_ns
from schemas.measures import PeopleState
from schemas.settings import InfluxSettings
from stores import Store
from stores.influx_store import InfluxStore
from stores.sqlite_store import SqliteStore
from tests.dashboards.conftest import LONDON, NOW, Filled
from tests.dashboards.grafana_queries import questions
from tests.dashboards.test_pages import day_line
from tests.servers import Influxd
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS, put, run_jobs
from usage import Queries
from usage.jobs import Jobs

DAY = date(2026, 11, 17)
"""A Tuesday that is over."""
START_NS = midnight_ns(DAY, LONDON)
NOW_NS = to_ns(NOW)
OPEN = {"mon-fri": "09:00-17:00"}
EVERY = {"kinds": ["footfall"], "every": "10m"}
ON_CHANGE = {"kinds": ["footfall"], "every": "change", "heartbeat": "60m"}
AIR = {"id": "air", "kinds": ["co2"], "every": "10m", "zone": "cafe"}
Worth = tuple[PeopleState, float | None]

HUBS: dict[str, tuple[list[dict[str, Any]], Worth]] = {
    "all-dead": ([{"id": "door", **EVERY}, AIR], (PeopleState.NONE, 0.0)),
    "half-dead": ([{"id": "door", **EVERY}, AIR], (PeopleState.PARTIAL, 0.5)),
    "tenth-dead": ([{"id": "door", **EVERY}, AIR], (PeopleState.PARTIAL, 0.9)),
    "one-of-two-dead": ([{"id": "door", **EVERY}, {"id": "side", **EVERY}, AIR], (PeopleState.PARTIAL, 0.5)),
    "air-dead": ([{"id": "door", **EVERY}, AIR], (PeopleState.COUNTED, 1.0)),
    "on-change": ([{"id": "door", **ON_CHANGE}], (PeopleState.COUNTED, 1.0)),
    "on-change-half-dead": ([{"id": "door", **ON_CHANGE}], (PeopleState.PARTIAL, 0.5)),
}
ESTATE = Estate.model_validate(
    {
        "timezone": "Europe/London",
        "hubs": [{"id": name, "opening": OPEN, "sensors": sensors} for name, (sensors, _) in HUBS.items()],
    }
)
SHOWN = {PeopleState.NONE: "no data", PeopleState.PARTIAL: "of opening time covered"}


def count(store: Store, hub: str, sensor: str, *, until_h: float, every_min: int = 10) -> None:
    """Somebody comes in every so many minutes from midnight on, and from closing time again."""
    times = range(START_NS, START_NS + DAY_NS, every_min * MINUTE_NS)
    alive = [t for t in times if t < START_NS + int(until_h * HOUR_NS) or t >= START_NS + 17 * HOUR_NS]
    put(store, Kind.FOOTFALL, [(t, {"entries": 2, "exits": 2}) for t in alive], hub=hub, sensor=sensor)


def fill(store: Store) -> None:
    """A day before on which every door counted, and the day."""
    for hub, (sensors, _) in HUBS.items():
        for sensor in sensors:
            if sensor is AIR:
                times = range(START_NS, START_NS + DAY_NS, 10 * MINUTE_NS) if hub != "air-dead" else range(0)
                put(store, Kind.CO2, [(START_NS - DAY_NS, {"co2_ppm": 500.0})], hub=hub, sensor="air", zone="cafe")
                put(store, Kind.CO2, [(t, {"co2_ppm": 500.0}) for t in times], hub=hub, sensor="air", zone="cafe")
            else:
                put(store, Kind.FOOTFALL, [(START_NS - DAY_NS, {"entries": 1})], hub=hub, sensor=str(sensor["id"]))
    put(store, Kind.FOOTFALL, [(START_NS, {"entries": 0, "exits": 0})], hub="all-dead", sensor="door")
    count(store, "half-dead", "door", until_h=13)
    count(store, "tenth-dead", "door", until_h=16.2)
    count(store, "one-of-two-dead", "door", until_h=24)
    count(store, "air-dead", "door", until_h=24)
    count(store, "on-change", "door", until_h=24, every_min=50)
    count(store, "on-change-half-dead", "door", until_h=13, every_min=60)


@pytest.fixture(params=["sqlite", "influxdb-1"], name="known_store")
def _known_store(request: pytest.FixtureRequest, filled: Filled) -> Iterator[Callable[[], Store]]:
    """Opens a store with the days rolled up."""

    def opened() -> Store:
        if request.param == "sqlite":
            return SqliteStore(filled.path)
        influxd, database = request.getfixturevalue("influxd"), request.getfixturevalue("influx_database")
        return InfluxStore(InfluxSettings(url=influxd.url, bucket=database))

    store = opened()
    store.prepare()
    fill(store)
    run_jobs(Jobs(lambda: store, lambda: ESTATE, lambda: NOW_NS), NOW_NS)
    yield opened
    store.close()


def test_export_why_and_the_page_of_a_hub_say_alike_what_its_people_are_worth(
    known_store: Callable[[], Store],
) -> None:
    store = known_store()
    queries = Queries(store, ESTATE, now_ns=NOW_NS)
    exported = {row.hub: row.figures for row in queries.daily(DAY, DAY)}
    board = TestClient(create_board(open_store=known_store, estate=lambda: ESTATE, clock_ns=lambda: NOW_NS))
    for hub, (_, (state, share)) in HUBS.items():
        why = queries.why(hub, DAY)
        assert why is not None
        for figures in (exported[hub], why.figures):
            assert figures["people_state"] == state, hub
            assert figures["footfall_completeness"] == pytest.approx(share, abs=0.03), hub
        assert why.figures["entries"] == exported[hub]["entries"]
        line = day_line(board.get(f"/hubs/{hub}").text, DAY)
        entries = exported[hub]["entries"]
        assert (SHOWN[state] in line) if state in SHOWN else not any(words in line for words in SHOWN.values())
        assert re.search(rf"\b{entries}\b", line) is not None or entries is None
    store.close()


@pytest.mark.parametrize("known_store", ["influxdb-1"], indirect=True)
def test_grafanas_queries_say_the_same(
    known_store: Callable[[], Store], influxd: Influxd, influx_database: str
) -> None:
    store = known_store()
    exported = {row.hub: row.figures for row in Queries(store, ESTATE, now_ns=NOW_NS).daily(DAY, DAY)}
    store.close()
    dashboard = json.loads(render()["daily-usage.json"])
    asked = {(a.place, a.ref_id): a.text for a in questions(dashboard, NOW.astimezone(LONDON), hub=".*")}

    def rows(place: str, ref_id: str = "A") -> list[dict[str, Any]]:
        found = influxd.query(asked[place, ref_id], database=influx_database)
        return [row for row in found if row["time"] == START_NS]

    cells = {row["hub"]: row["sum"] for row in rows("Every hub, every day") if row["sum"] is not None}
    in_part = sum(row["In part"] or 0 for row in rows("People entering per day", "C"))
    for hub, (_, (state, _)) in HUBS.items():
        assert cells[hub] == (SILENT if state is PeopleState.NONE else exported[hub]["entries"])
    partial = [hub for hub, (_, (state, _)) in HUBS.items() if state is PeopleState.PARTIAL]
    assert in_part == sum(int(exported[hub]["entries"] or 0) for hub in partial)
