"""Nine weeks of a small estate with faults, as ingest and jobs leave them, and the truth about October."""

import io
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.reports.gather import gather
from dashboards.reports.model import Report
from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas import Estate
from schemas.localtime import to_ns
from sensors.registry import Registry
from simulators.messages import TimedMessage
from simulators.scenarios import simulation
from simulators.simulation import Simulation
from simulators.truth.record import TruthRecord
from simulators.truth.verify import Truth, read_truth
from stores.lines import encode
from stores.protocol import Accepted
from stores.sqlite_store import SqliteStore
from tests.usage.given import run_jobs
from usage import Queries
from usage.jobs import Jobs

ZONE = ZoneInfo("Europe/London")
FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
NOW = datetime(2026, 11, 4, 9, 30, tzinfo=ZONE)
DAYS = 63
MARKUP_NAME = '#read("/etc/passwd") *bold* <script>alert(1)</script> =1+1'
RTL_NAME = "مركز שלום 図書館"
LONG_NAME = "Loan" * 45
HUBS = {"armley": MARKUP_NAME, "beeston": RTL_NAME, "otley": LONG_NAME}


def document() -> dict[str, Any]:
    week = {"mon-fri": "09:00-17:00", "sat": "10:00-13:00"}
    door = {"id": "door", "kinds": ["footfall"], "every": "30m"}
    more: dict[str, dict[str, Any]] = {
        "armley": {"closures": ["2026-10-14..2026-10-15"], "targets": {"entries_month": 2500}},
        "beeston": {"visits": [{"rule": "halve"}, {"rule": "staff", "entries_day": 3}]},
        "otley": {},
    }
    air = {"id": "air", "kinds": ["temperature", "humidity", "co2"], "zone": "hall", "every": "3h"}
    return {
        "name": "=Leeds hubs",
        "timezone": "Europe/London",
        "hubs": [
            {"id": name, "name": HUBS[name], "opening": week, "sensors": [door, air] if name == "armley" else [door]}
            | more[name]
            for name in HUBS
        ],
    }


@dataclass
class ReportMonth:
    """Where the data is, and what is true."""

    path: Path
    estate: Estate
    truth: Truth
    without_faults: Mapping[tuple[str, date], int]
    """What the doors would have counted."""

    def open(self) -> SqliteStore:
        return SqliteStore(self.path)

    def queries(self, store: SqliteStore, now: datetime = NOW) -> Queries:
        return Queries(store, self.estate, now_ns=to_ns(now))

    def report(self, period: str = "2026-10", now: datetime = NOW, **more: Any) -> Report:
        with closing(self.open()) as store:
            return gather(self.queries(store, now), self.estate, period, now_ns=to_ns(now), **more)


def load(folder: Path) -> ReportMonth:
    """Simulate it, store it, roll it up."""
    now_ns = to_ns(NOW)
    run, truth, messages = _simulated(folder, ("dead-sensor:0.06", "gaps"))
    decoder = Decoder(Registry(run.estate), clock_ns=lambda: now_ns)
    batch = decoder.decode([Message(message.topic.encode(), message.payload) for message in messages])
    marks = [encode("day_marks", {"hub": m.hub}, {"marked_ns": now_ns}, m.midnight_ns) for m in sorted(batch.marks)]
    store = SqliteStore(folder / "store.db")
    store.prepare()
    assert store.write("\n".join([*batch.lines, *marks]).encode()) == Accepted()
    run_jobs(Jobs(lambda: store, lambda: run.estate, lambda: now_ns), now_ns)
    store.close()
    _, plain, _ = _simulated(folder, ())
    would = {key: int(row["entries"] or 0) for key, row in plain.days.items()}
    return ReportMonth(folder / "store.db", run.estate, truth, would)


def _simulated(folder: Path, faults: tuple[str, ...]) -> tuple[Simulation, Truth, list[TimedMessage]]:
    run = simulation(document(), scenario="normal", last=date(2026, 11, 3), days=DAYS, seed=11, faults=faults)
    text = io.StringIO()
    record = TruthRecord(text, run.estate, run.header())
    messages = list(run.messages(readings_max=lambda _day: 48, truth=record))
    record.close()
    path = folder / "truth.jsonl"
    path.write_text(text.getvalue())
    return run, read_truth(path), messages
