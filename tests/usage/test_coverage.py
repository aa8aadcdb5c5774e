"""What a day's count is worth: dead doors, dead rooms, closed days, and days that are not over."""

from typing import Any

import pytest

from schemas import Kind
from schemas.measures import PeopleState
from stores import Store
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS, MUCH_LATER_NS, Reading, at, estate, figures_of, hub, put
from usage.rollup import Figures

DAY = "2026-10-20"
MIDNIGHT_NS = at("2026-10-20T00:00", "Europe/London")
OPENS_NS = MIDNIGHT_NS + 9 * HOUR_NS
DOOR: dict[str, Any] = {"id": "door", "kinds": ["footfall"], "every": "10m"}
SIDE: dict[str, Any] = {"id": "side", "kinds": ["footfall"], "every": "10m"}
AIR: dict[str, Any] = {"id": "air", "kinds": ["co2"], "every": "10m", "zone": "cafe"}


def readings(fields: dict[str, float], first_h: float, until_h: float, *, step: int = 0) -> list[Reading]:
    """Every ten minutes between hours of the day; with a step, totals that rise by it."""
    times = range(MIDNIGHT_NS + int(first_h * HOUR_NS), MIDNIGHT_NS + int(until_h * HOUR_NS), 10 * MINUTE_NS)
    return [(t, {name: value + step * i for name, value in fields.items()}) for i, t in enumerate(times)]


def day_of(
    store: Store, *sensors: dict[str, Any], now_ns: int = MUCH_LATER_NS, opening: str = "09:00-17:00"
) -> Figures:
    known = estate(hub(opening={"mon-sun": opening}, sensors=list(sensors)))
    return figures_of(store, known, DAY, now_ns=now_ns)


def seen_before(store: Store, *sensors: str) -> None:
    for sensor in sensors:
        put(store, Kind.FOOTFALL, [(MIDNIGHT_NS - DAY_NS, {"entries": 1})], sensor=sensor)


def judged(figures: Figures) -> tuple[PeopleState, object]:
    return PeopleState(int(figures["people_state"] or 0)), figures["footfall_completeness"]


@pytest.mark.parametrize(
    "dead_h, state, completeness",
    [
        (0, PeopleState.COUNTED, 1.0),
        (0.4, PeopleState.COUNTED, 0.958),
        (0.8, PeopleState.PARTIAL, 0.916),
        (4, PeopleState.PARTIAL, 0.5),
        (8, PeopleState.NONE, 0.0),
    ],
)
def test_a_door_that_is_dead_for_a_part_of_the_opening_time(
    store: Store, dead_h: float, state: PeopleState, completeness: float
) -> None:
    seen_before(store, "door")
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 17 - dead_h), sensor="door")
    put(store, Kind.FOOTFALL, readings({"entries": 0}, 17, 24), sensor="door")
    put(store, Kind.CO2, readings({"co2_ppm": 500.0}, 0, 24), sensor="air", zone="cafe")
    found = day_of(store, DOOR, AIR)
    assert judged(found) == (state, pytest.approx(completeness, abs=0.011))
    assert found["environment_completeness"] == 1.0


@pytest.mark.parametrize("last", [{"entries": 65_535, "suspect": True}, {"people": 0}])
def test_a_door_whose_last_word_was_no_count_is_a_dead_door(store: Store, last: dict[str, float]) -> None:
    day_ns = MIDNIGHT_NS - 5 * DAY_NS
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 24), sensor="door")
    put(store, Kind.FOOTFALL, [(day_ns, {"entries": 2}), (day_ns + HOUR_NS, last)], sensor="side")
    assert judged(day_of(store, DOOR, SIDE)) == (PeopleState.PARTIAL, 0.5)


def test_a_door_that_is_dead_all_day_says_nothing_of_nobody(store: Store) -> None:
    seen_before(store, "door")
    put(store, Kind.CO2, readings({"co2_ppm": 500.0}, 0, 24), sensor="air", zone="cafe")
    found = day_of(store, DOOR, AIR)
    assert judged(found) == (PeopleState.NONE, 0.0)
    assert (found["entries"], found["entries_open"]) == (None, None)


def test_nobody_before_the_door_died_at_night_says_nothing_of_the_day(store: Store) -> None:
    put(store, Kind.FOOTFALL, readings({"entries": 0, "exits": 0}, 0, 2), sensor="door")
    found = day_of(store, DOOR)
    assert judged(found) == (PeopleState.NONE, 0.0)
    assert [found[name] for name in ("entries", "exits", "peak_occupancy")] == [None, None, None]


def test_somebody_outside_of_the_opening_time_is_shown(store: Store) -> None:
    put(store, Kind.FOOTFALL, readings({"entries": 1}, 0, 2), sensor="door")
    found = day_of(store, DOOR)
    assert (judged(found), found["entries"]) == ((PeopleState.NONE, 0.0), 12)


def test_a_quiet_day_is_counted_with_nobody(store: Store) -> None:
    put(store, Kind.FOOTFALL, readings({"entries": 0}, 0, 24), sensor="door")
    assert judged(day_of(store, DOOR)) == (PeopleState.COUNTED, 1.0)


def test_one_of_two_doors_dead_is_half(store: Store) -> None:
    seen_before(store, "door", "side")
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 24), sensor="door")
    assert judged(day_of(store, DOOR, SIDE)) == (PeopleState.PARTIAL, 0.5)


@pytest.mark.parametrize(
    "door_h, side_h, share",
    [
        ((0, 24), (0, 24), 0.0),
        ((0, 24), (0, 0), 0.5),
        ((0, 24), (0, 13), 0.25),
        ((0, 13), (0, 13), 0.0),
        ((0, 13), (13, 24), 0.5),
        ((0, 0), (0, 0), 0.0),
    ],
)
def test_people_may_have_used_another_door_where_that_one_counted(
    store: Store, door_h: tuple[float, float], side_h: tuple[float, float], share: float
) -> None:
    seen_before(store, "door", "side")
    for sensor, hours in (("door", door_h), ("side", side_h)):
        if hours[1]:
            put(store, Kind.FOOTFALL, readings({"entries": 2}, *hours), sensor=sensor)
    assert day_of(store, DOOR, SIDE)["transfer_share"] == pytest.approx(share, abs=0.001)


def test_one_door_alone_leaves_nobody_another(store: Store) -> None:
    seen_before(store, "door")
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 13), sensor="door")
    assert day_of(store, DOOR)["transfer_share"] == 0


def test_a_door_that_came_later_takes_nothing_from_days_before_it(store: Store) -> None:
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 24), sensor="door")
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + 3 * DAY_NS, {"entries": 2})], sensor="side")
    assert judged(day_of(store, DOOR, SIDE)) == (PeopleState.COUNTED, 1.0)


def test_rooms_that_are_dead_take_nothing_from_people(store: Store) -> None:
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 24), sensor="door")
    found = day_of(store, DOOR, AIR)
    assert judged(found) == (PeopleState.COUNTED, 1.0)
    assert found["environment_completeness"] == 0.0


def test_one_of_two_zones_dead_is_half_and_two_sensors_in_a_zone_are_one(store: Store) -> None:
    for sensor in ("air", "air-2"):
        put(store, Kind.CO2, readings({"co2_ppm": 500.0}, 0, 24), sensor=sensor, zone="cafe")
    found = day_of(store, AIR, AIR | {"id": "air-2"}, AIR | {"id": "hall", "zone": "hall"})
    assert found["environment_completeness"] == 0.5


def test_a_closed_day_is_closed_whoever_was_counted(store: Store) -> None:
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 8, 9), sensor="door")
    known = estate(hub(opening={"mon-sun": "09:00-17:00"}, closures=[DAY], sensors=[DOOR]))
    found = figures_of(store, known, DAY)
    assert judged(found) == (PeopleState.CLOSED, None)
    assert found["entries"] == 12


def test_today_is_judged_by_the_opening_time_that_has_passed(store: Store) -> None:
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 11), sensor="door")
    assert day_of(store, DOOR, now_ns=OPENS_NS - MINUTE_NS)["people_state"] is None
    assert judged(day_of(store, DOOR, now_ns=OPENS_NS + 2 * HOUR_NS)) == (PeopleState.COUNTED, 1.0)
    assert judged(day_of(store, DOOR, now_ns=OPENS_NS + 4 * HOUR_NS))[0] is PeopleState.PARTIAL


def test_a_gap_within_the_day_that_totals_bridge_is_covered(store: Store) -> None:
    put(store, Kind.FOOTFALL, readings({"entries_total": 100}, 8, 11, step=2), sensor="door")
    put(store, Kind.FOOTFALL, readings({"entries_total": 160}, 14, 18, step=2), sensor="door")
    assert judged(day_of(store, DOOR)) == (PeopleState.COUNTED, 1.0)


def test_what_is_shared_out_over_a_midnight_makes_no_counted_day(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(OPENS_NS - 20 * HOUR_NS, {"entries_total": 100})], sensor="door")
    put(store, Kind.FOOTFALL, readings({"entries_total": 160}, 10, 18, step=2), sensor="door")
    found = day_of(store, DOOR)
    assert judged(found) == (PeopleState.PARTIAL, 1.0)


def test_a_silence_of_days_that_a_total_bridges_makes_no_counted_days(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS - 7 * DAY_NS, {"entries_total": 100})], sensor="door")
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + 7 * DAY_NS, {"entries_total": 800})], sensor="door")
    found = day_of(store, DOOR)
    assert found["entries"] == 50
    assert judged(found) == (PeopleState.PARTIAL, 0.0)


def test_a_reading_left_out_covers_nothing(store: Store) -> None:
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 13), sensor="door")
    doubted = [(t, {**fields, "suspect": True}) for t, fields in readings({"entries": 65_535}, 13, 24)]
    put(store, Kind.FOOTFALL, doubted, sensor="door")
    assert judged(day_of(store, DOOR)) == (PeopleState.PARTIAL, 0.5)


@pytest.mark.parametrize("days_dead, is_expected", [(13, True), (15, False)])
def test_an_undeclared_door_that_died_is_expected_for_two_weeks_more(
    store: Store, days_dead: int, is_expected: bool
) -> None:
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS - days_dead * DAY_NS, {"entries": 1})], sensor="old")
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 24), sensor="door")
    share = day_of(store, DOOR)["footfall_completeness"]
    assert share == (0.5 if is_expected else 1.0)


EVENTS_H = (0.5, 2, 8.2, 9.1, 9.9, 10.7, 11.6, 12.5, 13.3, 14.2, 15.1, 16, 16.8, 17.6)
"""When a door that sends on change, or its heartbeat of an hour, was heard: at most 55 minutes apart while open."""


def sends(store: Store, hours: tuple[float, ...], sensor: str = "door") -> None:
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + int(h * HOUR_NS), {"entries": 1}) for h in hours], sensor=sensor)


def test_a_door_that_sends_on_change_is_covered_by_its_heartbeat(store: Store) -> None:
    sends(store, EVENTS_H)
    door = DOOR | {"every": "change", "heartbeat": "60m"}
    assert judged(day_of(store, door)) == (PeopleState.COUNTED, 1.0)


def test_one_whose_heartbeat_stops_is_not(store: Store) -> None:
    sends(store, tuple(hour for hour in EVENTS_H if hour < 13))
    door = DOOR | {"every": "change", "heartbeat": "60m"}
    assert judged(day_of(store, door)) == (PeopleState.PARTIAL, 0.562)


def test_without_a_heartbeat_hours_of_nothing_are_believed_and_a_day_is_not(store: Store) -> None:
    sends(store, (8.5, 12, 15.5))
    door = DOOR | {"every": "change"}
    assert judged(day_of(store, door)) == (PeopleState.COUNTED, 1.0)
    assert judged(day_of(store, door | {"heartbeat": "60m"}))[0] is PeopleState.PARTIAL


@pytest.mark.parametrize(
    "retired", [{"closures": [DAY]}, {"until": "2026-10-19"}], ids=["locked for the day", "taken down the day before"]
)
def test_nothing_is_expected_of_a_door_that_is_locked_or_gone(store: Store, retired: dict[str, Any]) -> None:
    seen_before(store, "side")
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 24), sensor="door")
    assert judged(day_of(store, DOOR, SIDE)) == (PeopleState.PARTIAL, 0.5)
    assert judged(day_of(store, DOOR, SIDE | retired)) == (PeopleState.COUNTED, 1.0)


def test_a_door_is_expected_until_the_one_that_replaces_it_reports(store: Store) -> None:
    seen_before(store, "side")
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 24), sensor="door")
    assert judged(day_of(store, DOOR | {"replaces": "side"}, SIDE)) == (PeopleState.COUNTED, 1.0)
    assert judged(day_of(store, DOOR, SIDE, AIR | {"replaces": "side"})) == (PeopleState.PARTIAL, 0.5)


def test_interval_counts_cover_where_the_totals_beside_them_tell_nothing(store: Store) -> None:
    put(store, Kind.FOOTFALL, readings({"entries": 2, "entries_total": 65_535}, 0, 24), sensor="door")
    found = day_of(store, DOOR)
    assert (judged(found), found["entries"]) == ((PeopleState.COUNTED, 1.0), 288)


def test_a_further_line_goes_with_the_sensor_that_is_replaced(store: Store) -> None:
    seen_before(store, "side", "side-line2")
    put(store, Kind.FOOTFALL, readings({"entries": 2}, 0, 24), sensor="door")
    assert judged(day_of(store, DOOR | {"replaces": "side"}, SIDE)) == (PeopleState.COUNTED, 1.0)
