"""What is whole in a damaged store goes on; a store that is gone is not made anew without a word."""

import random
from pathlib import Path

import pytest

from stores import Accepted, Keep, StoreError
from stores.opening import self_healing
from stores.salvage import salvages
from stores.sqlite_store import SqliteStore
from tests.stores.points import Point, co2, lines, read, write

PAGE = 4096
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


def test_a_write_that_meets_the_damage_is_kept_until_it_is_mended(path: Path) -> None:
    overwrite(path, 0)
    store = self_healing(SqliteStore(path))
    assert isinstance(store.write(lines([co2(700.0, TIMES + 1)])), Keep)
    assert store.write(lines([co2(700.0, TIMES + 1)])) == Accepted()
    assert len(read(store, "co2")) == len(POINTS) + 1
    store.close()


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
