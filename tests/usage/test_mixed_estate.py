"""An estate of many makers' devices: whatever they speak and the radio loses, its days are as the truth says."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sensors.binding import cannot
from simulators.dressing import FORMATS, NATIVE, dressed
from simulators.scenarios import simulation
from simulators.simulation import Simulation
from stores.sqlite_store import SqliteStore
from tests.usage.given import at, run_jobs
from tests.usage.simulated import AIR, SimulatedYear, document
from usage.jobs import Jobs

LAST = date(2025, 5, 14)
RECEIVED_NS = at("2025-06-20T12:00")


def mixed_document() -> dict[str, Any]:
    """A hub with sensors enough for every format."""
    plain = document()
    sensors = [
        *(
            {"id": f"door-{n}", "kinds": ["footfall"], "every": "15m", **({"counter_bits": 16} if n % 2 else {})}
            for n in range(4)
        ),
        *({"id": f"air-{n}", "kinds": [*AIR, "device"], "zone": f"room-{n}", "every": "30m"} for n in range(6)),
        *({"id": f"ap-{n}", "kinds": ["wifi"], "every": "30m"} for n in range(2)),
    ]
    plain["hubs"][0]["sensors"] = sensors
    return dressed(plain, "mixed")


def mixed(last: date, days: int) -> Simulation:
    faults = ("radio-loss:0.05",)
    return simulation(mixed_document(), scenario="normal", last=last, days=days, seed=7, faults=faults)


def test_every_format_speaks_in_it_and_can_do_what_its_sensors_are_for() -> None:
    run = mixed(LAST, 1)
    estate = run.estate
    formats = Counter(message.topic.split("/")[0] for message in run.messages(readings_max=lambda _day: 1))

    assert {source.format for source in estate.sources} == set(FORMATS) - {"mixed"}
    assert {"v3", "application", "zigbee2mqtt", "tele", "collectd", "senml", "hubs"} < formats.keys()
    assert [problem for hub in estate.hubs for s in hub.sensors for problem in cannot(s, estate.sources)] == []


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {NATIVE, "mixed"}))
def test_an_estate_of_one_format_is_one(name: str) -> None:
    found = dressed(document(), name)

    assert [source["format"] for source in found["sources"]] == [NATIVE, name]


def test_every_day_is_as_the_truth_says_in_spite_of_radio_losses(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    lived = SimulatedYear(mixed(LAST, 3))
    for ingested in lived.at_once(RECEIVED_NS):
        ingested.store_in(store)
    run_jobs(Jobs(lambda: store, lambda: lived.estate, lambda: RECEIVED_NS), RECEIVED_NS)

    assert lived.differences(store) == []
    store.close()


def test_devices_that_send_the_time_of_the_wall_are_understood_when_it_comes_twice(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    lived = SimulatedYear(mixed(date(2025, 10, 26), 2))
    now_ns = 0
    for ingested in lived.as_it_happens(1):
        ingested.store_in(store)
        now_ns = ingested.received_ns
    run_jobs(Jobs(lambda: store, lambda: lived.estate, lambda: now_ns), now_ns + 86_400 * 10**9)

    assert lived.differences(store) == []
    store.close()
