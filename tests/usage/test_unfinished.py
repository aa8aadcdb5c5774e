"""Which hubs have their turn each minute, and which every five."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from schemas import Estate, Kind
from schemas.localtime import Span
from stores import Outcome, SeriesChunk, Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS, at, estate, hub, put
from usage.jobs import Jobs
from usage.rows import DAILY, read_rows

MIDNIGHT_NS = at("2026-10-20T00:00", "Europe/London")
NOON_NS = MIDNIGHT_NS + 12 * HOUR_NS


class Writes(SqliteStore):
    """A store that counts what it is given, and of what the latest is asked for, of all hubs."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.times = 0
        self.asked: list[str] = []

    def latest(
        self, measurement: str, *, before_ns: int, where: Mapping[str, str] | None = None
    ) -> Iterator[SeriesChunk]:
        if where is None:
            self.asked.append(measurement)
        return super().latest(measurement, before_ns=before_ns, where=where)

    def write(self, lines: bytes) -> Outcome:
        self.times += 1
        return super().write(lines)


class Given:
    """Jobs that were there at noon, half a minute after a hub had sent."""

    def __init__(self, path: Path) -> None:
        self.store = Writes(path)
        self.estate: Estate = estate(hub("armley", [{"id": "s1", "every": "10m"}, {"id": "s2", "every": "10m"}]))
        self.jobs = Jobs(lambda: self.store, lambda: self.estate, lambda: NOON_NS)
        put(self.store, Kind.FOOTFALL, [(NOON_NS - MINUTE_NS // 2, {"entries": 3})])
        put(self.store, Kind.FOOTFALL, [(NOON_NS - HOUR_NS, {"entries": 3})], sensor="s2")
        self.jobs.roll_up_unfinished(NOON_NS)

    def computed(self, now_ns: int) -> bool:
        """Whether the hub has its turn."""
        before = self.store.times
        self.jobs.roll_up_unfinished(now_ns)
        return self.store.times > before

    def entries(self) -> object:
        return read_rows(self.store, DAILY, "armley", Span(MIDNIGHT_NS, MIDNIGHT_NS + 1))[MIDNIGHT_NS]["entries"]


@pytest.fixture
def given(store: Store, tmp_path: Path) -> Given:
    assert store.check()
    return Given(tmp_path / "store.db")


def test_a_hub_that_sent_nothing_has_its_turn_at_full_five_minutes(given: Given) -> None:
    assert not any(given.computed(NOON_NS + minute * MINUTE_NS) for minute in (1, 2, 3, 4))
    assert given.computed(NOON_NS + 5 * MINUTE_NS)
    assert not given.computed(NOON_NS + 6 * MINUTE_NS)


def test_a_day_ends_for_a_silent_hub_when_it_ends(given: Given) -> None:
    given.jobs.roll_up_unfinished(MIDNIGHT_NS + DAY_NS - MINUTE_NS)
    assert given.computed(MIDNIGHT_NS + DAY_NS)


def test_a_reading_of_any_sensor_is_in_the_next_figures(given: Given) -> None:
    put(given.store, Kind.FOOTFALL, [(NOON_NS - MINUTE_NS, {"entries": 5})], sensor="s2")
    assert given.computed(NOON_NS + MINUTE_NS)
    assert given.entries() == 11
    assert not given.computed(NOON_NS + 2 * MINUTE_NS)


def test_a_reading_of_the_moment_of_a_turn_is_in_the_next_figures(given: Given) -> None:
    put(given.store, Kind.FOOTFALL, [(NOON_NS + MINUTE_NS, {"entries": 5})])
    assert given.computed(NOON_NS + MINUTE_NS)
    assert given.computed(NOON_NS + 2 * MINUTE_NS)
    assert given.entries() == 11
    assert not given.computed(NOON_NS + 3 * MINUTE_NS)


def test_another_estate_is_in_the_next_figures(given: Given) -> None:
    given.estate = estate(hub("armley", opening={"mon-sun": "08:00-11:00"}))
    assert given.computed(NOON_NS + MINUTE_NS)


def test_what_sensors_sent_is_asked_once_for_how_they_are_and_for_today(given: Given) -> None:
    put(given.store, Kind.FOOTFALL, [(NOON_NS + 1, {"entries": 5})], sensor="s2")
    given.jobs.write_sensor_status(NOON_NS + MINUTE_NS)
    given.store.asked.clear()
    assert given.computed(NOON_NS + MINUTE_NS + 1)
    assert not given.store.asked
    assert not given.computed(NOON_NS + 2 * MINUTE_NS)
    assert Kind.FOOTFALL in given.store.asked
