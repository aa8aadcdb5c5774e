"""*Building health*, for facilities teams: is each building healthy, which sensor is silent, which battery is flat."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.layout import dashboard, hub_variable, row
from dashboards.grafana.panels import (
    MINUTES,
    Look,
    Placed,
    bars,
    columns,
    look,
    number,
    panel,
    prop,
    state_rows,
)
from dashboards.grafana.query import (
    DAY,
    HOUR,
    HUB,
    IN_RANGE,
    SENSOR,
    SILENT_NOW,
    ZONE,
    InfluxQuery,
    Term,
    counted,
    select,
    sensors_now,
    series,
    table,
)
from schemas.measures import (
    BATTERY_LOW_PCT,
    CO2_FAIR_PPM,
    CO2_POOR_PPM,
    COMFORT_MAX_C,
    POOR_AIR_MINUTES,
    WORKROOM_MIN_C,
)

TODAY, LATELY = "now/d", "15m"
OVER = f"Over {CO2_POOR_PPM} ppm"
SILENT_FOR = (
    f'SELECT "last_seen_s" AS "Silent for" FROM ({sensors_now("last_seen_s")}) WHERE {SILENT_NOW} AND {IN_RANGE} '
    f"GROUP BY {HUB}, {SENSOR} tz('{ZONE}')"
)


def _count(title: str, query: str, tone: str, says: str, *, width: int = 5, time_from: str = TODAY) -> Placed:
    kind = number(Look(steps=[(1, tone)]))
    return panel(width, title, kind, InfluxQuery(query), says=says, empty="0", time_from=time_from)


def _hubs_today(function: str, field: str, condition: str) -> str:
    """How many hubs have a figure of today that meets the condition on `value`."""
    return counted("value", select("usage_daily", Term(field, function, "value"), by=[HUB]), condition)


def _last(measurement: str, function: str, field: str, label: str) -> InfluxQuery:
    return table(measurement, Term(field, function, label), by=[HUB])


def _by_hour(title: str, field: str, function: str, **texts: Any) -> Placed:
    query = series("usage_hourly", Term(field, function), by=[HOUR, HUB])
    return panel(12, title, state_rows(look(field)), query, **texts)


def _minutes(title: str, field: str, says: str) -> Placed:
    query = series("usage_daily", Term(field, "sum"), by=[DAY, HUB])
    return panel(12, title, bars(MINUTES), query, says=says)


DASHBOARD = dashboard(
    "hubpulse-building-health",
    "Building health",
    "Air, damp and sensors of every hub: what wants a visit.",
    row(
        4,
        _count(
            "Hubs with poor air today",
            _hubs_today("sum", "co2_minutes_over_1500", f'"value" >= {POOR_AIR_MINUTES}'),
            "red",
            f"Hubs with CO₂ over {CO2_POOR_PPM} ppm for {POOR_AIR_MINUTES} minutes or more of today's opening hours.",
        ),
        _count(
            "Cold hubs today",
            _hubs_today("min", "temperature_mean_c", f'"value" < {WORKROOM_MIN_C}'),
            "blue",
            f"Hubs whose mean temperature over today's opening hours is under {WORKROOM_MIN_C} °C, the least for a "
            "workroom.",
        ),
        _count(
            "Damp hubs today",
            _hubs_today("sum", "damp_minutes", '"value" > 0'),
            "yellow",
            "Hubs with air damp enough for mould in today's opening hours: an indicator, not the wall.",
        ),
        _count(
            "Silent sensors",
            counted("silent", sensors_now(), SILENT_NOW),
            "red",
            "Sensors that missed three readings, by their status of the last 15 minutes.",
            time_from=LATELY,
        ),
        _count(
            f"Batteries under {BATTERY_LOW_PCT} %",
            counted(
                "battery",
                select("sensor_status", Term("battery_pct", "last", "battery"), by=[HUB, SENSOR]),
                f'"battery" < {BATTERY_LOW_PCT}',
            ),
            "yellow",
            f"Sensors whose last battery reading of today is under {BATTERY_LOW_PCT} %.",
            width=4,
        ),
    ),
    row(
        14,
        panel(
            24,
            "Every hub today",
            columns("CO₂").with_transformation(
                models.DataTransformerConfig(id_val="joinByField", options={"byField": "hub", "mode": "outer"})
            ),
            _last("co2", "last", "co2_ppm", "CO₂"),
            _last("temperature", "last", "temperature_c", "Temperature"),
            _last("humidity", "last", "relative_humidity_pct", "Humidity"),
            _last("usage_daily", "sum", "co2_minutes_over_1500", OVER),
            _last("usage_daily", "sum", "damp_minutes", "Damp"),
            _last("usage_daily", "mean", "completeness", "Completeness"),
            InfluxQuery(counted("silent", sensors_now(), SILENT_NOW, label="Silent sensors", by=HUB), table=True),
            says="Last readings of today, minutes of today's opening hours over the limits, and the sensors "
            "that are silent. An empty cell was not measured today. A hub's name leads to its own dashboard.",
            overrides={
                "CO₂": look("co2_ppm").column(),
                "Temperature": look("temperature_c").column(),
                "Humidity": look("relative_humidity_pct").column(),
                OVER: look("co2_minutes_over_1500").column(),
                "Damp": look("damp_minutes").column(),
                "Completeness": look("completeness")._replace(steps=()).column(),
                "Silent sensors": Look(base="green", steps=[(1, "red")]).column(),
            },
            time_from=TODAY,
        ),
    ),
    row(
        10,
        _by_hour(
            "CO₂ by the hour",
            "co2_max_ppm",
            "max",
            says=f"Highest CO₂ of each clock hour. Green under {CO2_FAIR_PPM} ppm, red over {CO2_POOR_PPM} ppm. "
            "Blank: no sensor reported.",
        ),
        _by_hour(
            "Temperature in opening hours",
            "temperature_mean_c",
            "mean",
            says=f"Mean of each open clock hour. Blue under {WORKROOM_MIN_C} °C, yellow over {COMFORT_MAX_C} °C. "
            "Blank: closed, or no sensor reported.",
        ),
    ),
    row(
        9,
        _minutes(
            "Minutes of poor air",
            "co2_minutes_over_1500",
            f"Minutes of each day's opening hours with CO₂ over {CO2_POOR_PPM} ppm, hubs on top of each other.",
        ),
        _minutes(
            "Damp minutes",
            "damp_minutes",
            "Minutes of each day's opening hours with air damp enough for mould (Hukka and Viitanen), "
            "hubs on top of each other.",
        ),
    ),
    row(
        10,
        panel(
            12,
            "Which sensors are silent",
            columns("Silent for"),
            InfluxQuery(SILENT_FOR, table=True),
            says="Sensors that missed three readings, the longest silent first. One that never reported is counted "
            "above and not listed here.",
            empty="Every sensor reports.",
            overrides={"Silent for": Look("s").column()},
            time_from=LATELY,
        ),
        panel(
            12,
            "Batteries",
            columns("Battery", descending=False),
            table("sensor_status", Term("battery_pct", "last", "Battery"), by=[HUB, SENSOR]),
            says="Last battery reading of today, the flattest first. Sensors on mains power have none.",
            overrides={"Battery": [*look("battery_pct").column(), prop("min", 0), prop("max", 100)]},
            time_from=TODAY,
        ),
    ),
    variable=hub_variable(multi=True),
    time_from="now-7d/d",
)
