"""What hubs ask a store for, one after the other: the answers are their own, the questions few."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from schemas import Kind
from stores import SeriesChunk, Store
from tests.usage.given import MINUTE_NS, at, put
from usage.shared_reads import LITTLE_POINTS, SharedReads

NOON_NS = at("2026-10-20T12:00")
HUBS = ("armley", "beeston", "chapeltown", "dewsbury")


class Asked:
    """A store that counts what it is asked."""

    def __init__(self, store: Store) -> None:
        self._store, self.times = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, *args: Any, **rest: Any) -> Iterator[SeriesChunk]:
        self.times += 1
        return self._store.read(*args, **rest)

    def latest(self, *args: Any, **rest: Any) -> Iterator[SeriesChunk]:
        self.times += 1
        return self._store.latest(*args, **rest)


def fill(store: Store, readings: int = 3) -> None:
    """Readings of all hubs but one."""
    for number, hub in enumerate(HUBS[:-1]):
        for sensor in ("s1", "s2"):
            rows = [(NOON_NS + i * MINUTE_NS, {"entries": number + i}) for i in range(readings)]
            put(store, Kind.FOOTFALL, rows, hub=hub, sensor=sensor)


def read(store: Store, hub: str) -> list[SeriesChunk]:
    return list(store.read(Kind.FOOTFALL, start_ns=0, stop_ns=2**62, where={"hub": hub}, fields=["entries"]))


def latest(store: Store, hub: str) -> list[SeriesChunk]:
    return list(store.latest(Kind.FOOTFALL, before_ns=2**62, where={"hub": hub}))


def test_each_hub_is_answered_as_if_it_had_asked_by_itself_and_all_together_ask_twice(any_store: Store) -> None:
    fill(any_store)
    asked = Asked(any_store)
    shared = SharedReads(cast("Store", asked), HUBS)
    found = [(read(shared.of(hub), hub), latest(shared.of(hub), hub)) for hub in HUBS]
    assert found == [(read(any_store, hub), latest(any_store, hub)) for hub in HUBS]
    assert asked.times == 4


@pytest.mark.parametrize(
    "readings, kept_max, hubs",
    [(LITTLE_POINTS, 1000, HUBS), (3, 5, HUBS), (3, 1000, [*HUBS, *map(str, range(100))])],
)
def test_what_is_much_is_asked_for_by_each_hub(
    store: Store, monkeypatch: pytest.MonkeyPatch, readings: int, kept_max: int, hubs: list[str]
) -> None:
    monkeypatch.setattr("usage.shared_reads.KEPT_POINTS_MAX", kept_max)
    fill(store, readings)
    asked = Asked(store)
    shared = SharedReads(cast("Store", asked), hubs)
    assert [read(shared.of(hub), hub) for hub in HUBS[:-1]] == [read(store, hub) for hub in HUBS[:-1]]
    assert asked.times >= 3


def test_a_hub_sees_what_it_wrote(store: Store) -> None:
    fill(store)
    shared = SharedReads(store, HUBS)
    for hub in HUBS[:2]:
        read(shared.of(hub), hub)
    third = shared.of(HUBS[2])
    put(third, Kind.FOOTFALL, [(NOON_NS, {"entries": 99})], hub=HUBS[2])
    assert read(third, HUBS[2])[0].columns["entries"][0] == 99
    third.delete(Kind.FOOTFALL, start_ns=0, stop_ns=2**62, where={"hub": HUBS[2]})
    assert not read(third, HUBS[2])


def test_what_is_asked_of_one_sensor_is_of_that_sensor(store: Store) -> None:
    fill(store)
    shared = SharedReads(store, HUBS)
    for hub in HUBS[:3]:
        where = {"hub": hub, "sensor": "s2"}
        found = shared.of(hub).read(Kind.FOOTFALL, start_ns=0, stop_ns=2**62, where=where)
        assert [chunk.tags["sensor"] for chunk in found] == ["s2"]
