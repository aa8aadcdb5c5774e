"""*Building health*, for facilities teams: is each building healthy, which sensor is silent, which battery is flat."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.layout import Row, dashboard, hub_variable
from dashboards.grafana.panels import (
    AIR_STEPS,
    BATTERY_STEPS,
    COLD_STEPS,
    HUMIDITY_STEPS,
    Placed,
    bars,
    big_number,
    coloured_text,
    columns,
    panel,
    prop,
    shown_as,
    state_rows,
)
from dashboards.grafana.query import (
    BY_DAY,
    BY_HOUR,
    BY_HUB,
    IN_RANGE,
    SILENT_NOW,
    InfluxQuery,
    Term,
    count_sensors,
    select,
    sensors_now,
)

TODAY = "now/d"
LATELY = "15m"
BY_SENSOR = f'{BY_HUB}, "sensor"'


def build(zone: str) -> builders.Dashboard:
    """The dashboard for an estate in that time zone."""
    return dashboard(
        uid="hubpulse-building-health",
        title="Building health",
        description="Air, damp and sensors of every hub: what wants a visit.",
        zone=zone,
        time_from="now-7d/d",
        variables=[hub_variable(multi=True)],
        rows=[
            Row(4, [_poor_air(zone), _cold(zone), _damp(zone), _silent_sensors(zone), _flat_batteries(zone)]),
            Row(14, [_every_hub(zone)]),
            Row(10, [_co2_by_hour(zone), _temperature_by_hour(zone)]),
            Row(9, [_minutes_of_poor_air(zone), _damp_minutes(zone)]),
            Row(10, [_which_are_silent(zone), _batteries(zone)]),
        ],
    )


def _hubs_today(zone: str, function: str, field: str, condition: str) -> InfluxQuery:
    """How many hubs have a figure of today that meets the condition on `value`."""
    inner = select("usage_daily", [Term(field, function, "value")], by=[BY_HUB], zone=zone)
    return InfluxQuery(f"SELECT count(\"value\") FROM ({inner}) WHERE {condition} AND {IN_RANGE} tz('{zone}')")


def _poor_air(zone: str) -> Placed:
    return panel(
        big_number(
            _hubs_today(zone, "sum", "co2_minutes_over_1500", '"value" >= 20'), unit="none", steps=[(1, "red")]
        ).time_from(TODAY),
        title="Hubs with poor air today",
        description="Hubs with CO₂ over 1500 ppm for 20 minutes or more of today's opening hours.",
        no_data="0",
        width=5,
    )


def _cold(zone: str) -> Placed:
    return panel(
        big_number(
            _hubs_today(zone, "min", "temperature_mean_c", '"value" < 16'), unit="none", steps=[(1, "blue")]
        ).time_from(TODAY),
        title="Cold hubs today",
        description="Hubs whose mean temperature over today's opening hours is under 16 °C, the least for a workroom.",
        no_data="0",
        width=5,
    )


def _damp(zone: str) -> Placed:
    return panel(
        big_number(
            _hubs_today(zone, "sum", "damp_minutes", '"value" > 0'), unit="none", steps=[(1, "yellow")]
        ).time_from(TODAY),
        title="Damp hubs today",
        description="Hubs with air damp enough for mould in today's opening hours: an indicator, not the wall.",
        no_data="0",
        width=5,
    )


def _silent_sensors(zone: str) -> Placed:
    query = f"SELECT count(\"silent\") FROM ({sensors_now(zone)}) WHERE {SILENT_NOW} AND {IN_RANGE} tz('{zone}')"
    return panel(
        big_number(InfluxQuery(query), unit="none", steps=[(1, "red")]).time_from(LATELY),
        title="Silent sensors",
        description="Sensors that missed three readings, by their status of the last 15 minutes.",
        no_data="0",
        width=5,
    )


def _flat_batteries(zone: str) -> Placed:
    inner = select("sensor_status", [Term("battery_pct", "last", "battery")], by=[BY_SENSOR], zone=zone)
    return panel(
        big_number(
            InfluxQuery(f'SELECT count("battery") FROM ({inner}) WHERE "battery" < 15 AND {IN_RANGE} tz(\'{zone}\')'),
            unit="none",
            steps=[(1, "yellow")],
        ).time_from(TODAY),
        title="Batteries under 15 %",
        description="Sensors whose last battery reading of today is under 15 %.",
        no_data="0",
        width=4,
    )


def _every_hub(zone: str) -> Placed:
    def last(measurement: str, function: str, field: str, label: str, ref_id: str) -> InfluxQuery:
        return InfluxQuery(
            select(measurement, [Term(field, function, label)], by=[BY_HUB], zone=zone), ref_id, table=True
        )

    return panel(
        columns(
            last("co2", "last", "co2_ppm", "CO₂", "A"),
            last("temperature", "last", "temperature_c", "Temperature", "B"),
            last("humidity", "last", "relative_humidity_pct", "Humidity", "C"),
            last("usage_daily", "sum", "co2_minutes_over_1500", "Over 1500 ppm", "D"),
            last("usage_daily", "sum", "damp_minutes", "Damp", "E"),
            last("usage_daily", "mean", "completeness", "Completeness", "F"),
            InfluxQuery(count_sensors(zone, "Silent sensors", condition=SILENT_NOW), "G", table=True),
            sort_by="CO₂",
        )
        .with_transformation(
            models.DataTransformerConfig(id_val="joinByField", options={"byField": "hub", "mode": "outer"})
        )
        .override_by_name("CO₂", [*shown_as("ppm"), *coloured_text("green", AIR_STEPS)])
        .override_by_name("Temperature", [*shown_as("celsius", 1), *coloured_text("blue", COLD_STEPS)])
        .override_by_name("Humidity", [*shown_as("percent"), *coloured_text("yellow", HUMIDITY_STEPS)])
        .override_by_name("Over 1500 ppm", [*shown_as("m"), *coloured_text("green", [(20, "red")])])
        .override_by_name("Damp", [*shown_as("m"), *coloured_text("green", [(1, "yellow")])])
        .override_by_name("Completeness", shown_as("percentunit"))
        .override_by_name("Silent sensors", [*shown_as("none"), *coloured_text("green", [(1, "red")])])
        .time_from(TODAY),
        title="Every hub today",
        description="Last readings of today, minutes of today's opening hours over the limits, and the sensors "
        "that are silent. An empty cell was not measured today. A hub's name leads to its own dashboard.",
        no_data="Nothing was heard today: see `hubpulse doctor`.",
        width=24,
    )


def _co2_by_hour(zone: str) -> Placed:
    query = select("usage_hourly", [Term("co2_max_ppm", "max")], by=[BY_HOUR, BY_HUB], zone=zone, tail="fill(none)")
    return panel(
        state_rows(InfluxQuery(query, alias="$tag_hub"), unit="ppm", decimals=0, base="green", steps=AIR_STEPS),
        title="CO₂ by the hour",
        description="Highest CO₂ of each clock hour. Green under 800 ppm, red over 1500 ppm. Blank: not heard.",
        no_data="No hourly CO₂ in this time range.",
        width=12,
    )


def _temperature_by_hour(zone: str) -> Placed:
    terms = [Term("temperature_mean_c", "mean")]
    query = select("usage_hourly", terms, by=[BY_HOUR, BY_HUB], zone=zone, tail="fill(none)")
    return panel(
        state_rows(InfluxQuery(query, alias="$tag_hub"), unit="celsius", decimals=1, base="blue", steps=COLD_STEPS),
        title="Temperature in opening hours",
        description="Mean of each open clock hour. Blue under 16 °C, yellow over 25 °C. Blank: closed or not heard.",
        no_data="No open hour with a temperature in this time range.",
        width=12,
    )


def _minutes_of_poor_air(zone: str) -> Placed:
    terms = [Term("co2_minutes_over_1500", "sum")]
    query = select("usage_daily", terms, by=[BY_DAY, BY_HUB], zone=zone, tail="fill(none)")
    return panel(
        bars(InfluxQuery(query, alias="$tag_hub"), unit="m"),
        title="Minutes of poor air",
        description="Minutes of each day's opening hours with CO₂ over 1500 ppm, hubs on top of each other.",
        no_data="No daily figures in this time range.",
        width=12,
    )


def _damp_minutes(zone: str) -> Placed:
    query = select("usage_daily", [Term("damp_minutes", "sum")], by=[BY_DAY, BY_HUB], zone=zone, tail="fill(none)")
    return panel(
        bars(InfluxQuery(query, alias="$tag_hub"), unit="m"),
        title="Damp minutes",
        description="Minutes of each day's opening hours with air damp enough for mould (Hukka and Viitanen), "
        "hubs on top of each other.",
        no_data="No daily figures in this time range.",
        width=12,
    )


def _which_are_silent(zone: str) -> Placed:
    inner = sensors_now(zone, "last_seen_s")
    query = (
        f'SELECT "last_seen_s" AS "Silent for" FROM ({inner}) WHERE {SILENT_NOW} AND {IN_RANGE} '
        f"GROUP BY {BY_SENSOR} tz('{zone}')"
    )
    return panel(
        columns(InfluxQuery(query, table=True), sort_by="Silent for")
        .override_by_name("Silent for", shown_as("s"))
        .time_from(LATELY),
        title="Which sensors are silent",
        description="Sensors that missed three readings, the longest silent first. One never heard at all is counted "
        "above and not listed here.",
        no_data="Every sensor is heard.",
        width=12,
    )


def _batteries(zone: str) -> Placed:
    query = select("sensor_status", [Term("battery_pct", "last", "Battery")], by=[BY_SENSOR], zone=zone)
    return panel(
        columns(InfluxQuery(query, table=True), sort_by="Battery", descending=False)
        .override_by_name(
            "Battery", [*shown_as("percent"), prop("min", 0), prop("max", 100), *coloured_text("red", BATTERY_STEPS)]
        )
        .time_from(TODAY),
        title="Batteries",
        description="Last battery reading of today, the flattest first. Sensors on mains power have none.",
        no_data="No sensor reported a battery today.",
        width=12,
    )
