"""What the board's pages cost: server time of each, cold, and what a browser loads at first.

python -m benchmarks.pages [--store sqlite|influxdb] [--hubs HUBS] [--days DAYS] [--times TIMES]

An estate of HUBS (22) with DAYS (365) of roll-ups and the latest readings of each sensor, in SQLite, and in InfluxDB
where it is on the PATH: by the wall clock, and by the processor, which a busy machine bends less. Each request is of a
board just made, so that nothing was looked up for another one; the store is open to the operating system's cache. A
further page is a line in `PAGES`; one that is forgotten is said. /edit is not of it: it wants an admin who signed in.
"""

from __future__ import annotations

import argparse
import gzip
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from dashboards.web import assets
from dashboards.web.board import create_board
from schemas import Estate
from schemas.localtime import NS_A_MINUTE, NS_AN_HOUR, midnight_ns, to_ns
from schemas.measures import PeopleState
from schemas.settings import InfluxSettings
from stores import Accepted, Store
from stores.influx_store import InfluxStore
from stores.lines import Value, encode
from stores.sqlite_store import SqliteStore
from tests.servers import Influxd

PAGES = {
    "/": "/",
    "/ of last week": "/?period=2026-W46",
    "/ of last month": "/?period=2026-10",
    "/ of the year": "/?period=2026",
    "/estate.csv": "/estate.csv",
    "/estate.xlsx": "/estate.xlsx",
    "/hubs/{hub_id}": "/hubs/hub-0",
    "/hubs/{hub_id} of a year": "/hubs/hub-0?from=2025-11-21&to=2026-11-20",
    "/sensors": "/sensors",
    "/quality": "/quality",
    "/health": "/health",
    "/health.csv": "/health.csv",
    "/alerts": "/alerts",
    "/reports": "/reports",
    "/login": "/login",
}
"""Each page's route, with more words where it is asked for in several ways, and the address asked."""
NO_PAGES = ("/api/", "/static/", "/healthz", "/readyz", "/log", "/audit/")
FIRST_LOAD_BYTES_MAX = 150_000
HUBS, DAYS, TIMES = 22, 365, 20
NOW = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
_BATCH = 5000
_OPENS, _CLOSES, _SUNDAY = 9, 17, 6
_ZONES = ("cafe", "hall", "office")
_DOORS = ("door-1", "door-2")


def estate(hubs: int) -> Estate:
    """So many hubs of two doors, an access point and three rooms."""
    sensors = [
        *({"id": door, "kinds": ["footfall"], "every": "5m"} for door in _DOORS),
        {"id": "ap-1", "kinds": ["wifi"], "every": "5m"},
        *(
            {"id": f"air-{zone}", "kinds": ["temperature", "humidity", "co2", "pressure"], "every": "10m", "zone": zone}
            for zone in _ZONES
        ),
    ]
    opening = {"mon-fri": "09:00-17:00", "sat": "09:00-17:00"}
    listed = [{"id": f"hub-{n}", "name": f"Hub {n}", "opening": opening, "sensors": sensors} for n in range(hubs)]
    return Estate.model_validate({"name": "Hubs", "timezone": "Europe/London", "hubs": listed})


def lines(known: Estate, days: int) -> Iterator[str]:
    """Roll-ups of so many days up to today, every tenth of them missed in part, and readings of two minutes ago."""
    zone = known.zone_of("")
    for number, hub in enumerate(known.hubs):
        tags = {"hub": hub.id}
        yield from _readings(hub.id, number)
        for back in range(days):
            day = NOW.date() - timedelta(days=back)
            start_ns, opens = midnight_ns(day, zone), day.weekday() != _SUNDAY
            people = (80 + 7 * (number % 9) + back * 13 % 40) if opens else 0
            missed = opens and (back + number) % 10 == 0
            state = PeopleState.PARTIAL if missed else PeopleState.COUNTED if opens else PeopleState.CLOSED
            figures = _AIR | {
                "entries": people,
                "exits": people - 3,
                "entries_open": people,
                "occupancy_drift": 3,
                "open_minutes": 480.0 if opens else 0.0,
                "people_state": int(state),
                "footfall_completeness": 0.5 if missed else 1.0,
                "final": back > 2,
                "revision": 1,
            }
            yield encode("usage_daily", tags, figures, start_ns)
            if missed:
                fields = {"entries_estimate": people, "entries_low": people, "entries_high": people * 2, "method": 1}
                yield encode("usage_estimates", tags, fields, start_ns)
            for door in _DOORS:
                half: dict[str, Value] = {"entries": people // 2, "exits": people // 2, "footfall_completeness": 1.0}
                yield encode("usage_daily_door", tags | {"sensor": door}, half, start_ns)
            for room in _ZONES:
                yield encode("usage_daily_zone", tags | {"zone": room}, _ROOM, start_ns)
            for hour in range(24):
                is_open = opens and _OPENS <= hour < _CLOSES
                row = _AIR | {"entries": people // 8 * is_open, "exits": people // 8 * is_open, "open_minutes": 60.0}
                yield encode("usage_hourly", tags, row, start_ns + hour * NS_AN_HOUR)
        monday_ns = midnight_ns(NOW.date() - timedelta(days=NOW.weekday()), zone)
        for door in _DOORS:
            for hour in range(7 * 24):
                rate: dict[str, Value] = {"people_per_hour": 7.5, "version": 1}
                yield encode("usage_profile", tags | {"sensor": door}, rate, monday_ns + hour)


_AIR: dict[str, Value] = {
    "wifi_peak_clients": 41,
    "wifi_mean_clients": 20.5,
    "temperature_mean_c": 20.9,
    "temperature_min_c": 17.2,
    "temperature_max_c": 23.0,
    "relative_humidity_mean_pct": 48.4,
    "pressure_mean_hpa": 1012.6,
    "co2_mean_ppm": 640.0,
    "co2_max_ppm": 1180.0,
    "completeness": 0.99,
    "wifi_completeness": 0.99,
    "environment_completeness": 0.99,
}
_ROOM: dict[str, Value] = {
    "temperature_mean_c": 20.9,
    "temperature_min_c": 17.2,
    "relative_humidity_mean_pct": 48.4,
    "co2_mean_ppm": 640.0,
    "co2_max_ppm": 1180.0,
    "damp_minutes": 0.0,
    "mould_index": 0.4,
    "environment_completeness": 0.99,
}


def _readings(hub: str, number: int) -> Iterator[str]:
    time_ns = to_ns(NOW) - 2 * NS_A_MINUTE
    for door in _DOORS[number % 5 == 0 :]:  # every fifth hub has a silent one
        yield encode("footfall", {"hub": hub, "sensor": door}, {"entries": 3, "exits": 2}, time_ns)
    yield encode("wifi", {"hub": hub, "sensor": "ap-1"}, {"clients": 17}, time_ns)
    for zone in _ZONES:
        tags = {"hub": hub, "sensor": f"air-{zone}", "zone": zone}
        yield encode("temperature", tags, {"temperature_c": 21.4}, time_ns)
        yield encode("humidity", tags, {"relative_humidity_pct": 47.6}, time_ns)
        yield encode("co2", tags, {"co2_ppm": 612.0}, time_ns)
        yield encode("pressure", tags, {"pressure_hpa": 1004.2}, time_ns)


def fill(store: Store, known: Estate, days: int) -> None:
    """Put the roll-ups and readings into an empty store."""
    store.prepare()
    batch: list[str] = []
    for line in lines(known, days):
        batch.append(line)
        if len(batch) == _BATCH:
            assert store.write("\n".join(batch).encode()) == Accepted()
            batch = []
    if batch:
        assert store.write("\n".join(batch).encode()) == Accepted()


def board(open_store: Callable[[], Store], known: Estate) -> FastAPI:
    """A board that has looked nothing up yet."""
    return create_board(open_store=open_store, estate=lambda: known, clock_ns=lambda: to_ns(NOW))


def browser(app: FastAPI) -> TestClient:
    """A browser on this machine."""
    return TestClient(app, base_url="http://localhost", client=("127.0.0.1", 50_000))


def timed(open_store: Callable[[], Store], known: Estate, address: str, times: int) -> tuple[list[float], list[float]]:
    """Seconds of wall clock, and of processor, of so many requests, each of a board of its own."""
    took, worked = [], []
    for _ in range(times):
        client = browser(board(open_store, known))
        client.get("/healthz")  # what an application does once is not of the page
        begin, begin_cpu = time.perf_counter(), time.process_time()
        answer = client.get(address)
        took.append(time.perf_counter() - begin)
        worked.append(time.process_time() - begin_cpu)
        assert answer.status_code == 200, (address, answer.status_code)
    return took, worked


def first_load_bytes(page: str) -> int:
    """What a browser gets for a page, compressed: itself, its styles, scripts and icon."""
    names = set(re.findall(r'"/static/([\w.-]+)\?', page))
    return len(gzip.compress(page.encode())) + sum(len(assets.load(name).compressed) for name in names)


def forgotten(app: FastAPI) -> set[str]:
    """The routes of pages that `PAGES` has no address of."""
    routes = {route.path for route in app.routes if isinstance(route, APIRoute)}
    return {path for path in routes if not path.startswith(NO_PAGES)} - {page.split()[0] for page in PAGES}


def measure(name: str, open_store: Callable[[], Store], known: Estate, days: int, times: int) -> None:
    """Fill a store and print a line for each page."""
    store = open_store()
    fill(store, known, days)
    store.close()
    for path in forgotten(board(open_store, known)):
        print(f"{path}: no address of it in benchmarks/pages.py")
    for page, address in PAGES.items():
        timed(open_store, known, address, 1)
        took, worked = (_p50_p95(seconds) for seconds in timed(open_store, known, address, times))
        loaded = first_load_bytes(browser(board(open_store, known)).get(address).text)
        over = "  TOO LARGE" if loaded > FIRST_LOAD_BYTES_MAX else ""
        print(
            f"{name:8} {page:26} wall p50, p95 {took} ms  processor {worked} ms  "
            f"first load {loaded / 1000:5.1f} kB{over}",
            flush=True,
        )


def _p50_p95(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:6.1f} {statistics.quantiles(seconds, n=20)[-1] * 1000:6.1f}"


def main() -> None:
    """Print a line for each store and page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("sqlite", "influxdb"), help="only this one")
    for name, default in (("hubs", HUBS), ("days", DAYS), ("times", TIMES)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    hubs, days, times = asked.hubs, asked.days, asked.times
    known = estate(hubs)
    print(f"{hubs} hubs, {days} days, {times} requests of each page")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pages-")))
        if asked.store != "influxdb":
            measure("sqlite", lambda: SqliteStore(folder / "store.db"), known, days, times)
        if asked.store != "sqlite" and shutil.which("influxd"):
            influxd = stack.enter_context(Influxd(folder / "influxd"))
            settings = InfluxSettings(url=influxd.url, bucket="pages")
            measure("influxdb", lambda: InfluxStore(settings, retention_days=None), known, days, times)


if __name__ == "__main__":
    main()
