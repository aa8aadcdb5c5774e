"""Dead doors and dead rooms, asked of the export, `usage why`, the board and Grafana: all four say the same."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
import yaml
from typer.testing import CliRunner

from cli.usage import app
from dashboards.grafana import render
from dashboards.grafana.hub_days import CLOSED, SILENT
from dashboards.web.board import create_board
from dashboards.web.days import DayState
from schemas import Estate, Kind
from schemas.localtime import to_ns
from schemas.measures import PeopleState
from schemas.settings import InfluxSettings
from stores.influx_store import InfluxStore
from tests.dashboards.grafana_queries import questions
from tests.dashboards.here import browser_of
from tests.dashboards.test_pages import day_line
from tests.servers import Influxd
from tests.usage.given import DAY_NS, MINUTE_NS, Reading, at, put, run_jobs
from usage.jobs import Jobs

pytestmark = pytest.mark.needs("influxd")

LONDON = ZoneInfo("Europe/London")
DAY = date(2026, 10, 20)
NOW = datetime(2026, 10, 21, 10, tzinfo=LONDON)
MIDNIGHT_NS = at(f"{DAY}T00:00", "Europe/London")
OPENS_H, CLOSES_H = 9, 17
A_READING = 2


class Case(NamedTuple):
    """A hub: from when to when each of its doors sends, whether its air is alive, and what a careful person says."""

    doors: Mapping[str, tuple[float, float]]
    state: str
    completeness: float | None
    board: DayState
    environment: float = 1.0
    every: str = "10m"
    opening: str = f"{OPENS_H:02}:00-{CLOSES_H:02}:00"


WHOLE, NEVER = (0, 24), (0, 0)
SAID = {DayState.PARTIAL: "of the day covered", DayState.SILENT: "no data", DayState.CLOSED: "closed"}
STATES = {state.name.lower(): int(state) for state in PeopleState}
CASES = {
    "alive": Case({"door": WHOLE}, "counted", 1.0, DayState.COUNTED),
    "dead-all": Case({"door": NEVER}, "none", 0.0, DayState.SILENT),
    "dead-half": Case({"door": (0, 13)}, "partial", 0.5, DayState.PARTIAL),
    "dead-tenth": Case({"door": (0, 16.2)}, "partial", 0.896, DayState.PARTIAL),
    "one-of-two": Case({"door": WHOLE, "side": NEVER}, "partial", 0.5, DayState.PARTIAL),
    "airless": Case({"door": WHOLE}, "counted", 1.0, DayState.COUNTED, environment=0.0),
    "lorawan": Case({"door": WHOLE}, "counted", 1.0, DayState.COUNTED, every="change"),
    "lorawan-dead": Case({"door": (0, 13)}, "partial", 0.5625, DayState.PARTIAL, every="change"),
    "shut": Case({"door": NEVER}, "closed", None, DayState.CLOSED, opening=""),
}


def estate_document() -> dict[str, Any]:
    hubs = []
    for name, case in CASES.items():
        beat = {"heartbeat": "1h"} if case.every == "change" else {}
        doors = [{"id": door, "kinds": ["footfall"], "every": case.every, **beat} for door in case.doors]
        air = {"id": "air", "kinds": ["co2"], "every": "10m"}
        opening = {"mon-sun": case.opening} if case.opening else {"wed": "09:00-17:00"}
        hubs.append({"id": name, "name": name, "opening": opening, "sensors": [*doors, air]})
    return {"timezone": "Europe/London", "hubs": hubs}


def door_readings(case: Case, span: tuple[float, float]) -> Iterator[Reading]:
    """Two people in each ten minutes of opening; on change, nothing but a message an hour where nobody comes."""
    first, stop = (int(hour * 6) for hour in span)
    for step in range(first, stop):
        hour = step / 6
        people = A_READING if OPENS_H <= hour < CLOSES_H and step % 3 == 0 else 0
        if people or case.every != "change" or hour == int(hour):
            yield MIDNIGHT_NS + step * 10 * MINUTE_NS, {"entries": people, "exits": people}


@pytest.fixture(scope="module")
def filled(_shared_influxd: Influxd | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Influxd, Path]]:
    """The nine hubs in InfluxDB, rolled up, and the estate file."""
    assert _shared_influxd is not None
    influxd = _shared_influxd
    folder = tmp_path_factory.mktemp("dead")
    (folder / "estate.yaml").write_text(yaml.safe_dump(estate_document(), sort_keys=False))
    store = open_store(influxd)
    store.prepare()
    for name, case in CASES.items():
        for door, span in case.doors.items():
            put(store, Kind.FOOTFALL, [(MIDNIGHT_NS - DAY_NS, {"entries": 0})], hub=name, sensor=door)
            put(store, Kind.FOOTFALL, door_readings(case, span), hub=name, sensor=door)
        air = [(MIDNIGHT_NS + step * 10 * MINUTE_NS, {"co2_ppm": 500.0}) for step in range(144)]
        put(
            store,
            Kind.CO2,
            air if case.environment else [(MIDNIGHT_NS - DAY_NS, {"co2_ppm": 500.0})],
            hub=name,
            sensor="air",
        )
    known = Estate.model_validate(estate_document())
    run_jobs(Jobs(lambda: open_store(influxd), lambda: known, lambda: to_ns(NOW)), to_ns(NOW))
    yield influxd, folder
    influxd.query('DROP DATABASE "dead_sensors"')


def open_store(influxd: Influxd) -> InfluxStore:
    return InfluxStore(InfluxSettings(url=influxd.url, bucket="dead_sensors"), retention_days=None)


def asked(filled: tuple[Influxd, Path], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    influxd, folder = filled
    monkeypatch.setenv("HUBPULSE_STORE", "influxdb")
    monkeypatch.setenv("HUBPULSE_INFLUX__URL", influxd.url)
    monkeypatch.setenv("HUBPULSE_INFLUX__BUCKET", "dead_sensors")
    found = CliRunner().invoke(app, [*words, "--estate", str(folder / "estate.yaml")], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def grafana(filled: tuple[Influxd, Path], dashboard: str, hub: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """What the panels of a dashboard that matter here show of the day."""
    influxd, _ = filled
    content = json.loads(render()[f"{dashboard}.json"])
    day_ns = {MIDNIGHT_NS}
    return {
        (each.place, each.ref_id): [
            row for row in influxd.query(each.text, database="dead_sensors") if row.get("time") in day_ns
        ]
        for each in questions(content, NOW, hub=hub)
        if each.place in ("Every hub, every day", "People entering per day", "Day by day")
    }


@pytest.mark.parametrize("hub", CASES)
def test_all_four_say_what_a_careful_person_would(
    filled: tuple[Influxd, Path], monkeypatch: pytest.MonkeyPatch, hub: str
) -> None:
    case = CASES[hub]
    (exported,) = csv.DictReader(
        io.StringIO(asked(filled, monkeypatch, "export", "--hub", hub, "--from", f"{DAY}", "--to", f"{DAY}"))
    )
    entries, completeness = exported["entries"], exported["footfall_completeness"]
    assert exported["people_state"] == case.state
    assert (float(completeness) if completeness else None) == pytest.approx(case.completeness, abs=0.01)
    assert float(exported["environment_completeness"] or 0) == case.environment * (case.state != "closed")
    assert bool(entries) == (case.state in ("counted", "partial"))

    told = json.loads(asked(filled, monkeypatch, "why", "--hub", hub, "--date", f"{DAY}", "--json"))
    for name in ("people_state", "footfall_completeness", "environment_completeness", "entries"):
        assert str(told["figures"][name] if told["figures"][name] is not None else "") == exported[name]

    line = board_line(filled, hub)
    assert [state for state, words in SAID.items() if words in line] == [state for state in SAID if state is case.board]
    assert not entries or f" {entries} " in line

    days = grafana(filled, "daily-usage", hub)
    (cell,) = days["Every hub, every day", "A"]
    assert cell["sum"] == {"none": SILENT, "closed": CLOSED}.get(case.state, float(entries or 0))
    bars = {name: days["People entering per day", name] for name in "ABC"}
    assert bool(bars["A"] or bars["B"]) == (case.state == "counted")
    assert bool(bars["C"]) == (case.state == "partial")
    (row,) = grafana(filled, "hub", hub)["Day by day", "A"]
    assert (row["People"], row["Doors covered"]) == (STATES[case.state], float(completeness) if completeness else None)


def board_line(filled: tuple[Influxd, Path], hub: str) -> str:
    """What a person reads of the day on the hub's page."""
    influxd, _ = filled
    known = Estate.model_validate(estate_document())
    board = create_board(open_store=lambda: open_store(influxd), estate=lambda: known, clock_ns=lambda: to_ns(NOW))
    return day_line(browser_of(board).get(f"/hubs/{hub}").text, DAY)
