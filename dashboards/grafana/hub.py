"""*One hub*: today by the hour, the month, and the air in its comfort bands, with opening hours shaded."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.daily_usage import ENTRIES_BY_DAY, entries_by_day
from dashboards.grafana.layout import Annotation, dashboard, hub_variable, row
from dashboards.grafana.panels import (
    DAY_COLUMN,
    MINUTES,
    PEOPLE,
    PERSON,
    QUIET,
    UNSTACKED,
    Look,
    Placed,
    Properties,
    bars,
    colour,
    columns,
    lines,
    look,
    number,
    panel,
    prop,
    props,
)
from dashboards.grafana.query import DAY, HOUR, INTERVAL, SENSOR, InfluxQuery, Term, select, series, table
from schemas.measures import CO2_FAIR_PPM, CO2_POOR_PPM, COMFORT_MAX_PCT, COMFORT_MIN_PCT, WORKROOM_MIN_C

TODAY = "now/d"
OPEN = "open (minutes of the hour)"
STEP = props(lineInterpolation="stepAfter")
SHADED: Properties = [
    colour(QUIET),
    prop("unit", MINUTES.unit),
    prop("min", 0),
    prop("max", 60),
    *props(drawStyle="line", lineInterpolation="stepAfter", lineWidth=0, fillOpacity=12, showPoints="never"),
    UNSTACKED,
    *props(axisPlacement="hidden", hideFrom={"legend": True, "tooltip": True, "viz": False}),
]
"""Opening hours behind the other series: pale steps on an axis of their own, out of the legend."""
COMPLETENESS: Properties = [
    *look("completeness")._replace(steps=()).column(),
    prop("min", 0),
    prop("max", 1),
    *props(drawStyle="points", pointSize=5, axisPlacement="right"),
    UNSTACKED,
    colour("green"),
]


def _today(title: str, term: Term, says: str) -> Placed:
    kind = number(PEOPLE)
    return panel(4, title, kind, series("usage_daily", term), says=says, time_from=TODAY)


def _now(
    title: str, measurement: str, field: str, says: str = "Each sensor's last reading of the last two hours."
) -> Placed:
    query = series(measurement, Term(field, "last"), by=[SENSOR])
    return panel(4, title, number(look(field)), query, says=says, time_from="2h")


def _shaded(
    title: str, kind: Any, query: InfluxQuery, overrides: dict[str, Properties] | None = None, **texts: Any
) -> Placed:
    """A panel with the opening hours behind its series."""
    open_hours = series("usage_hourly", Term("open_minutes", "max", OPEN), by=[HOUR])
    open_hours.ref_id = "O"
    return panel(12, title, kind, query, open_hours, overrides={OPEN: SHADED} | (overrides or {}), **texts)


def _readings(
    title: str, measurement: str, field: str, function: str, shown: Look, says: str, **options: Any
) -> Placed:
    """A field's readings by sensor, with its limits."""
    query = series(measurement, Term(field, function), by=[INTERVAL, SENSOR], fill="null")
    return _shaded(title, lines(shown), query, says=says, interval="15m", **options)


def _texts(**texts: tuple[str, str]) -> list[models.DynamicConfigValue]:
    """Words and colours in place of values: `final=("final", "green")` for `true`."""
    results = {value: models.ValueMappingResult(text=text, color=name) for value, (text, name) in texts.items()}
    return [prop("mappings", [models.ValueMap(options=results).to_json()])]


DASHBOARD = dashboard(
    "hubpulse-hub",
    "One hub",
    "One hub: who came, and how its air was.",
    row(
        4,
        _today(
            "People in today, so far",
            Term("entries", "sum", "People in today"),
            "People who entered since local midnight. Provisional: late readings may still come.",
        ),
        _today(
            "Most at once today",
            Term("peak_occupancy", "max", "Peak occupancy"),
            "The greatest number of people in the building at once: entries less exits since local midnight.",
        ),
        _now(
            "Wi-Fi clients",
            "wifi",
            "clients",
            "Devices connected, at each access point's last reading of the last two hours.",
        ),
        _now("Temperature", "temperature", "temperature_c"),
        _now("Humidity", "humidity", "relative_humidity_pct"),
        _now("CO₂", "co2", "co2_ppm"),
    ),
    row(
        9,
        _shaded(
            "Today by the hour",
            bars(PEOPLE),
            series("usage_hourly", Term("entries", "sum", "In"), Term("exits", "sum", "Out"), by=[HOUR]),
            {"In": [colour(PERSON)], "Out": [colour("light-purple"), UNSTACKED]},
            says="People in and out in each clock hour since midnight. Shaded: opening hours.",
            time_from=TODAY,
        ),
        _shaded(
            "Occupancy",
            lines(PEOPLE),
            series("usage_hourly", Term("peak_occupancy", "max", "Most at once"), by=[HOUR]),
            {"Most at once": [colour(PERSON), *STEP]},
            says="The most people inside at once in each hour of the last seven days. Shaded: opening hours.",
            min=0,
            time_from="7d",
        ),
    ),
    row(
        10,
        panel(
            24,
            "People entering per day",
            bars(PEOPLE),
            *entries_by_day(),
            series("usage_daily", Term("completeness", "mean", "Completeness"), by=[DAY]),
            says="By local day, with the completeness of the day's readings. Pale: provisional, may still change. "
            "Marked on the time axis: closed days.",
            overrides=ENTRIES_BY_DAY | {"Completeness": COMPLETENESS},
        ),
    ),
    row(
        9,
        _readings(
            "Temperature",
            "temperature",
            "temperature_c",
            "mean",
            look("temperature_c")._replace(steps=look("temperature_c").steps[:1]),
            f"By sensor. Dashed: {WORKROOM_MIN_C} °C, the least for a workroom. Shaded: opening hours.",
        ),
        _readings(
            "CO₂",
            "co2",
            "co2_ppm",
            "max",
            look("co2_ppm"),
            f"By sensor, the highest of each step. Under {CO2_FAIR_PPM} ppm is likely well ventilated, above "
            f"{CO2_POOR_PPM} ppm poor (HSE guide, while occupied). Shaded: opening hours.",
        ),
    ),
    row(
        9,
        _readings(
            "Relative humidity",
            "humidity",
            "relative_humidity_pct",
            "mean",
            look("relative_humidity_pct"),
            f"By sensor. Dashed: the comfort band from {COMFORT_MIN_PCT} to {COMFORT_MAX_PCT} %. "
            "Shaded: opening hours.",
        ),
        panel(
            12,
            "Atmospheric pressure",
            lines(look("pressure_mean_hpa")),
            series("usage_daily", Term("pressure_mean_hpa", "mean", "Mean of the day"), by=[DAY]),
            says="Mean of each day's opening hours, at sea level where the hub's altitude is known.",
        ),
    ),
    row(
        9,
        _readings(
            "Wi-Fi clients",
            "wifi",
            "clients",
            "max",
            look("clients"),
            "By access point, the most connected at once in each step. Shaded: opening hours.",
            min=0,
        ),
        panel(
            12,
            "Minutes over limits",
            bars(MINUTES),
            series(
                "usage_daily",
                Term("co2_minutes_over_800", "sum", f"CO₂ over {CO2_FAIR_PPM} ppm"),
                Term("co2_minutes_over_1500", "sum", f"CO₂ over {CO2_POOR_PPM} ppm"),
                Term("damp_minutes", "sum", "damp"),
                by=[DAY],
            ),
            says="Minutes of each day's opening hours over the CO₂ guide values, and of air damp enough for mould.",
            overrides={
                f"CO₂ over {CO2_FAIR_PPM} ppm": [colour("yellow"), UNSTACKED],
                f"CO₂ over {CO2_POOR_PPM} ppm": [colour("red"), UNSTACKED],
                "damp": [colour("blue"), UNSTACKED],
            },
        ),
    ),
    row(
        12,
        panel(
            24,
            "Day by day",
            columns("Time"),
            table(
                "usage_daily",
                Term("entries", label="In"),
                Term("exits", label="Out"),
                Term("peak_occupancy", label="Most at once"),
                Term("wifi_peak_clients", label="Wi-Fi peak"),
                Term("temperature_mean_c", label="Temperature"),
                Term("co2_max_ppm", label="CO₂ highest"),
                Term("open_minutes", label="Open"),
                Term("completeness", label="Completeness"),
                Term("final", label="State"),
                Term("revision", label="Revision"),
            ),
            says="Every figure of the day as it is exported. An empty count is no data, 0 is nobody; "
            "revision counts the changes since the day ended.",
            overrides={
                "Time": DAY_COLUMN,
                "Temperature": look("temperature_mean_c")._replace(steps=()).column(),
                "CO₂ highest": look("co2_max_ppm").column(),
                "Open": [*MINUTES.column(), *_texts(**{"0": ("closed", QUIET)})],
                "Completeness": look("completeness").column(),
                "State": _texts(true=("final", "green"), false=("provisional", "orange")),
            },
        ),
    ),
    row(
        9,
        panel(
            24,
            "Counter corrections",
            columns("Time"),
            table(
                "counter_corrections",
                Term("before", label="From"),
                Term("after", label="To"),
                Term("counted", label="Counted"),
                where='"withdrawn" = false',
                by=[SENSOR, '"counter"', '"cause"'],
            ),
            says="Where a people counter's total did not simply grow: reset, rolled over, swapped, or a gap split "
            "over days. Counted: the people taken from it.",
            empty="No counter had to be corrected in this time range.",
            overrides={
                "Time": [prop("custom.hidden", False), prop("displayName", "Time")],
                "/From|To|Counted/": PEOPLE.column(),
            },
        ),
    ),
    variable=hub_variable(multi=False),
    annotations=[
        Annotation("Closed days", select("usage_daily", Term("open_minutes"), where='"open_minutes" = 0'), QUIET),
        Annotation(
            "Counter resets",
            select("counter_corrections", Term("counted"), where='"cause" = \'reset\' AND "withdrawn" = false'),
            "red",
        ),
    ],
)
