"""How each sensor is."""

from schemas import Kind
from stores import Store
from tests.usage.given import HOUR_NS, MINUTE_NS, at, estate, hub, put
from usage.jobs import Jobs
from usage.status import STATUS, SensorStatus, sensor_statuses

NOW_NS = at("2026-10-20T12:00")
KNOWN = estate(
    hub(sensors=[{"id": "door", "kinds": ["footfall"], "every": "5m"}, {"id": "air", "kinds": ["co2"], "every": "10m"}])
)


def status(store: Store, sensor: str, now_ns: int = NOW_NS) -> SensorStatus:
    return next(s for s in sensor_statuses(store, KNOWN, now_ns) if s.sensor == sensor)


def test_a_sensor_is_silent_once_it_missed_three_readings(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(NOW_NS, {"entries": 1})], sensor="door")
    assert status(store, "door", NOW_NS + 15 * MINUTE_NS) == SensorStatus("armley", "door", 900, 300, False, None)
    assert status(store, "door", NOW_NS + 16 * MINUTE_NS) == SensorStatus("armley", "door", 960, 300, True, None)


def test_a_sensor_never_heard_of_is_silent(store: Store) -> None:
    assert status(store, "air") == SensorStatus("armley", "air", None, 600, True, None)


def test_the_last_word_of_any_kind_counts(store: Store) -> None:
    put(store, Kind.CO2, [(NOW_NS - HOUR_NS, {"co2_ppm": 500.0})], sensor="air")
    put(store, Kind.DEVICE, [(NOW_NS - MINUTE_NS, {"battery_pct": 71.0})], sensor="air")
    assert status(store, "air") == SensorStatus("armley", "air", 60, 600, False, 71.0)


def test_a_sensor_that_the_estate_does_not_name_may_take_a_day(store: Store) -> None:
    put(store, Kind.CO2, [(NOW_NS - 23 * HOUR_NS, {"co2_ppm": 500.0})], sensor="new")
    assert status(store, "new") == SensorStatus("armley", "new", 23 * 3600, None, False, None)
    assert status(store, "new", NOW_NS + 2 * HOUR_NS).silent


def test_jobs_writes_a_row_for_each_ten_minutes_and_remembers_the_battery(store: Store) -> None:
    put(store, Kind.DEVICE, [(NOW_NS, {"battery_pct": 71.0})], sensor="air")
    jobs = Jobs(lambda: store, lambda: KNOWN, lambda: NOW_NS)
    jobs.write_sensor_status(NOW_NS + MINUTE_NS)
    put(store, Kind.DEVICE, [(NOW_NS + 2 * MINUTE_NS, {"rssi_dbm": -80.0})], sensor="air")
    for minutes in (2, 3, 11):
        jobs.write_sensor_status(NOW_NS + minutes * MINUTE_NS)
    where = {"sensor": "air"}
    (run,) = store.read(STATUS, start_ns=0, stop_ns=2**62, where=where)
    assert list(run.times_ns) == [NOW_NS, NOW_NS + 10 * MINUTE_NS]
    assert list(run.columns["battery_pct"]) == [71.0, 71.0]
    assert list(run.columns["last_seen_s"]) == [60, 9 * 60]
