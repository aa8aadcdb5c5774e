"""Jobs killed in the middle of a recompute: figures are the old ones or the new ones, and the next run finishes."""

import itertools
import multiprocessing
import random
import shutil
import signal
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NamedTuple

import pytest

from schemas import Kind, Settings
from schemas.localtime import Span
from schemas.settings import InfluxSettings
from stores import Store, open_store
from tests.servers import Influxd
from tests.usage.crashing import NOW_NS, Point, recompute
from tests.usage.given import DAY_NS, HOUR_NS, at, estate, mark, put, run_jobs
from usage.jobs import Jobs
from usage.journal import read_changes
from usage.rollup import Figures
from usage.rows import DAILY, HOURLY, read_marks, read_rows

FIRST_NS = at("2026-01-05T00:00")  # in winter: London's midnights are those of UTC
MIDNIGHTS_NS = range(FIRST_NS, FIRST_NS + 10 * DAY_NS, DAY_NS)
EVER = Span(0, 2**62)
POINTS, POINTS_IN_INFLUXDB = 22, 10
SEED = 20260105


class Kept(NamedTuple):
    """All that the store keeps of one day."""

    daily: Figures
    hourly: list[Figures]
    changes: int


def receive(store: Store, *, late: bool) -> None:
    """Half of each day's readings, those on time or those late, and the marks of the days."""
    times = range(FIRST_NS + (HOUR_NS // 6 if late else 0), MIDNIGHTS_NS.stop, HOUR_NS // 3)
    readings = [(t, {"entries": t // HOUR_NS % 5 + 1, "exits": t // HOUR_NS % 4}) for t in times]
    for sensor in ("door", "side"):
        put(store, Kind.FOOTFALL, readings, sensor=sensor)
    for midnight_ns in MIDNIGHTS_NS:
        mark(store, midnight_ns, NOW_NS - (HOUR_NS if late else DAY_NS))


def run(settings: Settings) -> None:
    run_jobs(Jobs(lambda: open_store(settings), estate, lambda: NOW_NS), NOW_NS)


def kept(settings: Settings) -> list[Kept]:
    store = open_store(settings)
    daily, hourly = read_rows(store, DAILY, "armley", EVER), read_rows(store, HOURLY, "armley", EVER)
    found = [
        Kept(
            daily[midnight_ns],
            [hourly[midnight_ns + hour * HOUR_NS] for hour in range(24)],
            len(read_changes(store, Span(midnight_ns, midnight_ns + DAY_NS))),
        )
        for midnight_ns in MIDNIGHTS_NS
    ]
    store.close()
    return found


def await_recompute(settings: Settings) -> list[Kept]:
    """Fill a store, roll it up, and let late readings come in; return what it kept before these."""
    store = open_store(settings)
    store.prepare()
    receive(store, late=False)
    run(settings)
    old = kept(settings)
    receive(store, late=True)
    store.close()
    return old


@pytest.fixture
def forkserver() -> ForkServerContext:
    """Processes that have imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.usage.crashing"])
    return context


def recomputed(context: ForkServerContext, settings: Settings, killed_at: Point | None = None) -> Point | None:
    """Recompute in a process of its own; None where it was killed, else the last point of it."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=recompute, args=(settings, killed_at, sender))
    process.start()
    sender.close()
    process.join(60)
    last: Point | None = receiver.recv() if process.exitcode == 0 else None
    assert process.exitcode == (0 if last is not None else -signal.SIGKILL)
    process.close()
    receiver.close()
    return last


def is_settled(settings: Settings) -> bool:
    store = open_store(settings)
    marks = read_marks(store, EVER)["armley"].values()
    store.close()
    return not any(mark.is_pending for mark in marks)


def killed_at_points(make: Callable[[], Settings], old: list[Kept], points: int, context: ForkServerContext) -> None:
    """Kill a recompute at so many seeded points; `make` gives a store that awaits it, the same each time."""
    whole = make()
    last = recomputed(context, whole)
    assert last is not None
    new = kept(whole)
    assert all(after.daily["revision"] == 2 and before != after for before, after in zip(old, new, strict=True))
    chance = random.Random(SEED)
    # The number of calls differs a little between runs.
    calls = [Point(call=number) for number in chance.sample(range(1, last.call * 9 // 10), points // 2)]
    writes = [Point(write=number) for number in chance.sample(range(1, last.write), points - len(calls))]
    mixed = set()
    for point in [*calls, *writes]:
        settings = make()
        assert recomputed(context, settings, point) is None
        found = kept(settings)
        assert all(day in pair for day, *pair in zip(found, old, new, strict=True)), f"seed {SEED}, {point}"
        mixed.add(sum(day == after for day, after in zip(found, new, strict=True)))
        run(settings)
        assert kept(settings) == new
        assert is_settled(settings)
    # Some were killed between two days: otherwise this would show nothing.
    assert mixed - {0, len(new)}


def test_figures_survive_kill_nine_at_seeded_points_of_a_recompute(
    tmp_path: Path, forkserver: ForkServerContext
) -> None:
    old = await_recompute(Settings(data_dir=tmp_path / "waiting"))
    copies = itertools.count()

    def make() -> Settings:
        folder = tmp_path / f"copy-{next(copies)}"
        shutil.copytree(tmp_path / "waiting", folder)
        return Settings(data_dir=folder)

    killed_at_points(make, old, POINTS, forkserver)


def test_figures_in_influxdb_survive_kill_nine_at_seeded_points_of_a_recompute(
    influxd: Influxd, influx_database: str, forkserver: ForkServerContext
) -> None:
    settings = Settings(store="influxdb", influx=InfluxSettings(url=influxd.url, bucket=influx_database))
    old = await_recompute(settings)

    def make() -> Settings:
        influxd.query(f'DROP DATABASE "{influx_database}"')
        assert await_recompute(settings) == old
        return settings

    killed_at_points(make, old, POINTS_IN_INFLUXDB, forkserver)
