"""Sensors added to the text of an estate file: every other sign of it stays."""

from pathlib import Path

import pytest

from schemas import HubpulseError
from sensors.estate_edit import NewSensor, add_sensors, with_sensors
from sensors.estate_file import parse_estate
from sensors.model_file import ModelFileError

AIR = NewSensor("armley", {"id": "air-1", "device": "24e124710c401234", "zone": "cafe", "kinds": ["co2", "humidity"]})
LINE = "{id: air-1, device: 24e124710c401234, zone: cafe, kinds: [co2, humidity]}"
SOURCES = "sources: [{topic: 'v3/#', format: tts}]\n"

SOUTH = "      - id: door-2\n        zone: hall # south\n\n  # another\n  - id: beeston\n"
CASES = {
    "a list of lines": (
        "# ours\nhubs:\n  - id: armley  # the old one\n    sensors:\n      # doors\n      - {id: door-1}   # north\n"
        + SOUTH,
        "      - id: door-2\n        zone: hall # south\n      - " + LINE + "\n\n  # another\n",
    ),
    "a list that begins where its key does": (
        "hubs:\n- id: armley\n  sensors:\n  - {id: door-1}\ntimezone: Europe/London\n",
        "  - {id: door-1}\n  - " + LINE + "\ntimezone",
    ),
    "a list in brackets": (
        "hubs: [{id: armley, sensors: [{id: door-1}]}, {id: beeston}]\n",
        "sensors: [{id: door-1}, " + LINE + "]}, {id: beeston}]",
    ),
    "an empty list": ("hubs:\n  - {id: armley, sensors: []}\n", "sensors: [" + LINE + "]}"),
    "no list, on lines": (
        "hubs:\n  - id: armley\n    opening: {mon-fri: '09:00-17:00'}\n  - id: beeston\n",
        "'09:00-17:00'}\n    sensors:\n      - " + LINE + "\n  - id: beeston\n",
    ),
    "no list, in braces": ("hubs: [{id: armley}]\n", "{id: armley, sensors: [" + LINE + "]}"),
    "no line end at the end": (
        "hubs:\n  - id: armley\n    sensors:\n      - id: door-1",
        "- id: door-1\n      - " + LINE,
    ),
    "text of many lines": (
        "hubs:\n  - id: armley\n    sensors:\n      - id: door-1\n        zone:\n          hall\n",
        LINE,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_sensor_is_put_in_and_nothing_else_changes(name: str) -> None:
    text, expected = CASES[name]
    text = SOURCES + text

    changed = with_sensors(text, [AIR])

    assert expected in changed
    kept = iter(changed)
    assert all(sign in kept for sign in text), "something of the text before is gone"
    sensors = parse_estate(changed).hubs[0].sensors
    assert sensors[-1].id == "air-1"
    assert len(sensors) == len(parse_estate(text).hubs[0].sensors) + 1


def test_line_ends_and_a_byte_order_mark_stay(tmp_path: Path) -> None:
    file = tmp_path / "estate.yaml"
    file.write_bytes(b"\xef\xbb\xbfhubs:\r\n  - id: armley\r\n    sensors:\r\n      - id: door-1\r\n")
    file.chmod(0o640)

    estate = add_sensors(file, [AIR, NewSensor("armley", {"id": "d-2", "swapped": True})])

    assert [sensor.id for sensor in estate.hubs[0].sensors] == ["door-1", "air-1", "d-2"]
    content = file.read_bytes()
    assert content.startswith(b"\xef\xbb\xbfhubs:\r\n")
    assert content.count(b"\n") == content.count(b"\r\n") == 6
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "sensor, why",
    [
        (NewSensor("bramley", {"id": "air-1"}), "hub 'bramley' is not in estate.yaml"),
        (NewSensor("armley", {"id": "Air 1"}), "Air 1"),
        (NewSensor("armley", {"id": "door-1"}), "twice"),
    ],
)
def test_what_the_file_would_not_hold_is_not_written(sensor: NewSensor, why: str) -> None:
    with pytest.raises((HubpulseError, ModelFileError), match=why):
        with_sensors("hubs:\n  - id: armley\n    sensors:\n      - id: door-1\n", [sensor])


def test_names_that_yaml_would_read_otherwise_are_quoted() -> None:
    named = NewSensor("armley", {"id": "air-1", "device": "sensor: 'hall' #1", "zone": "hall"})

    changed = with_sensors("hubs: [{id: armley}]\n", [named])

    assert parse_estate(changed).hubs[0].sensors[0].device == "sensor: 'hall' #1"
