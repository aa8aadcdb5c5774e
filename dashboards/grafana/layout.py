"""How a dashboard is put together: rows of panels on a grid of 24 columns, links to the others, the variable `hub`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.panels import Placed
from dashboards.grafana.query import DATASOURCE, ZONE, InfluxQuery

TAG = "hubpulse"
GRID_COLUMNS = 24
Content = dict[str, Any]


class Row(NamedTuple):
    """Panels side by side, of one height."""

    height: int
    panels: Sequence[Placed]


def row(height: int, *panels: Placed) -> Row:
    """Panels side by side, of one height."""
    return Row(height, panels)


class Annotation(NamedTuple):
    """Marks on the time axis: one for each point that the query returns."""

    name: str
    query: str
    colour: str

    def content(self) -> Content:
        return {
            "name": self.name,
            "enable": True,
            "hide": False,
            "iconColor": self.colour,
            "datasource": DATASOURCE.to_json(),
            "target": InfluxQuery(self.query, table=True, ref_id="Anno").to_json() | {"fromAnnotations": True},
        }


def dashboard(
    uid: str,
    title: str,
    description: str,
    *rows: Row,
    variable: builders.QueryVariable | None = None,
    annotations: Sequence[Annotation] = (),
    time_from: str = "now-30d/d",
) -> Content:
    """A dashboard as Grafana takes it, in the time zone ZONE. Raises ValueError for a row that leaves a gap."""
    building = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .timezone(ZONE)
        .week_start("monday")
        .time(time_from, "now")
        .refresh("1m")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    if variable is not None:
        building = building.with_variable(variable)
    built = building.build()
    built.links = [_to_the_others()]
    built.panels = list(_placed(title, rows))
    content: Content = json.loads(json.dumps(built, cls=JSONEncoder))
    if annotations:
        content["annotations"] = {"list": [annotation.content() for annotation in annotations]}
    return content


def _placed(title: str, rows: Sequence[Row]) -> list[models.Panel]:
    panels: list[models.Panel] = []
    y = 0
    for row in rows:
        x = 0
        for panel, width in row.panels:
            panel.id_val = len(panels) + 1
            panel.grid_pos = models.GridPos(x=x, y=y, w=width, h=row.height)
            panels.append(panel)
            x += width
        if x != GRID_COLUMNS:
            raise ValueError(f"{title}: the row at {y} is {x} columns wide, not {GRID_COLUMNS}")
        y += row.height
    return panels


def _to_the_others() -> models.DashboardLink:
    """Links to the dashboards of our tag, in view on top rather than in a menu."""
    kind = models.DashboardLinkType.DASHBOARDS
    return models.DashboardLink(title="Hubpulse", type_val=kind, tags=[TAG], keep_time=True, include_vars=True)


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
