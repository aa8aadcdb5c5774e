"""An estate of many makers' devices: whatever they speak and the radio loses, its days are as the truth says."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from schemas.localtime import local_day
from sensors.binding import cannot
from simulators.dressing import FORMATS, NATIVE, dressed
from simulators.scenarios import simulation
from simulators.simulation import Simulation
from stores.sqlite_store import SqliteStore
from tests.usage.given import at, run_jobs
from tests.usage.simulated import AIR, READINGS_A_MESSAGE, SimulatedYear, document
from usage import Queries
from usage.jobs import Jobs
from usage.radio import Frames

LAST, WEEK = date(2025, 5, 14), 7
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


def mixed(last: date, days: int, faults: tuple[str, ...] = ("radio-loss:0.05",)) -> Simulation:
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


Frame = tuple[str, int]
"""A device's EUI and the number that it gave the frame."""


def frames_of(run: Simulation) -> dict[Frame, date]:
    """Each LoRaWAN frame that a network server heard, and the day on which it did."""
    found: dict[Frame, date] = {}
    zone = run.estate.zone_of("armley")
    for message in run.messages(readings_max=lambda _day: READINGS_A_MESSAGE):
        if message.topic.startswith(("v3/", "application/")):
            sent = json.loads(message.payload)
            up = sent.get("uplink_message", sent)
            eui = sent.get("end_device_ids", {}).get("dev_eui") or sent["deviceInfo"]["devEui"]
            found[eui.lower(), up.get("f_cnt", up.get("fCnt", 0))] = local_day(message.time_ns, zone)
    return found


def losses(run: Simulation) -> dict[tuple[str, date], Frames]:
    """Of each device and day the frames that came and were lost between its first and its last one."""
    every, heard = frames_of(mixed(LAST, WEEK, faults=())), frames_of(run)
    found: dict[tuple[str, date], Frames] = {}
    for eui in {eui for eui, _ in heard}:
        numbers = [number for other, number in heard if other == eui]
        for number in range(min(numbers) + 1, max(numbers) + 1):
            day = every[eui, number]
            received, lost = found.get((eui, day), Frames(0, 0))
            came = (eui, number) in heard
            found[eui, day] = Frames(received + came, lost + (not came))
    return found


def test_every_day_of_a_week_is_as_the_truth_says_in_spite_of_radio_losses_and_these_are_told(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    run = mixed(LAST, WEEK)
    lived = SimulatedYear(run)
    for ingested in lived.at_once(RECEIVED_NS):
        ingested.store_in(store)
    run_jobs(Jobs(lambda: store, lambda: lived.estate, lambda: RECEIVED_NS), RECEIVED_NS)

    assert len(lived.expected()) == WEEK
    assert lived.differences(store) == []
    queries = Queries(store, lived.estate, now_ns=RECEIVED_NS)
    euis = {sensor.id: sensor.device for hub in lived.estate.hubs for sensor in hub.sensors}
    told = {
        (str(euis[sensor]), day): frames
        for day in lived.expected()
        for (_, sensor), frames in queries.frames(day).items()
    }
    expected = losses(run)
    assert told == expected
    assert len(expected) >= 3 * WEEK
    assert sum(frames.lost for frames in expected.values()) > 3 * WEEK
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
