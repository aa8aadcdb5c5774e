"""What the board's pages cost: server time of each, cold, and what a browser loads at first.

python -m benchmarks.pages [--store sqlite|influxdb] [--hubs HUBS] [--days DAYS] [--times TIMES] [--only WORDS]

An estate of HUBS (22) with DAYS (365) of roll-ups and the latest readings of each sensor, in SQLite, and in InfluxDB
where it is on the PATH: by the wall clock, and by the processor, which a busy machine bends less. Each request is of an
admin, of a board just made, so that nothing was looked up for another one; the store is open to the operating system's
cache, and the modules and templates of a page were loaded before. What the boards before left to the garbage collector
is collected before the clock starts: a program makes one board, not one for each request. Under each store it says
which pages are over the aim at p95: 100 ms, and 400 ms with 200 hubs. A further page is a line in `PAGES`; one that is
forgotten is said.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import re
import secrets
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from dashboards.access.accounts import Accounts, Role
from dashboards.access.shares import Shares
from dashboards.reports.desk import ReportFolders
from dashboards.web import assets
from dashboards.web.board import create_board
from dashboards.web.edit_page import Editing, add_edit_page
from hubpulse import COLLECT_AFTER_OBJECTS
from schemas import Estate, Settings
from schemas.localtime import NS_A_MINUTE, NS_A_SECOND, NS_AN_HOUR, midnight_ns, to_ns
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
    "/ of last quarter": "/?period=2026-Q3",
    "/ of last half-year": "/?period=2026-H1",
    "/ of the year": "/?period=2026",
    "/estate.csv": "/estate.csv",
    "/charts/entries.{form}": "/charts/entries.csv",
    "/estate.xlsx": "/estate.xlsx",
    "/hubs/{hub_id}": "/hubs/hub-0",
    "/hubs/{hub_id} of a year": "/hubs/hub-0?from=2025-11-21&to=2026-11-20",
    "/hubs/{hub_id}/charts/{chart_file}": "/hubs/hub-0/charts/entries.csv",
    "/sensors": "/sensors",
    "/sensors/file": "/sensors/file?format=xlsx",
    "/quality": "/quality",
    "/health": "/health",
    "/health.csv": "/health.csv",
    "/alerts": "/alerts",
    "/reports": "/reports",
    "/reports/shares": "/reports/shares",
    "/share/{secret}": "/share/{share}",
    "/edit": "/edit",
    "/edit/hours/{hub_id}": "/edit/hours/hub-0",
    "/login": "/login",
}
"""Each page's route, with more words where it is asked for in several ways, and the address asked."""
NO_PAGES = ("/api/", "/static/", "/healthz", "/readyz", "/log", "/audit/", "/reports/file", "/reports/made/")
"""A report is made or fetched, not looked at."""
FIRST_LOAD_BYTES_MAX = 150_000
HUBS, DAYS, TIMES = 22, 365, 20
_AIM_MS, _MANY_HUBS, _AIM_OF_MANY_MS = 100, 100, 400
"""The server's time at p95, of an estate and of one of many hubs."""
A_DAY_S = 86_400
NOW = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
_BATCH = 5000
_OPENS, _CLOSES, _SUNDAY = 9, 17, 6
_ZONES = ("cafe", "hall", "office")
_DOORS = ("door-1", "door-2")


def estate(hubs: int) -> Estate:
    """So many hubs of two doors, an access point and three rooms."""
    return Estate.model_validate(estate_file(hubs))


def estate_file(hubs: int) -> dict[str, object]:
    """What the estate file says of them."""
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
    return {"name": "Hubs", "timezone": "Europe/London", "hubs": listed}


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
                week: dict[str, Value] = {"people_per_week": 7.5 * 7 * 24, "hours_known": 7 * 24} if hour == 0 else {}
                yield encode("usage_profile", tags | {"sensor": door}, rate | week, monday_ns + hour)


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


@dataclass(frozen=True)
class Site:
    """What a board is of: a store, the estate, and a folder with its file, an admin, and a shared report."""

    open_store: Callable[[], Store]
    known: Estate
    settings: Settings
    token: str
    share: str

    @classmethod
    def made(cls, open_store: Callable[[], Store], hubs: int, folder: Path) -> Site:
        """With everything in its folder, which has the name of its store."""
        path = folder / "estate.yaml"
        settings = Settings.model_validate({"data_dir": folder / "data", "estate": path, "store": folder.name})
        settings.data_dir.mkdir(parents=True)
        path.write_text(json.dumps(estate_file(hubs)))  # which is YAML, too
        now_s = to_ns(NOW) // NS_A_SECOND
        accounts = Accounts(settings.data_dir)
        accounts.add("admin", secrets.token_urlsafe(), Role.ADMIN)
        token = accounts.add_token("admin", "benchmark", now_s + A_DAY_S)
        report = b"<p>A report</p>" * 20_000
        shares = Shares(settings.audits_folder)
        share = shares.add(report, "report.html", account="admin", now_s=now_s, expires_s=now_s + A_DAY_S)
        return cls(open_store, estate(hubs), settings, token, share)

    def board(self) -> FastAPI:
        """A board that has looked nothing up yet."""
        app = create_board(
            open_store=self.open_store,
            estate=lambda: self.known,
            clock_ns=lambda: to_ns(NOW),
            accounts=Accounts(self.settings.data_dir),
            reports=ReportFolders(self.settings.data_dir, self.settings.audits_folder),
            store_is_elsewhere=self.settings.store == "influxdb",
        )
        add_edit_page(app, Editing(self.settings, self.open_store, lambda: to_ns(NOW)))
        return app

    def browser(self) -> TestClient:
        """The admin's, at a board of its own. What an application does once is done."""
        client = TestClient(self.board(), base_url="http://localhost", client=("127.0.0.1", 50_000))
        client.headers["Authorization"] = f"Bearer {self.token}"
        client.get("/healthz")
        return client

    def timed(self, address: str, times: int) -> tuple[list[float], list[float]]:
        """Seconds of wall clock, and of processor, of so many requests, each of a board of its own."""
        took, worked = [], []
        for _ in range(times):
            client = self.browser()
            gc.collect()
            begin, begin_cpu = time.perf_counter(), time.process_time()
            answer = client.get(address.format(share=self.share))
            took.append(time.perf_counter() - begin)
            worked.append(time.process_time() - begin_cpu)
            assert answer.status_code == HTTPStatus.OK, (address, answer.status_code)
        return took, worked


def first_load_bytes(page: str) -> int:
    """What a browser gets for a page, compressed: itself, its styles, scripts and icon."""
    names = set(re.findall(r'"/static/([\w.-]+)\?', page))
    return len(gzip.compress(page.encode())) + sum(len(assets.load(name).compressed) for name in names)


def forgotten(app: FastAPI) -> set[str]:
    """The routes of pages that `PAGES` has no address of."""
    routes = {route.path for route in app.routes if isinstance(route, APIRoute) and "GET" in (route.methods or ())}
    return {path for path in routes if not path.startswith(NO_PAGES)} - {page.split()[0] for page in PAGES}


def measure(name: str, site: Site, days: int, times: int, only: str) -> None:
    """Fill a store, print a line for each page with these words in its name, and which are over the aim."""
    store = site.open_store()
    fill(store, site.known, days)
    store.close()
    for path in forgotten(site.board()):
        print(f"{path}: no address of it in benchmarks/pages.py")
    aim_ms = _AIM_MS if len(site.known.hubs) < _MANY_HUBS else _AIM_OF_MANY_MS
    over_aim = []
    for page, address in PAGES.items():
        if only not in page:
            continue
        site.timed(address, 1)
        gc.collect()
        gc.freeze()  # to be looked through for each request would leave nothing of the page in the processor's cache
        seconds, cpu_seconds = site.timed(address, times)
        took, worked = _p50_p95(seconds), _p50_p95(cpu_seconds)
        if took[1] > aim_ms:
            over_aim.append(page)
        loaded = first_load_bytes(site.browser().get(address.format(share=site.share)).text)
        over = "  TOO LARGE" if loaded > FIRST_LOAD_BYTES_MAX else ""
        print(
            f"{name:8} {page:36} wall p50, p95 {took[0]:6.1f} {took[1]:6.1f} ms  "
            f"processor {worked[0]:6.1f} {worked[1]:6.1f} ms  first load {loaded / 1000:5.1f} kB{over}",
            flush=True,
        )
    print(f"{name:8} p95 cold under {aim_ms} ms: {'all' if not over_aim else 'not ' + ', '.join(over_aim)}", flush=True)


def _p50_p95(seconds: list[float]) -> tuple[float, float]:
    """In milliseconds; the 19th of 20 in order, and between the last two of fewer."""
    return statistics.median(seconds) * 1000, statistics.quantiles(seconds, n=20, method="inclusive")[-1] * 1000


def main() -> None:
    """Print a line for each store and page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("sqlite", "influxdb"), help="only this one")
    for name, default in (("hubs", HUBS), ("days", DAYS), ("times", TIMES)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", default="", help="pages with this in their names, such as ' of '")
    asked = parser.parse_args()
    hubs, days, times, only = asked.hubs, asked.days, asked.times, asked.only
    gc.set_threshold(COLLECT_AFTER_OBJECTS)  # as the program does
    print(f"{hubs} hubs, {days} days, {times} requests of each page")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pages-")))
        if asked.store != "influxdb":
            site = Site.made(lambda: SqliteStore(folder / "store.db"), hubs, folder / "sqlite")
            measure("sqlite", site, days, times, only)
        if asked.store != "sqlite" and shutil.which("influxd"):
            influxd = stack.enter_context(Influxd(folder / "influxd"))
            settings = InfluxSettings(url=influxd.url, bucket="pages")
            site = Site.made(lambda: InfluxStore(settings, retention_days=None), hubs, folder / "influxdb")
            measure("influxdb", site, days, times, only)


if __name__ == "__main__":
    main()
