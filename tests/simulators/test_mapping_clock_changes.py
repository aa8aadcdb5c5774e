"""Local clocks without an offset, on the days that have 23 or 25 hours: no count lost, none moved to another day."""

from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.localtime import from_ns, local_day
from simulators import tables
from simulators.local_times import RowOrder, local_row_time
from tests.simulators.tabulated import DATA, DOOR, day_sums, readings, shipped, table

LONDON = ZoneInfo("Europe/London")


def day(tmp_path: Path, *rows: tuple[str, int], on: str) -> list[tuple[str, float]]:
    text = "time,in\n" + "".join(f"{on} {time},{count}\n" for time, count in rows)
    return readings(table(tmp_path, text).messages())


def test_the_autumn_hour_that_stands_once_is_the_first_of_the_two(tmp_path: Path) -> None:
    found = day(tmp_path, ("00:00", 1), ("01:00", 2), ("02:00", 3), on="2016-10-30")
    assert found == [("2016-10-29T23:00:00Z", 1), ("2016-10-30T00:00:00Z", 2), ("2016-10-30T02:00:00Z", 3)]


def test_the_autumn_hour_that_repeats_is_the_first_and_then_the_second(tmp_path: Path) -> None:
    rows = [("00:30", 1), ("01:00", 2), ("01:30", 3), ("01:00", 4), ("01:30", 5), ("02:00", 6)]
    found = day(tmp_path, *rows, on="2016-10-30")
    assert [time[11:16] for time, _ in found] == ["23:30", "00:00", "00:30", "01:00", "01:30", "02:00"]


def test_an_hourly_table_of_25_rows_keeps_both_hours(tmp_path: Path) -> None:
    found = day(tmp_path, ("00:00", 1), ("01:00", 2), ("01:00", 2), ("02:00", 3), on="2016-10-30")
    assert [time[11:16] for time, _ in found] == ["23:00", "00:00", "01:00", "02:00"]


def test_a_table_that_runs_backwards_has_the_second_hour_first(tmp_path: Path) -> None:
    rows = [("02:00", 6), ("01:30", 5), ("01:00", 4), ("01:30", 3), ("01:00", 2), ("00:30", 1)]
    found = day(tmp_path, *rows, on="2016-10-30")
    assert sorted(found) == [
        ("2016-10-29T23:30:00Z", 1),
        ("2016-10-30T00:00:00Z", 2),
        ("2016-10-30T00:30:00Z", 3),
        ("2016-10-30T01:00:00Z", 4),
        ("2016-10-30T01:30:00Z", 5),
        ("2016-10-30T02:00:00Z", 6),
    ]


def test_each_sensor_has_its_own_second_hour(tmp_path: Path) -> None:
    mapping = DOOR.replace("hubs/armley/footfall/door-1", '"hubs/armley/footfall/{door}"')
    rows = [("a", "01:00"), ("b", "01:00"), ("a", "01:30"), ("b", "01:30"), ("a", "01:00"), ("b", "01:00")]
    text = "time,door,in\n" + "".join(f"2016-10-30 {time},{door},1\n" for door, time in rows)
    found = Counter(readings(table(tmp_path, text, mapping).messages()))
    assert found == {(f"2016-10-30T0{time}:00Z", 1): 2 for time in ("0:00", "0:30", "1:00")}


@pytest.mark.parametrize("count", [0, 42])
def test_a_spring_row_that_never_was_keeps_its_day_and_overwrites_nothing(tmp_path: Path, count: int) -> None:
    text = f"time,in\n2016-03-27 00:00,1\n2016-03-27 01:00,{count}\n2016-03-27 02:00,3\n"
    counts = table(tmp_path, text)
    assert readings(counts.messages()) == [
        ("2016-03-27T00:00:00Z", 1),
        ("2016-03-27T01:00:00.001Z", count),
        ("2016-03-27T01:00:00Z", 3),
    ]
    assert counts.notes.lines() == [f"1 x {tables.SKIPPED_LOCAL_TIME} (first: line 3)"]


@pytest.mark.parametrize(
    "zone, local",
    [
        ("America/Sao_Paulo", "2018-11-04 00:00"),  # the clock jumps at midnight: the day begins at 01:00
        ("America/Sao_Paulo", "2018-11-04 00:59"),
        ("America/Toronto", "1919-03-30 23:30"),  # it jumps over midnight
        ("America/Toronto", "1919-03-31 00:15"),
        ("Australia/Lord_Howe", "2026-10-04 02:15"),  # it jumps half an hour
    ],
)
def test_a_skipped_time_keeps_its_local_day_in_every_zone(zone: str, local: str) -> None:
    moment = local_row_time(datetime.fromisoformat(local), ZoneInfo(zone))
    assert moment.skipped
    assert local_day(moment.time_ns, ZoneInfo(zone)) == datetime.fromisoformat(local).date()


@given(
    zone=st.sampled_from(
        ["Europe/London", "America/Los_Angeles", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Singapore"]
    ),
    first=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2030, 1, 1)),  # noqa: DTZ001 - local clocks
    step_min=st.sampled_from([10, 15, 30, 60]),
    days=st.integers(1, 3),
)
def test_a_regular_local_clock_never_gives_two_rows_one_instant_or_another_day(
    zone: str, first: datetime, step_min: int, days: int
) -> None:
    order, start = RowOrder(), datetime(first.year, first.month, first.day)  # noqa: DTZ001 - a local clock
    locals_ = [start + timedelta(minutes=minute) for minute in range(0, days * 1440, step_min)]
    placed = [order.place(local_row_time(local, ZoneInfo(zone))) for local in locals_]
    assert len(set(placed)) == len(locals_)
    assert [local_day(time_ns, ZoneInfo(zone)) for time_ns in placed] == [local.date() for local in locals_]


@given(start=st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2030, 1, 1)))  # noqa: DTZ001 - UTC below
def test_what_a_real_clock_wrote_is_read_back_exactly(start: datetime) -> None:
    """A logger that writes its local clock every 20 minutes through any three days."""
    instants = [
        int(start.replace(second=0, microsecond=0, tzinfo=ZoneInfo("UTC")).timestamp()) + 1200 * n for n in range(216)
    ]
    written = [from_ns(second * 10**9).astimezone(LONDON).replace(tzinfo=None) for second in instants]
    if local_row_time(written[0], LONDON).again_ns is not None:
        return  # the first row of a file may be either of the two
    order = RowOrder()
    assert [order.place(local_row_time(local, LONDON)) // 10**9 for local in written] == instants


def test_the_door_keeps_its_daily_sums_over_its_clock_change() -> None:
    path = DATA / "uci_calit2" / "inout_30min_part.csv"
    expected: Counter[date] = Counter()
    for line in path.read_text().splitlines()[1:]:
        time, entries, _exits = line.split(",")
        expected[date.fromisoformat(time[:10])] += int(entries)
    found = day_sums(shipped(path, "calit2").messages(), "America/Los_Angeles", "entries")
    assert found == {("calit2", day): count for day, count in expected.items()}
