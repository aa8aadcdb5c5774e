"""Forty days of a small estate in an InfluxDB, as ingest and jobs leave them, and the truth about them.

simulated messages -> decoder -> lines -> InfluxDB -> jobs -> roll-ups, statuses, corrections, changes
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ingest.batches import DayMark
from ingest.decoder import Decoder
from mqtt.messages import Message
from schemas import Estate
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, local_day, midnight_ns, to_ns
from schemas.measures import PeopleState
from schemas.settings import InfluxSettings
from sensors.registry import Registry
from simulators.scenarios import simulation
from simulators.truth.record import TruthRecord
from simulators.truth.verify import Truth, read_truth
from stores.influx_store import InfluxStore
from stores.lines import encode, parse
from stores.protocol import Accepted
from tests.servers import Influxd
from tests.usage.given import run_jobs
from usage.jobs import Jobs

ZONE = ZoneInfo("Europe/London")
LAST = date(2025, 11, 7)
"""A Friday: forty days before it hold the end of summer time, 26 October."""
DAYS = 40
NOW = datetime(2025, 11, 7, 15, 0, tzinfo=ZONE)
LATE_DAY = date(2025, 11, 4)
PARTIAL_DAY = date(2025, 10, 20)
"""The first and last day of a side door of `north`, which reported once and counted nobody."""
SILENT_DAY = date(2025, 10, 2)
"""A day of `cellar` in the month before."""
SIMULATED = ("north", "night", "south")
SICK = "cellar"
"""A hub whose air is bad in every way, and whose other sensor was never heard of."""


def document() -> dict[str, Any]:
    air = ["temperature", "humidity", "pressure", "co2", "device"]
    week = {"mon-fri": "09:00-17:00", "sat": "10:00-13:00"}
    return {
        "timezone": "Europe/London",
        "holidays": {"country": "GB", "subdivision": "ENG"},
        "hubs": [
            {
                "id": "north",
                "altitude_m": 120,
                "opening": week,
                "sensors": [
                    {"id": "door", "kinds": ["footfall"], "every": "10m", "counter_bits": 16, "max_step": 2000},
                    {"id": "wifi", "kinds": ["wifi"], "every": "10m"},
                    {"id": "air", "kinds": air, "zone": "hall", "every": "10m"},
                ],
            },
            {
                "id": "night",
                "sensors": [
                    {"id": "door", "kinds": ["footfall"], "every": "10m", "counter_bits": 32},
                    {"id": "air", "kinds": air, "zone": "cafe", "every": "10m"},
                ],
            },
            {
                "id": "south",
                "opening": week,
                "closures": ["2025-10-14..2025-10-15"],
                "sensors": [
                    {"id": "door", "kinds": ["footfall"], "every": "10m"},
                    {"id": "ap", "kinds": ["wifi"], "every": "10m"},
                ],
            },
        ],
    }


def whole_estate() -> Estate:
    sick = {
        "id": SICK,
        "opening": {"mon-sun": "08:00-20:00"},
        "sensors": [
            {"id": "air", "kinds": ["temperature", "humidity", "co2", "device"], "every": "10m"},
            {"id": "old", "kinds": ["temperature", "footfall"], "every": "10m"},
        ],
    }
    simulated = document()["hubs"]
    simulated[0]["sensors"].append({"id": "side", "kinds": ["footfall"], "every": "10m", "until": f"{PARTIAL_DAY}"})
    return Estate.model_validate(document() | {"hubs": [*simulated, sick]})


@dataclass
class Month:
    """Where the data is, and what is true."""

    server: Influxd
    database: str
    estate: Estate
    truth: Truth

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query that hold any value, tags included."""
        rows = self.server.query(query, database=self.database)
        return [row for row in rows if any(value is not None for name, value in row.items() if name != "time")]

    def entries(self, hub: str, day: date) -> int | None:
        value = self.truth.days[hub, day]["entries"]
        return None if value is None else int(value)


def load(server: Influxd, database: str, folder: Path) -> Month:
    """Fill the database."""
    estate, now_ns = whole_estate(), to_ns(NOW)
    store = InfluxStore(InfluxSettings(url=server.url, bucket=database))
    store.prepare()
    lines, truth = _simulated(estate, now_ns, folder)
    late = [line for line in lines if _is_late(line)]
    held = set(late)
    _write(store, (line for line in lines if line not in held))
    _write(store, _sick_air(now_ns))
    noon_ns = midnight_ns(PARTIAL_DAY, ZONE) + 12 * NS_AN_HOUR
    _write(store, [encode("footfall", {"hub": "north", "sensor": "side"}, {"entries": 0, "exits": 0}, noon_ns)])
    _write(store, _pipeline(now_ns))
    jobs = Jobs(lambda: store, lambda: estate, lambda: now_ns)
    run_jobs(jobs, now_ns)
    _write(store, late)
    _write(store, [_mark(DayMark("south", midnight_ns(LATE_DAY, ZONE)), now_ns)])
    run_jobs(jobs, now_ns + 60 * NS_A_SECOND)
    _write(store, _missed())
    store.close()
    return Month(server, database, estate, truth)


def _simulated(estate: Estate, now_ns: int, folder: Path) -> tuple[list[str], Truth]:
    run = simulation(document(), scenario="normal", last=LAST, days=DAYS, seed=7, faults=("counter-reset-reboot:0.4",))
    text = io.StringIO()
    record = TruthRecord(text, run.estate, run.header())
    decoder = Decoder(Registry(estate), clock_ns=lambda: now_ns)
    lines: list[str] = []
    marks: set[DayMark] = set()
    for message in run.messages(readings_max=lambda _day: 144, truth=record):
        # What lies in the future of NOW is refused, as it would be.
        batch = decoder.decode([Message(message.topic.encode(), message.payload)])
        lines += batch.lines
        marks |= batch.marks
    record.close()
    path = folder / "truth.jsonl"
    path.write_text(text.getvalue())
    lines = [line for line in lines if parse(line).time_ns <= now_ns]
    return [*lines, *(_mark(mark, now_ns - 60 * NS_A_SECOND) for mark in sorted(marks))], read_truth(path)


def _missed() -> Iterator[str]:
    """What jobs writes of days that were counted in part or not at all, where there is more history than here."""
    fields = {"entries_estimate": 40, "entries_low": 90, "entries_high": 150, "method": 3}
    yield encode("usage_estimates", {"hub": "north"}, fields, midnight_ns(PARTIAL_DAY, ZONE))
    yield encode("usage_estimates", {"hub": SICK}, fields, midnight_ns(SILENT_DAY, ZONE))
    silent = {"people_state": int(PeopleState.NONE), "final": True}
    yield encode("usage_daily", {"hub": SICK}, silent, midnight_ns(SILENT_DAY, ZONE))


def _mark(mark: DayMark, marked_ns: int) -> str:
    """What ingest writes where readings fell on a past day: jobs computes it again."""
    return encode("day_marks", {"hub": mark.hub}, {"marked_ns": marked_ns}, mark.midnight_ns)


def _is_late(line: str) -> bool:
    return line.startswith("footfall,hub=south,") and local_day(parse(line).time_ns, ZONE) == LATE_DAY


def _sick_air(now_ns: int) -> Iterator[str]:
    """Eight days of damp, cold, used air, a battery that is nearly flat, and a door that was heard of once."""
    tags = {"hub": SICK, "sensor": "air"}
    yield encode("footfall", tags | {"sensor": "old"}, {"entries": 0}, now_ns - 8 * 86400 * NS_A_SECOND)
    for back in range(8 * 144):
        time_ns = now_ns - back * 600 * NS_A_SECOND
        yield encode("temperature", tags, {"temperature_c": 13.5}, time_ns)
        yield encode("humidity", tags, {"relative_humidity_pct": 92.0}, time_ns)
        yield encode("co2", tags, {"co2_ppm": 1750.0}, time_ns)
        yield encode("device", tags, {"battery_pct": 9.0}, time_ns)


def _pipeline(now_ns: int) -> Iterator[str]:
    """Six hours of what an ingest process says of itself: a store that was away for a while, and some refusals."""
    for step in range(6 * 360, -1, -1):
        done = 6 * 360 - step
        pending = 500 if 1000 < done < 1200 else 0
        fields = {
            "messages_received": done * 10,
            "sessions_lost": int(step < 60),
            "disk_free_bytes": 5 * 1024**3,
            "messages_accepted": done * 10 - done // 5,
            "messages_refused": done // 5,
            "readings_accepted": done * 30,
            "readings_refused": 0,
            "readings_stored": done * 30 - pending,
            "readings_store_rejected": 0,
            "readings_pending": pending,
            "balanced": step != 1,
            "connected": True,
            "buffer_bytes": 65536 + pending * 100,
            "buffer_oldest_s": (done - 1000) * 10.0 if pending else 0.0,
            "lag_s": 1.5,
            "store_errors": min(max(done - 1000, 0), 200) // 3,
        }
        time_ns = now_ns - step * 10 * NS_A_SECOND
        yield encode("pipeline_status", {"ingest": "hubpulse-ingest"}, fields, time_ns)
        yield encode(
            "quarantine_status", {"ingest": "hubpulse-ingest", "reason": "bad_schema"}, {"waiting": done // 5}, time_ns
        )


def _write(store: InfluxStore, lines: Iterable[str]) -> None:
    rest = iter(lines)
    while some := list(islice(rest, 5000)):
        assert store.write("\n".join(some).encode()) == Accepted()
