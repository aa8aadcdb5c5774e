"""Lines per second into and out of each store, beside the least that the same work can cost.

python -m benchmarks.stores [LINES]

Each figure is the median of three rounds; each round runs the store and the baseline one after the other, so that a
busy machine slows both. The baseline of SQLite is `executemany` and `SELECT` of rows that are parsed already, in
transactions as durable; that of InfluxDB is the same bytes over a bare HTTP connection, and the answer's bytes unread.
"""

import contextlib
import gc
import http.client
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from schemas.kinds import INT64_MAX
from schemas.settings import InfluxSettings
from stores import Accepted, Store, influxql
from stores.influx_store import InfluxStore
from stores.protocol import Asked
from stores.sqlite_lines import LineReader
from stores.sqlite_store import SqliteStore
from tests.real_parts import find
from tests.servers import Influxd

LINES = 200_000
BATCH_LINES = 5000
ROUNDS = 3
HUBS = 22
SENSORS = 10
START_NS = 1_700_000_000 * 10**9
INTERVAL_NS = 300 * 10**9
KINDS = ("footfall", "temperature", "wifi")

Timed = Callable[[], object]


def batches(lines: int) -> list[bytes]:
    """What an estate sends: every sensor in turn, a reading each, every five minutes."""
    series = HUBS * SENSORS

    def line(n: int) -> str:
        hub, sensor, time_ns = n % HUBS, n % series, START_NS + n // series * INTERVAL_NS
        match n % 3:
            case 0:
                return f"footfall,hub=hub-{hub},sensor=door-{sensor} entries={n % 50}i,exits={n % 40}i {time_ns}"
            case 1:
                value = 20 + n % 50 / 10
                return f"temperature,hub=hub-{hub},sensor=air-{sensor},zone=cafe temperature_c={value} {time_ns}"
            case _:
                return f"wifi,hub=hub-{hub},sensor=ap-{sensor} clients={n % 50}i,rx_bytes_total={n * 1000}i {time_ns}"

    return [
        "\n".join(map(line, range(first, min(first + BATCH_LINES, lines)))).encode()
        for first in range(0, lines, BATCH_LINES)
    ]


def seconds(work: Timed) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(what: str, lines: int, rounds: Callable[[], tuple[float, float]]) -> None:
    """Print lines/s of a store and of its baseline, from rounds that return the seconds of (store, baseline)."""
    measured = [rounds() for _ in range(ROUNDS)]
    ours, baseline = (statistics.median(column) for column in zip(*measured, strict=True))
    print(f"{what:<34} {lines / ours:>10,.0f}/s {lines / baseline:>12,.0f}/s {baseline / ours:>8.2f}")


def write_all(store: Store, content: list[bytes]) -> None:
    for batch in content:
        assert store.write(batch) == Accepted()


def read_all(store: Store, lines: int) -> None:
    runs = (run for kind in KINDS for run in store.read(kind, start_ns=0, stop_ns=INT64_MAX))
    assert sum(len(run.times_ns) for run in runs) == lines


# ------------------------------------------------------------------------------------------------------------- SQLite


def sqlite(folder: Path, content: list[bytes], lines: int) -> None:
    numbers: dict[tuple[str, str], int] = {}
    reader = LineReader()
    parsed = [list(reader.read(batch, lambda *key: numbers.setdefault(key, len(numbers)))) for batch in content]
    # Without this, every collection of garbage walks over all that was just parsed, at the cost of whoever runs then.
    gc.collect()
    gc.freeze()

    def baseline_write(db: sqlite3.Connection) -> None:
        for batch in parsed:
            db.execute("BEGIN IMMEDIATE")
            for upsert, columns in batch:
                db.executemany(upsert, zip(*columns, strict=True))
            db.execute("COMMIT")

    def baseline_read(db: sqlite3.Connection) -> None:
        assert sum(len(db.execute(f'SELECT * FROM "{kind}"').fetchall()) for kind in KINDS) == lines  # noqa: S608

    def writing_anew() -> tuple[float, float]:
        for name in ("ours", "baseline"):
            shutil.rmtree(folder / name, ignore_errors=True)
        with both(folder) as (store, db):
            return seconds(lambda: write_all(store, content)), seconds(lambda: baseline_write(db))

    compare("SQLite: write", lines, writing_anew)
    with both(folder) as (store, db):
        compare(
            "SQLite: write again",
            lines,
            lambda: (seconds(lambda: write_all(store, content)), seconds(lambda: baseline_write(db))),
        )
        compare(
            "SQLite: read",
            lines,
            lambda: (seconds(lambda: read_all(store, lines)), seconds(lambda: baseline_read(db))),
        )


@contextlib.contextmanager
def both(folder: Path) -> Iterator[tuple[SqliteStore, sqlite3.Connection]]:
    """Our store, and a plain connection to a file of the same layout."""
    made = SqliteStore(folder / "baseline" / "store.db")
    made.prepare()
    made.close()
    store = SqliteStore(folder / "ours" / "store.db")
    store.prepare()
    db = plain_sqlite(folder / "baseline" / "store.db")
    yield store, db
    db.close()
    store.close()


def plain_sqlite(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA wal_autocheckpoint = 4000")
    db.execute("PRAGMA cache_size = -16384")
    return db


# ----------------------------------------------------------------------------------------------------------- InfluxDB


def influxdb(server: Influxd, content: list[bytes], lines: int) -> None:
    store = InfluxStore(InfluxSettings(url=server.url, bucket="ours"))
    address = urlsplit(server.url)

    def post(path: str, query: dict[str, str], body: bytes = b"") -> int:
        connection.request("POST", f"{path}?{urlencode(query)}", body)
        answer = connection.getresponse()
        assert answer.status in (200, 204), answer.status
        return sum(map(len, iter(lambda: answer.read(65_536), b"")))

    def baseline_write() -> None:
        for batch in content:
            post("/write", {"db": "baseline"}, batch)

    def baseline_read() -> None:
        for kind in KINDS:
            query = influxql.select(Asked.of(kind, INT64_MAX, None, start_ns=0))
            assert post("/query", {"db": "baseline", "q": query, "epoch": "ns", "chunked": "true"})

    def writing() -> tuple[float, float]:
        for name in ("ours", "baseline"):
            server.query(f'DROP DATABASE "{name}"')
            server.query(f'CREATE DATABASE "{name}"')
        return seconds(lambda: write_all(store, content)), seconds(baseline_write)

    with contextlib.closing(http.client.HTTPConnection(address.netloc)) as connection:
        compare("InfluxDB 1.6.7: write", lines, writing)
        compare(
            "InfluxDB 1.6.7: read", lines, lambda: (seconds(lambda: read_all(store, lines)), seconds(baseline_read))
        )
    store.close()


def main() -> None:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else LINES
    content = batches(lines)
    size = sum(map(len, content))
    print(f"{lines:,} lines of {size / lines:.0f} bytes in batches of {BATCH_LINES:,}, {HUBS * SENSORS * 3} series\n")
    print(f"{'':<34} {'lines':>12} {'baseline':>14} {'ratio':>8}")
    with tempfile.TemporaryDirectory(prefix="hubpulse-benchmark-") as name:
        folder = Path(name)
        sqlite(folder, content, lines)
        if find("influxd") is None:
            print("InfluxDB: influxd is not installed (Debian package influxdb)")
            return
        with Influxd(folder / "influxd") as server:
            influxdb(server, content, lines)


if __name__ == "__main__":
    main()
