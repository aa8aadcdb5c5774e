"""Zones weigh alike, a cold one is not averaged away, and a closed building may freeze or rot."""

from typing import Any

import pytest

from schemas import Kind
from stores import SeriesChunk
from tests.usage.given import HOUR_NS, MINUTE_NS, Reading, at, estate, hub, rolled_up, run_of

DAY = "2026-11-10"
OFFICE = {"mon-fri": "09:00-17:00"}
KNOWN = estate(hub(opening=OFFICE))


def every(minutes: int, name: str, value: float, first: float = 0, last: float = 24) -> list[Reading]:
    """Readings of a field from one hour of the day to another."""
    start_ns = at(DAY)
    step_ns = minutes * MINUTE_NS
    return [
        (time_ns, {name: value})
        for time_ns in range(start_ns + int(first * HOUR_NS), start_ns + int(last * HOUR_NS), step_ns)
    ]


def warm(sensor: str, celsius: float, zone: str | None, *, minutes: int = 10, last: float = 24) -> SeriesChunk:
    return run_of(every(minutes, "temperature_c", celsius, 0, last), sensor=sensor, zone=zone)


def humid(sensor: str, percent: float, zone: str | None) -> SeriesChunk:
    return run_of(every(10, "relative_humidity_pct", percent), sensor=sensor, zone=zone)


def figures(runs: dict[Kind, list[SeriesChunk]], **options: Any) -> dict[str, Any]:
    return rolled_up(runs, DAY, KNOWN, **options).figures


def test_a_zone_with_many_sensors_weighs_no_more_than_another() -> None:
    halls = [warm(f"hall-{n}", 20.0, "hall", minutes=5) for n in range(3)]
    found = figures({Kind.TEMPERATURE: [warm("cafe", 14.0, "cafe"), *halls]})
    assert found["temperature_mean_c"] == 17.0


@pytest.mark.parametrize(
    "kind, field, mean",
    [
        (Kind.HUMIDITY, "relative_humidity_pct", "relative_humidity_mean_pct"),
        (Kind.CO2, "co2_ppm", "co2_mean_ppm"),
        (Kind.PRESSURE, "pressure_hpa", "pressure_mean_hpa"),
    ],
)
def test_so_it_is_for_every_kind(kind: Kind, field: str, mean: str) -> None:
    halls = [run_of(every(10, field, 900.0), sensor=f"hall-{n}", zone="hall") for n in range(3)]
    found = figures({kind: [run_of(every(10, field, 600.0), sensor="cafe", zone="cafe"), *halls]})
    assert found[mean] == 750.0


def test_a_zone_that_fell_silent_weighs_only_while_it_was_heard() -> None:
    # The last reading, of 12:50, holds until 13:10: 250 minutes of 480 at 17 degrees, the others at 20.
    found = figures({Kind.TEMPERATURE: [warm("cafe", 14.0, "cafe", last=13), warm("hall", 20.0, "hall")]})
    assert found["temperature_mean_c"] == round((250 * 17 + 230 * 20) / 480, 3)


def test_a_sensor_without_a_zone_is_a_zone_of_its_own() -> None:
    found = figures({Kind.TEMPERATURE: [warm("a", 14.0, None), warm("b", 20.0, None), warm("c", 20.0, None)]})
    assert (found["temperature_mean_c"], found["temperature_coldest_zone_c"]) == (18.0, 14.0)


def test_a_cold_zone_is_not_averaged_away() -> None:
    runs = [warm("cafe-1", 13.0, "cafe"), warm("cafe-2", 15.0, "cafe"), warm("hall", 21.0, "hall")]
    rollup = rolled_up({Kind.TEMPERATURE: runs}, DAY, KNOWN)
    assert (rollup.figures["temperature_mean_c"], rollup.figures["temperature_coldest_zone_c"]) == (17.5, 14.0)
    hours = [part["temperature_coldest_zone_c"] for _, part in rollup.hours]
    assert hours == [None] * 9 + [14.0] * 8 + [None] * 7


def test_an_empty_building_may_freeze_and_be_damp() -> None:
    runs = {
        Kind.TEMPERATURE: [
            run_of([*every(10, "temperature_c", 4.9, 0, 6), *every(10, "temperature_c", 5.0, 6, 24)], sensor="a")
        ],
        Kind.HUMIDITY: [humid("a", 95.0, None)],
    }
    found = figures(runs)
    assert (found["frost_minutes_closed"], found["damp_minutes_closed"], found["damp_minutes"]) == (360, 960, 480)
    by_hour = [
        (part["frost_minutes_closed"], part["damp_minutes_closed"]) for _, part in rolled_up(runs, DAY, KNOWN).hours
    ]
    assert by_hour == [(60, 60)] * 6 + [(0, 60)] * 3 + [(None, None)] * 8 + [(0, 60)] * 7


def test_nothing_is_closed_about_a_hub_that_never_closes_and_nothing_open_on_a_day_off() -> None:
    runs = {Kind.TEMPERATURE: [warm("a", 2.0, None)], Kind.HUMIDITY: [humid("a", 99.0, None)]}
    names = ("damp_minutes", "damp_minutes_closed", "frost_minutes_closed")
    always = rolled_up(runs, DAY, estate(hub())).figures
    assert [always[name] for name in names] == [1440, None, None]
    never = rolled_up(runs, DAY, estate(hub(opening=OFFICE, closures=[DAY]))).figures
    assert [never[name] for name in names] == [None, 1440, 1440]


def test_a_running_day_was_closed_until_now() -> None:
    found = figures({Kind.TEMPERATURE: [warm("a", 2.0, None, last=3)]}, now_ns=at(f"{DAY}T03:00"))
    assert found["frost_minutes_closed"] == 180
    assert figures({}, now_ns=at(f"{DAY}T03:00"))["frost_minutes_closed"] is None


def test_doubtful_readings_are_in_no_zone() -> None:
    doubtful: list[Reading] = [
        (time_ns + 1, {"temperature_c": -19.0, "suspect": True}) for time_ns, _ in every(10, "", 0)
    ]
    run = run_of([*every(10, "temperature_c", 20.0), *doubtful], sensor="a")
    found = figures({Kind.TEMPERATURE: [run]})
    assert (found["temperature_mean_c"], found["temperature_coldest_zone_c"]) == (20.0, 20.0)
    assert found["frost_minutes_closed"] == 0


def test_a_sensor_is_where_its_last_reading_of_the_day_puts_it() -> None:
    later = [(time_ns + 24 * HOUR_NS, fields) for time_ns, fields in every(10, "temperature_c", 20.0, 0, 1)]
    moved = [
        run_of(every(10, "temperature_c", 14.0, 0, 12), sensor="a", zone="hall"),
        run_of(every(10, "temperature_c", 14.0, 12, 24), sensor="a", zone="cafe"),
        run_of(later, sensor="a", zone="attic"),
    ]
    for runs in (moved, moved[:2]):
        assert rolled_up({Kind.TEMPERATURE: runs}, DAY, KNOWN).environment.zones.keys() == {"cafe"}
