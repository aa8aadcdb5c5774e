"""*Building health*, for facilities teams: is each building healthy, which sensor is silent, which battery is flat."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.layout import dashboard, hub_variable
from dashboards.grafana.panels import Look, bars, columns, number, panel, state_rows
from dashboards.grafana.query import (
    DAY,
    HOUR,
    HUB,
    ROOM,
    SENSOR,
    InfluxQuery,
    Term,
    outer,
    select,
    series,
    silent_now,
    table,
)
from schemas import measures
from schemas.texts import number_text

TODAY, LATELY = "now/d", "15m"
_BY_HUB = models.DataTransformerConfig(id_val="joinByField", options={"byField": "hub", "mode": "outer"})
"""Joins the rows of several queries to one for each hub."""
SILENT_FOR = silent_now('"last_seen_s" AS "Silent for"', "last_seen_s", by=[HUB, SENSOR])


def _count(title: str, query: str, tone: str, says: str, *, time_from: str = TODAY) -> models.Panel:
    """A number that is coloured from one on."""
    shown = Look(steps=[(1, tone)])
    return panel(number(), InfluxQuery(query), title=title, says=says, empty="0", shown=shown, time_from=time_from)


def _hubs_today(term: Term, condition: str) -> str:
    """How many hubs have a figure of today that meets the condition on `value`."""
    return outer('count("value")', select("usage_daily", term._replace(label="value"), by=[HUB]), condition)


def _by_hour(title: str, term: Term, says: str) -> models.Panel:
    return panel(state_rows(), series("usage_hourly", term, by=[HOUR, HUB]), title=title, says=says)


def _minutes(title: str, field: str, what: str) -> models.Panel:
    says = f"Minutes of each day's opening hours with {what}, hubs on top of each other."
    return panel(bars(), series("usage_daily", Term(field, "sum"), by=[DAY, HUB]), title=title, says=says)


DASHBOARD = dashboard(
    "hubpulse-building-health",
    "Building health",
    "Air, damp and sensors of every hub: what wants a visit.",
    [
        _count(
            "Hubs with poor air today",
            _hubs_today(Term("co2_minutes_over_1500", "sum"), f'"value" >= {measures.POOR_AIR_MINUTES}'),
            "red",
            f"Hubs with CO₂ over {number_text(measures.CO2_POOR_PPM)} ppm for {measures.POOR_AIR_MINUTES} minutes or "
            "more of today's opening hours.",
        ),
        _count(
            "Cold hubs today",
            _hubs_today(Term("temperature_coldest_zone_c", "min"), f'"value" < {measures.WORKROOM_MIN_C}'),
            "blue",
            f"Hubs with a zone whose mean over today's opening hours is under {measures.WORKROOM_MIN_C} °C, the least "
            "for a workroom.",
        ),
        _count(
            "Damp hubs today",
            _hubs_today(Term("damp_minutes", "sum"), '"value" > 0'),
            "yellow",
            "Hubs with air damp enough for mould in today's opening hours: an indicator, not the wall.",
        ),
        _count(
            "Silent sensors",
            silent_now('count("silent")'),
            "red",
            "Sensors that missed three readings, by their status of the last 15 minutes.",
            time_from=LATELY,
        ),
        _count(
            f"Batteries under {measures.BATTERY_LOW_PCT} %",
            outer(
                'count("battery")',
                select("sensor_status", Term("battery_pct", "last", "battery"), by=[HUB, SENSOR]),
                f'"battery" < {measures.BATTERY_LOW_PCT}',
            ),
            "yellow",
            f"Sensors whose last battery reading of today is under {measures.BATTERY_LOW_PCT} %.",
        ),
    ],
    panel(
        columns("CO₂").with_transformation(_BY_HUB),
        table("co2", Term("co2_ppm", "last"), by=[HUB]),
        table("temperature", Term("temperature_c", "last"), by=[HUB]),
        table("humidity", Term("relative_humidity_pct", "last"), by=[HUB]),
        table("usage_daily", Term("co2_minutes_over_1500", "sum"), by=[HUB]),
        table("usage_daily", Term("damp_minutes", "sum"), by=[HUB]),
        table("usage_daily", Term("environment_completeness", "mean"), by=[HUB]),
        InfluxQuery(silent_now('count("silent") AS "Silent sensors"', by=[HUB]), table=True),
        title="Every hub today",
        says="Last readings of today, minutes of today's opening hours over the limits, and the sensors "
        "that are silent. An empty cell was not measured today. A hub's name leads to its own dashboard.",
        overrides={"Silent sensors": Look(base="green", steps=[(1, "red")]).column()},
        time_from=TODAY,
        size=(24, 14),
    ),
    [
        _by_hour(
            "CO₂ by the hour",
            Term("co2_max_ppm", "max"),
            f"Highest CO₂ of each clock hour. Green under {measures.CO2_FAIR_PPM} ppm, "
            f"red over {number_text(measures.CO2_POOR_PPM)} ppm. Blank: no sensor reported.",
        ),
        _by_hour(
            "Coldest zone in opening hours",
            Term("temperature_coldest_zone_c", "min"),
            f"Mean of each open clock hour in the coldest zone. Blue under {measures.WORKROOM_MIN_C} °C, "
            f"yellow over {measures.COMFORT_MAX_C} °C. Blank: closed, or no sensor reported.",
        ),
    ],
    [
        _minutes("Minutes of poor air", "co2_minutes_over_1500", f"CO₂ over {number_text(measures.CO2_POOR_PPM)} ppm"),
        _minutes("Damp minutes", "damp_minutes", "air damp enough for mould (Hukka and Viitanen)"),
    ],
    [
        panel(
            columns("Mould index"),
            table("usage_daily_zone", Term("mould_index", "last"), by=[HUB, ROOM]),
            title="Mould index by zone",
            says="How far mould would have grown on bare pine in the air of each zone, 0 to 6 (Hukka and Viitanen), "
            f"by its last day. Red from {measures.MOULD_ALARM} on: air and heat it, look for mould on cold walls.",
            size=(12, 8),
        ),
        panel(
            bars(),
            series("usage_daily", Term("frost_minutes_closed", "sum"), by=[DAY, HUB]),
            title="Frost while closed",
            says=f"Minutes under {measures.FROST_C} °C in each day's closed time, hubs on top of each other: "
            "pipes may freeze.",
        ),
    ],
    [
        panel(
            columns("Silent for"),
            InfluxQuery(SILENT_FOR, table=True),
            title="Which sensors are silent",
            says="Sensors that missed three readings, the longest silent first. One that never reported is counted "
            "above and not listed here.",
            empty="Every sensor reports.",
            overrides={"Silent for": Look("s").column()},
            time_from=LATELY,
        ),
        panel(
            columns("Battery", descending=False),
            table("sensor_status", Term("battery_pct", "last"), by=[HUB, SENSOR]),
            title="Batteries",
            says="Last battery reading of today, the flattest first. Sensors on mains power have none.",
            overrides={"Battery": {"min": 0, "max": 100}},
            time_from=TODAY,
        ),
    ],
    variable=hub_variable(multi=True),
    time_from="now-7d/d",
)
