"""The public data sets, whole: what is sent adds up to what the files hold, summed without any of our code."""

import csv
import gzip
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

import pytest

from ingest.decoder import Decoder
from mqtt.messages import Message
from sensors.estate_file import load_estate
from sensors.registry import Registry
from simulators import tables
from simulators.mapping import load_mapping
from simulators.messages import TimedMessage
from simulators.tables import Table
from tests.real_parts import REPOSITORY
from tests.simulators.tabulated import day_sums, payloads, shipped

DataSet = Callable[[str], Path]


def rows(path: Path) -> Iterator[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    yield from csv.DictReader(io.StringIO(text, newline=""))


def test_every_day_of_the_calit2_door_has_the_files_own_sums(data_set: DataSet) -> None:
    path = data_set("uci_calit2") / "calit2_inout_30min.csv"
    entries: Counter[tuple[str, date]] = Counter()
    exits: Counter[tuple[str, date]] = Counter()
    for row in rows(path):
        day = ("calit2", date.fromisoformat(row["local_time_start"][:10]))
        entries[day] += int(row["in_count"] or 0)
        exits[day] += int(row["out_count"] or 0)
    door = shipped(path, "calit2")
    messages = list(door.messages())
    assert day_sums(messages, "America/Los_Angeles", "entries") == dict(entries)
    assert day_sums(messages, "America/Los_Angeles", "exits") == dict(exits)
    assert (len(entries), entries.total(), exits.total()) == (105, 19_625, 18_806)
    assert (len(messages), door.skipped.counts) == (5040, {})


@pytest.mark.parametrize("name, field, total", [("cal-inflow", "entries", 19_625), ("cal-outflow", "exits", 18_806)])
def test_the_raw_calit2_files_hold_the_same_people(data_set: DataSet, name: str, field: str, total: int) -> None:
    raw = shipped(data_set("uci_calit2") / f"{name}.csv.gz", "calit2-raw")
    assert sum(payload[field] for payload in payloads(raw.messages())) == total
    assert raw.skipped.counts == {}


def test_every_row_of_the_occupancy_rooms_is_three_readings(data_set: DataSet) -> None:
    for name, number in (("datatest", 2665), ("datatraining", 8143), ("datatest2", 9752)):
        rooms = shipped(data_set("uci_occupancy") / f"{name}.txt.gz", "uci_occupancy")
        assert (sum(1 for _ in rooms.messages()), rooms.skipped.counts) == (3 * number, {})


@pytest.mark.parametrize("room", [1, 2, 3])
def test_every_value_of_a_robod_room_is_sent_at_its_time(data_set: DataSet, room: int) -> None:
    path = data_set("robod") / f"combined_Room{room}.csv.gz"
    columns = {
        "temperature_c": "air_temperature",
        "relative_humidity_pct": "indoor_relative_humidity",
        "co2_ppm": "indoor_co2",
        "pressure_hpa": "baromatic_pressure",
        "clients": "wifi_connected_devices",
    }
    expected: dict[str, dict[datetime, float]] = defaultdict(dict)
    blank = 0
    for row in rows(path):
        time = datetime.strptime(row["timestamp"], "%Y-%m-%d %H:%M %z")
        for field, column in columns.items():
            if row[column]:
                expected[field][time] = float(row[column])
            blank += not row[column]
    found: dict[str, dict[datetime, float]] = defaultdict(dict)
    source = shipped(path, "robod")
    for message in source.messages():
        assert message.topic.startswith(f"hubs/robod-room{room}/")
        payload = json.loads(message.payload)
        time = datetime.fromisoformat(payload.pop("time"))
        ((field, value),) = payload.items()
        found[field][time] = value
    assert found == expected
    assert source.skipped.counts == {tables.BLANK: blank}
    assert all(type(value) is int for value in found["clients"].values())


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LEEDS_HUBS = {
    "Briggate": "briggate",
    "BriggateAtMcDs": "briggate-at-mcdonalds",
    "AlbionStNorth": "albion-street-north",
    "AlbionStSouth": "albion-street-south",
    "CommercialStLush": "commercial-street-at-lush",
    "CommercialStBarratts": "commercial-street-at-barratts",
    "Headrow": "headrow",
    "DortmundSq": "dortmund-square",
}


def suspect_lines(messages: Sequence[TimedMessage], estate: Path) -> list[str]:
    """What ingest would leave out of the figures."""
    decoder = Decoder(Registry(load_estate(estate)), clock_ns=lambda: messages[-1].time_ns)
    batch = decoder.decode([Message(message.topic.encode(), message.payload) for message in messages])
    assert len(batch.lines) == len(messages)
    return [line for line in batch.lines if "suspect=true" in line]


def test_the_leeds_cameras_are_sent_whole_and_every_day_keeps_its_sum(data_set: DataSet) -> None:
    path = data_set("leeds_footfall") / "leeds_footfall_hourly.csv.gz"
    # NewDate has one format, so this sum shares neither the column of the date nor its reading with the mapping.
    months = {name: month for month, name in enumerate(MONTHS, start=1)}
    hours: dict[tuple[str, date, int], int] = {}
    number = 0
    for row in rows(path):
        day, month, year = row["NewDate"].split("-")
        number += 1
        hours[LEEDS_HUBS[row["LocationName"]], date(int(year), months[month], int(day)), int(row["Hour"])] = int(
            row["InCount"]
        )
    expected: Counter[tuple[str, date]] = Counter()
    for (hub, day_, _hour), count in hours.items():
        expected[hub, day_] += count

    cameras = shipped(path, "leeds_footfall")
    instants: set[tuple[str, int]] = set()
    messages = []
    for message in cameras.messages():
        instants.add((message.topic, message.time_ns))
        messages.append(message)
    assert number == 554_360
    assert cameras.skipped.counts == {tables.DUPLICATE: 576}
    assert cameras.notes.counts == {tables.SKIPPED_LOCAL_TIME: 63}
    assert len(messages) == len(instants) == number - 576
    found = day_sums(messages, "Europe/London", "entries")
    assert found == dict(expected)
    in_2016 = {key: count for key, count in found.items() if key[1].year == 2016}
    assert len(in_2016) == 8 * 366
    assert suspect_lines(messages, REPOSITORY / "simulators/mappings/leeds_footfall.estate.yaml") == []


def test_a_large_table_is_streamed(data_set: DataSet) -> None:
    path = data_set("leeds_footfall") / "leeds_footfall_hourly.csv.gz"
    cameras = Table(path, load_mapping("leeds_footfall")[0])
    stream = cameras.messages()
    next(stream)
    assert cameras.position_bytes < cameras.size_bytes / 10
