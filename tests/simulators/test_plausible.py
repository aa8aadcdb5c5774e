"""The simulated estate compared with real buildings: ROBOD's rooms (Singapore), UCI's office and the CalIt2 door.

What is compared are relations, shapes and orders of magnitude: the simulated hubs stand in another climate.
"""

import csv
import gzip
import statistics
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schemas import Kind
from schemas.localtime import from_ns
from sensors.estate_file import load_estate
from simulators.hub import HubDay
from simulators.people import Occupancy
from simulators.simulation import LEEDS, SimulatedEstate

ROOMS = (1, 2, 3)
FIRST = date(2025, 9, 8)
DAYS = [FIRST + timedelta(days=step) for step in range(14)]

DataSet = Callable[[str], Path]


@dataclass(frozen=True)
class Room:
    """People inside, CO2 and Wi-Fi at the same moments."""

    people: list[float]
    co2_ppm: list[float]
    wifi: list[float]

    def when(self, *, empty: bool) -> list[float]:
        return [ppm for inside, ppm in zip(self.people, self.co2_ppm, strict=True) if (inside == 0) == empty]


def real_room(folder: Path, number: int) -> Room:
    with gzip.open(folder / f"combined_Room{number}.csv.gz", "rt") as file:
        names = ("occupant_count", "indoor_co2", "wifi_connected_devices")
        rows = [[row[name] for name in names] for row in csv.DictReader(file)]
    people, co2_ppm, wifi = ([float(row[at]) for row in rows if all(row)] for at in range(3))
    return Room(people, co2_ppm, wifi)


@pytest.fixture(scope="module", name="hub_days")
def _hub_days() -> dict[str, list[HubDay]]:
    hubs = SimulatedEstate(load_estate(LEEDS), seed=7).hubs[:8]
    return {hub.hub.id: [hub.day(day) for day in DAYS] for hub in hubs}


@pytest.fixture(scope="module", name="rooms")
def _rooms(hub_days: dict[str, list[HubDay]]) -> list[Room]:
    return [simulated_room(days) for days in hub_days.values()]


def simulated_room(days: list[HubDay]) -> Room:
    people: list[float] = []
    co2_ppm: list[float] = []
    wifi: list[float] = []
    for day in days:
        occupancy = Occupancy(day.visits)
        series = {one.kind: one.observations for one in day.series}
        for air in series[Kind.CO2]:
            before = bisect_right(series[Kind.WIFI], air.time_ns, key=lambda o: o.time_ns) - 1
            if before >= 0:
                people.append(occupancy.at(air.time_ns))
                co2_ppm.append(air.fields["co2_ppm"])
                wifi.append(series[Kind.WIFI][before].fields["clients"])
    return Room(people, co2_ppm, wifi)


def test_wifi_follows_people_at_least_as_in_the_best_real_room(data_set: DataSet, rooms: list[Room]) -> None:
    real = [real_room(data_set("robod"), number) for number in ROOMS]
    best = max(statistics.correlation(room.people, room.wifi) for room in real)
    for room in rooms:
        assert best <= statistics.correlation(room.people, room.wifi) < 0.995


def test_a_person_brings_about_as_many_wifi_clients_as_in_the_real_rooms(data_set: DataSet, rooms: list[Room]) -> None:
    real = [real_room(data_set("robod"), number) for number in ROOMS]
    slopes = [statistics.linear_regression(room.people, room.wifi).slope for room in real]
    for room in rooms:
        found = statistics.linear_regression(room.people, room.wifi)
        assert min(slopes) <= found.slope <= max(slopes) + 0.25
        assert 0 <= found.intercept <= 6


def test_co2_rises_with_people_and_falls_back_to_what_empty_real_rooms_have(
    data_set: DataSet, rooms: list[Room]
) -> None:
    real = [real_room(data_set("robod"), number) for number in ROOMS]
    best = max(statistics.correlation(room.people, room.co2_ppm) for room in real)
    empty = [statistics.median(room.when(empty=True)) for room in real]
    for room in rooms:
        assert best <= statistics.correlation(room.people, room.co2_ppm) < 0.99
        assert min(empty) - 30 <= statistics.median(room.when(empty=True)) <= max(empty)
        assert statistics.median(room.when(empty=False)) > statistics.median(room.when(empty=True)) + 50


def test_co2_in_use_reaches_what_real_rooms_reach(data_set: DataSet, rooms: list[Room]) -> None:
    lowest_peak = min(max(real_room(data_set("robod"), number).co2_ppm) for number in ROOMS)
    with gzip.open(data_set("uci_occupancy") / "datatraining.txt.gz", "rt") as file:
        highest_peak = max(float(row[5]) for row in list(csv.reader(file))[1:])
    peaks = [statistics.quantiles(room.when(empty=False), n=100)[98] for room in rooms]
    assert lowest_peak * 0.8 <= min(peaks)
    assert max(peaks) <= highest_peak * 1.1
    assert min(ppm for room in rooms for ppm in room.co2_ppm) > 390


def test_the_day_has_the_shape_of_a_real_door(data_set: DataSet, hub_days: dict[str, list[HubDay]]) -> None:
    real: Counter[int] = Counter()
    with (data_set("uci_calit2") / "calit2_inout_30min.csv").open() as file:
        for row in csv.DictReader(file):
            real[int(row["local_time_start"][11:13])] += int(row["in_count"] or 0)
    zone = ZoneInfo("Europe/London")
    simulated = Counter(
        from_ns(visit.arrive_ns).astimezone(zone).hour
        for days in hub_days.values()
        for day in days
        for visit in day.visits
    )
    hours = range(24)
    assert statistics.correlation([real[hour] for hour in hours], [simulated[hour] for hour in hours]) > 0.75


def test_door_counters_drift_like_a_real_one(data_set: DataSet) -> None:
    """CalIt2's door gains 4.2 % in 105 days; a simulated one gains or loses up to about twice that."""
    with (data_set("uci_calit2") / "calit2_inout_30min.csv").open() as file:
        rows = [(int(row["in_count"] or 0), int(row["out_count"] or 0)) for row in csv.DictReader(file)]
    real = 1 - sum(left for _, left in rows) / sum(came for came, _ in rows)
    drifts = []
    for hub in SimulatedEstate(load_estate(LEEDS), seed=7).hubs:
        before, after = (hub.people.totals_until(day).by_door[0] for day in (FIRST, FIRST + timedelta(days=105)))
        drifts.append(1 - (after.exits - before.exits) / (after.entries - before.entries))
    assert min(drifts) < real / 2
    assert real < max(drifts) < 2.5 * real
    assert len([drift for drift in drifts if drift < 0]) >= 2


def test_every_hub_is_busy_when_open_and_workdays_differ(hub_days: dict[str, list[HubDay]]) -> None:
    for days in hub_days.values():
        visits = [len(day.visits) for day in days if day.visits]
        assert min(visits) > 20
        assert max(visits) < 600
        assert len(set(visits)) > len(visits) / 2


def test_rooms_are_warm_when_open_and_the_year_has_seasons() -> None:
    hub = SimulatedEstate(load_estate(LEEDS), seed=7).hubs[0]
    means = {}
    for month in (1, 7):
        degrees = [
            observation.fields["temperature_c"]
            for step in range(10)
            for series in hub.day(date(2025, month, 10) + timedelta(days=step)).series
            if series.kind is Kind.TEMPERATURE
            for observation in series.observations
        ]
        assert min(degrees) > 11
        assert 18 < max(degrees) < 32
        means[month] = statistics.mean(degrees)
    assert means[7] > means[1] + 1
