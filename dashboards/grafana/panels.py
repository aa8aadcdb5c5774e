"""What all panels share (description, text for no data, colours), and how a dashboard is put together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.query import DATASOURCE

TAG = "hubpulse"
GRID_COLUMNS = 24
Part = TypeVar("Part")


class PanelBuilder(Protocol):
    """What the builders of all kinds of panel have in common."""

    def title(self, title: str) -> Self: ...
    def description(self, description: str) -> Self: ...
    def no_value(self, no_value: str) -> Self: ...
    def datasource(self, datasource: Any) -> Self: ...
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


@dataclass(frozen=True)
class Row:
    """Panels side by side, of one height."""

    height: int
    panels: Sequence[Placed]


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


def dashboard(
    *,
    uid: str,
    title: str,
    description: str,
    zone: str,
    rows: Sequence[Row],
    variables: Sequence[Builder[models.VariableModel]] = (),
    time_from: str = "now-30d/d",
    refresh: str = "1m",
) -> builders.Dashboard:
    """Put rows of panels together, under links to the other dashboards, in the estate's time zone."""
    built = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone(zone)
        .week_start("monday")
        .time(time_from, "now")
        .refresh(refresh)
        .readonly()
        .link(_Built(_to_the_others()))
    )
    for variable in variables:
        built = built.with_variable(variable)
    number, y = 0, 0
    for row in rows:
        x = 0
        for placed in row.panels:
            number += 1
            placed.panel.id_val = number
            placed.panel.grid_pos = models.GridPos(x=x, y=y, w=placed.width, h=row.height)
            built = built.with_panel(_Built(placed.panel))
            x += placed.width
        if x != GRID_COLUMNS:
            raise ValueError(f"{title}: the row at {y} is {x} columns wide, not {GRID_COLUMNS}")
        y += row.height
    return built


def _to_the_others() -> models.DashboardLink:
    """Links to the dashboards of our tag, in view on top rather than in a menu."""
    return models.DashboardLink(
        title="Hubpulse",
        type_val=models.DashboardLinkType.DASHBOARDS,
        tags=[TAG],
        keep_time=True,
        include_vars=True,
    )


class _Built(Builder[Part]):
    """A part that is built already, for a dashboard that takes builders."""

    def __init__(self, built: Part) -> None:
        self._built = built

    def build(self) -> Part:
        return self._built


def hub_variable(*, multi: bool) -> builders.QueryVariable:
    """Which hubs to show, from the hubs that have daily figures."""
    variable = (
        builders.QueryVariable("hub")
        .label("Hubs" if multi else "Hub")
        .datasource(DATASOURCE)
        .query('SHOW TAG VALUES FROM "usage_daily" WITH KEY = "hub"')
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(multi)
    )
    if multi:
        everything = models.VariableOption(selected=True, text=["All"], value=["$__all"])
        return variable.include_all(True).all_value(".*").current(everything)
    return variable


def as_json(built: models.Dashboard) -> dict[str, Any]:
    """A dashboard as Grafana's API and provisioning take it."""
    content: dict[str, Any] = json.loads(json.dumps(built, cls=JSONEncoder))
    return content
