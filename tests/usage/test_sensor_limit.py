"""Invented sensor names by the thousand: what the estate file names, and other hubs, are counted all the same."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas import Kind
from stores import Store
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS, at, estate, figures_of, hub, lines, put, put_lines
from usage import Queries
from usage.jobs import Jobs
from usage.sensor_limit import UNNAMED_SENSORS_MAX

DAY = "2026-10-20"
NOW_NS = at("2026-10-20T18:00")
KNOWN = estate(hub(sensors=[{"id": "door", "kinds": ["footfall"], "every": "10m"}]), hub("beeston"))
INVENTED = 3 * UNNAMED_SENSORS_MAX


def invent(store: Store, fields: Mapping[str, int], *, hours: int = 1) -> None:
    """Readings of invented sensors, whose names come before and after those of others."""
    batch = [
        line
        for number in range(INVENTED)
        for line in lines(
            Kind.FOOTFALL,
            [(NOW_NS - hour * HOUR_NS, fields) for hour in range(hours)],
            sensor=f"{'az'[number % 2]}{number}",
        )
    ]
    put_lines(store, batch)


def every_ten_minutes(**fields: int) -> list[tuple[int, Mapping[str, int]]]:
    return [(NOW_NS - number * 10 * MINUTE_NS, fields) for number in range(50)]


class Counting:
    """A store that counts how often it is asked."""

    def __init__(self, store: Store) -> None:
        self._store, self.asked = store, 0

    def __getattr__(self, name: str) -> Any:
        self.asked += 1
        return getattr(self._store, name)


@pytest.mark.claim("S-10")
def test_the_sensors_that_report_are_counted_whatever_others_are_invented(store: Store) -> None:
    put(store, Kind.FOOTFALL, every_ten_minutes(entries=2), sensor="door")
    put(store, Kind.FOOTFALL, every_ten_minutes(entries=3), sensor="new-door")
    put(store, Kind.FOOTFALL, every_ten_minutes(entries=7), hub="beeston")
    invent(store, {"entries": 0})

    assert figures_of(store, KNOWN, DAY, now_ns=NOW_NS + 1)["entries"] == 250
    assert figures_of(store, KNOWN, DAY, hub="beeston", now_ns=NOW_NS + 1)["entries"] == 350


def test_a_day_costs_no_more_reads_for_each_invented_counter_beyond_the_limit(store: Store) -> None:
    put(
        store,
        Kind.FOOTFALL,
        [(NOW_NS - DAY_NS + hour * HOUR_NS, {"entries_total": hour}) for hour in range(24)],
        sensor="door",
    )
    invent(store, {"entries_total": 5}, hours=2)
    counting = Counting(store)
    when = date.fromisoformat(DAY)
    (found,) = Queries(counting, KNOWN, now_ns=NOW_NS).daily(when, when, hub="armley")

    assert found.figures["entries"] == 18
    assert counting.asked < 12 * (UNNAMED_SENSORS_MAX + 1)


def test_the_sensors_of_now_are_those_of_the_estate_then_those_that_were_there_before(store: Store) -> None:
    put(store, Kind.CO2, [(NOW_NS - HOUR_NS, {"co2_ppm": 600.0})], sensor="zz-honest")
    jobs = Jobs(lambda: store, lambda: KNOWN, lambda: NOW_NS)
    jobs.write_sensor_status(NOW_NS - HOUR_NS + 1)
    invent(store, {"entries": 1})
    with capture_logs() as told:
        jobs.write_sensor_status(NOW_NS)
        jobs.write_sensor_status(NOW_NS + MINUTE_NS)
    armley, beeston = Queries(store, KNOWN, now_ns=NOW_NS).hub_states()
    names = {sensor.sensor for sensor in armley.sensors}

    assert {"door", "zz-honest"} <= names
    assert len(names) == UNNAMED_SENSORS_MAX + 1
    assert (armley.sensors_left_out, beeston.sensors_left_out) == (INVENTED + 1 - UNNAMED_SENSORS_MAX, 0)
    assert told == [
        {"event": "sensors_left_out", "log_level": "warning", "hub": "armley", "count": armley.sensors_left_out}
    ]


@pytest.mark.parametrize("count, left_out", [(UNNAMED_SENSORS_MAX, 0), (UNNAMED_SENSORS_MAX + 1, 1)])
def test_up_to_the_limit_nothing_is_left_out(store: Store, count: int, left_out: int) -> None:
    def batch() -> Iterator[str]:
        for number in range(count):
            for kind, fields in ((Kind.CO2, {"co2_ppm": 500.0}), (Kind.DEVICE, {"battery_pct": 50.0})):
                yield from lines(kind, [(NOW_NS, fields)], sensor=f"s{number}")

    put_lines(store, list(batch()))
    armley, _ = Queries(store, KNOWN, now_ns=NOW_NS).hub_states()
    assert (len(armley.sensors), armley.sensors_left_out) == (UNNAMED_SENSORS_MAX + 1, left_out)
