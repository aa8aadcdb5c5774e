"""*Daily usage*, for programme managers: how many people used each hub, each day, and can the figure be trusted."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import barchart, heatmap, statushistory
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

from dashboards.grafana.hub_days import CLOSED, SILENT, hub_days
from dashboards.grafana.layout import dashboard, hub_variable
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
    number,
    panel,
    value_texts,
)
from dashboards.grafana.query import DAY, HOUR, HUB, ZONE, InfluxQuery, Term, series, table
from schemas.measures import COUNTED_MIN, PeopleState

PROVISIONAL = '"final" = false'
IN_PART, WHOLE = (f'"people_state" {sign} {PeopleState.PARTIAL:d}' for sign in ("=", "<>"))
"""Days that doors cover in part, and all others that have people."""
DAYS: dict[str, tuple[str, Properties]] = {
    "Final": (f'"final" = true AND {WHOLE}', colour(PERSON)),
    "Provisional": (f"{PROVISIONAL} AND {WHOLE}", colour("super-light-blue") | {"custom.fillOpacity": 25}),
    "In part": (IN_PART, colour("yellow")),
}
"""Bars of people by what their day's figure is worth: which days, and how they are shown."""
MISSED = Term("entries_estimate", "sum", "Not counted, estimated")
LACKING = Term("people_state", "count", "Hub days missing or in part")
"""Both stand beside every sum over hubs or days, so that none looks whole that is not."""
NOT_WHOLE = f'("people_state" = {PeopleState.NONE:d} OR "people_state" = {PeopleState.PARTIAL:d})'
BESIDE: dict[str, Properties] = {
    MISSED.label: colour(QUIET) | {"custom.fillOpacity": 10},
    LACKING.label: UNSTACKED | {"custom.hideFrom": {"viz": True, "legend": False, "tooltip": False}},
}
GAUGE = {"custom.cellOptions": {"type": "gauge", "mode": "basic"}, "min": 0, **colour(PERSON)}
CODES = {str(CLOSED): ("closed", QUIET), str(SILENT): ("no data", "red"), "0": ("0", "yellow")}


def _entries(says: str, **options: Any) -> models.Panel:
    counted, missed = series("usage_daily", Term("entries", "sum")), series("usage_estimates", MISSED)
    lacking = series("usage_daily", LACKING, where=NOT_WHOLE)
    return panel(number(), counted, missed, lacking, says=says, **options)


def entries_per_day(says: str, *queries: InfluxQuery, overrides: dict[str, Properties] | None = None) -> models.Panel:
    """Bars of final days, pale ones of provisional, yellow ones of days counted in part, and on top who was missed."""
    return panel(
        bars(),
        *(
            series("usage_daily", Term("entries", "sum", name), where=days, by=[DAY])
            for name, (days, _) in DAYS.items()
        ),
        series("usage_estimates", MISSED, by=[DAY]),
        series("usage_daily", LACKING, where=NOT_WHOLE, by=[DAY]),
        *queries,
        title="People entering per day",
        says=says,
        overrides={name: shown for name, (_, shown) in DAYS.items()} | BESIDE | (overrides or {}),
    )


def _calendar() -> statushistory.Panel:
    blues = builders.FieldColor().mode(models.FieldColorModeId.CONTINUOUS_BLUES)
    return statushistory.Panel().min(0).color_scheme(blues).mappings(value_texts(CODES))


def _heatmap() -> heatmap.Panel:
    blues = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues").steps(64)
    return heatmap.Panel().time_from("7d").color(blues)


def _by_clock_hour() -> barchart.Panel:
    """Bars of the hours 00 to 23: the mean of each hour's values over hubs and days, made by Grafana."""
    means = {"Time": {"operation": "groupby"}, "People": {"operation": "aggregate", "aggregations": ["mean"]}}
    steps: dict[str, Any] = {
        "formatTime": {"timeField": "Time", "outputFormat": "HH", "timezone": ZONE},
        "groupBy": {"fields": means},
        "sortBy": {"sort": [{"field": "Time", "desc": False}]},
    }
    transformations = [models.DataTransformerConfig(id_val=name, options=options) for name, options in steps.items()]
    blue = builders.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(PERSON)
    return barchart.Panel().transformations(transformations).x_field("Time").min(0).color_scheme(blue)


DASHBOARD = dashboard(
    "hubpulse-daily-usage",
    "Daily usage",
    "How many people used each hub, each day, and how complete the figures are.",
    [
        _entries(
            "All chosen hubs and days: those who were counted, and an estimate of those whom no door counted, by the "
            "same weekday and the other hubs. Days with too little history are in neither."
        ),
        _entries(
            "The same stretch of days, seven days earlier: the same weekdays.", title="A week before", time_shift="7d"
        ),
        _entries("The same dates of the month before.", title="A month before", time_shift="1M"),
        panel(
            number(),
            series("usage_daily", Term("footfall_completeness", "mean")),
            says="Share of the usual people whose time the door counters cover, over the chosen hubs and days. "
            f"From {COUNTED_MIN * 100:g} % on a day is counted, below it in part.",
        ),
        panel(
            number(),
            series("usage_daily", Term("entries", "count", "Provisional"), where=PROVISIONAL),
            title="Hub days still provisional",
            says="Days that are not over, or whose late readings may still come: their figures may change.",
            empty="0",
        ),
    ],
    entries_per_day(
        "All chosen hubs together, by local day. Pale: provisional, may still change. Yellow: in part. "
        "Grey on top: not counted, estimated. A day without a bar was closed or has no data: see the next panel."
    ),
    panel(
        _calendar(),
        InfluxQuery(hub_days(), "$tag_hub"),
        title="Every hub, every day",
        says="People entering by hub and local day. 0: open, and nobody came. closed: no opening hours and "
        "nobody counted. no data: the hub was to open, but no door counter reported.",
        size=(24, 16),
    ),
    panel(
        columns("People"),
        table(
            "usage_daily",
            Term("entries", "sum", "People"),
            Term("entries", "mean", "A day"),
            Term("entries", "max", "Busiest day"),
            Term("wifi_peak_clients", "max"),
            Term("footfall_completeness", "mean"),
            Term("entries", "count", "Days counted"),
            by=[HUB],
        ),
        table("usage_estimates", MISSED, by=[HUB]),
        table("usage_daily", LACKING, where=NOT_WHOLE, by=[HUB]),
        title="Ranking and totals",
        says="Each hub over the chosen days, with the share of opening time that its doors cover. Days counted "
        "leaves out days without data; closed days count as 0. People are those who were counted; beside them an "
        "estimate of those who were not.",
        overrides={"People": GAUGE},
        size=(24, 13),
    ),
    [
        panel(
            _heatmap(),
            series("usage_hourly", Term("entries", "sum"), by=[HOUR, HUB]),
            title="Busiest hours",
            says="People entering by hub and clock hour over the last seven days.",
            size=(16, 12),
        ),
        panel(
            _by_clock_hour(),
            table("usage_hourly", Term("entries", "sum", "People"), by=[HOUR, HUB]),
            title="By hour of the day",
            says="People entering a hub in each clock hour, on average over the chosen hubs and the hours counted.",
            size=(8, 12),
        ),
    ],
    [
        panel(
            lines(),
            series("usage_daily", Term("wifi_peak_clients", "max"), by=[DAY, HUB]),
            says="The most devices connected at once on each day. Devices are not people: some have two, some none.",
            min=0,
        ),
        panel(
            lines(),
            series("usage_daily", Term("footfall_completeness", "mean"), by=[DAY, HUB]),
            title="Doors covered, by hub",
            says="Share of the usual people whose time the door counters cover. Under the upper dashed line, "
            f"{COUNTED_MIN * 100:g} %, a day's people are counted in part.",
            min=0,
            max=1,
        ),
    ],
    panel(
        columns("Time"),
        table(
            "usage_changes",
            Term("before", label="Before"),
            Term("after", label="After"),
            Term("revision"),
            by=[HUB, '"figure"'],
        ),
        title="Figures that changed afterwards",
        says="Figures of past days that late readings made come out differently, by the day they are of.",
        empty="No figure of a past day has changed in this time range.",
        overrides={"Time": DAY_COLUMN, "figure": {"displayName": "Figure"}},
    ),
    variable=hub_variable(multi=True),
)
