"""Of a store that is elsewhere a page asks all at once: what it shows is the same, by few requests."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from stores import SeriesChunk
from stores.lines import encode
from stores.protocol import Asked
from stores.sqlite_store import SqliteStore
from tests.dashboards.conftest import TODAY, Filled

Browse = Callable[..., TestClient]

YEAR = "from=2025-11-21&to=2026-11-20"


class _Counted(SqliteStore):
    """A file that is asked as a server is, and notes each request: what it was of, and how much at once."""

    def __init__(self, path: Path, requests: list[list[Asked]]) -> None:
        super().__init__(path)
        self.requests = requests

    def answers(self, asked: Sequence[Asked]) -> Mapping[Asked, Sequence[SeriesChunk]]:
        self.requests.append(list(asked))
        own = SqliteStore(self._path)
        found = {one: list(one.of_store(own)) for one in asked}
        own.close()
        return found

    def read(self, measurement: str, **more: object) -> Iterator[SeriesChunk]:
        self.requests.append([])
        return super().read(measurement, **more)  # type: ignore[arg-type]

    def latest(self, measurement: str, **more: object) -> Iterator[SeriesChunk]:
        self.requests.append([])
        return super().latest(measurement, **more)  # type: ignore[arg-type]


class Elsewhere(Filled):
    """What was put in, elsewhere."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.requests: list[list[Asked]] = []

    def open(self) -> SqliteStore:
        return _Counted(self.path, self.requests)


@pytest.mark.parametrize(
    "address, requests_max",
    [("/", 2), ("/hubs/armley", 2), (f"/hubs/armley?{YEAR}", 2), ("/hubs/otley?period=2026-10&day=2026-10-07", 2)],
)
def test_a_page_asks_a_store_elsewhere_for_all_at_once(
    known: Filled, browse: Browse, address: str, requests_max: int
) -> None:
    known.put(encode("usage_notes", {"author": "a", "hub": "armley", "note": "burst"}, {"made_ns": 1}, 1))
    known.put_reading("armley", "temperature", "air-1", timedelta(hours=3), temperature_c=19.5)
    known.put_day("beeston", TODAY - timedelta(days=400), 60)
    elsewhere = Elsewhere(known.path)
    assert browse(elsewhere, store_is_elsewhere=True).get(address).text == browse(known).get(address).text
    assert len(elsewhere.requests) <= requests_max, [len(asked) for asked in elsewhere.requests]
    assert sum(map(len, elsewhere.requests)) > 20


def test_a_store_elsewhere_that_answers_nothing_together_is_asked_one_by_one(known: Filled, browse: Browse) -> None:
    for address in ("/", f"/hubs/armley?{YEAR}"):
        assert browse(known, store_is_elsewhere=True).get(address).text == browse(known).get(address).text
