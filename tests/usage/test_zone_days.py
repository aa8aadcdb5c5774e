"""The rows of zones in a store: whatever order days are computed in, their mould is that of one pass through them."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import Kind
from schemas.localtime import Span
from schemas.measures import ZONE_MEASURES
from stores import SeriesChunk, Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, HOUR_NS, at, estate, hub, mark, put, run_jobs
from usage import Queries, RollupWriter
from usage.jobs import Jobs
from usage.mould import NO_MOULD, MouldState, after
from usage.rows import DAILY, ZONES, forget, read_parts, read_rows
from usage.zones import Row

FIRST = date(2026, 11, 2)
LAST = date(2026, 11, 8)
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
EVER = Span(0, 2**62)
NOW_NS = at("2026-11-12T12:00")
KNOWN = estate(
    hub(
        opening={"mon-fri": "09:00-17:00"},
        sensors=[
            {"id": "cellar", "kinds": ["temperature", "humidity"], "zone": "cellar", "every": "1h"},
            {"id": "hall", "kinds": ["temperature", "humidity"], "zone": "hall", "every": "1h"},
        ],
    )
)
WET, DRY = 97.0, 45.0


def put_air(store: Store, sensor: str, days: Iterable[date], percent: float, hours: Iterable[int] = range(24)) -> None:
    times_ns = [at(day.isoformat()) + hour * HOUR_NS for day in days for hour in hours]
    put(store, Kind.TEMPERATURE, [(t, {"temperature_c": 20.0}) for t in times_ns], sensor=sensor, zone=sensor)
    put(store, Kind.HUMIDITY, [(t, {"relative_humidity_pct": percent}) for t in times_ns], sensor=sensor, zone=sensor)


def recompute(store: Store, days: Iterable[date], now_ns: int = NOW_NS) -> None:
    for _ in RollupWriter(store, KNOWN, "armley", now_ns=now_ns).recompute(days):
        pass


def stored(store: Store) -> dict[date, dict[str, Row]]:
    return {FIRST + timedelta(days=(t - at(FIRST.isoformat())) // DAY_NS): zones for t, zones in read(store).items()}


def read(store: Store) -> dict[int, dict[str, Row]]:
    return read_parts(store, ZONES, EVER, "armley")


def indices(store: Store, zone: str = "cellar") -> list[object]:
    return [stored(store)[day][zone]["mould_index"] if zone in stored(store).get(day, {}) else None for day in DAYS]


def grown(*percents: Sequence[float]) -> list[float]:
    """The index at the end of days with such hours, each day's rounded as it is stored."""
    state, found = NO_MOULD, []
    for hours in percents:
        for percent in hours:
            state = after(state, 1, 20.0, percent)
        state = MouldState(round(state.index, 6), state.dry_hours)
        found.append(state.index)
    return found


def test_each_day_goes_on_from_the_day_before(any_store: Store) -> None:
    put_air(any_store, "cellar", DAYS[:3], WET)
    put_air(any_store, "cellar", DAYS[3:], DRY)
    for day in DAYS:
        recompute(any_store, [day])
    assert indices(any_store) == grown(*[[WET] * 24] * 3, *[[DRY] * 24] * 4)


def test_the_rows_are_those_of_the_air_of_each_zone(any_store: Store) -> None:
    put_air(any_store, "cellar", DAYS[:1], WET)
    put_air(any_store, "hall", DAYS[:1], DRY)
    recompute(any_store, DAYS[:1])
    cellar, hall = (stored(any_store)[FIRST][zone] for zone in ("cellar", "hall"))
    assert (cellar["relative_humidity_mean_pct"], cellar["damp_minutes"], cellar["damp_minutes_closed"]) == (
        97,
        480,
        960,
    )
    assert (hall["relative_humidity_mean_pct"], hall["damp_minutes"], hall["mould_index"]) == (45, 0, 0)
    assert (cellar["temperature_mean_c"], cellar["frost_minutes_closed"], cellar["co2_mean_ppm"]) == (20, 0, None)


@pytest.mark.parametrize("first, last", [(0, 7), (3, 5), (6, 7)])
def test_days_without_a_reading_hold_it(any_store: Store, first: int, last: int) -> None:
    put_air(any_store, "cellar", DAYS[:3], WET)
    recompute(any_store, DAYS)
    grew = grown(*[[WET] * 24] * 2)
    # The last reading, of 23:00, holds for two hours: the first of the fourth day is as wet.
    expected = [*grew, *grown(*[[WET] * 24] * 3, [WET])[2:], *[grown(*[[WET] * 24] * 3, [WET])[3]] * 3]
    assert indices(any_store) == expected
    queries = Queries(any_store, KNOWN, now_ns=NOW_NS)
    found = [z.figures["mould_index"] for z in queries.zones(DAYS[first], DAYS[last - 1]) if z.zone == "cellar"]
    assert found == expected[first:last]


def test_a_zone_that_should_have_been_heard_is_not_left_out(any_store: Store) -> None:
    put_air(any_store, "cellar", DAYS[:1], WET, range(13))
    recompute(any_store, DAYS[:1])
    shares = {zone: row["environment_completeness"] for zone, row in stored(any_store)[FIRST].items()}
    # From nine to 13:00, the end of the hour of the last reading, of eight hours.
    assert shares == {"cellar": 0.5, "hall": 0.0}
    asked = {z.zone: z.figures for z in Queries(any_store, KNOWN, now_ns=NOW_NS).zones(FIRST, FIRST)}
    assert asked["hall"] == dict.fromkeys(ZONE_MEASURES) | {"environment_completeness": 0.0}


@given(st.permutations(range(7)), st.integers(1, 3), st.randoms(use_true_random=False))
@example([6, 5, 4, 3, 2, 1, 0], 1, random.Random(1))
@settings(max_examples=15, deadline=None)
def test_no_order_of_computing_changes_a_row(order: list[int], at_once: int, chance: random.Random) -> None:
    wet = [chance.sample(range(24), chance.randint(0, 24)) for _ in DAYS]
    with TemporaryDirectory() as folder:
        found = []
        for name, runs in (
            ("in-order", [DAYS]),
            ("any", [[DAYS[n] for n in order[i : i + at_once]] for i in range(0, 7, at_once)]),
        ):
            store = SqliteStore(Path(folder) / name)
            for day, hours in zip(DAYS, wet, strict=True):
                put_air(store, "cellar", [day], WET, hours)
                put_air(store, "cellar", [day], DRY, set(range(24)) - set(hours))
            for run in runs:
                recompute(store, run)
            found.append(stored(store))
            store.close()
    assert found[0] == found[1]


def test_late_data_move_the_days_after_them_while_the_index_changes(any_store: Store) -> None:
    put_air(any_store, "cellar", DAYS, WET)
    put_air(any_store, "hall", DAYS, DRY)
    recompute(any_store, DAYS)
    before = indices(any_store)
    put_air(any_store, "cellar", DAYS[1:2], DRY)
    put_air(any_store, "hall", DAYS[1:2], WET, [3])
    mark(any_store, at(DAYS[1].isoformat()), NOW_NS - DAY_NS)
    run_jobs(Jobs(lambda: any_store, lambda: KNOWN, lambda: NOW_NS), NOW_NS)
    assert indices(any_store) == grown([WET] * 24, [DRY] * 24, *[[WET] * 24] * 5)
    assert indices(any_store)[1:] < before[1:]
    # Two wet hours of the hall (its reading holds until 5) are gone after six dry ones.
    assert indices(any_store, "hall") == [0] * 7


def test_nothing_is_read_of_later_days_where_the_index_stays(tmp_path: Path) -> None:
    asked: list[str] = []

    class Asked(SqliteStore):
        def read(self, measurement: str, **options: Any) -> Iterator[SeriesChunk]:
            asked.append(measurement)
            return super().read(measurement, **options)

    store = Asked(tmp_path / "store.db")
    put_air(store, "cellar", DAYS, WET)
    recompute(store, DAYS)
    asked.clear()
    recompute(store, DAYS[1:2])
    store.close()
    assert asked.count(Kind.HUMIDITY) == 1
    assert asked.count(ZONES) == 1


def test_rows_are_forgotten_with_their_day(any_store: Store) -> None:
    put_air(any_store, "cellar", DAYS, WET)
    recompute(any_store, DAYS)
    forget(any_store, "armley", Span(at(DAYS[2].isoformat()), at(DAYS[3].isoformat())), NOW_NS)
    assert stored(any_store).keys() == set(DAYS) - {DAYS[2]}
    recompute(any_store, DAYS[2:3])
    assert indices(any_store) == grown(*[[WET] * 24] * 7)


def test_a_zone_that_was_corrected_away_leaves_no_row(any_store: Store) -> None:
    put(any_store, Kind.TEMPERATURE, [(at("2026-11-02T10:00"), {"temperature_c": 20.0})], sensor="a", zone="hal")
    recompute(any_store, [FIRST])
    assert "hal" in stored(any_store)[FIRST]
    put(any_store, Kind.TEMPERATURE, [(at("2026-11-02T11:00"), {"temperature_c": 20.0})], sensor="a", zone="attic")
    recompute(any_store, [FIRST])
    assert stored(any_store)[FIRST].keys() == {"attic", "cellar", "hall"}


def test_an_answer_before_anything_is_stored_is_what_will_be_stored(store: Store) -> None:
    put_air(store, "cellar", DAYS[:5], WET)
    queries = Queries(store, KNOWN, now_ns=NOW_NS)
    days = {day: [z for z in queries.zones(day, day) if z.zone == "cellar"] for day in DAYS}
    recompute(store, DAYS)
    assert [row.figures["mould_index"] for (row,) in days.values()] == indices(store)
    again = {day: [z for z in queries.zones(day, day) if z.zone == "cellar"] for day in DAYS}
    assert again == days


def test_a_day_that_jobs_left_in_the_middle_is_no_place_to_go_on_from(store: Store) -> None:
    put_air(store, "cellar", DAYS, WET)
    recompute(store, DAYS[:3], now_ns=at(f"{DAYS[2]}T12:00"))
    assert read_rows(store, DAILY, "armley", EVER)[at(DAYS[2].isoformat())]["revision"] == 0
    (today, *_) = Queries(store, KNOWN, now_ns=NOW_NS).zones(DAYS[4], DAYS[4])
    assert today.figures["mould_index"] == grown(*[[WET] * 24] * 5)[-1]


def test_a_late_reading_is_in_the_days_after_it_before_jobs_has_seen_it(store: Store) -> None:
    put_air(store, "cellar", DAYS, WET)
    recompute(store, DAYS)
    put_air(store, "cellar", DAYS[1:2], DRY)
    mark(store, at(DAYS[1].isoformat()), NOW_NS)
    zones = Queries(store, KNOWN, now_ns=NOW_NS).zones(FIRST, LAST)
    found = [zone.figures["mould_index"] for zone in zones if zone.zone == "cellar"]
    assert found == grown([WET] * 24, [DRY] * 24, *[[WET] * 24] * 5)


def test_days_of_before_there_were_rows_are_computed_while_their_readings_last(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    put_air(store, "cellar", DAYS[:2], WET)
    recompute(store, DAYS)
    was = list(Queries(store, KNOWN, now_ns=NOW_NS).zones(FIRST, FIRST))
    store.delete(ZONES, start_ns=0, stop_ns=NOW_NS, where={"hub": "armley"})
    assert list(Queries(store, KNOWN, now_ns=NOW_NS).zones(FIRST, FIRST)) == was
    store.expire(NOW_NS)
    assert list(Queries(store, KNOWN, now_ns=NOW_NS).zones(FIRST, LAST)) == []
    store.close()


def test_what_is_stored_is_given_for_all_hubs_at_once(store: Store) -> None:
    put_air(store, "cellar", DAYS, WET)
    recompute(store, DAYS)
    found = Queries(store, KNOWN, now_ns=NOW_NS).stored_zones(DAYS[1], DAYS[2])
    assert [(row.hub, row.zone, row.date) for row in found if row.zone == "cellar"] == [
        ("armley", "cellar", DAYS[1]),
        ("armley", "cellar", DAYS[2]),
    ]
