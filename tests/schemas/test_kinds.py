"""The data contract: these names, limits and types are public, and stored data depends on them."""

import math

import pytest

from schemas import KINDS, MEASUREMENTS, FieldType, Kind

# kind, field, refused outside, suspect outside
MEASURES = [
    (Kind.TEMPERATURE, "temperature_c", (-40, 85), (-20, 50)),
    (Kind.HUMIDITY, "relative_humidity_pct", (0, 105), (5, 100)),
    (Kind.PRESSURE, "pressure_hpa", (500, 1200), (870, 1085)),
    (Kind.CO2, "co2_ppm", (0, 40000), (380, 10000)),
]
COUNTS = {
    Kind.FOOTFALL: ["entries", "exits", "entries_total", "exits_total", "people"],
    Kind.WIFI: ["clients", "devices", "rx_bytes_total", "tx_bytes_total"],
}


@pytest.mark.parametrize("kind, name, refused, suspect", MEASURES)
def test_a_measure_has_the_limits_of_the_contract(
    kind: Kind, name: str, refused: tuple[float, float], suspect: tuple[float, float]
) -> None:
    field = KINDS[kind].single

    assert field is not None
    assert field.name == name
    assert field.number is float
    assert (field.low, field.high) == refused
    assert (field.plausible_low, field.plausible_high) == suspect


@pytest.mark.parametrize("kind", COUNTS)
def test_counts_are_whole_and_never_negative(kind: Kind) -> None:
    fields = KINDS[kind].fields

    assert KINDS[kind].single is None
    assert [field.name for field in fields] == COUNTS[kind]
    assert {(field.number, field.low) for field in fields} == {(int, 0)}
    assert all(field.high <= 2**63 - 1 for field in fields), "a store's integer holds no more"


def test_a_count_of_an_interval_is_suspect_above_2000_and_a_total_never_is() -> None:
    assert {field.name: (field.plausible_high, field.per_interval) for field in KINDS[Kind.FOOTFALL].fields} == {
        "entries": (2000, True),
        "exits": (2000, True),
        "entries_total": (math.inf, False),
        "exits_total": (math.inf, False),
        "people": (math.inf, False),
    }


def test_a_sensor_s_own_health_has_its_fields() -> None:
    assert [field.name for field in KINDS[Kind.DEVICE].fields] == [
        *("battery_pct", "battery_v", "rssi_dbm", "snr_db", "frame_count", "spreading_factor"),
    ]


def test_every_kind_is_a_measurement_with_the_same_fields_and_marks_for_the_suspect_and_the_repeated() -> None:
    types = {int: FieldType.INTEGER, float: FieldType.FLOAT}

    assert set(KINDS) == set(Kind)
    for kind, spec in KINDS.items():
        raw = MEASUREMENTS[kind.value]
        uncorrected = {f"raw_{spec.single.name}": FieldType.FLOAT} if spec.single else {}
        marks = dict.fromkeys(("suspect", "maybe_repeated"), FieldType.BOOLEAN)
        assert dict(raw.fields) == {f.name: types[f.number] for f in spec.fields} | uncorrected | marks
        assert raw.tags == ("hub", "sensor", "zone")


def test_tags_are_sorted_so_that_a_series_is_always_written_the_same_way() -> None:
    assert all(list(m.tags) == sorted(m.tags) for m in MEASUREMENTS.values())


def test_no_field_and_no_tag_share_a_name_nor_are_called_time() -> None:
    for measurement in MEASUREMENTS.values():
        assert not set(measurement.tags) & set(measurement.fields)
        assert "time" not in {*measurement.tags, *measurement.fields}
