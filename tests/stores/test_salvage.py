"""What is whole in a damaged store goes on; a store that is gone is not made anew without a word."""

import random
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stores import Accepted, Keep, StoreError
from stores.opening import self_healing
from stores.salvage import remember, salvages, suspect
from stores.sqlite_store import SqliteStore
from tests.stores.points import Point, co2, lines, read, write

PAGE, ON_A_PAGE_MAX = 4096, 300
SENSORS, TIMES = 20, 500
POINTS = [
    Point("co2", {"hub": "armley", "sensor": f"air-{sensor}"}, time_ns, {"co2_ppm": 400.0 + time_ns})
    for sensor in range(SENSORS)
    for time_ns in range(TIMES)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    write(store, POINTS)
    store.close()
    return path


def overwrite(path: Path, *pages: int) -> None:
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(random.Random(page).randbytes(PAGE))


def co2_pages(path: Path) -> list[int]:
    """The pages that hold points of CO2: they are most of the file."""
    pages = path.stat().st_size // PAGE
    return [pages - 5, pages - 20, pages - 21]


def test_a_damaged_store_is_replaced_by_what_is_whole_in_it(path: Path, tmp_path: Path) -> None:
    overwrite(path, *co2_pages(path))
    reading, writing = SqliteStore(path), self_healing(SqliteStore(path))
    with pytest.raises(StoreError, match="is damaged"):
        read(reading, "co2")
    new = co2(700.0, TIMES + 1)

    assert writing.write(lines([new])) == Accepted()
    found = read(reading, "co2")
    assert new in found
    assert len(POINTS) * 0.8 < len(found) - 1 < len(POINTS)
    assert all(point in POINTS for point in found if point != new)
    [salvage] = salvages(tmp_path)
    assert "of co2" in str(salvage)
    for store in (reading, writing):
        store.close()


def root(path: Path, table: str) -> int:
    """The page that heads a table, from 0."""
    with closing(sqlite3.connect(path)) as db:
        (found,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    return int(found) - 1


Keys = set[tuple[str, int, float]]


def keys(points: Iterable[Point]) -> Keys:
    return {(point.tags["sensor"], point.time_ns, float(point.fields["co2_ppm"])) for point in points}


def healed(path: Path) -> Keys:
    """What is read once a write has met the damage, and another has mended it."""
    store = self_healing(SqliteStore(path))
    with suppress(StoreError):
        read(store, "co2")
    for _ in range(2):
        store.write(lines([co2(700.0, TIMES + 1)]))
    found = read(store, "co2")
    store.close()
    return keys(point for point in found if point.time_ns != TIMES + 1)


def test_what_a_damaged_page_heads_is_read_round_it(path: Path, tmp_path: Path) -> None:
    """But for the rows that lie on the page itself, as they do in a table without rowids."""
    overwrite(path, root(path, "co2"))
    found = healed(path)
    assert found <= keys(POINTS)
    assert len(POINTS) - len(found) < ON_A_PAGE_MAX
    [salvage] = salvages(tmp_path)
    assert {gap.table for gap in salvage.gaps} == {"co2"}
    assert {gap.of for gap in salvage.gaps} == {f"hub=armley,sensor=air-{sensor}" for sensor in range(SENSORS)}


def test_the_names_of_series_are_in_their_index_once_more(path: Path) -> None:
    overwrite(path, root(path, "series"))
    assert healed(path) == keys(POINTS)


def test_what_was_deleted_does_not_come_back(path: Path) -> None:
    store = SqliteStore(path)
    store.expire(TIMES // 2)
    store.close()
    overwrite(path, root(path, "co2"))
    kept = keys(point for point in POINTS if point.time_ns >= TIMES // 2)
    found = healed(path)
    assert found <= kept
    assert len(kept) - len(found) < ON_A_PAGE_MAX


@pytest.mark.parametrize("page", [0, 1, 2])
def test_what_may_be_missing_is_named_by_sensor_and_time(path: Path, tmp_path: Path, page: int) -> None:
    """Nothing else is missing, and not much more is named."""
    overwrite(path, co2_pages(path)[page])
    there = healed(path)
    lost = keys(POINTS) - there
    [found] = salvages(tmp_path)
    named = keys(
        point
        for point in POINTS
        if any(
            gap.of == f"hub={point.tags['hub']},sensor={point.tags['sensor']}"
            and (gap.first is None or gap.first <= point.time_ns)
            and (gap.last is None or point.time_ns <= gap.last)
            for gap in found.gaps
        )
    )
    assert 0 < len(lost) <= ON_A_PAGE_MAX
    assert named == lost


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flips=st.lists(st.tuples(st.integers(0, 10**8), st.integers(1, 255)), max_size=20),
    zeroed=st.lists(st.integers(0, 10**5), max_size=4),
    keep=st.sampled_from([1.0, 1.0, 0.6, 0.1]),
)
def test_whatever_is_damaged_readings_are_taken_again(
    path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    flips: list[tuple[int, int]],
    zeroed: list[int],
    keep: float,
) -> None:
    """No exception but a sentence of ours, and none once it is mended."""
    data = bytearray(path.read_bytes())
    for at, bits in flips:
        data[at % len(data)] ^= bits
    for number in zeroed:
        page = number % (len(data) // PAGE) * PAGE
        data[page : page + PAGE] = bytes(PAGE)
    damaged = tmp_path_factory.mktemp("damaged") / "store.db"
    damaged.write_bytes(data[: int(len(data) * keep)])
    remember(damaged)  # as every file of ours is: one that nobody made is left to its owner
    store = self_healing(SqliteStore(damaged))
    new = co2(700.0, TIMES + 1)
    for _ in range(3):
        with suppress(StoreError):
            read(store, "co2")
        taken = store.write(lines([new]))
    assert taken == Accepted()
    assert new in read(store, "co2")
    store.close()


def test_a_second_salvage_tells_of_one_damaged_file_and_of_no_other(path: Path, tmp_path: Path) -> None:
    for number in range(2):
        suspect(path)
        store = self_healing(SqliteStore(path))
        assert store.write(lines([co2(700.0, TIMES + number)])) == Accepted()
        store.close()
    assert [(found.file, found.missing) for found in salvages(tmp_path)] == [("store.db", ())] * 2


def test_a_write_that_meets_the_damage_is_kept_until_it_is_mended(path: Path) -> None:
    overwrite(path, 0)
    store = self_healing(SqliteStore(path))
    assert isinstance(store.write(lines([co2(700.0, TIMES + 1)])), Keep)
    assert store.write(lines([co2(700.0, TIMES + 1)])) == Accepted()
    assert len(read(store, "co2")) == len(POINTS) + 1
    store.close()


def test_what_was_stored_behind_damage_in_the_log_is_given_up_by_nobody_who_writes(tmp_path: Path) -> None:
    """SQLite takes the damage for the log's end, and the next commit would go in its place."""
    live, found = tmp_path / "live", tmp_path / "found"
    for folder in (live, found):
        folder.mkdir()
    store = SqliteStore(live / "store.db")
    for number in range(20):
        write(store, [co2(400.0, number)])
    for name in ("store.db", "store.db-wal"):
        (found / name).write_bytes((live / name).read_bytes())
    store.close()
    log = found / "store.db-wal"
    with log.open("r+b") as file:
        last = log.stat().st_size - 3 * (24 + PAGE)
        file.seek(last)
        file.write(b"damage")
    before = log.read_bytes()
    with pytest.raises(StoreError, match="log has damage before its end"):
        SqliteStore(found / "store.db").prepare()
    assert log.read_bytes() == before

    healing = self_healing(SqliteStore(found / "store.db"))
    assert healing.write(lines([co2(700.0, 100)])) == Accepted()
    kept = read(healing, "co2")
    assert {point.time_ns for point in kept} >= {19, 100}
    assert len(salvages(found)) == 1
    healing.close()


def test_who_brings_no_readings_replaces_nothing(path: Path, tmp_path: Path) -> None:
    overwrite(path, 0)
    store = SqliteStore(path)
    for _ in range(2):
        assert isinstance(store.write(lines([co2(700.0, 1)])), Keep)
    assert salvages(tmp_path) == []


def test_a_store_that_is_gone_is_made_anew_and_that_is_said(path: Path, tmp_path: Path) -> None:
    path.unlink()
    store = SqliteStore(path)
    assert store.write(lines([co2(700.0, 1)])) == Accepted()
    [gone] = salvages(tmp_path)
    assert "store.db was damaged or gone" in str(gone)
    assert "restore a backup" in str(gone)
    store.close()
