"""What a network server or a codec made of a frame: the names that are known, and nothing else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.kinds import FIELDS
from schemas.readings import Rejection
from sensors.decoders.aliases import read_objects
from sensors.formats import Item, NoReading
from sensors.times import text_ns

NAMES = ["temperature", "Hum", "value", "unit", "air", "line_2", "total_in", "in", "time", "battery"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["temperature", "Hum", "value", "unit", "air", "line_2", "total_in", "in", "time", "battery"]
            )
            | st.text(max_size=9),
            inner,
            max_size=5,
        )
    ),
    max_leaves=6,
)


def read(*objects: dict[str, Any]) -> dict[tuple[str, int], float]:
    found = read_objects(objects)
    assert isinstance(found, list)
    items = [item for item in found if isinstance(item, Item)]
    assert len(items) == len(found), found
    return {(name, item.line): value for item in items for name, value in item.fields.items()}


@pytest.mark.parametrize(
    "sent, field, value",
    [
        ({"temperature": 21.4}, "temperature_c", 21.4),
        ({"Temperature": 21}, "temperature_c", 21.0),
        ({"TempC_SHT": "21.4"}, "temperature_c", 21.4),
        ({"tempF": 68}, "temperature_c", 20.0),
        ({"temp": {"value": 68, "unit": "F"}}, "temperature_c", 20.0),
        ({"temperature_1": 21.4}, "temperature_c", 21.4),
        ({"hum": 50}, "relative_humidity_pct", 50.0),
        ({"RH": 50}, "relative_humidity_pct", 50.0),
        ({"relative_humidity_2": 50}, "relative_humidity_pct", 50.0),
        ({"CO2": 612}, "co2_ppm", 612.0),
        ({"co2_ppm": "612"}, "co2_ppm", 612.0),
        ({"barometer": 1003.2}, "pressure_hpa", 1003.2),
        ({"barometric_pressure": 1003.2}, "pressure_hpa", 1003.2),
        ({"pressure": {"value": 100320, "unit": "Pa"}}, "pressure_hpa", 1003.2),
        ({"people_in": 3.0}, "entries", 3),
        ({"periodic_counter_out": 2}, "exits", 2),
        ({"total_counter_in": "72"}, "entries_total", 72),
        ({"people_total_out": 72}, "exits_total", 72),
        ({"people_count_all": 4}, "people", 4),
        ({"entries_total": 5}, "entries_total", 5),
        ({"wifi": 17, "ble": 5, "pax": 22}, "devices", 17),
        ({"battery": 92}, "battery_pct", 92.0),
        ({"battery": 3.6}, "battery_v", 3.6),
        ({"vdd": 3426}, "battery_v", 3.426),
        ({"battery": {"voltage": 3.1}}, "battery_v", 3.1),
        ({"data": {"co2": 612}}, "co2_ppm", 612.0),
        ({"air": {"relativeHumidity": 50, "location": "indoor"}}, "relative_humidity_pct", 50.0),
    ],
)  # fmt: skip
def test_a_known_name_is_its_field(sent: dict[str, Any], field: str, value: float) -> None:
    found = read(sent)

    assert found == {(field, 1): value}
    assert type(found[field, 1]) is FIELDS[field].number


def test_each_line_of_a_counter_is_a_line_and_children_are_counted_already() -> None:
    sent = {"line_1_total_in": 10, "line_1_child_total_in": 3, "line_2_period_out": 4, "line_3": {"in": 5, "out": 6}}

    assert read(sent) == {("entries_total", 1): 10, ("exits", 2): 4, ("entries", 3): 5, ("exits", 3): 6}


def test_what_is_not_air_is_left_out() -> None:
    assert read({"soil": {"temperature": 9}, "externalTemperature": 5, "board_temp": 40, "co2": 612, "light": 3}) == {
        ("co2_ppm", 1): 612.0
    }


def test_a_normalized_payload_may_have_times_of_its_own() -> None:
    found = read_objects([{"time": "2026-05-12T11:00:00Z", "air": {"temperature": 21}}, {"air": {"temperature": 22}}])

    assert isinstance(found, list)
    times = [item.time_ns for item in found if isinstance(item, Item)]
    assert times == [text_ns("2026-05-12T11:00:00Z"), None]


def test_names_that_differ_in_their_values_are_not_believed() -> None:
    found = read_objects([{"temperature_1": 21, "temperature_2": 5, "humidity": 50}])

    assert isinstance(found, list)
    assert [item.fields for item in found if isinstance(item, Item)] == [{"relative_humidity_pct": 50.0}]
    [rejection] = [item for item in found if isinstance(item, Rejection)]
    assert "'temperature_1' and 'temperature_2' differ" in rejection.detail
    assert read({"temperature": 21, "Temp": "21.0", "temperature_2": 5, "temp_f": 70}) == {("temperature_c", 1): 21.0}


def test_where_nothing_is_known_the_refusal_names_what_was_there() -> None:
    found = read_objects([{"foo": 1, "soil": {"temperature": 9}}])

    assert isinstance(found, Rejection)
    assert "'foo', 'soil'" in found.detail
    assert len(str(read_objects([{"x" * 9000: 1, **{f"k{n}": n for n in range(900)}}]))) < 1500


@pytest.mark.parametrize("sent", [{"co2": None}, {"battery": 255, "foo": 1}, {"temperature": {"value": None}}])
def test_a_known_name_without_a_value_is_no_reading(sent: dict[str, Any]) -> None:
    assert read_objects([sent]) == NoReading(f"no value: {next(iter(sent))!r}")


@settings(max_examples=200)
@given(sent=st.lists(st.dictionaries(st.text(max_size=9) | st.sampled_from(NAMES), JSON, max_size=4), max_size=2))
def test_no_object_raises(sent: list[dict[str, Any]]) -> None:
    found = read_objects(sent)

    assert isinstance(found, (list, NoReading, Rejection))
