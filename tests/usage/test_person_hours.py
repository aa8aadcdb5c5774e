"""Person-hours over the limit of CO2: of the time that somebody counted, and of no other."""

import pytest

from schemas import Kind
from schemas.measures import PeopleState
from stores import Store
from stores.lines import encode
from tests.usage.given import HOUR_NS, MINUTE_NS, at, estate, hub, put_lines, rolled_up, run_of
from tests.usage.test_health import OFFICE, constant
from usage import Queries
from usage.health import CaseKind
from usage.health.judging import judge

PASSED = [(hour, 10 if hour == 10 else 0, {11: 4, 16: 6}.get(hour, 0)) for hour in range(1, 24)]


def test_person_hours_are_people_times_the_hours_over_the_limit() -> None:
    # Ten come at 10:00, four of them go at 11:00, the others at 16:00; the air is poor from 9 to 12.
    start_ns = at("2026-11-10")
    doors = [(start_ns + hour * HOUR_NS, {"entries": came, "exits": went}) for hour, came, went in PASSED]
    runs = {
        Kind.CO2: [run_of(constant("co2_ppm", lambda hour: 1600.0 if hour < 12 else 900.0), zone="hall")],
        Kind.FOOTFALL: [run_of(doors, sensor="door")],
    }
    known = estate(hub(opening=OFFICE, sensors=[{"id": "door", "kinds": ["footfall"], "every": "1h", "stamp": "end"}]))
    rollup = rolled_up(runs, "2026-11-10", known)
    found = rollup.figures
    assert found["co2_minutes_over_limit"] == 180
    assert [part["person_hours_over_limit"] for _, part in rollup.hours][9:13] == [0, 10, 6, 0]
    assert found["person_hours_over_limit"] == 16


@pytest.mark.parametrize("later", [[], [(hour, 0, 0) for hour in range(13, 24)]], ids=["dead", "back later"])
def test_person_hours_are_of_the_time_that_a_door_covers(later: list[tuple[int, int, int]]) -> None:
    """30 come until 10:00 and 10 go until 11:00; who goes after that nobody counts, while the air is poor all day."""
    start_ns = at("2026-11-10")
    counted = [(hour, 30 if hour == 10 else 0, 10 if hour == 11 else 0) for hour in range(1, 12)]
    doors = [(start_ns + hour * HOUR_NS, {"entries": came, "exits": went}) for hour, came, went in [*counted, *later]]
    runs = {
        Kind.CO2: [run_of(constant("co2_ppm", lambda _: 1600.0), zone="hall")],
        Kind.FOOTFALL: [run_of(doors, sensor="door")],
    }
    known = estate(hub(opening=OFFICE, sensors=[{"id": "door", "kinds": ["footfall"], "every": "1h", "stamp": "end"}]))
    rollup = rolled_up(runs, "2026-11-10", known)
    assert [part["person_hours_over_limit"] for _, part in rollup.hours][9:] == [0, 30] + [None] * 13
    assert [part["peak_occupancy"] for _, part in rollup.hours] == [0] * 9 + [30, 30] + [None] * 13
    found = rollup.figures
    assert (found["co2_minutes_over_limit"], found["person_hours_over_limit"]) == (480, 30)
    assert (found["peak_occupancy"], found["people_state"]) == (30, PeopleState.PARTIAL)


def test_person_hours_of_a_camera_end_with_what_it_saw() -> None:
    ten_ns = at("2026-11-10T10:00")
    runs = {
        Kind.CO2: [run_of(constant("co2_ppm", lambda _: 1600.0), zone="hall")],
        Kind.FOOTFALL: [run_of([(ten_ns + n * MINUTE_NS, {"people": 6}) for n in range(0, 60, 10)], sensor="eye")],
    }
    known = estate(hub(opening=OFFICE, sensors=[{"id": "eye", "kinds": ["footfall"], "every": "10m"}]))
    # The last one, of 10:50, holds for two intervals.
    assert rolled_up(runs, "2026-11-10", known).figures["person_hours_over_limit"] == 6 + 1


@pytest.mark.parametrize("state, people", [(PeopleState.COUNTED, 4.0), (PeopleState.PARTIAL, None)])
def test_a_case_tells_people_of_a_day_alone_on_which_all_were_counted(
    store: Store, state: PeopleState, people: float | None
) -> None:
    day_ns, known = at("2026-11-10"), estate(hub(opening=OFFICE))
    poor = {"co2_minutes_over_limit": 120.0}
    of_day = {"person_hours_over_limit": 8.0, "people_state": int(state), "open_minutes": 480.0}
    rows = (
        encode("usage_daily", {"hub": "armley"}, of_day | poor, day_ns),
        encode("usage_daily_zone", {"hub": "armley", "zone": "hall"}, {"co2_max_ppm": 1700.0} | poor, day_ns),
    )
    put_lines(store, list(rows))
    (case,) = judge(Queries(store, known, now_ns=at("2026-11-10T20:00")), known)
    assert (case.kind, case.people) == (CaseKind.CO2, people)
