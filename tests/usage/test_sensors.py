"""How each sensor is."""

from typing import Any

from schemas import Kind
from stores import Store
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS, at, estate, hub, put
from usage import Queries
from usage.jobs import Jobs
from usage.queries.sensors import SENSOR_STATUS, SensorState

NOW_NS = at("2026-10-20T12:00")
KNOWN = estate(
    hub(sensors=[{"id": "door", "kinds": ["footfall"], "every": "5m"}, {"id": "air", "kinds": ["co2"], "every": "10m"}])
)


def sensor(store: Store, name: str, now_ns: int = NOW_NS) -> SensorState:
    return next(s for s in Queries(store, KNOWN, now_ns=now_ns).sensors["armley"] if s.sensor == name)


def test_a_sensor_is_silent_once_it_missed_three_readings(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(NOW_NS, {"entries": 1})], sensor="door")
    for minutes, silent in ((15, False), (16, True)):
        door = sensor(store, "door", NOW_NS + minutes * MINUTE_NS)
        assert (door.last_seen_ns, door.every_s, door.silent, door.battery_pct) == (NOW_NS, 300, silent, None)


def test_a_sensor_that_was_never_seen_is_silent(store: Store) -> None:
    air = sensor(store, "air")
    assert (air.hub, air.last_seen_ns, air.every_s, air.silent, air.values) == ("armley", None, 600, True, {})


def test_a_reading_of_any_kind_counts(store: Store) -> None:
    put(store, Kind.CO2, [(NOW_NS - HOUR_NS, {"co2_ppm": 500.0})], sensor="air")
    put(store, Kind.DEVICE, [(NOW_NS - MINUTE_NS, {"battery_pct": 71.0})], sensor="air")
    air = sensor(store, "air")
    assert (air.last_seen_ns, air.silent, air.battery_pct) == (NOW_NS - MINUTE_NS, False, 71.0)
    assert air.kinds == {Kind.CO2, Kind.DEVICE}


def test_an_old_value_of_a_sensor_that_still_reports_its_battery_is_no_value_now(store: Store) -> None:
    put(store, Kind.DEVICE, [(NOW_NS, {"battery_pct": 71.0})], sensor="air")
    for minutes, values in ((30, {"co2_ppm": 1700.0, "battery_pct": 71.0}), (31, {"battery_pct": 71.0})):
        put(store, Kind.CO2, [(NOW_NS - minutes * MINUTE_NS, {"co2_ppm": 1700.0})], sensor="air", hub=f"hub-{minutes}")
        put(store, Kind.DEVICE, [(NOW_NS, {"battery_pct": 71.0})], sensor="air", hub=f"hub-{minutes}")
        known = estate(hub(f"hub-{minutes}", sensors=[{"id": "air", "every": "10m"}]))
        (air,) = Queries(store, known, now_ns=NOW_NS).sensors[f"hub-{minutes}"]
        assert air.values == values


def test_a_clock_that_runs_ahead_was_seen_now(store: Store) -> None:
    put(store, Kind.CO2, [(NOW_NS + 5 * MINUTE_NS, {"co2_ppm": 500.0})], sensor="air")
    assert sensor(store, "air").last_seen_ns == NOW_NS


def test_a_sensor_that_the_estate_does_not_name_may_take_a_day(store: Store) -> None:
    put(store, Kind.CO2, [(NOW_NS - 23 * HOUR_NS, {"co2_ppm": 500.0})], sensor="new")
    new = sensor(store, "new")
    assert (new.last_seen_ns, new.every_s, new.silent) == (NOW_NS - 23 * HOUR_NS, None, False)
    assert sensor(store, "new", NOW_NS + 2 * HOUR_NS).silent


def test_a_sensor_that_the_estate_does_not_name_is_gone_after_thirty_days(store: Store) -> None:
    put(store, Kind.CO2, [(NOW_NS, {"co2_ppm": 500.0})], sensor="new")
    put(store, Kind.CO2, [(NOW_NS, {"co2_ppm": 500.0})], sensor="air")
    for days, names in ((30, ["door", "air", "new"]), (31, ["door", "air"])):
        sensors = Queries(store, KNOWN, now_ns=NOW_NS + days * DAY_NS).sensors["armley"]
        assert [s.sensor for s in sensors] == names


def test_jobs_writes_a_row_for_each_ten_minutes_and_remembers_the_battery(store: Store) -> None:
    put(store, Kind.DEVICE, [(NOW_NS, {"battery_pct": 71.0})], sensor="air")
    jobs = Jobs(lambda: store, lambda: KNOWN, lambda: NOW_NS)
    jobs.write_sensor_status(NOW_NS + MINUTE_NS)
    put(store, Kind.DEVICE, [(NOW_NS + 2 * MINUTE_NS, {"rssi_dbm": -80.0})], sensor="air")
    for minutes in (2, 3, 11):
        jobs.write_sensor_status(NOW_NS + minutes * MINUTE_NS)
    where = {"sensor": "air"}
    (run,) = store.read(SENSOR_STATUS, start_ns=0, stop_ns=2**62, where=where)
    assert list(run.times_ns) == [NOW_NS, NOW_NS + 10 * MINUTE_NS]
    assert list(run.columns["battery_pct"]) == [71.0, 71.0]
    assert list(run.columns["last_seen_s"]) == [60, 9 * 60]


def test_a_value_that_stands_for_none_is_no_value_now(store: Store) -> None:
    put(store, Kind.WIFI, [(NOW_NS, {"clients": 65_535, "suspect": True})], sensor="ap")
    put(store, Kind.DEVICE, [(NOW_NS, {"battery_pct": 255.0, "suspect": True})], sensor="ap")
    ap = sensor(store, "ap")
    assert (ap.last_seen_ns, ap.silent, ap.battery_pct, ap.values) == (NOW_NS, False, None, {})


def test_a_sensor_that_is_retired_is_listed_no_more_and_a_locked_one_is_not_silent(store: Store) -> None:
    put(store, Kind.CO2, [(NOW_NS, {"co2_ppm": 500.0})], sensor="new")
    put(store, Kind.FOOTFALL, [(NOW_NS - DAY_NS, {"entries": 1})], sensor="gone")
    sensors: list[dict[str, Any]] = [
        {"id": "new", "replaces": "old"},
        {"id": "old"},
        {"id": "gone", "until": "2026-10-19"},
        {"id": "locked", "closures": ["2026-10-20"]},
        {"id": "dead"},
    ]
    found = Queries(store, estate(hub(sensors=sensors)), now_ns=NOW_NS).sensors["armley"]
    assert [(one.sensor, one.silent) for one in found] == [("new", False), ("locked", False), ("dead", True)]
