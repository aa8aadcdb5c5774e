"""How many people usually have come by now: of the week its sum is read and today's hours, else the week whole."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schemas import Estate
from schemas.localtime import midnight_ns, to_ns
from stores.lines import Value, encode
from stores.protocol import Accepted
from stores.sqlite_store import SqliteStore
from usage.profile import PERSON, Profile
from usage.queries.usual import usual_so_far
from usage.rows import PROFILES

NOW = datetime(2026, 11, 18, 14, 5, tzinfo=UTC)
MONDAY = datetime(2026, 11, 16, tzinfo=UTC).date()
NIGHTS = {"mon-sun": "00:00-02:00, 20:00-24:00"}
ESTATE = Estate.model_validate({
    "timezone": "Europe/London",
    "hubs": [
        {"id": "armley", "opening": {"mon-fri": "09:00-17:00"}},
        {"id": "beeston", "opening": NIGHTS, "timezone": "Pacific/Auckland"},
        {"id": "otley"},
    ],
})  # fmt: skip

Rates = dict[int, dict[int, int]]
"""Of a door by version and hour of the week, in thousandths."""


def profile_lines(hub: str, doors: dict[str, Rates], *, with_sums: bool) -> Iterator[str]:
    start_ns = midnight_ns(MONDAY, ESTATE.zone_of(hub))
    for door, versions in doors.items():
        for version, by_hour in sorted(versions.items()):
            for hour in sorted({0, *by_hour}):
                fields: dict[str, Value] = {"version": version}
                if hour in by_hour:
                    fields["people_per_hour"] = by_hour[hour] / PERSON
                if with_sums and hour == 0:
                    fields |= {"people_per_week": sum(by_hour.values()) / PERSON, "hours_known": len(by_hour)}
                yield encode(PROFILES, {"hub": hub, "sensor": door}, fields, start_ns + hour)


def store_of(path: Path, *lines: str) -> SqliteStore:
    store = SqliteStore(path)
    store.prepare()
    assert store.write("\n".join(lines).encode()) == Accepted()
    return store


def usual(path: Path, hubs: dict[str, dict[str, Rates]], *, with_sums: bool) -> dict[str, int]:
    store = store_of(path, *(line for hub in hubs for line in profile_lines(hub, hubs[hub], with_sums=with_sums)))
    found = by_now(store)
    store.close()
    return found


def by_now(store: SqliteStore) -> dict[str, int]:
    return {hub: round(found.by_now) for hub, found in usual_so_far(store, ESTATE, to_ns(NOW)).items()}


def random_hub(randomly: random.Random) -> dict[str, Rates]:
    """Doors whose rates are frozen once or twice: of no hour, some or all hours, of few people or many."""
    versions = range(1, randomly.choice((2, 3)))
    doors: dict[str, Rates] = {}
    for door in range(randomly.randint(1, 3)):
        most = randomly.choice((0, 1, 500, 4000, 4000))
        hours = randomly.sample(range(7 * 24), randomly.choice((0, 60, *[7 * 24] * 4)))
        doors[f"door-{door}"] = {version: {hour: randomly.randint(0, most) for hour in hours} for version in versions}
    return doors


def test_sums_tell_what_the_whole_week_does(tmp_path: Path) -> None:
    randomly, told = random.Random(13), 0
    for at in range(12):
        hubs = {hub.id: random_hub(randomly) for hub in ESTATE.hubs}
        found = usual(tmp_path / f"sums-{at}.db", hubs, with_sums=True)
        assert found == usual(tmp_path / f"whole-{at}.db", hubs, with_sums=False)
        told += len(found)
    assert told > 8


@pytest.mark.parametrize("with_sums", [False, True])
def test_the_hours_of_today_until_now_are_summed_up(tmp_path: Path, with_sums: bool) -> None:
    every_hour = dict.fromkeys(range(7 * 24), 20_000)
    few = dict.fromkeys(range(7 * 24), 500)
    hubs: dict[str, dict[str, Rates]] = {
        "armley": {"a": {1: every_hour}, "b": {1: {}}},
        "beeston": {"a": {1: every_hour}},
        "otley": {"a": {1: few}},
    }
    # In Auckland it is 3:05 of the 19th, Thursday.
    expected = {"armley": round(20 * (5 + 5 / 60)), "beeston": 40}
    assert usual(tmp_path / "store.db", hubs, with_sums=with_sums) == expected
    assert Profile({"a": few}).is_enough is False
    assert NOW.astimezone(ZoneInfo("Pacific/Auckland")).hour == 3


def test_a_profile_without_a_sum_is_read_whole_beside_one_with_it(tmp_path: Path) -> None:
    every_hour = dict.fromkeys(range(7 * 24), 20_000)
    lines = [
        *profile_lines("armley", {"a": {1: every_hour}}, with_sums=True),
        *profile_lines("otley", {"a": {1: every_hour}}, with_sums=False),
    ]
    store = store_of(tmp_path / "store.db", *lines)
    assert by_now(store) == {"armley": 102, "otley": 282}
    store.close()
