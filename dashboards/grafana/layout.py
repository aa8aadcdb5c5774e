"""How a dashboard is put together: rows of panels on a grid of 24 columns, links to the others, the variable `hub`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.panels import Placed
from dashboards.grafana.query import DATASOURCE, InfluxQuery

TAG = "hubpulse"
GRID_COLUMNS = 24
Part = TypeVar("Part")


@dataclass(frozen=True)
class Row:
    """Panels side by side, of one height."""

    height: int
    panels: Sequence[Placed]


@dataclass(frozen=True)
class Annotation:
    """Marks on the time axis: one for each point that the query returns."""

    name: str
    query: str
    colour: str


def dashboard(
    *,
    uid: str,
    title: str,
    description: str,
    zone: str,
    rows: Sequence[Row],
    variables: Sequence[Builder[models.VariableModel]] = (),
    annotations: Sequence[Annotation] = (),
    time_from: str = "now-30d/d",
) -> builders.Dashboard:
    """Put rows of panels together, in the estate's time zone. Raises ValueError for a row that leaves a gap."""
    built = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone(zone)
        .week_start("monday")
        .time(time_from, "now")
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(_Built(_to_the_others()))
    )
    for variable in variables:
        built = built.with_variable(variable)
    for annotation in annotations:
        built = built.annotation(_Built(_AnnotationQuery(annotation)))
    for panel in _placed(title, rows):
        built = built.with_panel(_Built(panel))
    return built


def _placed(title: str, rows: Sequence[Row]) -> list[models.Panel]:
    panels: list[models.Panel] = []
    y = 0
    for row in rows:
        x = 0
        for placed in row.panels:
            placed.panel.id_val = len(panels) + 1
            placed.panel.grid_pos = models.GridPos(x=x, y=y, w=placed.width, h=row.height)
            panels.append(placed.panel)
            x += placed.width
        if x != GRID_COLUMNS:
            raise ValueError(f"{title}: the row at {y} is {x} columns wide, not {GRID_COLUMNS}")
        y += row.height
    return panels


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


class _AnnotationQuery(models.AnnotationQuery):
    """An annotation of the InfluxDB data source, in the form that its plugin reads."""

    def __init__(self, annotation: Annotation) -> None:
        super().__init__()
        self._annotation = annotation

    def to_json(self) -> dict[str, object]:
        return {
            "name": self._annotation.name,
            "enable": True,
            "hide": False,
            "iconColor": self._annotation.colour,
            "datasource": DATASOURCE.to_json(),
            "target": InfluxQuery(self._annotation.query, ref_id="Anno", table=True).to_json()
            | {"fromAnnotations": True},
        }


def hub_variable(*, multi: bool) -> builders.QueryVariable:
    """Which hubs to show, from the hubs that have sensors."""
    variable = (
        builders.QueryVariable("hub")
        .label("Hubs" if multi else "Hub")
        .datasource(DATASOURCE)
        .query('SHOW TAG VALUES FROM "sensor_status" WITH KEY = "hub"')
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
