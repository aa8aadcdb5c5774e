"""What panels share: description and text for no data, the looks of numbers, bars, lines and tables, colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import common, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.query import DATASOURCE, InfluxQuery

Steps = Sequence[tuple[float, str]]
Kind = TypeVar("Kind", bound="PanelBuilder")

PERSON, QUIET = "blue", "#8e8e8e"
AIR_STEPS: Steps = ((800, "yellow"), (1500, "red"))
"""HSE / SAGE-EMG: under 800 ppm is likely well ventilated, above 1500 ppm poor; judged while occupied."""
COLD_STEPS: Steps = ((16, "green"), (25, "yellow"))
HUMIDITY_STEPS: Steps = ((40, "green"), (70, "yellow"))
COMPLETE_STEPS: Steps = ((0.7, "orange"), (0.9, "green"))
BATTERY_STEPS: Steps = ((15, "yellow"), (30, "green"))


class PanelBuilder(Protocol):
    """What the builders of all kinds of panel have in common."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def datasource(self, datasource: Any) -> Self: ...
    def with_target(self, target: Builder[Dataquery]) -> Self: ...
    def build(self) -> models.Panel: ...


@dataclass(frozen=True)
class Placed:
    """A panel and its width in a row of 24 columns."""

    panel: models.Panel
    width: int


def panel(builder: PanelBuilder, *, title: str, description: str, no_data: str, width: int) -> Placed:
    """Give a panel what every panel must have: a title, what it means, and what to think when it is empty."""
    built = builder.title(title).description(description).no_value(no_data).datasource(DATASOURCE).build()
    return Placed(built, width)


# ------------------------------------------------------------------------------------------------------ kinds of panel


def big_number(
    *queries: InfluxQuery, unit: str, decimals: int = 0, base: str = "text", steps: Steps = ()
) -> stat.Panel:
    """One number for each series, coloured where there are steps."""
    coloured = common_models.BigValueColorMode.VALUE if steps else common_models.BigValueColorMode.NONE
    built = (
        stat.Panel()
        .unit(unit)
        .decimals(decimals)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .color_mode(coloured)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(thresholds(base, *steps))
    )
    return _asking(built, queries)


def bars(*queries: InfluxQuery, unit: str, decimals: int = 0) -> timeseries.Panel:
    """Bars on a time axis, each beginning at its own time, series on top of each other."""
    built = (
        timeseries.Panel()
        .unit(unit)
        .decimals(decimals)
        .min(0)
        .draw_style(common_models.GraphDrawStyle.BARS)
        .bar_width_factor(0.8)
        .bar_alignment(common_models.BarAlignment.AFTER)
        .line_width(1)
        .fill_opacity(80)
        .stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
        .legend(list_legend())
        .tooltip(sorted_tooltip())
    )
    return _asking(built, queries)


def lines(*queries: InfluxQuery, unit: str, decimals: int = 0, base: str = "", steps: Steps = ()) -> timeseries.Panel:
    """Lines on a time axis; with steps, dashed at their values. A gap in the data stays a gap."""
    built = (
        timeseries.Panel()
        .unit(unit)
        .decimals(decimals)
        .line_width(1)
        .show_points(common_models.VisibilityMode.AUTO)
        .span_nulls(False)
        .legend(list_legend())
        .tooltip(sorted_tooltip())
    )
    if steps:
        dashed = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        built = built.thresholds(thresholds(base or "green", *steps)).thresholds_style(dashed)
    return _asking(built, queries)


def state_rows(*queries: InfluxQuery, unit: str, decimals: int, base: str, steps: Steps) -> statetimeline.Panel:
    """A row for each series, coloured by value along the time axis."""
    built = (
        statetimeline.Panel()
        .unit(unit)
        .decimals(decimals)
        .thresholds(thresholds(base, *steps))
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .show_value(common_models.VisibilityMode.NEVER)
        .row_height(0.85)
        .line_width(0)
        .merge_values(False)
        .legend(common.VizLegendOptions().show_legend(False))
    )
    return _asking(built, queries)


def columns(*queries: InfluxQuery, sort_by: str, descending: bool = True) -> table.Panel:
    """A table; the column of times is hidden, since each row stands for the whole time range."""
    built = (
        table.Panel()
        .sort_by([common.TableSortByFieldState().display_name(sort_by).desc(descending)])
        .override_by_regexp("/^Time/", [prop("custom.hidden", True)])
        .override_by_name("hub", [prop("displayName", "Hub"), prop("links", [to_hub()])])
    )
    return _asking(built, queries)


def _asking(built: Kind, queries: Sequence[InfluxQuery]) -> Kind:
    for query in queries:
        built.with_target(query)
    return built


# --------------------------------------------------------------------------------------------------- parts of a panel


def thresholds(base: str, *steps: tuple[float, str]) -> Builder[models.ThresholdsConfig]:
    """Colours by value: `base` below the first step, then each step's colour from its value on."""
    given = [models.Threshold(value=None, color=base), *(models.Threshold(value=v, color=c) for v, c in steps)]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(given)


def value_texts(texts: Mapping[str, tuple[str, str]]) -> list[models.ValueMapping]:
    """Words and colours in place of single values: `{"-1": ("closed", "#888")}`."""
    results = {
        value: models.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(texts.items())
    }
    return [models.ValueMap(options=results)]


def list_legend() -> Builder[common_models.VizLegendOptions]:
    """Names in a line under the chart."""
    return (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)
    )


def sorted_tooltip() -> Builder[common_models.VizTooltipOptions]:
    """All series at the pointer, the highest first."""
    return (
        common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI).sort(common_models.SortOrder.DESCENDING)
    )


def prop(name: str, value: object) -> models.DynamicConfigValue:
    """One property of an override."""
    return models.DynamicConfigValue(id_val=name, value=value)


def colour(name: str) -> models.DynamicConfigValue:
    """One colour, whatever the value."""
    return prop("color", {"mode": "fixed", "fixedColor": name})


def shown_as(unit: str, decimals: int = 0) -> list[models.DynamicConfigValue]:
    """A column's unit and decimals."""
    return [prop("unit", unit), prop("decimals", decimals)]


def coloured_text(base: str, steps: Steps) -> list[models.DynamicConfigValue]:
    """A column whose text takes its colour from the value."""
    given: list[dict[str, object]] = [{"value": None, "color": base}]
    given += [{"value": value, "color": name} for value, name in steps]
    return [
        prop("thresholds", {"mode": "absolute", "steps": given}),
        prop("custom.cellOptions", {"type": "color-text"}),
    ]


def to_hub() -> dict[str, object]:
    """A link from a hub's id to its own dashboard, over the same stretch of time."""
    return {"title": "This hub", "url": "/d/hubpulse-hub?var-hub=${__value.raw}&${__url_time_range}"}
