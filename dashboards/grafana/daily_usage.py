"""*Daily usage*, for programme managers: how many people used each hub, each day, and can the figure be trusted."""

from __future__ import annotations

from grafana_foundation_sdk.builders import barchart, common, heatmap, stat, statushistory, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from dashboards.grafana.hub_days import CLOSED, SILENT, hub_days
from dashboards.grafana.layout import Row, dashboard, hub_variable
from dashboards.grafana.panels import (
    COMPLETE_STEPS,
    PERSON,
    QUIET,
    Placed,
    bars,
    big_number,
    colour,
    coloured_text,
    columns,
    lines,
    panel,
    prop,
    shown_as,
    thresholds,
    value_texts,
)
from dashboards.grafana.query import (
    BY_DAY,
    BY_HOUR,
    BY_HUB,
    CHOSEN_HUBS,
    FINAL,
    PROVISIONAL,
    InfluxQuery,
    Term,
    select,
)

NO_FIGURES = "No daily figures in this time range: choose another, or see whether `hubpulse jobs` runs."

DAY_UNIT = "time:ddd D MMM"


def build(zone: str) -> builders.Dashboard:
    """The dashboard for an estate in that time zone."""
    return dashboard(
        uid="hubpulse-daily-usage",
        title="Daily usage",
        description="How many people used each hub, each day, and how complete the figures are.",
        zone=zone,
        variables=[hub_variable(multi=True)],
        rows=[
            Row(4, [_total(zone), _week_before(zone), _month_before(zone), _completeness(zone), _provisional(zone)]),
            Row(9, [_entries_per_day(zone)]),
            Row(16, [_every_hub_every_day(zone)]),
            Row(13, [_ranking(zone)]),
            Row(12, [_busiest_hours(zone), _hours_of_the_day(zone)]),
            Row(9, [_wifi_peak(zone), _completeness_by_hub(zone)]),
            Row(9, [_changes(zone)]),
        ],
    )


def _total(zone: str) -> Placed:
    return panel(
        _sum_of_entries(zone),
        title="People entering",
        description="All chosen hubs and days.",
        no_data="no figures",
        width=5,
    )


def _week_before(zone: str) -> Placed:
    return panel(
        _sum_of_entries(zone).time_shift("7d"),
        title="A week before",
        description="The same stretch of days, seven days earlier: the same weekdays.",
        no_data="no figures",
        width=5,
    )


def _month_before(zone: str) -> Placed:
    return panel(
        _sum_of_entries(zone).time_shift("1M"),
        title="A month before",
        description="The same dates of the month before.",
        no_data="no figures",
        width=5,
    )


def _sum_of_entries(zone: str) -> stat.Panel:
    query = select("usage_daily", [Term("entries", "sum", "People entering")], zone=zone)
    return big_number(InfluxQuery(query), unit="locale")


def _completeness(zone: str) -> Placed:
    query = select("usage_daily", [Term("completeness", "mean", "Completeness")], zone=zone)
    return panel(
        big_number(InfluxQuery(query), unit="percentunit", base="red", steps=COMPLETE_STEPS),
        title="Completeness",
        description="Readings received of those expected, over the chosen hubs and days. Sound from 90 % on.",
        no_data="no figures",
        width=5,
    )


def _provisional(zone: str) -> Placed:
    terms = [Term("entries", "count", "Provisional")]
    query = select("usage_daily", terms, where=[CHOSEN_HUBS, PROVISIONAL], zone=zone)
    return panel(
        big_number(InfluxQuery(query), unit="none"),
        title="Hub days still provisional",
        description="Days that are not over, or whose late readings may still come: their figures may change.",
        no_data="0",
        width=4,
    )


def _entries_per_day(zone: str) -> Placed:
    return panel(
        entries_by_day(zone),
        title="People entering per day",
        description="All chosen hubs together, by local day. Pale: provisional, may still change. A day without a bar "
        "was closed or has no data: see the next panel.",
        no_data=NO_FIGURES,
        width=24,
    )


def entries_by_day(zone: str) -> timeseries.Panel:
    """Bars of entries per day, final and provisional ones told apart."""

    def of(condition: str, ref_id: str, label: str) -> InfluxQuery:
        terms = [Term("entries", "sum", label)]
        query = select("usage_daily", terms, where=[CHOSEN_HUBS, condition], by=[BY_DAY], zone=zone, tail="fill(none)")
        return InfluxQuery(query, ref_id=ref_id, alias="$col")

    return (
        bars(of(FINAL, "A", "Final"), of(PROVISIONAL, "B", "Provisional"), unit="locale")
        .override_by_name("Final", [colour(PERSON)])
        .override_by_name("Provisional", [colour("super-light-blue"), prop("custom.fillOpacity", 25)])
    )


def _every_hub_every_day(zone: str) -> Placed:
    codes = {str(CLOSED): ("closed", QUIET), str(SILENT): ("no data", "red"), "0": ("0", "yellow")}
    return panel(
        statushistory.Panel()
        .with_target(InfluxQuery(hub_days(zone), alias="$tag_hub"))
        .unit("locale")
        .decimals(0)
        .min(0)
        .show_value(common_models.VisibilityMode.AUTO)
        .row_height(0.9)
        .legend(common.VizLegendOptions().show_legend(False))
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.CONTINUOUS_BLUES))
        .thresholds(thresholds(PERSON))
        .mappings(value_texts(codes)),
        title="Every hub, every day",
        description="People entering by hub and local day. 0: open, and nobody came. closed: no opening hours and "
        "nobody counted. no data: the hub was to open, but no door counter was heard.",
        no_data=NO_FIGURES,
        width=24,
    )


def _ranking(zone: str) -> Placed:
    terms = [
        Term("entries", "sum", "People"),
        Term("entries", "mean", "A day"),
        Term("entries", "max", "Busiest day"),
        Term("wifi_peak_clients", "max", "Wi-Fi peak"),
        Term("completeness", "mean", "Completeness"),
        Term("entries", "count", "Days counted"),
    ]
    query = select("usage_daily", terms, by=[BY_HUB], zone=zone)
    gauge = [prop("custom.cellOptions", {"type": "gauge", "mode": "basic"}), colour(PERSON), prop("min", 0)]
    return panel(
        columns(InfluxQuery(query, table=True), sort_by="People")
        .override_by_name("People", [*shown_as("locale"), *gauge])
        .override_by_name("A day", shown_as("locale"))
        .override_by_name("Busiest day", shown_as("locale"))
        .override_by_name("Wi-Fi peak", shown_as("none"))
        .override_by_name("Days counted", shown_as("none"))
        .override_by_name("Completeness", [*shown_as("percentunit"), *coloured_text("red", COMPLETE_STEPS)]),
        title="Ranking and totals",
        description="Each hub over the chosen days, with the completeness of its figures beside them. Days counted "
        "leaves out days without data; closed days count as 0.",
        no_data=NO_FIGURES,
        width=24,
    )


def _busiest_hours(zone: str) -> Placed:
    query = select("usage_hourly", [Term("entries", "sum")], by=[BY_HOUR, BY_HUB], zone=zone, tail="fill(none)")
    return panel(
        heatmap.Panel()
        .with_target(InfluxQuery(query, alias="$tag_hub"))
        .time_from("7d")
        .calculate(False)
        .unit("locale")
        .cell_gap(1)
        .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64))
        .show_legend(),
        title="Busiest hours",
        description="People entering by hub and clock hour over the last seven days.",
        no_data="No hourly figures in the last seven days.",
        width=16,
    )


def _hours_of_the_day(zone: str) -> Placed:
    query = select("usage_hourly", [Term("entries", "sum", "People")], by=[BY_HOUR], zone=zone, tail="fill(none)")
    by_hour = {"Time": {"operation": "groupby"}, "People": {"operation": "aggregate", "aggregations": ["sum"]}}
    return panel(
        barchart.Panel()
        .with_target(InfluxQuery(query, table=True))
        .with_transformation(
            models.DataTransformerConfig(
                id_val="formatTime", options={"timeField": "Time", "outputFormat": "HH", "timezone": zone}
            )
        )
        .with_transformation(models.DataTransformerConfig(id_val="groupBy", options={"fields": by_hour}))
        .with_transformation(
            models.DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": "Time", "desc": False}]})
        )
        .x_field("Time")
        .unit("locale")
        .decimals(0)
        .min(0)
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(PERSON))
        .legend(common.VizLegendOptions().show_legend(False)),
        title="By hour of the day",
        description="People entering in each clock hour, added up over the chosen days and hubs.",
        no_data="No hourly figures in this time range.",
        width=8,
    )


def _wifi_peak(zone: str) -> Placed:
    terms = [Term("wifi_peak_clients", "max")]
    query = select("usage_daily", terms, by=[BY_DAY, BY_HUB], zone=zone, tail="fill(none)")
    return panel(
        lines(InfluxQuery(query, alias="$tag_hub"), unit="none").min(0),
        title="Wi-Fi peak",
        description="The most devices connected at once on each day. Devices are not people: some have two, some none.",
        no_data="No Wi-Fi figures in this time range.",
        width=12,
    )


def _completeness_by_hub(zone: str) -> Placed:
    query = select("usage_daily", [Term("completeness", "mean")], by=[BY_DAY, BY_HUB], zone=zone, tail="fill(none)")
    return panel(
        lines(InfluxQuery(query, alias="$tag_hub"), unit="percentunit", base="red", steps=[(0.9, "green")])
        .min(0)
        .max(1),
        title="Completeness by hub",
        description="Readings received of those expected. Under the dashed line, 90 %, a day's figures are incomplete.",
        no_data=NO_FIGURES,
        width=12,
    )


def _changes(zone: str) -> Placed:
    terms = [Term("before", label="Before"), Term("after", label="After"), Term("revision", label="Revision")]
    query = select("usage_changes", terms, by=[BY_HUB, '"figure"'], zone=zone)
    return panel(
        columns(InfluxQuery(query, table=True), sort_by="Time")
        .override_by_name("Time", [prop("custom.hidden", False), prop("unit", DAY_UNIT), prop("displayName", "Day")])
        .override_by_name("figure", [prop("displayName", "Figure")])
        .override_by_regexp("/Before|After/", shown_as("locale")),
        title="Figures that changed afterwards",
        description="Figures of past days that late readings made come out differently, by the day they are of.",
        no_data="No figure of a past day has changed in this time range.",
        width=24,
    )
