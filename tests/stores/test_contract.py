"""What every store promises. Each test runs over all of them; see tests/stores/conftest.py."""

import itertools
import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Mapping
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from schemas import MEASUREMENTS, FieldType, Measurement, Settings
from schemas.kinds import INT64_MAX
from stores import Accepted, Keep, Rejected, Store, StoreError, open_store
from stores.lines import encode
from tests.real_parts import REPOSITORY
from tests.servers import Influxd
from tests.stores.loopback import LoopbackServer
from tests.stores.points import Point, co2, lines, merged, points, points_of, read, write
from tests.waiting import wait_until

CHUNK_POINTS_MAX = 5000
EXAMPLE: Mapping[FieldType, int | float | bool] = {
    FieldType.INTEGER: 12,
    FieldType.FLOAT: 21.0,
    FieldType.BOOLEAN: False,
}

every_measurement = pytest.mark.parametrize("measurement", MEASUREMENTS.values(), ids=lambda m: m.name)


@every_measurement
def test_every_field_comes_back_with_its_value_and_type(store: Store, measurement: Measurement) -> None:
    tags = {tag: f"{tag}-1" for tag in measurement.tags}
    fields = {name: EXAMPLE[kind] for name, kind in measurement.fields.items()}
    write(store, [Point(measurement.name, tags, 1_700_000_000_123_456_789, fields)])

    (point,) = read(store, measurement.name)

    assert point == Point(measurement.name, tags, 1_700_000_000_123_456_789, fields)
    assert [type(value) for value in point.fields.values()] == [type(value) for value in fields.values()]


def test_a_run_has_a_column_for_every_field(store: Store) -> None:
    write(store, [Point("footfall", {"hub": "armley", "sensor": "door"}, 5, {"entries": 3})])

    (run,) = store.read("footfall", start_ns=0, stop_ns=INT64_MAX)

    assert set(run.columns) == set(MEASUREMENTS["footfall"].fields)
    assert list(run.columns["exits"]) == [None]


def test_only_the_fields_asked_for_are_read(store: Store) -> None:
    write(
        store, [Point("footfall", {"hub": "armley", "sensor": "door"}, 5, {"entries": 3, "exits": 2, "suspect": True})]
    )
    (chunk,) = store.read("footfall", start_ns=0, stop_ns=INT64_MAX, fields=("suspect", "entries"))
    assert {name: list(column) for name, column in chunk.columns.items()} == {"entries": [3], "suspect": [True]}


def test_text_in_a_tag_comes_back_as_it_was_encoded(store: Store) -> None:
    text = quote("boiler, door=1 & 'lift' \\ \"50 %\"\n\u00e9\u2014\U0001f525", safe="")
    note = Point("usage_notes", {"hub": "armley", "note": text}, 5, {"made_ns": 3, "removed": False})
    write(store, [note])
    assert read(store, "usage_notes") == [note]


@pytest.mark.parametrize("count", [INT64_MAX, -INT64_MAX - 1, 2**53 + 1, 0])
def test_integers_keep_all_64_bits(store: Store, count: int) -> None:
    point = Point("wifi", {"hub": "armley", "sensor": "ap"}, 5, {"rx_bytes_total": count})
    write(store, [point])
    assert read(store, "wifi") == [point]


@pytest.mark.parametrize("ppm", [400.0, 0.1, 1e16, 5e-324, 1.7976931348623157e308, -1e-7])
def test_floats_come_back_exactly_and_as_floats(store: Store, ppm: float) -> None:
    write(store, [co2(ppm, 5)])
    (point,) = read(store, "co2")
    assert point.fields == {"co2_ppm": ppm}
    assert isinstance(point.fields["co2_ppm"], float)


def test_writing_a_batch_again_changes_nothing(store: Store) -> None:
    batch = [co2(400.5, 1), co2(500.5, 2), co2(600.5, 1, sensor="air-2")]
    write(store, batch)
    write(store, batch)
    assert read(store, "co2") == batch


def test_points_are_deleted_by_time_and_tags_and_nothing_else_is(store: Store) -> None:
    rows = [
        Point("usage_daily", {"hub": hub}, time_ns, {"entries": entries})
        for hub, time_ns, entries in (("armley", 1, 5), ("armley", 2, 6), ("armley", 3, 7), ("otley", 2, 8))
    ]
    other = Point("usage_hourly", {"hub": "armley"}, 2, {"entries": 9})
    write(store, [*rows, other])
    assert store.delete("usage_daily", start_ns=2, stop_ns=3, where={"hub": "armley"})
    assert read(store, "usage_daily") == [rows[0], rows[2], rows[3]]
    assert read(store, "usage_hourly") == [other]
    write(store, [rows[1]])
    assert read(store, "usage_daily") == rows


def test_sensors_are_forgotten_in_every_measurement_and_no_others_are(store: Store) -> None:
    gone, stays = ["x-1", "x-2"], ["x-11", "door-1"]
    for sensor in (*gone, *stays):
        write(store, [co2(400.5, time_ns, sensor=sensor) for time_ns in range(1, 4)])
        write(store, [Point("usage_daily_door", {"hub": "armley", "sensor": sensor}, 5, {"entries": 3})])
    elsewhere = Point("co2", {"hub": "otley", "sensor": "x-1"}, 1, {"co2_ppm": 400.5})
    write(store, [elsewhere])
    assert store.forget("armley", gone)
    assert {point.tags["sensor"] for point in read(store, "co2") if point.tags["hub"] == "armley"} == set(stays)
    assert {point.tags["sensor"] for point in read(store, "usage_daily_door")} == set(stays)
    assert elsewhere in read(store, "co2")
    write(store, [co2(400.5, 9, sensor="x-1")])
    assert co2(400.5, 9, sensor="x-1") in read(store, "co2")


def test_deleting_where_nothing_is_changes_nothing(store: Store) -> None:
    store.prepare()
    assert store.delete("usage_daily", start_ns=0, stop_ns=10, where={"hub": "armley"})
    assert read(store, "usage_daily") == []


def test_a_point_keeps_the_fields_that_a_later_line_does_not_name(store: Store) -> None:
    tags = {"hub": "armley", "sensor": "door"}
    write(store, [Point("footfall", tags, 5, {"entries": 3, "exits": 2})])
    write(store, [Point("footfall", tags, 5, {"exits": 4}), Point("footfall", tags, 5, {"suspect": True})])
    assert read(store, "footfall") == [Point("footfall", tags, 5, {"entries": 3, "exits": 4, "suspect": True})]


def test_the_last_line_of_a_point_in_a_batch_wins(store: Store) -> None:
    tags = {"hub": "armley", "sensor": "door"}
    told = [{"entries": 1, "exits": 1}, {"entries": 2}, {"exits": 3, "entries": 3}, {"exits": 4}]
    write(store, [Point("footfall", tags, 5, dict(fields)) for fields in told])
    assert read(store, "footfall") == [Point("footfall", tags, 5, {"entries": 3, "exits": 4})]


def test_tags_in_another_order_are_the_same_series(store: Store) -> None:
    assert store.write(b"co2,sensor=air-1,hub=armley co2_ppm=400.5 1\nco2,hub=armley,sensor=air-1 co2_ppm=500.5 1") == (
        Accepted()
    )
    assert read(store, "co2") == [co2(500.5, 1)]


def test_series_come_in_order_of_their_tags_and_points_in_order_of_time(store: Store) -> None:
    hubs, sensors, zones = ["a", "a-b", "a_b", "a1", "ab", "b"], ["s", "s-1", "s1"], [None, "cafe", "hall"]
    wanted = [
        co2(400.5, time_ns, hub=hub, sensor=sensor, zone=zone)
        for hub, sensor, zone in itertools.product(sorted(hubs), sorted(sensors), zones)
        for time_ns in (1, 2, 400 * 86_400 * 10**9)
    ]
    write(store, random.Random(7).sample(wanted, len(wanted)))
    assert read(store, "co2") == wanted


def test_a_read_begins_at_its_start_and_ends_before_its_stop(store: Store) -> None:
    write(store, [co2(400.5, time_ns) for time_ns in range(10)])
    found = points_of("co2", store.read("co2", start_ns=3, stop_ns=6))
    assert [point.time_ns for point in found] == [3, 4, 5]


@pytest.mark.parametrize(
    "bounds, found",
    [((-INT64_MAX - 1, INT64_MAX), 2), ((-(2**70), 2**70), 2), ((6, 6), 0), ((9, 3), 0)],
    ids=["all of time", "more than all of time", "nothing", "backwards"],
)
def test_any_bounds_are_taken(store: Store, bounds: tuple[int, int], found: int) -> None:
    write(store, [co2(400.5, 0), co2(400.5, 8)])
    start_ns, stop_ns = bounds
    assert len(points_of("co2", store.read("co2", start_ns=start_ns, stop_ns=stop_ns))) == found
    assert len(points_of("co2", store.latest("co2", before_ns=start_ns))) == (1 if start_ns > 0 else 0)
    assert len(points_of("co2", store.latest("co2", before_ns=stop_ns))) == 1


@pytest.mark.parametrize(
    "where, sensors",
    [
        ({"hub": "a"}, ["s1", "s2", "s3"]),
        ({"hub": "a", "zone": "cafe"}, ["s2"]),
        ({"hub": "a", "zone": ""}, ["s1", "s3"]),
        ({"hub": "nobody"}, []),
        ({"hub": "' OR '1' = '1"}, []),
        ({"hub": "a\\"}, []),
        ({}, ["s1", "s2", "s3", "s4"]),
    ],
)
def test_where_keeps_the_series_whose_tags_equal_it(store: Store, where: dict[str, str], sensors: list[str]) -> None:
    write(
        store,
        [
            co2(400.5, 1, hub="a", sensor="s1"),
            co2(400.5, 1, hub="a", sensor="s2", zone="cafe"),
            co2(400.5, 1, hub="a", sensor="s3"),
            co2(400.5, 1, hub="b", sensor="s4"),
        ],
    )
    assert [point.tags["sensor"] for point in read(store, "co2", where)] == sensors
    latest = points_of("co2", store.latest("co2", before_ns=5, where=where))
    assert [point.tags["sensor"] for point in latest] == sensors


def test_latest_is_the_last_point_of_each_series_before_a_time(store: Store) -> None:
    tags = {"hub": "armley", "sensor": "door"}
    write(store, [Point("footfall", tags, 1, {"entries": 1}), Point("footfall", tags, 2, {"exits": 2})])
    write(store, [Point("footfall", tags | {"hub": "zeal"}, time_ns, {"entries": time_ns}) for time_ns in (1, 3)])
    assert points_of("footfall", store.latest("footfall", before_ns=3)) == [
        Point("footfall", tags, 2, {"exits": 2}),
        Point("footfall", tags | {"hub": "zeal"}, 1, {"entries": 1}),
    ]
    assert points_of("footfall", store.latest("footfall", before_ns=1)) == []


def test_a_store_that_nobody_has_prepared_has_no_data(store: Store) -> None:
    assert read(store, "co2") == []
    assert points_of("co2", store.latest("co2", before_ns=INT64_MAX)) == []
    assert store.check()


def test_a_store_that_nobody_has_prepared_can_be_required_and_is_not_made_by_it(settings: Settings) -> None:
    for _ in range(2):
        with pytest.raises(StoreError, match=r"check HUBPULSE_INFLUX__BUCKET|is not there: check --data"):
            open_store(settings, must_exist=True)
    if settings.store == "sqlite":
        assert not settings.data_dir.exists()

    open_store(settings).prepare()
    open_store(settings, must_exist=True).close()


def test_a_prepared_store_has_no_data_and_can_be_prepared_again(store: Store) -> None:
    store.prepare()
    store.prepare()
    assert read(store, "co2") == []
    assert store.check()


def test_an_empty_batch_is_accepted(store: Store) -> None:
    assert store.write(b"") == Accepted()
    assert store.write(b"\n\n") == Accepted()


def test_a_long_series_comes_in_bounded_chunks(store: Store) -> None:
    write(store, [co2(400.5, time_ns) for time_ns in range(CHUNK_POINTS_MAX + 1)])
    chunks = list(store.read("co2", start_ns=0, stop_ns=INT64_MAX))
    assert [len(chunk.times_ns) for chunk in chunks] == [CHUNK_POINTS_MAX, 1]


# The other server's memory is this process's own; the store is the same.
@pytest.mark.parametrize("settings", ["sqlite", "influxdb-1"], indirect=True)
def test_reading_much_takes_no_more_memory_than_reading_some(store: Store) -> None:
    def peak_bytes(stop_ns: int) -> int:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        count = sum(len(run.times_ns) for run in store.read("co2", start_ns=0, stop_ns=stop_ns))
        assert count == stop_ns
        return tracemalloc.get_traced_memory()[1] - before

    for first in range(0, 50_000, 10_000):
        write(store, [co2(400.5, time_ns) for time_ns in range(first, first + 10_000)])
    tracemalloc.start()
    try:
        peak_bytes(10)
        assert peak_bytes(50_000) < 1.5 * peak_bytes(10_000)
    finally:
        tracemalloc.stop()


def test_many_series_are_one_read(store: Store) -> None:
    wanted = [co2(400.5 + n, 1, hub=f"hub-{n // 100:02}", sensor=f"air-{n:04}") for n in range(2000)]
    write(store, wanted)
    assert read(store, "co2") == wanted


@pytest.mark.parametrize(
    "line",
    [
        "garbage",
        "co2,hub=armley,sensor=air-1 co2_ppm=nan 1",
        "co2,hub=armley,sensor=air-1 co2_ppm= 1",
        "co2,hub=armley,sensor=air-1 co2_ppm=400.5 1 1",
        "co2,hub=armley,sensor=air-1 co2_ppm=400.5 1\r",
        "co2,hub=armley,sensor= co2_ppm=400.5 1",
        "wifi,hub=armley,sensor=ap clients=9223372036854775808i 1",
        "co2,hub=armley,sensor=air-1 co2_ppm=400.5 9223372036854775808",
    ],
)
def test_a_line_that_is_none_rejects_its_batch_and_is_named(store: Store, line: str) -> None:
    good = lines([co2(500.5, 2)])
    outcome = store.write(b"\n".join([good, line.encode(), good]))
    assert isinstance(outcome, Rejected)
    assert line.strip()[:7] in outcome.detail
    assert store.write(good) == Accepted()
    assert read(store, "co2") == [co2(500.5, 2)]


def test_a_field_never_changes_its_type(store: Store) -> None:
    write(store, [co2(400.5, 1)])
    outcome = store.write(b"co2,hub=armley,sensor=air-1 co2_ppm=500i 2")
    assert isinstance(outcome, Rejected)
    assert "co2_ppm" in outcome.detail
    assert read(store, "co2") == [co2(400.5, 1)]


_example_numbers = itertools.count()


@given(data=st.data())
@examples(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_points_in_any_batches_come_back_merged(store: Store, data: st.DataObject) -> None:
    hub = f"hub-{next(_example_numbers)}"
    written = data.draw(st.lists(points(hub), min_size=1, max_size=30))
    cut = data.draw(st.integers(0, len(written)))
    write(store, written[:cut])
    write(store, written[cut:])
    found = [point for name in MEASUREMENTS for point in read(store, name, {"hub": hub})]
    assert sorted(found, key=lambda point: point.measurement) == merged(written)


def test_writing_goes_on_while_a_read_is_half_way(store: Store) -> None:
    write(store, [co2(400.5, time_ns) for time_ns in range(12_000)])
    runs = store.read("co2", start_ns=0, stop_ns=12_000)
    found = points_of("co2", [next(runs)])
    write(store, [co2(500.5, 12_000)])
    found += points_of("co2", runs)
    assert [point.time_ns for point in found] == list(range(12_000))
    assert len(read(store, "co2")) == 12_001


WRITER = """
import itertools
from schemas.settings import read_settings
from stores import Accepted, open_store
store = open_store(read_settings())
for batch in itertools.count():
    lines = "\\n".join(f"co2,hub=armley,sensor=air-{n} co2_ppm=400.5 {batch}" for n in range(50))
    assert store.write(lines.encode()) == Accepted()
"""


def test_other_processes_read_while_one_writes(settings: Settings, store: Store) -> None:
    environment = {
        "HUBPULSE_STORE": settings.store,
        "HUBPULSE_DATA_DIR": str(settings.data_dir),
        "HUBPULSE_INFLUX__URL": settings.influx.url,
        "HUBPULSE_INFLUX__BUCKET": settings.influx.bucket,
    }
    if settings.influx.token:
        environment["HUBPULSE_INFLUX__TOKEN"] = settings.influx.token.get_secret_value()
    counts: list[int] = []

    def has_seen_it_grow() -> bool:
        assert writer.poll() is None
        counts.append(len(read(store, "co2")))
        return len(set(counts)) > 4

    with subprocess.Popen([sys.executable, "-c", WRITER], cwd=REPOSITORY, env=os.environ | environment) as writer:
        try:
            wait_until(has_seen_it_grow, 60, "five different counts while another process writes")
        finally:
            writer.kill()
    assert counts == sorted(counts)


def test_a_batch_is_kept_while_the_server_is_down_and_accepted_on_its_return(
    own_server: tuple[Influxd | LoopbackServer, Settings],
) -> None:
    server, settings = own_server
    server.stop()
    store = open_store(settings)
    batch = encode("co2", {"hub": "armley", "sensor": "air-1"}, {"co2_ppm": 400.5}, 1).encode()

    outcome = store.write(batch)
    assert isinstance(outcome, Keep)
    assert not outcome.needs_operator
    assert "does not answer" in outcome.detail
    with pytest.raises(StoreError, match="does not answer"):
        read(store, "co2")
    with pytest.raises(StoreError, match="does not answer"):
        store.prepare()
    with pytest.raises(StoreError, match="does not answer"):
        store.check()

    server.start()
    assert store.write(batch) == Accepted()
    assert read(store, "co2") == [co2(400.5, 1)]

    server.stop()
    assert isinstance(store.write(batch), Keep)
    server.start()
    assert store.write(batch) == Accepted()
    store.close()
