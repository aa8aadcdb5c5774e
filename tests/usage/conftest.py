"""A store of each test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stores import Store
from stores.sqlite_store import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = SqliteStore(tmp_path / "store.db")
    store.prepare()
    yield store
    store.close()
