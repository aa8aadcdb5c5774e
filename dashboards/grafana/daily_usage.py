"""*Daily usage*, for programme managers: how many people used each hub, each day, and can the figure be trusted."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import barchart, common, heatmap, statushistory
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from dashboards.grafana.hub_days import CLOSED, SILENT, hub_days
from dashboards.grafana.layout import dashboard, hub_variable, row
from dashboards.grafana.panels import (
    COUNT,
    DAY_COLUMN,
    PEOPLE,
    PERSON,
    QUIET,
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
    thresholds,
    value_texts,
)
from dashboards.grafana.query import (
    DAY,
    FINAL,
    HOUR,
    HUB,
    PROVISIONAL,
    ZONE,
    InfluxQuery,
    Term,
    series,
    table,
)
from schemas.measures import COMPLETE_MIN

COMPLETE = look("completeness")
GAUGE = [prop("custom.cellOptions", {"type": "gauge", "mode": "basic"}), colour(PERSON), prop("min", 0)]
CODES = {str(CLOSED): ("closed", QUIET), str(SILENT): ("no data", "red"), "0": ("0", "yellow")}
NO_LEGEND = common.VizLegendOptions().show_legend(False)


def _entries(title: str, says: str, **options: Any) -> Placed:
    query = series("usage_daily", Term("entries", "sum", "People entering"))
    return panel(5, title, number(PEOPLE), query, says=says, **options)


def entries_by_day() -> list[InfluxQuery]:
    """Entries per day, final and provisional ones as two series."""
    return [
        series("usage_daily", Term("entries", "sum", label), where=condition, by=[DAY])
        for condition, label in ((FINAL, "Final"), (PROVISIONAL, "Provisional"))
    ]


ENTRIES_BY_DAY: dict[str, Properties] = {
    "Final": [colour(PERSON)],
    "Provisional": [colour("super-light-blue"), prop("custom.fillOpacity", 25)],
}


def _transformed(kind: str, **options: object) -> models.DataTransformerConfig:
    return models.DataTransformerConfig(id_val=kind, options=options)


DASHBOARD = dashboard(
    "hubpulse-daily-usage",
    "Daily usage",
    "How many people used each hub, each day, and how complete the figures are.",
    row(
        4,
        _entries("People entering", "All chosen hubs and days."),
        _entries("A week before", "The same stretch of days, seven days earlier: the same weekdays.", time_shift="7d"),
        _entries("A month before", "The same dates of the month before.", time_shift="1M"),
        panel(
            5,
            "Completeness",
            number(COMPLETE),
            series("usage_daily", Term("completeness", "mean", "Completeness")),
            says="Readings received of those expected, over the chosen hubs and days. "
            f"Sound from {COMPLETE_MIN * 100:g} % on.",
        ),
        panel(
            4,
            "Hub days still provisional",
            number(COUNT),
            series("usage_daily", Term("entries", "count", "Provisional"), where=PROVISIONAL),
            says="Days that are not over, or whose late readings may still come: their figures may change.",
            empty="0",
        ),
    ),
    row(
        9,
        panel(
            24,
            "People entering per day",
            bars(PEOPLE),
            *entries_by_day(),
            says="All chosen hubs together, by local day. Pale: provisional, may still change. A day without a bar "
            "was closed or has no data: see the next panel.",
            overrides=ENTRIES_BY_DAY,
        ),
    ),
    row(
        16,
        panel(
            24,
            "Every hub, every day",
            statushistory.Panel()
            .unit(PEOPLE.unit)
            .decimals(0)
            .min(0)
            .show_value(common_models.VisibilityMode.AUTO)
            .row_height(0.9)
            .legend(NO_LEGEND)
            .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.CONTINUOUS_BLUES))
            .thresholds(thresholds(Look(base=PERSON)))
            .mappings(value_texts(CODES)),
            InfluxQuery(hub_days(), "$tag_hub"),
            says="People entering by hub and local day. 0: open, and nobody came. closed: no opening hours and "
            "nobody counted. no data: the hub was to open, but no door counter reported.",
        ),
    ),
    row(
        13,
        panel(
            24,
            "Ranking and totals",
            columns("People"),
            table(
                "usage_daily",
                Term("entries", "sum", "People"),
                Term("entries", "mean", "A day"),
                Term("entries", "max", "Busiest day"),
                Term("wifi_peak_clients", "max", "Wi-Fi peak"),
                Term("completeness", "mean", "Completeness"),
                Term("entries", "count", "Days counted"),
                by=[HUB],
            ),
            says="Each hub over the chosen days, with the completeness of its figures. Days counted "
            "leaves out days without data; closed days count as 0.",
            overrides={
                "People": [*PEOPLE.column(), *GAUGE],
                "A day": PEOPLE.column(),
                "Busiest day": PEOPLE.column(),
                "Wi-Fi peak": look("wifi_peak_clients").column(),
                "Days counted": COUNT.column(),
                "Completeness": COMPLETE.column(),
            },
        ),
    ),
    row(
        12,
        panel(
            16,
            "Busiest hours",
            heatmap.Panel()
            .time_from("7d")
            .calculate(False)
            .unit(PEOPLE.unit)
            .cell_gap(1)
            .color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64))
            .show_legend(),
            series("usage_hourly", Term("entries", "sum"), by=[HOUR, HUB]),
            says="People entering by hub and clock hour over the last seven days.",
        ),
        panel(
            8,
            "By hour of the day",
            barchart.Panel()
            .with_transformation(_transformed("formatTime", timeField="Time", outputFormat="HH", timezone=ZONE))
            .with_transformation(
                _transformed(
                    "groupBy",
                    fields={
                        "Time": {"operation": "groupby"},
                        "People": {"operation": "aggregate", "aggregations": ["sum"]},
                    },
                )
            )
            .with_transformation(_transformed("sortBy", sort=[{"field": "Time", "desc": False}]))
            .x_field("Time")
            .unit(PEOPLE.unit)
            .decimals(0)
            .min(0)
            .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(PERSON))
            .legend(NO_LEGEND),
            table("usage_hourly", Term("entries", "sum", "People"), by=[HOUR]),
            says="People entering in each clock hour, added up over the chosen days and hubs.",
        ),
    ),
    row(
        9,
        panel(
            12,
            "Wi-Fi peak",
            lines(look("wifi_peak_clients")),
            series("usage_daily", Term("wifi_peak_clients", "max"), by=[DAY, HUB]),
            says="The most devices connected at once on each day. Devices are not people: some have two, some none.",
            min=0,
        ),
        panel(
            12,
            "Completeness by hub",
            lines(COMPLETE._replace(steps=COMPLETE.steps[-1:])),
            series("usage_daily", Term("completeness", "mean"), by=[DAY, HUB]),
            says=f"Readings received of those expected. Under the dashed line, {COMPLETE_MIN * 100:g} %, a day's "
            "figures are incomplete.",
            min=0,
            max=1,
        ),
    ),
    row(
        9,
        panel(
            24,
            "Figures that changed afterwards",
            columns("Time"),
            table(
                "usage_changes",
                Term("before", label="Before"),
                Term("after", label="After"),
                Term("revision", label="Revision"),
                by=[HUB, '"figure"'],
            ),
            says="Figures of past days that late readings made come out differently, by the day they are of.",
            empty="No figure of a past day has changed in this time range.",
            overrides={
                "Time": DAY_COLUMN,
                "figure": [prop("displayName", "Figure")],
                "/Before|After/": PEOPLE.column(),
            },
        ),
    ),
    variable=hub_variable(multi=True),
)
