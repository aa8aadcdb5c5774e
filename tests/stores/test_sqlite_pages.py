"""What the pages of a file hold is what SQL says, whatever was written; and damage is a hole, never an exception."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stores.sqlite_pages import Hole, Row, SqlitePages

PAGE = 4096
VALUES = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(-3, 300)
    | st.floats(allow_nan=False)
    | st.text(max_size=50)
    | st.binary(max_size=50)
    | st.integers(0, 20_000).map(bytes)
)


def write(path: Path, rows: dict[int, Any]) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, value)")
        db.execute("CREATE TABLE b (key INTEGER, value, PRIMARY KEY (key)) WITHOUT ROWID")
        for table in "ab":
            db.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows.items())


def roots(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT name, rootpage FROM sqlite_master").fetchall())


def read(path: Path, table: str, roots: dict[str, int]) -> list[Row | Hole]:
    with closing(SqlitePages(path, page_bytes=PAGE)) as pages:
        return list(pages.rows(roots[table], lambda row: row.values[0], has_rowid=table == "a"))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.dictionaries(st.integers(-(2**63), 2**63 - 1), VALUES, max_size=60))
def test_pages_hold_what_sql_says(tmp_path_factory: pytest.TempPathFactory, rows: dict[int, Any]) -> None:
    path = tmp_path_factory.mktemp("pages") / "x.db"
    write(path, rows)
    where = roots(path)
    expected = sorted(rows.items())
    assert read(path, "a", where) == [Row(key, (None, value)) for key, value in expected]
    assert read(path, "b", where) == [Row(None, pair) for pair in expected]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flips=st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 255)), max_size=40),
    noise=st.lists(st.integers(0, 10**4), max_size=4),
    keep=st.sampled_from([1.0, 1.0, 0.7, 0.0]),
)
def test_no_damage_raises(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]], noise: list[int], keep: float
) -> None:
    path = tmp_path_factory.mktemp("pages") / "x.db"
    write(path, {number: bytes(number % 6000) for number in range(300)})
    where = roots(path)
    data = bytearray(path.read_bytes())
    for at, bits in flips:
        data[at % len(data)] ^= bits
    for number in noise:
        page = number % (len(data) // PAGE) * PAGE
        data[page : page + PAGE] = random.Random(number).randbytes(PAGE)
    path.write_bytes(data[: int(len(data) * keep)])
    for table in "ab":
        found = read(path, table, where)
        keys = [row.rowid if row.rowid is not None else row.values[0] for row in found if isinstance(row, Row)]
        assert keys == sorted(set(keys))
    with closing(SqlitePages(path, page_bytes=PAGE)) as pages:
        for root in where.values():
            pages.claim(root)
        for has_rowid in (True, False):
            list(pages.ownerless(has_rowid=has_rowid))


def test_a_hole_lies_between_the_rows_around_it(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    write(path, {number: bytes(500) for number in range(200)})
    where = roots(path)
    whole = read(path, "a", where)
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // PAGE):
        if page + 1 not in where.values():
            broken = bytearray(data)
            broken[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
            path.write_bytes(broken)
            found = read(path, "a", where)
            holes = [hole for hole in found if isinstance(hole, Hole)]
            lost = set(whole) - set(found)
            assert len(holes) == bool(lost)
            assert all(isinstance(row, Row) and holes[0].holds(row.rowid) for row in lost)
