"""A store of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.settings import InfluxSettings
from stores import Store
from stores.influx_store import InfluxStore
from stores.sqlite_store import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = SqliteStore(tmp_path / "store.db")
    store.prepare()
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "influxdb-1"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The same in SQLite and in a real InfluxDB 1.x."""
    store: Store = SqliteStore(tmp_path / "store.db")
    if request.param == "influxdb-1":
        url, database = request.getfixturevalue("influxd").url, request.getfixturevalue("influx_database")
        store = InfluxStore(InfluxSettings(url=url, bucket=database))
    store.prepare()
    yield store
    store.close()
