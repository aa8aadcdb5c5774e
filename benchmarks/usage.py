"""What a roll-up costs: readings a second, how it grows with the data, how often the store is asked, and memory.

python -m benchmarks.usage [DAYS]

One hub of the model estate's make (two doors, three access points, four rooms), its readings in SQLite. The year of
the whole estate is that hub's cost times hubs and days: a recompute works hub by hub and a week at a time. Seconds are
those of the processor, which a busy machine does not lengthen.
"""

import statistics
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from schemas import Estate, Kind
from schemas.localtime import NS_A_SECOND, day_span
from stores import Accepted, SeriesChunk
from stores.lines import encode
from stores.sqlite_store import SqliteStore
from usage.rollup_writer import RollupWriter

DAYS = 28
ROUNDS = 3
HUBS, YEAR_DAYS = 22, 365
FIRST = date(2026, 3, 16)  # the spring change is among the days
ROOMS = range(4)
SENSORS: list[dict[str, Any]] = [
    {"id": "door-1", "kinds": ["footfall"], "every": "5m", "counter_bits": 16},
    {"id": "door-2", "kinds": ["footfall"], "every": "5m"},
    *({"id": f"ap-{n}", "kinds": ["wifi"], "every": "5m"} for n in range(3)),
    *({"id": f"air-{n}", "kinds": ["temperature", "humidity", "pressure", "co2"], "every": "10m"} for n in ROOMS),
]
ESTATE = Estate.model_validate(
    {
        "timezone": "Europe/London",
        "hubs": [{"id": "armley", "altitude_m": 60, "opening": {"mon-fri": "09:00-17:00"}, "sensors": SENSORS}],
    }
)
FIELDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.TEMPERATURE: ("temperature_c",),
    Kind.HUMIDITY: ("relative_humidity_pct",),
    Kind.PRESSURE: ("pressure_hpa",),
    Kind.CO2: ("co2_ppm",),
}


class Asked(SqliteStore):
    """A store that counts how often it is asked, and for how many points."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.questions: Counter[str] = Counter()
        self.points: Counter[str] = Counter()

    def read(self, measurement: str, **options: Any) -> Iterator[SeriesChunk]:
        self.questions[measurement] += 1
        for run in super().read(measurement, **options):
            self.points[measurement] += len(run.times_ns)
            yield run


class Cost(NamedTuple):
    """What it took to recompute some days."""

    readings: int
    seconds: float
    peak_bytes: int
    questions: Mapping[str, int]
    read_again: float


def lines(every_s: int, days: int) -> Iterator[str]:
    """All readings of the hub, `every_s` apart, of so many days."""
    zone = ESTATE.zone_of("armley")
    start_ns, stop_ns = day_span(FIRST, zone)[0], day_span(FIRST + timedelta(days=days), zone)[0]
    for n, time_ns in enumerate(range(start_ns, stop_ns, every_s * NS_A_SECOND)):
        yield encode("footfall", {"hub": "armley", "sensor": "door-1"}, totals(n), time_ns)
        yield encode(
            "footfall", {"hub": "armley", "sensor": "door-2"}, {"entries": n % 3, "exits": n % 4 // 2}, time_ns
        )
        for ap in range(3):
            wifi = {
                "clients": n * 7 % 30,
                "devices": n * 11 % 40,
                "rx_bytes_total": n * 10**6,
                "tx_bytes_total": n * 10**5,
            }
            yield encode("wifi", {"hub": "armley", "sensor": f"ap-{ap}"}, wifi, time_ns)
        for room in ROOMS if n % 2 == 0 else ():
            tags = {"hub": "armley", "sensor": f"air-{room}", "zone": f"room-{room}"}
            for kind, (field,) in FIELDS.items():
                yield encode(kind, tags, {field: 20.0 + n * 13 % 60 + (900 if kind is Kind.PRESSURE else 0)}, time_ns)


def totals(n: int) -> dict[str, int]:
    """A 16-bit counter that rolls over now and then."""
    return {"entries_total": n * 3 % 65_536, "exits_total": n * 3 % 65_536}


def cost(every_s: int, days: int) -> Cost:
    """Fill a store and recompute its days, several times."""
    with tempfile.TemporaryDirectory() as folder:
        store = Asked(Path(folder) / "store.db")
        store.prepare()
        batch = list(lines(every_s, days))
        for at in range(0, len(batch), 5000):
            assert store.write("\n".join(batch[at : at + 5000]).encode()) == Accepted()
        seconds = [seconds_to_recompute(store, days) for _ in range(ROUNDS)]
        store.questions.clear()
        store.points.clear()
        tracemalloc.start()
        seconds_to_recompute(store, days)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        store.close()
        read = sum(store.points[kind] for kind in Kind)
        return Cost(len(batch), statistics.median(seconds), peak_bytes, store.questions, read / len(batch))


def seconds_to_recompute(store: Asked, days: int) -> float:
    now_ns = day_span(FIRST + timedelta(days=days + 10), ESTATE.zone_of("armley"))[0]
    writer = RollupWriter(store, ESTATE, "armley", now_ns=now_ns)
    started = time.process_time()
    done = sum(1 for _ in writer.recompute(FIRST + timedelta(days=day) for day in range(days)))
    assert done == days
    return time.process_time() - started


def main() -> None:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else DAYS
    print(f"{'':34}{'readings':>10}{'seconds':>9}{'a second':>10}{'peak MB':>9}")
    for name, every_s, many in (
        (f"{days} days, every 5 minutes", 300, days),
        (f"{2 * days} days, every 5 minutes", 300, 2 * days),
        (f"{days} days, every 2.5 minutes", 150, days),
    ):
        found = cost(every_s, many)
        rate = found.readings / found.seconds
        print(f"{name:34}{found.readings:>10,}{found.seconds:>9.2f}{rate:>10,.0f}{found.peak_bytes / 1e6:>9.1f}")
        if every_s == 300 and many == days:
            weeks = -(-days // 7)
            asked = sum(found.questions[kind] for kind in Kind) / weeks
            print(f"{'':34}raw readings read {found.read_again:.3f} times, {asked:.1f} questions a week of the hub")
            year_s = found.seconds / days * YEAR_DAYS * HUBS
            print(f"{'':34}a year of {HUBS} such hubs: {year_s:.0f} s")


if __name__ == "__main__":
    main()
