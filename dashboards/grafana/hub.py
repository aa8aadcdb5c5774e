"""*One hub*: today by the hour, the month, and the air in its comfort bands, with opening hours shaded."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.daily_usage import DAY_UNIT, NO_FIGURES, entries_by_day
from dashboards.grafana.layout import Annotation, Row, dashboard, hub_variable
from dashboards.grafana.panels import (
    AIR_STEPS,
    COLD_STEPS,
    COMPLETE_STEPS,
    HUMIDITY_STEPS,
    PERSON,
    QUIET,
    Placed,
    Steps,
    bars,
    big_number,
    colour,
    coloured_text,
    columns,
    lines,
    panel,
    prop,
    shown_as,
)
from dashboards.grafana.query import (
    BY_DAY,
    BY_HOUR,
    BY_INTERVAL,
    CHOSEN_HUBS,
    InfluxQuery,
    Term,
    select,
)

TODAY = "now/d"
LATELY = "2h"
OPEN = "open (minutes of the hour)"


def build(zone: str) -> builders.Dashboard:
    """The dashboard for an estate in that time zone."""
    return dashboard(
        uid="hubpulse-hub",
        title="One hub",
        description="One hub: who came, and how its air was.",
        zone=zone,
        variables=[hub_variable(multi=False)],
        annotations=[_closed_days(zone), _counter_resets(zone)],
        rows=[
            Row(
                4,
                [
                    _entries_today(zone),
                    _peak_today(zone),
                    _wifi_now(zone),
                    _now(zone, "Temperature", "temperature", "temperature_c", "celsius", 1, "blue", COLD_STEPS),
                    _now(zone, "Humidity", "humidity", "relative_humidity_pct", "percent", 0, "yellow", HUMIDITY_STEPS),
                    _now(zone, "CO₂", "co2", "co2_ppm", "ppm", 0, "green", AIR_STEPS),
                ],
            ),
            Row(9, [_today_by_the_hour(zone), _occupancy(zone)]),
            Row(10, [_entries_per_day(zone)]),
            Row(9, [_temperature(zone), _co2(zone)]),
            Row(9, [_humidity(zone), _pressure(zone)]),
            Row(9, [_wifi(zone), _minutes_over_limits(zone)]),
            Row(12, [_day_by_day(zone)]),
            Row(9, [_corrections(zone)]),
        ],
    )


def _closed_days(zone: str) -> Annotation:
    query = select("usage_daily", [Term("open_minutes")], where=[CHOSEN_HUBS, '"open_minutes" = 0'], zone=zone)
    return Annotation("Closed days", query, QUIET)


def _counter_resets(zone: str) -> Annotation:
    conditions = [CHOSEN_HUBS, "\"cause\" = 'reset'", '"withdrawn" = false']
    return Annotation(
        "Counter resets", select("counter_corrections", [Term("counted")], where=conditions, zone=zone), "red"
    )


def _entries_today(zone: str) -> Placed:
    query = select("usage_daily", [Term("entries", "sum", "People in today")], zone=zone)
    return panel(
        big_number(InfluxQuery(query), unit="locale").time_from(TODAY),
        title="People in today, so far",
        description="People who entered since local midnight. Provisional: late readings may still come.",
        no_data="no count yet",
        width=4,
    )


def _peak_today(zone: str) -> Placed:
    query = select("usage_daily", [Term("peak_occupancy", "max", "Peak occupancy")], zone=zone)
    return panel(
        big_number(InfluxQuery(query), unit="locale").time_from(TODAY),
        title="Most at once today",
        description="The greatest number of people in the building at once: entries less exits since local midnight.",
        no_data="no count yet",
        width=4,
    )


def _wifi_now(zone: str) -> Placed:
    query = select("wifi", [Term("clients", "last")], by=['"sensor"'], zone=zone)
    return panel(
        big_number(InfluxQuery(query, alias="$tag_sensor"), unit="none").time_from(LATELY),
        title="Wi-Fi clients",
        description="Devices connected, at each access point's last reading of the last two hours.",
        no_data="not heard for 2 h",
        width=4,
    )


def _now(
    zone: str, title: str, measurement: str, field: str, unit: str, decimals: int, base: str, steps: Steps
) -> Placed:
    query = select(measurement, [Term(field, "last")], by=['"sensor"'], zone=zone)
    return panel(
        big_number(
            InfluxQuery(query, alias="$tag_sensor"), unit=unit, decimals=decimals, base=base, steps=steps
        ).time_from(LATELY),
        title=title,
        description="Each sensor's last reading of the last two hours.",
        no_data="not heard for 2 h",
        width=4,
    )


def _open_hours(zone: str, ref_id: str = "O") -> InfluxQuery:
    terms = [Term("open_minutes", "max", OPEN)]
    query = select("usage_hourly", terms, by=[BY_HOUR], zone=zone, tail="fill(none)")
    return InfluxQuery(query, ref_id=ref_id, alias="$col")


def _shaded(built: timeseries.Panel) -> timeseries.Panel:
    """Let the opening hours stand behind the other series: pale steps on an axis of their own, out of the legend."""
    return built.override_by_name(
        OPEN,
        [
            colour(QUIET),
            prop("unit", "m"),
            prop("min", 0),
            prop("max", 60),
            prop("custom.drawStyle", "line"),
            prop("custom.lineInterpolation", "stepAfter"),
            prop("custom.lineWidth", 0),
            prop("custom.fillOpacity", 12),
            prop("custom.showPoints", "never"),
            prop("custom.stacking", {"mode": "none"}),
            prop("custom.axisPlacement", "hidden"),
            prop("custom.hideFrom", {"legend": True, "tooltip": True, "viz": False}),
        ],
    )


def _today_by_the_hour(zone: str) -> Placed:
    terms = [Term("entries", "sum", "In"), Term("exits", "sum", "Out")]
    query = select("usage_hourly", terms, by=[BY_HOUR], zone=zone, tail="fill(none)")
    return panel(
        _shaded(bars(InfluxQuery(query, alias="$col"), _open_hours(zone), unit="locale"))
        .override_by_name("In", [colour(PERSON)])
        .override_by_name("Out", [colour("light-purple"), prop("custom.stacking", {"mode": "none"})])
        .time_from(TODAY),
        title="Today by the hour",
        description="People in and out in each clock hour since midnight. Shaded: opening hours.",
        no_data="No hourly figures today: see whether `hubpulse jobs` runs.",
        width=12,
    )


def _occupancy(zone: str) -> Placed:
    terms = [Term("peak_occupancy", "max", "Most at once")]
    query = select("usage_hourly", terms, by=[BY_HOUR], zone=zone, tail="fill(none)")
    return panel(
        _shaded(lines(InfluxQuery(query, alias="$col"), _open_hours(zone), unit="locale"))
        .min(0)
        .override_by_name("Most at once", [colour(PERSON), prop("custom.lineInterpolation", "stepAfter")])
        .time_from("7d"),
        title="Occupancy",
        description="The most people inside at once in each hour of the last seven days. Shaded: opening hours.",
        no_data="No hourly figures in the last seven days.",
        width=12,
    )


def _entries_per_day(zone: str) -> Placed:
    terms = [Term("completeness", "mean", "Completeness")]
    query = select("usage_daily", terms, by=[BY_DAY], zone=zone, tail="fill(none)")
    complete = [
        *shown_as("percentunit"),
        prop("min", 0),
        prop("max", 1),
        prop("custom.drawStyle", "points"),
        prop("custom.pointSize", 5),
        prop("custom.axisPlacement", "right"),
        prop("custom.stacking", {"mode": "none"}),
        colour("green"),
    ]
    return panel(
        entries_by_day(zone)
        .with_target(InfluxQuery(query, ref_id="C", alias="$col"))
        .override_by_name("Completeness", complete),
        title="People entering per day",
        description="By local day, with the completeness of the day's readings. Pale: provisional, may still change. "
        "Marked on the time axis: closed days.",
        no_data=NO_FIGURES,
        width=24,
    )


def _raw(zone: str, measurement: str, field: str, function: str = "mean") -> InfluxQuery:
    query = select(measurement, [Term(field, function)], by=[BY_INTERVAL, '"sensor"'], zone=zone, tail="fill(null)")
    return InfluxQuery(query, alias="$tag_sensor")


def _temperature(zone: str) -> Placed:
    return panel(
        _shaded(
            lines(
                _raw(zone, "temperature", "temperature_c"),
                _open_hours(zone),
                unit="celsius",
                decimals=1,
                base="blue",
                steps=[(16, "green")],
            )
        ).interval("15m"),
        title="Temperature",
        description="By sensor. Dashed: 16 °C, the least for a workroom. Shaded: opening hours.",
        no_data="No temperature in this time range.",
        width=12,
    )


def _co2(zone: str) -> Placed:
    return panel(
        _shaded(
            lines(_raw(zone, "co2", "co2_ppm", "max"), _open_hours(zone), unit="ppm", base="green", steps=AIR_STEPS)
        ).interval("15m"),
        title="CO₂",
        description="By sensor, the highest of each step. Under 800 ppm is likely well ventilated, above 1500 ppm poor "
        "(HSE guide, while occupied). Shaded: opening hours.",
        no_data="No CO₂ in this time range.",
        width=12,
    )


def _humidity(zone: str) -> Placed:
    return panel(
        _shaded(
            lines(
                _raw(zone, "humidity", "relative_humidity_pct"),
                _open_hours(zone),
                unit="percent",
                base="yellow",
                steps=HUMIDITY_STEPS,
            )
        ).interval("15m"),
        title="Relative humidity",
        description="By sensor. Dashed: the comfort band from 40 to 70 %. Shaded: opening hours.",
        no_data="No humidity in this time range.",
        width=12,
    )


def _pressure(zone: str) -> Placed:
    terms = [Term("pressure_mean_hpa", "mean", "Mean of the day")]
    query = select("usage_daily", terms, by=[BY_DAY], zone=zone, tail="fill(none)")
    return panel(
        lines(InfluxQuery(query, alias="$col"), unit="pressurehpa", decimals=1),
        title="Atmospheric pressure",
        description="Mean of each day's opening hours, at sea level where the hub's altitude is known.",
        no_data="No pressure in this time range.",
        width=12,
    )


def _wifi(zone: str) -> Placed:
    return panel(
        _shaded(lines(_raw(zone, "wifi", "clients", "max"), _open_hours(zone), unit="none")).min(0).interval("15m"),
        title="Wi-Fi clients",
        description="By access point, the most connected at once in each step. Shaded: opening hours.",
        no_data="No Wi-Fi readings in this time range.",
        width=12,
    )


def _minutes_over_limits(zone: str) -> Placed:
    terms = [
        Term("co2_minutes_over_800", "sum", "CO₂ over 800 ppm"),
        Term("co2_minutes_over_1500", "sum", "CO₂ over 1500 ppm"),
        Term("damp_minutes", "sum", "damp"),
    ]
    query = select("usage_daily", terms, by=[BY_DAY], zone=zone, tail="fill(none)")
    beside = prop("custom.stacking", {"mode": "none"})
    return panel(
        bars(InfluxQuery(query, alias="$col"), unit="m")
        .override_by_name("CO₂ over 800 ppm", [colour("yellow"), beside])
        .override_by_name("CO₂ over 1500 ppm", [colour("red"), beside])
        .override_by_name("damp", [colour("blue"), beside]),
        title="Minutes over limits",
        description="Minutes of each day's opening hours over the CO₂ guide values, and of air damp enough for mould.",
        no_data=NO_FIGURES,
        width=12,
    )


def _day_by_day(zone: str) -> Placed:
    terms = [
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
    ]
    query = select("usage_daily", terms, zone=zone)
    state = [models.ValueMap(options={"true": _text("final", "green"), "false": _text("provisional", "orange")})]
    closed = [models.ValueMap(options={"0": _text("closed", QUIET)})]
    return panel(
        columns(InfluxQuery(query, table=True), sort_by="Time")
        .override_by_name("Time", [prop("custom.hidden", False), prop("unit", DAY_UNIT), prop("displayName", "Day")])
        .override_by_name("Temperature", shown_as("celsius", 1))
        .override_by_name("CO₂ highest", [*shown_as("ppm"), *coloured_text("green", AIR_STEPS)])
        .override_by_name("Open", [*shown_as("m"), prop("mappings", [m.to_json() for m in closed])])
        .override_by_name("Completeness", [*shown_as("percentunit"), *coloured_text("red", COMPLETE_STEPS)])
        .override_by_name("State", [prop("mappings", [m.to_json() for m in state])]),
        title="Day by day",
        description="Every figure of the day as it is exported. An empty count is no data, 0 is nobody; "
        "revision counts the changes since the day ended.",
        no_data=NO_FIGURES,
        width=24,
    )


def _corrections(zone: str) -> Placed:
    terms = [Term("before", label="From"), Term("after", label="To"), Term("counted", label="Counted")]
    conditions = [CHOSEN_HUBS, '"withdrawn" = false']
    query = select("counter_corrections", terms, where=conditions, by=['"sensor"', '"counter"', '"cause"'], zone=zone)
    return panel(
        columns(InfluxQuery(query, table=True), sort_by="Time")
        .override_by_name("Time", [prop("custom.hidden", False), prop("displayName", "Time")])
        .override_by_regexp("/From|To|Counted/", shown_as("locale")),
        title="Counter corrections",
        description="Where a people counter's total did not simply grow: reset, rolled over, swapped, or a gap split "
        "over days. Counted: the people taken from it.",
        no_data="No counter had to be corrected in this time range.",
        width=24,
    )


def _text(text: str, colour_name: str) -> models.ValueMappingResult:
    return models.ValueMappingResult(text=text, color=colour_name)
