"""*One hub*: today by the hour, the month, and the air in its comfort bands, with opening hours shaded."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.daily_usage import entries_per_day
from dashboards.grafana.layout import annotation, dashboard, hub_variable
from dashboards.grafana.panels import (
    DAY_COLUMN,
    PERSON,
    QUIET,
    UNSTACKED,
    Properties,
    bars,
    colour,
    columns,
    lines,
    look,
    number,
    panel,
    texts,
)
from dashboards.grafana.query import DAY, HOUR, INTERVAL, SENSOR, InfluxQuery, Term, select, series, table
from schemas import measures
from schemas.texts import number_text

TODAY = "now/d"
OPEN = "open (minutes of the hour)"
SHADED: Properties = {
    "unit": look("open_minutes").unit,
    "min": 0,
    "max": 60,
    "custom.drawStyle": "line",
    "custom.lineInterpolation": "stepAfter",
    "custom.lineWidth": 0,
    "custom.fillOpacity": 12,
    "custom.showPoints": "never",
    "custom.axisPlacement": "hidden",
    "custom.hideFrom": {"legend": True, "tooltip": True, "viz": False},
    **UNSTACKED,
    **colour(QUIET),
}
"""Opening hours behind the other series: pale steps on an axis of their own, out of the legend."""
PEOPLE_STATES = {
    f"{state:d}": (state.name.lower(), tone)
    for state, tone in zip(measures.PeopleState, ("red", "orange", "green", QUIET), strict=True)
}
COMPLETENESS: Properties = {
    "unit": look("footfall_completeness").unit,
    "min": 0,
    "max": 1,
    "custom.drawStyle": "points",
    "custom.pointSize": 5,
    "custom.axisPlacement": "right",
    **UNSTACKED,
    **colour("green"),
}
OVER_LIMITS = {"co2_minutes_over_800": "yellow", "co2_minutes_over_1500": "red", "damp_minutes": "blue"}


def _today(title: str, term: Term, says: str) -> models.Panel:
    return panel(number(), series("usage_daily", term), title=title, says=says, time_from=TODAY)


def _now(measurement: str, field: str, says: str = "Each sensor's last reading of the last two hours.") -> models.Panel:
    return panel(number(), series(measurement, Term(field, "last"), by=[SENSOR]), says=says, time_from="2h")


def _shaded(
    kind: Any, query: InfluxQuery, says: str, overrides: dict[str, Properties] | None = None, **options: Any
) -> models.Panel:
    """A panel with the opening hours behind its series."""
    open_hours = series("usage_hourly", Term("open_minutes", "max", OPEN), by=[HOUR])
    open_hours.ref_id = "O"
    overrides = {OPEN: SHADED} | (overrides or {})
    return panel(kind, query, open_hours, says=f"{says} Shaded: opening hours.", overrides=overrides, **options)


def _readings(measurement: str, term: Term, says: str, title: str = "", **options: Any) -> models.Panel:
    """A field's readings by sensor, with its limits, and named so if not otherwise."""
    title = title or f"{measures.MEASURES[term.field].label} by sensor"
    query = series(measurement, term, by=[INTERVAL, SENSOR], fill="null")
    return _shaded(lines(), query, says, title=title, interval="15m", **options)


DASHBOARD = dashboard(
    "hubpulse-hub",
    "One hub",
    "One hub: who came, and how its air was.",
    [
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
        _now("wifi", "clients", "Devices connected, at each access point's last reading of the last two hours."),
        _now("temperature", "temperature_c"),
        _now("humidity", "relative_humidity_pct"),
        _now("co2", "co2_ppm"),
    ],
    [
        _shaded(
            bars(),
            series("usage_hourly", Term("entries", "sum", "In"), Term("exits", "sum", "Out"), by=[HOUR]),
            "People in and out in each clock hour since midnight.",
            {"In": colour(PERSON), "Out": colour("light-purple") | UNSTACKED},
            title="Today by the hour",
            time_from=TODAY,
        ),
        _shaded(
            lines(),
            series("usage_hourly", Term("peak_occupancy", "max"), by=[HOUR]),
            "The most people inside at once in each hour of the last seven days.",
            {"Most at once": colour(PERSON) | {"custom.lineInterpolation": "stepAfter"}},
            title="Occupancy",
            min=0,
            time_from="7d",
        ),
    ],
    entries_per_day(
        "By local day, with the share of opening time that the doors cover. Pale: provisional. Yellow: in part. "
        "Grey on top: not counted, estimated. Marked on the time axis: closed days.",
        series("usage_daily", Term("footfall_completeness", "mean"), by=[DAY]),
        overrides={"Doors covered": COMPLETENESS},
    ),
    [
        _readings(
            "temperature",
            Term("temperature_c", "mean"),
            f"By sensor. Dashed: {measures.WORKROOM_MIN_C} °C, the least for a workroom, and "
            f"{measures.COMFORT_MAX_C} °C, from where on it is warm.",
        ),
        _readings(
            "co2",
            Term("co2_ppm", "max"),
            f"By sensor, the highest of each step. Under {measures.CO2_FAIR_PPM} ppm is likely well ventilated, above "
            f"{number_text(measures.CO2_POOR_PPM)} ppm poor (HSE guide, while occupied).",
        ),
    ],
    [
        _readings(
            "humidity",
            Term("relative_humidity_pct", "mean"),
            f"By sensor. Dashed: the comfort band from {measures.COMFORT_MIN_PCT} to {measures.COMFORT_MAX_PCT} %.",
            "Relative humidity",
        ),
        panel(
            lines(),
            series("usage_daily", Term("pressure_mean_hpa", "mean", "Mean of the day"), by=[DAY]),
            title="Atmospheric pressure",
            says="Mean of each day's opening hours, at sea level where the hub's altitude is known.",
        ),
    ],
    [
        _readings(
            "wifi",
            Term("clients", "max"),
            "By access point, the most connected at once in each step.",
            "Wi-Fi clients by access point",
            min=0,
        ),
        panel(
            bars(),
            series("usage_daily", *(Term(field, "sum") for field in OVER_LIMITS), by=[DAY]),
            title="Minutes over limits",
            says="Minutes of each day's opening hours over the CO₂ guide values, and of air damp enough for mould.",
            overrides={measures.MEASURES[field].label: colour(name) | UNSTACKED for field, name in OVER_LIMITS.items()},
        ),
    ],
    panel(
        columns("Time"),
        table(
            "usage_daily",
            Term("entries", label="In"),
            Term("exits", label="Out"),
            Term("peak_occupancy"),
            Term("wifi_peak_clients"),
            Term("temperature_mean_c"),
            Term("co2_max_ppm"),
            Term("open_minutes"),
            Term("people_state", label="People"),
            Term("footfall_completeness"),
            Term("final", label="State"),
            Term("revision"),
        ),
        title="Day by day",
        says="Every figure of the day as it is exported. An empty count is no data, 0 is nobody; "
        "revision counts the changes since the day ended.",
        overrides={
            "Time": DAY_COLUMN,
            "Open": texts({"0": ("closed", QUIET)}),
            "People": texts(PEOPLE_STATES),
            "State": texts({"true": ("final", "green"), "false": ("provisional", "orange")}),
        },
        size=(24, 12),
    ),
    panel(
        columns("Time"),
        table(
            "counter_corrections",
            Term("before", label="From"),
            Term("after", label="To"),
            Term("counted", label="Counted"),
            where='"withdrawn" = false',
            by=[SENSOR, '"counter"', '"cause"'],
        ),
        title="Counter corrections",
        says="Where a people counter's total did not simply grow: reset, rolled over, swapped, or a gap split "
        "over days. Counted: the people taken from it.",
        empty="No counter had to be corrected in this time range.",
        overrides={"Time": {"custom.hidden": False, "displayName": "Time"}},
    ),
    variable=hub_variable(multi=False),
    annotations=[
        annotation("Closed days", select("usage_daily", Term("open_minutes"), where='"open_minutes" = 0'), QUIET),
        annotation(
            "Counter resets",
            select("counter_corrections", Term("counted"), where='"cause" = \'reset\' AND "withdrawn" = false'),
            "red",
        ),
    ],
)
