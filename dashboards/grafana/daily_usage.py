"""*Daily usage*, for programme managers: how many people used each hub, each day, and can the figure be trusted."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, heatmap, stat, statushistory, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from dashboards.grafana.panels import (
    Placed,
    Row,
    dashboard,
    hub_variable,
    list_legend,
    panel,
    prop,
    sorted_tooltip,
    thresholds,
    value_texts,
)
from dashboards.grafana.query import CHOSEN_HUBS, InfluxQuery, Term, select

UID = "hubpulse-daily-usage"
BY_DAY = "time(1d)"
BY_HUB = '"hub"'
CLOSED, SILENT = -1, -2
"""Codes in place of a count of people, which is never negative."""

_ENTRIES = Term("entries", "sum", "People entering")
_FINAL, _PROVISIONAL = '"final" = true', '"final" = false'


def build(zone: str) -> builders.Dashboard:
    """The dashboard for an estate in that time zone."""
    return dashboard(
        uid=UID,
        title="Daily usage",
        description="How many people used each hub, each day, and how complete the figures are.",
        zone=zone,
        variables=[hub_variable(multi=True)],
        rows=[
            Row(4, [_total(zone), _week_before(zone), _month_before(zone), _completeness(zone), _provisional(zone)]),
            Row(9, [_entries_per_day(zone)]),
            Row(16, [_every_hub_every_day(zone)]),
            Row(13, [_ranking(zone)]),
            Row(12, [_busiest_hours(zone)]),
            Row(9, [_wifi_peak(zone), _completeness_by_hub(zone)]),
        ],
    )


def _total(zone: str) -> Placed:
    return _sum_of_entries(zone, stat.Panel(), title="People entering", description="All chosen hubs and days.")


def _week_before(zone: str) -> Placed:
    return _sum_of_entries(
        zone,
        stat.Panel().time_shift("7d"),
        title="A week before",
        description="The same stretch of days, seven days earlier: the same weekdays.",
    )


def _month_before(zone: str) -> Placed:
    return _sum_of_entries(
        zone,
        stat.Panel().time_shift("1M"),
        title="A month before",
        description="The same dates of the month before.",
    )


def _sum_of_entries(zone: str, builder: stat.Panel, *, title: str, description: str) -> Placed:
    query = select("usage_daily", [_ENTRIES], zone=zone)
    return panel(
        builder.with_target(InfluxQuery(query))
        .unit("locale")
        .decimals(0)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .color_mode(common_models.BigValueColorMode.NONE)
        .thresholds(thresholds("text")),
        title=title,
        description=description,
        no_data="no figures for these days",
        width=5,
    )


def _completeness(zone: str) -> Placed:
    query = select("usage_daily", [Term("completeness", "mean", "Completeness")], zone=zone)
    return panel(
        stat.Panel()
        .with_target(InfluxQuery(query))
        .unit("percentunit")
        .decimals(0)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .thresholds(thresholds("red", (0.7, "orange"), (0.9, "green"))),
        title="Completeness",
        description="Readings received of those expected, over the chosen hubs and days. Sound from 90 % on.",
        no_data="no figures for these days",
        width=5,
    )


def _provisional(zone: str) -> Placed:
    query = select(
        "usage_daily", [Term("entries", "count", "Provisional")], where=[CHOSEN_HUBS, _PROVISIONAL], zone=zone
    )
    return panel(
        stat.Panel()
        .with_target(InfluxQuery(query))
        .unit("none")
        .decimals(0)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .color_mode(common_models.BigValueColorMode.NONE)
        .thresholds(thresholds("text")),
        title="Hub days still provisional",
        description="Days that are not over, or whose late readings may still come: their figures may change.",
        no_data="0",
        width=4,
    )


def _entries_per_day(zone: str) -> Placed:
    def of(condition: str, ref_id: str, label: str) -> InfluxQuery:
        terms = [Term("entries", "sum", label)]
        query = select("usage_daily", terms, where=[CHOSEN_HUBS, condition], by=[BY_DAY], zone=zone, tail="fill(none)")
        return InfluxQuery(query, ref_id=ref_id, alias="$col")

    return panel(
        timeseries.Panel()
        .with_target(of(_FINAL, "A", "Final"))
        .with_target(of(_PROVISIONAL, "B", "Provisional"))
        .unit("locale")
        .decimals(0)
        .min(0)
        .draw_style(common_models.GraphDrawStyle.BARS)
        .bar_width_factor(0.8)
        .bar_alignment(common_models.BarAlignment.AFTER)
        .line_width(1)
        .fill_opacity(80)
        .stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
        .tooltip(sorted_tooltip())
        .legend(list_legend())
        .override_by_name("Final", [prop("color", {"mode": "fixed", "fixedColor": "blue"})])
        .override_by_name(
            "Provisional",
            [prop("color", {"mode": "fixed", "fixedColor": "super-light-blue"}), prop("custom.fillOpacity", 25)],
        ),
        title="People entering per day",
        description="All chosen hubs together, by local day. Pale: provisional, may still change. A day without a bar "
        "was closed or has no data: see the next panel.",
        no_data="No daily figures in this time range: choose another, or see whether `hubpulse jobs` runs.",
        width=24,
    )


def _every_hub_every_day(zone: str) -> Placed:
    return panel(
        statushistory.Panel()
        .with_target(InfluxQuery(hub_days(zone), alias="$tag_hub"))
        .unit("locale")
        .decimals(0)
        .show_value(common_models.VisibilityMode.AUTO)
        .row_height(0.9)
        .legend(common.VizLegendOptions().show_legend(False))
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.CONTINUOUS_BLUES))
        .min(0)
        .thresholds(thresholds("blue"))
        .mappings(
            value_texts({str(CLOSED): ("closed", "#6e6e6e"), str(SILENT): ("no data", "red"), "0": ("0", "yellow")})
        ),
        title="Every hub, every day",
        description="People entering by hub and local day. 0: open, and nobody came. closed: no opening hours and "
        "nobody counted. no data: the hub was to open, but no door counter was heard.",
        no_data="No daily figures in this time range.",
        width=24,
    )


def hub_days(zone: str) -> str:
    """People entering per hub and day; CLOSED and SILENT for days on which nobody could be counted.

    One series a hub out of three sources, so that a day is one cell. InfluxQL can't ask for an absent field, so days
    without a count are found by counting: a row has completeness always, and entries only where a door was heard.
    """
    opening, closed = '"open_minutes" > 0', '"open_minutes" = 0'
    # A query inside another cuts its days by its own tz, or by UTC.
    missing = (
        f'SELECT count("completeness") - count("entries") AS "missing" FROM "usage_daily" '
        f"WHERE $timeFilter AND {CHOSEN_HUBS} AND {opening} GROUP BY {BY_DAY}, {BY_HUB} fill(0) tz('{zone}')"
    )
    # Floats all of them: a series has one type, whichever source its first point comes from.
    sources = (
        _coded('"entries" * 1.0', [opening]),
        _coded(f'"open_minutes" * 0.0 - {-CLOSED}', [closed]),
        _coded(f'"entries" * 1.0 + {-CLOSED}', [closed, '"entries" > 0']),  # counted all the same: takes the code back
        f'SELECT "missing" * 0.0 - {-SILENT} AS "people" FROM ({missing}) WHERE "missing" = 1 GROUP BY {BY_HUB}',
    )
    joined = ", ".join(f"({source})" for source in sources)
    return f"SELECT sum(\"people\") FROM {joined} WHERE $timeFilter GROUP BY {BY_DAY}, {BY_HUB} fill(none) tz('{zone}')"


def _coded(expression: str, conditions: list[str]) -> str:
    where = " AND ".join(["$timeFilter", CHOSEN_HUBS, *conditions])
    return f'SELECT {expression} AS "people" FROM "usage_daily" WHERE {where} GROUP BY {BY_HUB}'


def _ranking(zone: str) -> Placed:
    terms = [
        Term("entries", "sum", "People"),
        Term("entries", "mean", "A day"),
        Term("entries", "max", "Busiest day"),
        Term("wifi_peak_clients", "max", "Wi-Fi peak"),
        Term("completeness", "mean", "Completeness"),
        Term("entries", "count", "Days counted"),
    ]
    whole = [prop("unit", "locale"), prop("decimals", 0)]
    return panel(
        table.Panel()
        .with_target(InfluxQuery(select("usage_daily", terms, by=[BY_HUB], zone=zone), table=True))
        .sort_by([common.TableSortByFieldState().display_name("People").desc(True)])
        .override_by_name("Time", [prop("custom.hidden", True)])
        .override_by_name("hub", [prop("displayName", "Hub"), prop("links", [_to_hub()])])
        .override_by_name(
            "People",
            [
                *whole,
                prop("custom.cellOptions", {"type": "gauge", "mode": "basic"}),
                prop("color", {"mode": "fixed", "fixedColor": "blue"}),
                prop("min", 0),
            ],
        )
        .override_by_name("A day", whole)
        .override_by_name("Busiest day", whole)
        .override_by_name("Wi-Fi peak", [*whole, prop("unit", "none")])
        .override_by_name("Days counted", [prop("unit", "none"), prop("decimals", 0)])
        .override_by_name("Completeness", _completeness_cell()),
        title="Ranking and totals",
        description="Each hub over the chosen days, with the completeness of its figures beside them. Days counted "
        "leaves out days without data; closed days count as 0.",
        no_data="No daily figures in this time range.",
        width=24,
    )


def _completeness_cell() -> list[models.DynamicConfigValue]:
    steps = [{"value": None, "color": "red"}, {"value": 0.7, "color": "orange"}, {"value": 0.9, "color": "green"}]
    return [
        prop("unit", "percentunit"),
        prop("decimals", 0),
        prop("thresholds", {"mode": "absolute", "steps": steps}),
        prop("custom.cellOptions", {"type": "color-text"}),
    ]


def _to_hub() -> dict[str, object]:
    return {"title": "This hub", "url": "/d/hubpulse-hub?var-hub=${__value.raw}&${__url_time_range}"}


def _busiest_hours(zone: str) -> Placed:
    query = select("usage_hourly", [Term("entries", "sum")], by=["time(1h)", BY_HUB], zone=zone, tail="fill(none)")
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
        width=24,
    )


def _wifi_peak(zone: str) -> Placed:
    query = select("usage_daily", [Term("wifi_peak_clients", "max")], by=[BY_DAY, BY_HUB], zone=zone, tail="fill(none)")
    return panel(
        timeseries.Panel()
        .with_target(InfluxQuery(query, alias="$tag_hub"))
        .unit("none")
        .decimals(0)
        .min(0)
        .line_width(1)
        .show_points(common_models.VisibilityMode.AUTO)
        .legend(list_legend())
        .tooltip(sorted_tooltip()),
        title="Wi-Fi peak",
        description="The most devices connected at once on each day. Devices are not people: some have two, some none.",
        no_data="No Wi-Fi figures in this time range.",
        width=12,
    )


def _completeness_by_hub(zone: str) -> Placed:
    query = select("usage_daily", [Term("completeness", "mean")], by=[BY_DAY, BY_HUB], zone=zone, tail="fill(none)")
    return panel(
        timeseries.Panel()
        .with_target(InfluxQuery(query, alias="$tag_hub"))
        .unit("percentunit")
        .decimals(0)
        .min(0)
        .max(1)
        .line_width(1)
        .thresholds(thresholds("red", (0.9, "green")))
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED))
        .legend(list_legend())
        .tooltip(sorted_tooltip()),
        title="Completeness by hub",
        description="Readings received of those expected. Under the dashed line, 90 %, a day's figures are incomplete.",
        no_data="No daily figures in this time range.",
        width=12,
    )
