"""The measure catalogue: complete, its bands in order, and the one place that documents and stored types follow."""

import pytest

from schemas import KINDS, MEASURES
from schemas.measurements import LATER_FIGURES
from schemas.measures import USAGE_MEASURES, ZONE_MEASURES, Aggregation, Covers, Judge, Measure
from tests.schemas.measures_table import USAGE, with_table

each = pytest.mark.parametrize("measure", MEASURES.values(), ids=str)


def test_the_table_in_the_docs_is_what_the_catalogue_makes() -> None:
    text = USAGE.read_text(encoding="utf-8")
    assert text == with_table(text), "write it again: python -m tests.schemas.measures_table"


@each
def test_bands_begin_below_everything_and_rise(measure: Measure) -> None:
    starts = [band.start for band in measure.bands]
    assert starts[:1] in ([], [None])
    limits = [start for start in starts if start is not None]
    assert limits == sorted(set(limits))
    assert len(limits) == len(starts[1:])


def test_every_figure_adds_up_to_weeks_and_says_what_it_is() -> None:
    states = {m.name for m in USAGE_MEASURES.values() if m.words}
    unadded = {m.name for m in USAGE_MEASURES.values() if m.over_days is Aggregation.NONE}
    assert states == unadded == {"people_state"}
    assert [m.name for m in USAGE_MEASURES.values() if not m.meaning] == []


def test_a_figure_that_is_new_is_named_in_a_later_catalogue() -> None:
    """One that is not here is to be named in a further set of LATER_FIGURES, not in this test."""
    later: frozenset[str] = frozenset().union(*LATER_FIGURES)
    assert [len(LATER_FIGURES[0]), len(later)] == [14, sum(map(len, LATER_FIGURES))]
    assert set(USAGE_MEASURES) - later == {
        *("entries", "exits", "peak_occupancy", "occupancy_drift", "open_minutes", "completeness", "final", "revision"),
        *("wifi_peak_clients", "wifi_mean_clients", "wifi_devices", "wifi_bytes", "relative_humidity_mean_pct"),
        *("temperature_mean_c", "temperature_min_c", "temperature_max_c", "pressure_mean_hpa", "damp_minutes"),
        *("co2_mean_ppm", "co2_max_ppm", "co2_minutes_over_800", "co2_minutes_over_1500"),
    }


def test_what_is_not_of_the_rollups_is_a_field_of_the_readings() -> None:
    fields = {field.name for spec in KINDS.values() for field in spec.fields}
    assert MEASURES.keys() - USAGE_MEASURES.keys() - ZONE_MEASURES.keys() - fields == set()


def test_a_zone_has_the_figures_of_the_air_and_its_mould() -> None:
    of_hub = {name for name, measure in USAGE_MEASURES.items() if measure.judged_by is Judge.ENVIRONMENT}
    assert ZONE_MEASURES.keys() - of_hub == {"environment_completeness", "mould_index"}
    assert of_hub - ZONE_MEASURES.keys() == {"temperature_coldest_zone_c"}


def test_means_and_minutes_over_a_limit_are_of_opening_hours() -> None:
    of_opening = {name for name, measure in USAGE_MEASURES.items() if measure.covers is Covers.OPENING_HOURS}
    assert of_opening == {
        "wifi_mean_clients",
        "temperature_mean_c",
        "temperature_coldest_zone_c",
        "relative_humidity_mean_pct",
        "pressure_mean_hpa",
        "co2_mean_ppm",
        "co2_minutes_over_800",
        "co2_minutes_over_1500",
        "co2_minutes_over_limit",
        "person_hours_over_limit",
        "cold_minutes",
        "heat_minutes",
        "damp_minutes",
        "entries_open",
        "footfall_completeness",
        "wifi_completeness",
        "environment_completeness",
        "transfer_share",
    }
    of_closed = {name for name, measure in USAGE_MEASURES.items() if measure.covers is Covers.CLOSED_HOURS}
    assert of_closed == {"damp_minutes_closed", "frost_minutes_closed"}


@pytest.mark.parametrize(
    "name, value, meaning",
    [
        ("co2_ppm", 799.9, "well ventilated"),
        ("co2_ppm", 800, "fair air"),
        ("co2_ppm", 1500, "poor air"),
        ("temperature_c", 15.9, "cold"),
        ("temperature_c", 16, "comfortable"),
        ("relative_humidity_pct", 39.9, "dry"),
        ("relative_humidity_pct", 70, "humid"),
    ],
)
def test_a_band_begins_at_its_limit(name: str, value: float, meaning: str) -> None:
    band = MEASURES[name].band(value)
    assert band is not None
    assert band.meaning == meaning


def test_no_value_is_in_no_band() -> None:
    assert MEASURES["co2_ppm"].band(None) is None
    assert MEASURES["entries"].band(5) is None
