"""How many people were inside at once."""

from collections.abc import Iterable
from typing import Any

import pytest

from schemas import Estate, Kind
from stores import SeriesChunk
from tests.usage.given import HOUR_NS, MINUTE_NS, at, estate, hub, rolled_up, run_of
from usage.rollup import Figures

FRIDAY, SATURDAY = "2026-11-06", "2026-11-07"
OFFICE = {"mon-fri": "09:00-17:00"}
NIGHTS = {"fri": "18:00-24:00", "sat": "00:00-02:00, 18:00-24:00", "sun": "00:00-02:00"}


def door(day: str, *counts: tuple[float, int, int], sensor: str = "door") -> SeriesChunk:
    """Interval counts at hours of a day: entries and exits."""
    midnight_ns = at(f"{day}T00:00", "Europe/London")
    readings = [(midnight_ns + int(h * HOUR_NS), {"entries": came, "exits": went}) for h, came, went in counts]
    return run_of(readings, sensor=sensor)


def camera(day: str, people: Iterable[int], sensor: str = "camera", **fields: Any) -> SeriesChunk:
    """People in view every ten minutes from nine on."""
    nine_ns = at(f"{day}T09:00", "Europe/London")
    return run_of([(nine_ns + 10 * MINUTE_NS * i, {"people": n} | fields) for i, n in enumerate(people)], sensor=sensor)


def figures(day: str, *runs: SeriesChunk, known: Estate | None = None, **rest: Any) -> Figures:
    return rolled_up({Kind.FOOTFALL: list(runs)}, day, known, **rest).figures


def peaks(day: str, *runs: SeriesChunk, **rest: Any) -> list[float | None]:
    """The peak of each hour."""
    return [hour["peak_occupancy"] for _, hour in rolled_up({Kind.FOOTFALL: list(runs)}, day, **rest).hours]


# Ten people an hour stay for an hour, and the counter misses one of ten on the way out.
MISSES_EXITS = door(FRIDAY, (9, 10, 0), *((hour, 10, 9) for hour in range(10, 17)), (17, 0, 9))


def test_what_a_door_misses_on_the_way_out_does_not_pile_up_inside() -> None:
    found = figures(FRIDAY, MISSES_EXITS)
    assert (found["peak_occupancy"], found["occupancy_drift"]) == (10, 8)


def test_what_a_door_misses_on_the_way_in_is_no_empty_building() -> None:
    misses_entries = door(FRIDAY, (9, 9, 0), *((hour, 9, 10) for hour in range(10, 17)), (17, 0, 10))
    found = figures(FRIDAY, misses_entries)
    assert (found["peak_occupancy"], found["occupancy_drift"]) == (9, -8)


def test_while_the_day_runs_those_inside_are_no_drift() -> None:
    found = figures(FRIDAY, MISSES_EXITS, now_ns=at(f"{FRIDAY}T16:30"))
    assert found["peak_occupancy"] == 17


def test_a_day_of_entries_alone_has_nothing_to_spread_over() -> None:
    assert figures(FRIDAY, door(FRIDAY, (9, 5, 0), (10, 3, 0)))["peak_occupancy"] == 8


def test_exits_that_were_not_counted_are_no_drift() -> None:
    found = figures(FRIDAY, door(FRIDAY, (9, 10, 0), (10, 0, 2), (12, 10, 0), (17, 0, 2)))
    assert found["peak_occupancy"] == 18


def test_an_hour_in_which_nobody_passed_has_those_who_were_inside() -> None:
    found = peaks(FRIDAY, door(FRIDAY, (9.5, 10, 0), (12.5, 2, 7), (17, 0, 5)))
    assert found[:9] == [None] * 9
    assert found[9:14] == [10, 10, 10, 10, 5]
    assert found[16:19] == [5, 5, 0]


def test_an_hour_that_no_door_covers_has_nobody_known_inside() -> None:
    every_hour = [(hour, 3 if hour == 9 else 0, 3 if hour == 16 else 0) for hour in range(9, 17)]
    assert peaks(FRIDAY, door(FRIDAY, *every_hour))[8:] == [None, *[3] * 8] + [None] * 7
    heard = [each for each in every_hour if each[0] not in (12, 13)]
    known = estate(hub(opening=OFFICE, sensors=[{"id": "door", "kinds": ["footfall"], "every": "1h"}]))
    found = peaks(FRIDAY, door(FRIDAY, *heard), in_estate=known)
    assert found[9:17] == [3, 3, 3, None, None, 3, 3, 3], "they came and went: all were counted"


def test_where_not_all_who_came_went_nobody_knows_who_is_inside_after_a_gap() -> None:
    heard = [(hour, 9 if hour == 9 else 0, 1 if hour == 16 else 0) for hour in range(9, 17) if hour not in (12, 13)]
    known = estate(hub(opening=OFFICE, sensors=[{"id": "door", "kinds": ["footfall"], "every": "1h"}]))
    assert peaks(FRIDAY, door(FRIDAY, *heard), in_estate=known)[9:] == [9, 9, 9] + [None] * 12
    assert figures(FRIDAY, door(FRIDAY, *heard), known=known)["peak_occupancy"] == 9


def test_on_a_closed_day_who_came_is_inside_as_long_as_the_door_is_heard() -> None:
    known = estate(hub(opening=OFFICE, sensors=[{"id": "door", "kinds": ["footfall"], "every": "1h"}]))
    assert peaks(SATURDAY, door(SATURDAY, (9, 4, 0), (10, 0, 1)), in_estate=known)[8:13] == [None, 4, 4, None, None]


@pytest.mark.parametrize("people, most", [([2, 5, 3], 5), ([0, 0, 0], 0)])
def test_a_hub_of_cameras_alone_has_what_they_saw_at_once(people: list[int], most: int) -> None:
    other = camera(FRIDAY, [1, 1, 1], sensor="other")
    assert figures(FRIDAY, camera(FRIDAY, people))["peak_occupancy"] == most
    assert figures(FRIDAY, camera(FRIDAY, people), other)["peak_occupancy"] == most + 1


def test_cameras_say_nothing_of_who_came() -> None:
    found = figures(FRIDAY, camera(FRIDAY, [2, 5, 3]))
    assert (found["entries"], found["exits"], found["occupancy_drift"], found["people_state"]) == (None, None, None, 0)


def test_a_sentinel_is_no_crowd() -> None:
    run = run_of([(at(f"{FRIDAY}T09:00"), {"people": 65_535, "suspect": True})], sensor="camera")
    assert figures(FRIDAY, run)["peak_occupancy"] is None


def test_where_doors_count_cameras_are_not_asked() -> None:
    assert figures(FRIDAY, camera(FRIDAY, [50]), door(FRIDAY, (9, 4, 0), (17, 0, 4)))["peak_occupancy"] == 4
    dead = figures(FRIDAY, camera(FRIDAY, [50]), door("2026-11-05", (9, 4, 0), (17, 0, 4)))
    assert dead["peak_occupancy"] is None


def test_a_night_that_goes_on_past_midnight_is_not_counted_back() -> None:
    known = estate(hub(opening=NIGHTS))
    night = [door(FRIDAY, (18, 40, 0), (22, 0, 10)), door(SATURDAY, (1, 5, 20), (2, 0, 15), (18, 50, 0), (23, 0, 10))]
    counted = run_of([(t, {"entries": e, "exits": x}) for run in night for t, e, x in _rows(run)], sensor="door")
    assert figures(FRIDAY, counted, known=known)["peak_occupancy"] == 40
    # 35 leave after midnight and 5 come: those inside came on Friday, and are no people fewer in the evening.
    assert figures(SATURDAY, counted, known=known)["peak_occupancy"] == 50


def test_where_the_night_ends_with_the_day_what_is_left_is_drift() -> None:
    known = estate(hub(opening={"fri": "18:00-24:00"}))
    assert figures(FRIDAY, door(FRIDAY, (18, 40, 0), (22, 20, 30), (23, 0, 10)), known=known)["peak_occupancy"] == 40
    assert figures(FRIDAY, door(FRIDAY, (18, 40, 0), (20, 0, 30), (22, 20, 0)), known=known)["peak_occupancy"] == 40


def _rows(run: SeriesChunk) -> Iterable[tuple[int, int, int]]:
    for time_ns, came, went in zip(run.times_ns, run.columns["entries"], run.columns["exits"], strict=True):
        yield time_ns, int(came or 0), int(went or 0)
