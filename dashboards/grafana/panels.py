"""Panels as declarations: what every panel has, the kinds of panel, and how a measure of the catalogue is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import common, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.query import DATASOURCE, InfluxQuery
from schemas.measures import MEASURES, Tone

Properties = dict[str, object]
"""Of a series or column: each property by its id, such as `custom.lineWidth`."""

PERSON, QUIET = "blue", "#8e8e8e"
_COLOURS = {Tone.GOOD: "green", Tone.WARN: "yellow", Tone.POOR: "orange", Tone.ALARM: "red", Tone.COLD: "blue"}


class Look(NamedTuple):
    """How a value is shown: `base` is its colour below the first step, then each step's from its value on."""

    unit: str = "locale"
    decimals: int = 0
    base: str = "text"
    steps: Sequence[tuple[float, str]] = ()

    def thresholds(self) -> Builder[models.ThresholdsConfig]:
        """Colours by value."""
        steps = [models.Threshold(value=value, color=name) for value, name in ((None, self.base), *self.steps)]
        return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)

    def column(self) -> Properties:
        """The same for a column of a table."""
        shown: Properties = {"unit": self.unit, "decimals": self.decimals}
        if self.steps:
            steps = self.thresholds().build().to_json()
            shown |= {"thresholds": steps, "custom.cellOptions": {"type": "color-text"}}
        return shown


def look(field: str) -> Look:
    """A field as the catalogue has it: unit, decimals, and a colour for each band; else a plain number."""
    measure = MEASURES.get(field)
    if measure is None:
        return Look()
    colours = [_COLOURS[band.tone] for band in measure.bands]
    steps = [(band.start, tone) for band, tone in zip(measure.bands, colours, strict=True) if band.start is not None]
    return Look(measure.unit.grafana, measure.decimals, colours[0] if colours else "text", steps)


def panel(
    kind: Any,
    *queries: InfluxQuery,
    says: str,
    title: str = "",
    empty: str = "",
    shown: Look | None = None,
    overrides: Mapping[str, Properties] | None = None,
    size: tuple[int, int] | None = None,
    **options: Any,
) -> models.Panel:
    """A panel of a kind, which is a builder: its queries and what it means. The rest follows from the first query.

    Title, unit, decimals and colours are those of its field in the catalogue, as are those of a table's columns.
    `overrides` are for single series or columns, by name, or by pattern where it begins with a slash. `size` is
    width and height on the grid, where it is not that of its row. `options` are the builder's own.
    """
    first = queries[0]
    field = first.terms[0].field if first.terms else ""
    values = shown or look(field)
    kind.title(title or MEASURES[field].label).description(says).datasource(DATASOURCE)
    kind.unit(values.unit).decimals(values.decimals).thresholds(values.thresholds())
    kind.no_value(empty or _empty(kind, first))
    for letter, query in zip("ABCDEFGH", queries, strict=False):
        query.ref_id = query.ref_id or letter
        kind.with_target(query)
    columns = [(term.label, look(term.field).column()) for query in queries if query.table for term in query.terms]
    for name, properties in [*columns, *(overrides or {}).items()]:
        override = kind.override_by_regexp if name.startswith("/") else kind.override_by_name
        override(name, _values(properties))
    for name, value in options.items():
        getattr(kind, name)(value)
    result: models.Panel = kind.build()
    if size:
        result.grid_pos = models.GridPos(w=size[0], h=size[1])
    return result


def _values(properties: Properties) -> list[models.DynamicConfigValue]:
    return [models.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]


def _empty(kind: Any, query: InfluxQuery) -> str:
    """What to think of a panel that has nothing to show, by where its figures come from."""
    match query.measurement:
        case "usage_daily" | "usage_hourly":
            what, see = "figures", "whether `hubpulse jobs` runs"
        case "pipeline_status":
            what, see = "report", "whether `hubpulse ingest` runs"
        case _:
            what, see = "reading", "`hubpulse doctor`"
    return f"no {what}" if isinstance(kind, stat.Panel) else f"No {what} in this time range: see {see}."


# ------------------------------------------------------------------------------------------------------ kinds of panel


def number() -> stat.Panel:
    """One number for each series, coloured where there are steps."""
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().graph_mode(common_models.BigValueGraphMode.NONE).reduce_options(last)


def bars() -> timeseries.Panel:
    """Bars on a time axis, each beginning at its own time, series on top of each other."""
    return (
        _over_time()
        .min(0)
        .draw_style(common_models.GraphDrawStyle.BARS)
        .bar_width_factor(0.8)
        .bar_alignment(common_models.BarAlignment.AFTER)
        .fill_opacity(80)
        .stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    )


def lines() -> timeseries.Panel:
    """Lines on a time axis; with steps, dashed at their values. A gap in the data stays a gap."""
    dashed = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
    return _over_time().show_points(common_models.VisibilityMode.AUTO).span_nulls(False).thresholds_style(dashed)


def _over_time() -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.LIST).show_legend(True)
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    return (
        timeseries.Panel()
        .line_width(1)
        .legend(legend.placement(common_models.LegendPlacement.BOTTOM))
        .tooltip(tooltip.sort(common_models.SortOrder.DESCENDING))
    )


def state_rows() -> statetimeline.Panel:
    """A row for each series, coloured by value along the time axis."""
    return (
        statetimeline.Panel()
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .show_value(common_models.VisibilityMode.NEVER)
        .row_height(0.85)
        .merge_values(False)
    )


def columns(sort_by: str, *, descending: bool = True) -> tables.Panel:
    """A table; the column of times is hidden, since each row stands for the whole time range."""
    to_hub = {"title": "This hub", "url": "/d/hubpulse-hub?var-hub=${__value.raw}&${__url_time_range}"}
    return (
        tables.Panel()
        .sort_by([common.TableSortByFieldState().display_name(sort_by).desc(descending)])
        .override_by_regexp("/^Time/", _values({"custom.hidden": True}))
        .override_by_name("hub", _values({"displayName": "Hub", "links": [to_hub]}))
    )


# --------------------------------------------------------------------------------------------------- parts of a panel


def value_texts(texts: Mapping[str, tuple[str, str]]) -> list[models.ValueMapping]:
    """Words and colours in place of single values: `{"-1": ("closed", "#888")}`."""
    results = {
        value: models.ValueMappingResult(text=text, color=name, index=index)
        for index, (value, (text, name)) in enumerate(texts.items())
    }
    return [models.ValueMap(options=results)]


def texts(given: Mapping[str, tuple[str, str]]) -> Properties:
    """The same for a column of a table."""
    return {"mappings": [mapping.to_json() for mapping in value_texts(given)]}


def colour(name: str) -> Properties:
    """One colour, whatever the value."""
    return {"color": {"mode": "fixed", "fixedColor": name}}


UNSTACKED: Properties = {"custom.stacking": {"mode": "none"}}
DAY_COLUMN: Properties = {"custom.hidden": False, "unit": "time:ddd D MMM", "displayName": "Day"}
