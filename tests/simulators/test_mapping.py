"""A mapping file is believed, or refused in one line that names the place and the cure."""

from pathlib import Path

import pytest

from sensors.estate_file import load_estate
from sensors.model_file import ModelFileError
from simulators.mapping import SHIPPED, MappingError, load_mapping, parse_mapping, shipped_names
from tests.simulators.tabulated import DOOR

READING = "{topic: hubs/a/footfall/b, fields: {entries: in}}"
TIME = "time: {column: t}"


def test_the_documented_example_is_understood() -> None:
    mapping = parse_mapping(
        "time: {column: date, format: '%m/%d/%y %H:%M:%S', timezone: America/Los_Angeles}\n"
        "readings:\n  - {topic: hubs/calit2/footfall/door, fields: {entries: in, exits: out}}"
    )
    assert mapping.time.columns == ("date",)
    assert mapping.readings[0].fields == {"entries": "in", "exits": "out"}


def test_one_or_several_time_columns_and_formats_can_be_given() -> None:
    mapping = parse_mapping(f"time: {{column: [d, h], format: ['%d/%m/%Y %H', iso, unix]}}\nreadings: [{READING}]")
    assert mapping.time.columns == ("d", "h")
    assert mapping.time.formats == ("%d/%m/%Y %H", "iso", "unix")


def test_a_field_is_a_column_whatever_its_name_or_a_number() -> None:
    mapping = parse_mapping(f"{TIME}\nreadings: [{{topic: hubs/a/footfall/b, fields: {{entries: no, exits: 0}}}}]")
    assert mapping.readings[0].fields == {"entries": "no", "exits": 0}
    assert mapping.readings[0].columns == ("no",)


@pytest.mark.parametrize(
    "text, problem",
    [
        ("time: [", "m.yaml:1: the bracket that opens here is not closed"),
        ("just text", r"m.yaml:1: holds no `key: value` at its top: start with for example `time: \{column: date\}`"),
        (TIME, r"m.yaml:1: readings: is missing: add `readings: ...`"),
        (f"readings: [{READING}]", r"m.yaml:1: time: is missing"),
        (f"{TIME}\nreadings: []", "readings: is empty: write at least one"),
        (f"{TIME}\nreadings: [{READING}]\nheadr: true", "m.yaml:3: headr: is not a key here: did you mean header"),
        (
            f"time: {{column: t, format: dd/mm}}\nreadings: [{READING}]",
            "time.format: 'dd/mm' is not a time format: write iso, unix or",
        ),
        (
            f"time: {{column: t, format: '%d/%Q'}}\nreadings: [{READING}]",
            "'%d/%Q' is not a time format: .*bad directive",
        ),
        (f"time: {{column: t, timezone: Leeds}}\nreadings: [{READING}]", "time.timezone: 'Leeds' is not a time zone"),
        (
            f"{TIME}\nreadings: [{{topic: hubs/a/footfall/b, fields: {{entires: in}}}}]",
            r"readings\[0\]: 'entires' is not a field of footfall: write entries, exits,",
        ),
        (
            f"{TIME}\nreadings: [{{topic: hubs/a/footfall/b, fields: {{}}}}]",
            r"readings\[0\].fields: is empty: write at least one",
        ),
        (
            f"{TIME}\nreadings: [{{topic: hubs/a/light/b, fields: {{lux: l}}}}]",
            "'light' in 'hubs/a/light/b' is not a kind: write one of temperature, humidity,",
        ),
        (f"{TIME}\nreadings: [{{topic: a/footfall/b, fields: {{entries: in}}}}]", "write hubs/<hub>/<kind>/<sensor>"),
        (
            f"{TIME}\nreadings: [{{topic: hubs/Armley/footfall/b, fields: {{entries: in}}}}]",
            "'Armley' in .* is not an id: use lower-case letters",
        ),
        (
            f"{TIME}\nheader: false\nreadings: [{READING}]",
            r"m.yaml:1: columns: is missing: a file without a header needs its column names",
        ),
        (f"{TIME}\nencoding: utf-9\nreadings: [{READING}]", "'utf-9' is not an encoding: write for example utf-8"),
        (f"{TIME}\nnames: {{hub: {{A: Not An Id}}}}\nreadings: [{READING}]", "names.hub.A: .*write not-an-id"),
        (f"{TIME}\ndelimiter: ';;'\nreadings: [{READING}]", "m.yaml:2: delimiter: ';;' is longer than 1 characters"),
    ],
)
def test_a_bad_mapping_is_one_line_that_names_place_and_cure(text: str, problem: str) -> None:
    with pytest.raises(ModelFileError, match=problem) as caught:
        parse_mapping(text, name="m.yaml")
    assert len(str(caught.value).splitlines()) == 1


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ModelFileError) as caught:
        parse_mapping(f"time: {{column: t, timezone: Leeds}}\nreadings: [{READING}]\nheadr: true")
    assert len(str(caught.value).splitlines()) == 2


def test_a_mapping_that_is_not_there_names_the_shipped_ones() -> None:
    with pytest.raises(MappingError, match=r"nowhere.yaml: can't be read.*calit2, .*leeds_footfall"):
        load_mapping("nowhere.yaml")


def test_a_file_of_ones_own_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(DOOR)
    assert load_mapping(str(path))[1] == path


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_mapping_has_an_estate_that_knows_its_hubs_in_its_zone(name: str) -> None:
    mapping, path = load_mapping(name)
    assert mapping.estate is not None
    estate = load_estate(path.parent / mapping.estate)
    if mapping.time.timezone is not None:
        assert estate.timezone == mapping.time.timezone
    sensors = {
        (hub.id, kind.value, sensor.id) for hub in estate.hubs for sensor in hub.sensors for kind in sensor.kinds
    }
    for reading in mapping.readings:
        _, hub, kind, sensor = reading.topic.split("/")
        hubs = mapping.names[reading.topic_columns[0]].values() if reading.topic_columns else [hub]
        assert {(hub, kind, sensor) for hub in hubs} <= sensors


def test_all_shipped_mappings_are_found() -> None:
    assert shipped_names() == ["calit2", "calit2-raw", "leeds_footfall", "robod", "uci_occupancy"]
    assert {path.name for path in SHIPPED.glob("*.estate.yaml")} == {
        "calit2-raw.estate.yaml",
        "calit2.estate.yaml",
        "leeds_footfall.estate.yaml",
        "robod.estate.yaml",
        "uci_occupancy.estate.yaml",
    }
