"""A fortnight of a small estate: what its sensors and its ingests send, and what goes wrong with them, by the clock.

readings, statuses -> SQLite -> jobs (raise_alerts) -> Apprise -> a web server here, which keeps what it is told
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.alerts.addresses import addresses_of
from dashboards.alerts.keeper import AlertKeeper
from schemas import Estate, Settings
from schemas.localtime import NS_A_SECOND, to_ns
from stores import SeriesChunk, StoreError
from stores.lines import Value, encode
from stores.protocol import Accepted
from stores.sqlite_store import SqliteStore
from usage.health.cases import CaseKind, Judged
from usage.health.rows import case_line
from usage.jobs import Jobs

ZONE = ZoneInfo("Europe/London")
FIRST = date(2026, 11, 2)
"""A Monday."""
DAYS = 14
STEP_NS = 15 * 60 * NS_A_SECOND
HUBS = {"armley": "Armley", "beeston": "Beeston", "otley": "Otley"}
SENSORS: Mapping[str, Mapping[str, Value]] = {
    "door": {"entries": 1},
    "air": {"temperature_c": 20.0},
    "wifi": {"clients": 4},
}
KINDS = {"door": "footfall", "air": "temperature", "wifi": "wifi"}


def at(text: str) -> int:
    """UTC nanoseconds of `6 14:30`: the day of November and the local time."""
    day, clock = text.split()
    hour, minute = clock.split(":")
    return to_ns(datetime(2026, 11, int(day), int(hour), int(minute), tzinfo=ZONE))


def estate_of(port: int, **rules: Any) -> Estate:
    """The estate, with `rules` that are otherwise; their names have underscores."""
    sensors = [
        {"id": name, "kinds": [kind], "every": "15m"} | ({"zone": "hall"} if name == "air" else {})
        for name, kind in KINDS.items()
    ]
    return Estate.model_validate({
        "name": "Leeds",
        "timezone": "Europe/London",
        "hubs": [
            {"id": hub, "name": name, "opening": {"mon-fri": "09:00-17:00"}, "sensors": sensors}
            for hub, name in HUBS.items()
        ],
        "alerts": {
            "to": [f"json://127.0.0.1:{port}/alerts"],
            "quiet": "20:00-07:00",
            "rules": {name.replace("_", "-"): rule for name, rule in rules.items()},
        },
    })  # fmt: skip


@dataclass
class Received:
    """What the receiver was told, and what it answers; `now_ns` is set by whoever runs the clock."""

    now_ns: int = 0
    status: int = 200
    notices: list[tuple[str, str, list[str]]] = field(default_factory=list)

    def take(self, posted: Mapping[str, Any]) -> int:
        if self.status == 200:
            told = datetime.fromtimestamp(self.now_ns / NS_A_SECOND, ZONE)
            self.notices.append((f"{told.day} {told:%H:%M}", posted["title"], posted["message"].splitlines()))
        return self.status


@contextmanager
def receiving() -> Iterator[tuple[int, Received]]:
    """A web server that takes what Apprise's json:// sends, on a port of its own."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(received.take(posted))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Breaking(SqliteStore):
    """A store that may be away."""

    def __init__(self, path: Path, is_away: Callable[[], bool]) -> None:
        super().__init__(path)
        self._is_away = is_away

    def latest(
        self, measurement: str, *, before_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        if self._is_away():
            raise StoreError("the store does not answer")
        return super().latest(measurement, before_ns=before_ns, where=where)


@dataclass
class Fortnight:
    """Runs the clock. `silent` sensors are "hub/sensor", "hub" or "*"; the others are set by `change`s."""

    path: Path
    received: Received
    estate: Estate
    now_ns: int = at("2 00:00")
    silent: set[str] = field(default_factory=set)
    batteries: dict[str, float] = field(default_factory=dict)
    ingest: dict[str, Value] = field(default_factory=dict)
    is_away: bool = False

    def __post_init__(self) -> None:
        self.ingest = dict.fromkeys(("messages_received", "messages_refused", "sessions_lost"), 0)
        self.ingest |= {"balanced": True, "connected": True, "buffer_oldest_s": 0.0, "disk_free_bytes": 50 * 1024**3}
        self.store = SqliteStore(self.path)
        self.store.prepare()
        self.jobs = self.new_jobs()

    def new_jobs(self) -> Jobs:
        """A process of jobs that knows nothing but what is stored."""
        settings = Settings(data_dir=self.path.parent)
        keeper = AlertKeeper(partial(addresses_of, settings), lambda: self.now_ns)
        open_store = partial(_Breaking, self.path, lambda: self.is_away)
        return Jobs(open_store, lambda: self.estate, lambda: self.now_ns, alerts=keeper, holder=7)

    def put(self, *lines: str) -> None:
        assert self.store.write("\n".join(lines).encode()) == Accepted()

    def put_case(self, kind: CaseKind, hub: str, zone: str = "hall", *, is_over: bool = False) -> None:
        """A case of building health as it was judged: since Sunday, over today or open."""
        since, today = FIRST - timedelta(days=1), datetime.fromtimestamp(self.now_ns / NS_A_SECOND, ZONE).date()
        until = today if is_over else None
        case = Judged(kind, hub, zone, since, until, since, 1.0, 1.0, 90.0, None, since)
        self.put(case_line(case, ZONE))

    def step(self) -> None:
        """A quarter of an hour: what is sent, then what jobs makes of it."""
        self.received.now_ns = self.now_ns
        self.ingest["messages_received"] += 100
        self.put(*self._sent())
        self.jobs._guarded(self.jobs.raise_alerts)
        self.now_ns += STEP_NS

    def until(self, text: str) -> None:
        """Go on until an instant, which is still to come."""
        stop_ns = at(text)
        while self.now_ns < stop_ns:
            self.step()

    def _sent(self) -> Iterator[str]:
        if "ingest" not in self.silent:
            yield encode("pipeline_status", {"ingest": "main"}, self.ingest, self.now_ns)
        for hub in HUBS:
            for sensor, fields in SENSORS.items():
                tags = {"hub": hub, "sensor": sensor}
                if not self.silent & {"*", hub, f"{hub}/{sensor}"}:
                    yield encode(KINDS[sensor], tags, fields, self.now_ns)
                    if (level := self.batteries.get(f"{hub}/{sensor}")) is not None:
                        yield encode("device", tags, {"battery_pct": level}, self.now_ns)


def midnight_of(day: int) -> int:
    return at(f"{day} 00:00")


LAST = FIRST + timedelta(days=DAYS)
