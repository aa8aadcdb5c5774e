"""What the embedded store costs as it grows: writing, disk, and what is asked of one hub of it.

python -m benchmarks.growth [MILLIONS ...]

1 and 10 million readings without an argument; 50 take 2 GB of disk. Hubs have ten sensors that report every ten
minutes: 1 million is one hub over two years, 10 million are 19 over one, and more are 19 over so many more years. Of
one of them the last year is rolled up. Times are of the processor: of a million readings, at both ends of the writing;
of a day's roll-up, as the median of the last month's; of an export of a day and of a year, the least of five. Files are
those of a closed store.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from benchmarks.costs import largest_resident_mb
from schemas import Estate
from schemas.localtime import NS_A_MINUTE, day_span
from stores import Accepted
from stores.sqlite_store import SqliteStore
from usage.queries import Queries
from usage.rollup_writer import RollupWriter

LAST = date(2026, 10, 31)
YEAR_DAYS, HUBS_MAX = 365, 19
EVERY_NS = 10 * NS_A_MINUTE
DAY_READINGS = 1440
BATCH = 5000
_KINDS = (
    "footfall",
    "footfall",
    "wifi",
    "temperature",
    "temperature",
    "temperature",
    "humidity",
    "humidity",
    "co2",
    "co2",
)
_VALUES = {"footfall": "entries={}i,exits={}i", "wifi": "clients={}i", "temperature": "temperature_c=2{}.{}"}
_VALUES |= {"humidity": "relative_humidity_pct=4{}.{}", "co2": "co2_ppm=6{}{}.0"}
_ENDS = 50
"""The writing is timed over so many batches at either end."""


class Writing(NamedTuple):
    """Processor seconds for a million readings, when the store was new and at its end; bytes a reading."""

    first_s: float
    last_s: float
    reading_bytes: float


def estate_of(hubs: int) -> Estate:
    """Hubs that are alike."""
    sensors = [{"id": f"s-{n}", "kinds": [kind], "every": "10m"} for n, kind in enumerate(_KINDS)]
    hub = {"opening": {"mon-fri": "09:00-17:00"}, "sensors": sensors}
    listed = [{"id": f"hub-{n}", **hub} for n in range(hubs)]
    return Estate.model_validate({"timezone": "Europe/London", "hubs": listed})


def lines(estate: Estate, days: int) -> Iterator[str]:
    """Every sensor in turn, every ten minutes."""
    zone = estate.zone_of("hub-0")
    start_ns = day_span(LAST - timedelta(days=days - 1), zone)[0]
    series = [
        (f"{kind},hub={hub.id},sensor=s-{n} ", _VALUES[kind]) for hub in estate.hubs for n, kind in enumerate(_KINDS)
    ]
    for time_ns in range(start_ns, day_span(LAST, zone)[1], EVERY_NS):
        tick = time_ns // EVERY_NS
        for at, (prefix, values) in enumerate(series):
            yield f"{prefix}{values.format(tick * 7 % 10, (tick + at) * 3 % 10)} {time_ns}"


def write(path: Path, estate: Estate, readings: int) -> Writing:
    """Fill a store."""
    store = SqliteStore(path)
    source, seconds, written = lines(estate, readings // (DAY_READINGS * len(estate.hubs))), [], 0
    while batch := list(zip(range(BATCH), source, strict=False)):
        body = "\n".join(line for _, line in batch).encode()
        began_s = time.process_time()
        assert store.write(body) == Accepted()
        seconds.append((time.process_time() - began_s) / len(batch) * 1e6)
        written += len(batch)
    store.close()
    return Writing(statistics.mean(seconds[:_ENDS]), statistics.mean(seconds[-_ENDS:]), path.stat().st_size / written)


def milliseconds(work: Callable[[], object]) -> float:
    """Processor time."""
    began_s = time.process_time()
    work()
    return (time.process_time() - began_s) * 1000


def measure(millions: float, path: Path) -> str:
    """A row of the table."""
    readings = round(millions * 10**6)
    estate = estate_of(min(HUBS_MAX, max(1, readings // (DAY_READINGS * YEAR_DAYS))))
    written = write(path, estate, readings)
    store = SqliteStore(path)
    now_ns = day_span(LAST + timedelta(days=10), estate.zone_of("hub-0"))[0]
    writer, queries = RollupWriter(store, estate, "hub-0", now_ns=now_ns), Queries(store, estate, now_ns=now_ns)
    year = [LAST - timedelta(days=back) for back in range(YEAR_DAYS - 1, -1, -1)]
    rollups = [milliseconds(lambda day=day: list(writer.recompute([day]))) for day in year]  # type: ignore[misc]

    def export_ms(first: date) -> float:
        return min(milliseconds(lambda: list(queries.daily(first, LAST, hub="hub-0"))) for _ in range(5))

    read = f"{statistics.median(rollups[-30:]):>9.1f}{export_ms(LAST):>7.1f}{export_ms(year[0]):>7.1f}"
    store.close()
    wrote = f"{written.first_s:>8.2f}{written.last_s:>8.2f}{written.reading_bytes:>18.1f}"
    return f"{millions:>8g}{wrote}{read}{largest_resident_mb():>9.0f}"


def main() -> None:
    """Measure and print."""
    print(f"{'million':>8}{'first':>8}{'last':>8} s/million{'bytes':>8}{'roll-up':>9}{'day':>7}{'year':>7} ms{'MB':>6}")
    for millions in [float(text) for text in sys.argv[1:]] or [1, 10]:
        with tempfile.TemporaryDirectory() as folder:
            print(measure(millions, Path(folder) / "store.db"), flush=True)


if __name__ == "__main__":
    main()
