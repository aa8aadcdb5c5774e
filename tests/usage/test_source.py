"""What a roll-up asks of a store: each kind once for a week of a hub, and nothing for counters that are well."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import Kind
from schemas.localtime import Span
from stores import SeriesChunk, Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS, MUCH_LATER_NS, at, estate, figures_of, hub, put
from usage import Queries
from usage.calendar import HubCalendar
from usage.jobs import Jobs
from usage.plan import HubPlan
from usage.rows import DAILY, read_rows
from usage.source import HubSource

FIRST = date(2026, 10, 19)
START_NS = at("2026-10-19T00:00", "Europe/London")

AROUND_H = 2 + 2
COUNTER_AROUND_H = 24 + 2 + 2
"""Hours read before and after the days."""


class Asked(SqliteStore):
    """A store that counts what it is asked."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reads: Counter[str] = Counter()
        self.latests: Counter[str] = Counter()
        self.points = 0

    def read(self, measurement: str, **options: Any) -> Iterator[SeriesChunk]:
        self.reads[measurement] += 1
        for run in super().read(measurement, **options):
            self.points += len(run.times_ns)
            yield run

    def latest(
        self, measurement: str, *, before_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        self.latests[measurement] += 1
        return super().latest(measurement, before_ns=before_ns, where=where)


def test_a_counter_that_is_dead_is_looked_for_no_further_than_its_last_total(tmp_path: Path) -> None:
    store = Asked(tmp_path / "dead.db")
    last_ns = START_NS - 3 * DAY_NS
    totals = [(time_ns, {"entries_total": i}) for i, time_ns in enumerate(range(last_ns - DAY_NS, last_ns, HOUR_NS))]
    put(store, Kind.FOOTFALL, totals)
    calendar, plan = HubCalendar(estate(), "armley"), HubPlan.of(estate(), "armley")
    source = HubSource(store, "armley", calendar, plan, START_NS + 12 * HOUR_NS)
    ((_, readings),) = source.days([FIRST], [Kind.FOOTFALL])
    assert [sensor.sensor for sensor in readings[Kind.FOOTFALL]] == ["s1"]
    assert (store.reads[Kind.FOOTFALL], store.points) == (1, 0)
    store.close()


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    store = Asked(tmp_path / "store.db")
    every_half_hour = range(START_NS - DAY_NS, START_NS + 30 * DAY_NS, HOUR_NS // 2)
    put(store, Kind.FOOTFALL, [(t, {"entries_total": i}) for i, t in enumerate(every_half_hour)])
    put(store, Kind.CO2, [(t, {"co2_ppm": 500.0}) for t in every_half_hour])
    yield store
    store.close()


def read(store: Asked, *days: int) -> None:
    source = HubSource(store, "armley", HubCalendar(estate(), "armley"), HubPlan.of(estate(), "armley"), MUCH_LATER_NS)
    assert len(list(source.days([FIRST + timedelta(days=day) for day in days]))) == len(days)


@pytest.mark.parametrize("days", [[0], [2, 3], list(range(7))])
def test_up_to_a_week_asks_once_for_each_kind(asked: Asked, days: list[int]) -> None:
    read(asked, *days)
    assert set(asked.reads.values()) == {1}
    assert asked.latests == {"footfall": 1, "wifi": 1}


def test_each_reading_is_read_once_but_for_what_is_around_a_week(asked: Asked) -> None:
    read(asked, *range(28))
    own = 2 * 2 * (28 * 24 + 1)  # the clock goes back in the first week
    around = 4 * 2 * (AROUND_H + COUNTER_AROUND_H)
    assert own <= asked.points <= own + around


def test_days_apart_are_read_apart(asked: Asked) -> None:
    read(asked, 0, 20)
    assert asked.points <= 2 * 2 * (2 * 24 + AROUND_H + COUNTER_AROUND_H)


def test_a_counter_that_fell_silent_is_looked_for_ahead_alone(asked: Asked) -> None:
    put(asked, Kind.FOOTFALL, [(START_NS + HOUR_NS, {"entries_total": 5})], sensor="dead")
    read(asked, 0)
    assert asked.reads["co2"] == 1
    assert asked.reads["footfall"] > 1
    assert asked.points <= 2 * (2 * 24 + AROUND_H + COUNTER_AROUND_H) + 1


@pytest.mark.parametrize("old, new", [("hall", "lobby"), ("lobby", "hall"), (None, "hall"), ("hall", None)])
@pytest.mark.parametrize("day", ["2026-10-20", "2026-10-21"])
def test_of_two_readings_at_one_time_the_one_in_the_zone_of_today_is_the_later(
    store: Store, old: str | None, new: str | None, day: str
) -> None:
    sensor = {"id": "s1", "kinds": ["footfall"]} | ({"zone": new} if new else {})
    noon_ns = at(f"{day}T11:00")
    put(store, Kind.FOOTFALL, [(noon_ns + i * HOUR_NS, {"entries": 3}) for i in range(4)], zone=old)
    put(store, Kind.FOOTFALL, [(noon_ns, {"entries": 5}), (noon_ns + HOUR_NS, {"entries": 7})], zone=new)
    assert figures_of(store, estate(hub(sensors=[sensor])), day)["entries"] == 5 + 7 + 3 + 3


def test_a_value_that_was_suspect_in_the_zone_before_is_so_no_more(store: Store) -> None:
    noon_ns = at("2026-10-20T11:00")
    put(store, Kind.FOOTFALL, [(noon_ns, {"entries": 65_535, "suspect": True})], zone="hall")
    put(store, Kind.FOOTFALL, [(noon_ns, {"entries": 5})], zone="lobby")
    known = estate(hub(sensors=[{"id": "s1", "zone": "lobby"}]))
    assert figures_of(store, known, "2026-10-20")["entries"] == 5


def co2(store: Store, day: int, every_min: int, *, hours: tuple[int, int] = (0, 24), sensor: str = "s1") -> None:
    start_ns = at(f"{day_of(day)}T00:00", "Europe/London")
    times = range(start_ns + hours[0] * HOUR_NS, start_ns + hours[1] * HOUR_NS, every_min * MINUTE_NS)
    put(store, Kind.CO2, [(t, {"co2_ppm": 500.0}) for t in times], sensor=sensor)


def day_of(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


@pytest.mark.parametrize("named", [[], [{"id": "s1", "kinds": ["co2"]}]], ids=["not in the file", "without every"])
def test_how_often_a_sensor_reports_is_told_by_its_last_days(store: Store, named: list[dict[str, object]]) -> None:
    for day in range(3):
        co2(store, day, 10)
    co2(store, 3, 60)
    figures = figures_of(store, estate(hub(sensors=named)), day_of(3))
    assert figures["completeness"] == pytest.approx(1 / 6, abs=0.001)
    assert figures["environment_completeness"] == pytest.approx(1 / 6, abs=0.001)


def test_a_day_is_judged_alike_alone_and_in_a_week_of_such_days(store: Store) -> None:
    known = estate(hub())
    for day in range(6):
        co2(store, day, 10 if day < 2 else 60)
    queries = Queries(store, known, now_ns=MUCH_LATER_NS)
    together = [day.figures["environment_completeness"] for day in queries.daily(FIRST, FIRST + timedelta(days=5))]
    alone = [figures_of(store, known, day_of(day))["environment_completeness"] for day in range(6)]
    assert together == alone
    why = queries.why("armley", FIRST + timedelta(days=3))
    assert why is not None
    assert why.figures["environment_completeness"] == alone[3]


@pytest.mark.parametrize("after, share", [(1, 0.5), (13, 0.5), (14, 0.5), (15, 1)])
def test_a_room_sensor_that_the_file_does_not_name_is_expected_for_two_weeks_after_it_died(
    store: Store, after: int, share: float
) -> None:
    co2(store, 0, 10, sensor="died")
    co2(store, after, 10, sensor="alive")
    assert figures_of(store, estate(hub()), day_of(after))["environment_completeness"] == share


def test_a_sensor_that_came_back_was_missing_in_between(store: Store) -> None:
    for day in (0, 1, 4):
        co2(store, day, 10)
    days = Queries(store, estate(hub()), now_ns=MUCH_LATER_NS).daily(FIRST, FIRST + timedelta(days=4))
    assert [day.figures["environment_completeness"] for day in days] == [1, 1, 0, 0, 1]


def test_days_over_which_a_gap_is_open_are_computed_again_with_the_total_that_closes_it(tmp_path: Path) -> None:
    store, known = Asked(tmp_path / "gap.db"), estate(hub(sensors=[{"id": "s1", "kinds": ["footfall"], "every": "1h"}]))
    store.prepare()
    put(store, Kind.FOOTFALL, [(START_NS + i * HOUR_NS, {"entries_total": i}) for i in range(13)])
    now_ns = START_NS + 4 * DAY_NS + 12 * HOUR_NS
    jobs = Jobs(lambda: store, lambda: known, lambda: now_ns)
    jobs.roll_up_unfinished(now_ns)
    store.reads.clear()
    jobs.roll_up_unfinished(now_ns + 5 * MINUTE_NS)
    assert store.reads[Kind.CO2] == 1
    put(store, Kind.FOOTFALL, [(now_ns, {"entries_total": 108})])
    jobs.roll_up_unfinished(now_ns + 6 * MINUTE_NS)
    rows = read_rows(store, DAILY, "armley", Span(START_NS, now_ns))
    assert [(row["entries"], row["final"]) for _, row in sorted(rows.items())] == [
        *((24, True), (24, True), (24, False), (24, False), (12, False))
    ]
    store.close()
