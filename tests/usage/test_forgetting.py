"""Sensors that somebody made up are forgotten, with all that they touched; those of the estate file never."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ingest.batches import Batch
from ingest.buffer import Buffer
from ingest.new_sensors import NewSensor
from schemas import Kind
from schemas.localtime import Span
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.cli.command import Answer, CommandLine
from tests.usage.given import DAY_NS, HOUR_NS, estate, hub, put, put_lines
from usage.forgetting import find_sensors, forget_sensors
from usage.jobs import Jobs
from usage.queries.sensors import read_sensors
from usage.rollup_writer import pending_marks
from usage.rows import DAILY, read_rows

NOW_NS = time.time_ns()
NOON_NS = NOW_NS - 3 * DAY_NS
KNOWN = estate(hub(sensors=[{"id": "door-1", "kinds": ["footfall"], "every": "10m"}]))
MANY = 20_000
BOUND_S = 60


def fill(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 5})], sensor="door-1")
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 7}), (NOON_NS + DAY_NS, {"entries": 1})], sensor="x-1")
    put(store, Kind.CO2, [(NOON_NS, {"co2_ppm": 400.0})], sensor="x-2", zone="cafe")
    put(store, Kind.CO2, [(NOON_NS, {"co2_ppm": 400.0})], sensor="y-1")


def names(store: Store) -> list[str]:
    return [state.sensor for state in read_sensors(store, KNOWN, NOW_NS).by_hub["armley"]]


def forget(store: Store, *patterns: str) -> None:
    for found in find_sensors(store, KNOWN, patterns, hub=None, now_ns=NOW_NS):
        forget_sensors(store, found, clock_ns=lambda: NOW_NS)


def test_what_is_forgotten_is_in_no_list_and_no_figure(any_store: Store) -> None:
    fill(any_store)
    jobs = Jobs(lambda: any_store, lambda: KNOWN, lambda: NOW_NS)
    jobs.write_sensor_status(NOW_NS)
    jobs.roll_up_unfinished(NOW_NS)

    def entries() -> list[float]:
        return [row["entries"] or 0 for row in read_rows(any_store, DAILY, "armley", Span(0, 2**62)).values()]

    assert 12 in entries()
    forget(any_store, "x-?")

    assert names(any_store) == ["door-1", "y-1"]
    later_ns = NOW_NS + HOUR_NS
    days = pending_marks(any_store, now_ns=later_ns)["armley"]
    assert len(days) == 2
    jobs.roll_up_marked(later_ns)
    assert pending_marks(any_store, now_ns=later_ns) == {}
    assert [count for count in entries() if count] == [5]
    for measurement in ("sensor_status", "usage_daily_door", "usage_hourly_door", "footfall"):
        chunks = any_store.read(measurement, start_ns=0, stop_ns=2**62, where={"hub": "armley"})
        assert {chunk.tags["sensor"] for chunk in chunks} <= {"door-1", "y-1"}


def test_a_sensor_that_comes_back_is_there_again_also_for_who_wrote_it_before(tmp_path: Path) -> None:
    """Whoever has the number of a series in memory must not write under one that is gone, or another's."""
    writer, other = SqliteStore(tmp_path / "store.db"), SqliteStore(tmp_path / "store.db")
    fill(writer)
    put(writer, Kind.CO2, [(NOON_NS, {"co2_ppm": 400.0})], sensor="x-3")
    forget(other, "x-*")
    put(writer, Kind.CO2, [(NOON_NS + 1, {"co2_ppm": 500.0})], sensor="z-1")
    put(writer, Kind.CO2, [(NOON_NS + 2, {"co2_ppm": 600.0})], sensor="x-2", zone="cafe")

    found = {
        chunk.tags["sensor"]: chunk.columns["co2_ppm"][0] for chunk in other.read("co2", start_ns=0, stop_ns=2**62)
    }
    assert found == {"x-2": 600.0, "y-1": 400.0, "z-1": 500.0}
    writer.close()
    other.close()


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Answer]:
    estate_file = tmp_path / "estate.yaml"
    estate_file.write_text(
        "timezone: Europe/London\nhubs: [{id: armley, sensors: [{id: door-1, kinds: [footfall], every: 10m}]}]\n"
    )
    (tmp_path / "data").mkdir()
    store = SqliteStore(tmp_path / "data/store.db")
    fill(store)
    store.close()
    command = CommandLine(tmp_path)
    return lambda *arguments: command.run("sensors", "forget", *arguments)


def stored(tmp_path: Path) -> list[str]:
    store = SqliteStore(tmp_path / "data/store.db")
    try:
        return names(store)
    finally:
        store.close()


def test_the_command_says_what_it_would_do_and_does_it(run: Callable[..., Answer], tmp_path: Path) -> None:
    answer = run("x-*", "--readings", "--dry-run", "--json")
    assert (answer.exit_code, answer.err) == (0, "")
    told = json.loads(answer.out)
    assert (told["dry_run"], told["hubs"][0]["readings"], len(told["hubs"][0]["days"])) == (
        True,
        {"x-1": 2, "x-2": 1},
        2,
    )
    assert stored(tmp_path) == ["door-1", "x-1", "x-2", "y-1"]

    answer = run("x-*", "--readings")
    assert (answer.exit_code, answer.err) == (0, "")
    assert "armley: 2 sensors with 3 readings on 2 days: x-1, x-2" in answer.out
    assert stored(tmp_path) == ["door-1", "y-1"]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["x-1"], "armley/x-1 have readings"),
        (["*", "--readings"], "the estate file names armley/door-1"),
        (["door-1", "--readings", "--new-only"], "no sensor that the estate file does not name"),
        (["nobody", "--readings"], "matches nobody"),
        (["x-1", "--hub", "beeston", "--readings"], "matches x-1"),
    ],
)
def test_what_should_stay_is_refused_with_what_to_do(
    run: Callable[..., Answer], tmp_path: Path, arguments: list[str], said: str
) -> None:
    answer = run(*arguments)
    assert (answer.exit_code, answer.out) == (1, "")
    assert said in answer.err
    assert len(answer.err.splitlines()) == 1
    assert stored(tmp_path) == ["door-1", "x-1", "x-2", "y-1"]


def test_the_places_of_the_forgotten_are_free_for_others(run: Callable[..., Answer], tmp_path: Path) -> None:
    day = NOW_NS // DAY_NS
    seen = [NewSensor("armley", sensor, day) for sensor in ("x-1", "x-2", "y-1")]
    with closing(Buffer(tmp_path / "data", clock_ns=lambda: NOW_NS)) as buffer:
        buffer.commit(Batch(new_sensors=seen))
        assert run("x-*", "--readings").exit_code == 0
        assert [sensor.sensor for sensor in buffer.new_sensors.all()] == ["y-1"]


def test_new_only_passes_over_what_the_estate_file_names(run: Callable[..., Answer], tmp_path: Path) -> None:
    assert run("*", "--new-only", "--readings").exit_code == 0
    assert stored(tmp_path) == ["door-1"]


def test_however_many_names_were_invented_they_are_forgotten_in_time_that_grows_with_them(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    fill(store)
    for start in range(0, MANY, 10_000):
        put_lines(store, [f"co2,hub=armley,sensor=x-{n} co2_ppm=400.0 {NOON_NS}" for n in range(start, start + 10_000)])
    began_s = time.monotonic()
    forget(store, "x-*")
    assert time.monotonic() - began_s < BOUND_S
    assert names(store) == ["door-1", "y-1"]
    assert store._reader.one("SELECT count(*) FROM series WHERE measurement = 'co2'") in ((1,), (2,))
    store.close()
