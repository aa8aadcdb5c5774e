"""A small estate with known figures, stored as the pipeline stores them, and the board over it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboards.access import accounts
from dashboards.reports.model import Report
from dashboards.web.board import create_board
from dashboards.web.server import BoardServer
from schemas import Estate
from schemas.localtime import midnight_ns, to_ns
from schemas.measures import PeopleState
from stores.lines import Value, encode
from stores.protocol import Accepted
from stores.sqlite_store import SqliteStore
from tests.dashboards import walked
from tests.dashboards.browsing import Browser
from tests.dashboards.here import browser_of
from tests.dashboards.month import Month, load
from tests.dashboards.report_month import ReportMonth
from tests.dashboards.report_month import load as load_report_month
from tests.dashboards.walk import Walk
from tests.real_parts import require
from tests.servers import Influxd

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
TODAY = date(2026, 11, 20)
SUNDAY = 6
MARKUP_NAME = "<script>alert(1)</script>\"'&"
OPENING = {"mon-fri": "09:00-17:00", "sat": "10:00-13:00"}


def hub(hub_id: str, name: str, **more: object) -> dict[str, object]:
    sensors = [
        {"id": "door-1", "kinds": ["footfall"], "every": "5m"},
        {"id": "air-1", "kinds": ["temperature", "humidity", "co2", "pressure"], "every": "10m", "zone": "cafe"},
        {"id": "ap-1", "kinds": ["wifi"], "every": "5m"},
    ]
    return {"id": hub_id, "name": name, "opening": OPENING, "altitude_m": 60, "sensors": sensors} | more


ESTATE = Estate.model_validate(
    {
        "name": "Leeds digital health hubs",
        "timezone": "Europe/London",
        "hubs": [
            hub("armley", "Armley Community Hub"),
            hub("beeston", MARKUP_NAME),
            hub("otley", "Otley Community Hub", closures=["2026-11-16..2026-11-20"]),
        ],
    }
)

_WHOLE: dict[str, Value] = {
    "exits": 300,
    "wifi_peak_clients": 41,
    "wifi_mean_clients": 20.5,
    "temperature_mean_c": 20.94,
    "temperature_min_c": 17.2,
    "temperature_max_c": 23.05,
    "relative_humidity_mean_pct": 48.4,
    "pressure_mean_hpa": 1012.6,
    "co2_mean_ppm": 640.0,
    "co2_max_ppm": 1180.0,
    "open_minutes": 480.0,
    "completeness": 0.99,
    "footfall_completeness": 1.0,
    "final": True,
    "revision": 1,
}


@dataclass
class Filled:
    """A store to put known figures into."""

    path: Path

    def open(self) -> SqliteStore:
        return SqliteStore(self.path)

    def put(self, *lines: str) -> None:
        store = self.open()
        try:
            store.prepare()
            assert store.write("\n".join(lines).encode()) == Accepted()
        finally:
            store.close()

    def put_day(self, hub_id: str, day: date, entries: int | None, **figures: Value | None) -> None:
        self.put(day_line(hub_id, day, entries, **figures))

    def put_reading(self, hub_id: str, kind: str, sensor: str, age: timedelta, **fields: Value) -> None:
        self.put(reading_line(hub_id, kind, sensor, age, **fields))

    def put_fresh_readings(self, hub_id: str, *, co2_ppm: float = 612.0, temperature_c: float = 21.43) -> None:
        self.put(*fresh_readings(hub_id, co2_ppm=co2_ppm, temperature_c=temperature_c))


def day_line(hub_id: str, day: date, entries: int | None, **figures: Value | None) -> str:
    """A day's row; a figure given as None is left out, as the roll-up leaves out what no sensor reported."""
    state = PeopleState.NONE if entries is None else PeopleState.COUNTED
    row: dict[str, Value | None] = _WHOLE | {"entries": entries, "people_state": int(state)} | figures
    told = {name: value for name, value in row.items() if value is not None}
    return encode("usage_daily", {"hub": hub_id}, told, midnight_ns(day, LONDON))


def reading_line(hub_id: str, kind: str, sensor: str, age: timedelta, **fields: Value) -> str:
    return encode(kind, {"hub": hub_id, "sensor": sensor}, fields, to_ns(NOW - age))


def fresh_readings(hub_id: str, *, co2_ppm: float = 612.0, temperature_c: float = 21.43) -> Iterator[str]:
    """A reading of each kind, two minutes old."""
    age = timedelta(minutes=2)
    yield reading_line(hub_id, "footfall", "door-1", age, entries=3, exits=2)
    yield reading_line(hub_id, "wifi", "ap-1", age, clients=17)
    yield reading_line(hub_id, "temperature", "air-1", age, temperature_c=temperature_c)
    yield reading_line(hub_id, "humidity", "air-1", age, relative_humidity_pct=47.6)
    yield reading_line(hub_id, "co2", "air-1", age, co2_ppm=co2_ppm)
    yield reading_line(hub_id, "pressure", "air-1", age, pressure_hpa=1004.2)


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost next to nothing; what the real ones cost, test_access.py says."""
    monkeypatch.setattr(accounts, "hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    return Filled(tmp_path / "store.db")


@pytest.fixture
def known(filled: Filled) -> Filled:
    """Three hubs and 31 days: armley counts 130 today, 129 yesterday, ... but 0 on Sundays, when all are closed."""
    lines = [line for hub_id in ("armley", "beeston", "otley") for line in fresh_readings(hub_id)]
    for back in range(31):
        day = TODAY - timedelta(days=back)
        opens = day.weekday() != SUNDAY
        standing: dict[str, Value] = {"final": back > 2, "open_minutes": 480.0 if opens else 0.0}
        standing |= {} if opens else {"people_state": int(PeopleState.CLOSED)}
        lines += [
            day_line("armley", day, 130 - back if opens else 0, **standing),
            day_line("beeston", day, 50 if opens else 0, **standing),
            day_line("otley", day, 50 if opens else 0, **standing),
        ]
    filled.put(*lines)
    return filled


@pytest.fixture
def board_over() -> Callable[..., FastAPI]:
    """Make a board over a store at the fixed time NOW."""

    def make(filled: Filled, estate: Estate = ESTATE, **more: Any) -> FastAPI:
        return create_board(open_store=filled.open, estate=lambda: estate, clock_ns=lambda: to_ns(NOW), **more)

    return make


@pytest.fixture
def browse(board_over: Callable[..., FastAPI]) -> Callable[..., TestClient]:
    """Make a client of the board over a store."""

    def make(filled: Filled, estate: Estate = ESTATE, **more: Any) -> TestClient:
        return browser_of(board_over(filled, estate, **more), raise_server_exceptions=False)

    return make


@pytest.fixture(scope="session")
def month(_shared_influxd: Influxd | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """Forty days in InfluxDB, for queries alone: nobody writes to them."""
    require("influxd")
    assert _shared_influxd is not None
    yield load(_shared_influxd, "grafana_month", tmp_path_factory.mktemp("month"))
    _shared_influxd.query('DROP DATABASE "grafana_month"')


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """A simulated estate, its board and a browser: nobody writes to them."""
    require("chromium")
    estate = walked.make(tmp_path_factory.mktemp("walked"))
    with BoardServer(estate.board(), port=0) as server, Browser() as browser:
        yield Walk(estate, browser, server.url)


@pytest.fixture(scope="session")
def report_month(tmp_path_factory: pytest.TempPathFactory) -> ReportMonth:
    """Nine weeks with faults in an embedded store, for questions alone: nobody writes to them."""
    return load_report_month(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def october(report_month: ReportMonth) -> Report:
    return report_month.report()
