"""How a dashboard is put together: rows of panels on a grid of 24 columns, links to the others, the variable `hub`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.grafana.query import DATASOURCE, ZONE, InfluxQuery

TAG = "hubpulse"
GRID_COLUMNS = 24
LINK = models.DashboardLinkType.DASHBOARDS
Content = dict[str, Any]


Row = models.Panel | Sequence[models.Panel]
"""A panel over the whole width, or panels side by side."""


def annotation(name: str, query: str, colour: str) -> Content:
    """Marks on the time axis: one for each point that the query returns."""
    return {
        "name": name,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "datasource": DATASOURCE.to_json(),
        "target": InfluxQuery(query, table=True, ref_id="Anno").to_json() | {"fromAnnotations": True},
    }


def dashboard(
    uid: str,
    title: str,
    description: str,
    *rows: Row,
    variable: builders.QueryVariable | None = None,
    annotations: Sequence[Content] = (),
    time_from: str = "now-30d/d",
) -> Content:
    """A dashboard as Grafana takes it, in the time zone ZONE; rows lie below one another."""
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
    built.links = [models.DashboardLink("Hubpulse", LINK, tags=[TAG], keep_time=True, include_vars=True)]
    built.panels = list(_placed(rows))
    content: Content = json.loads(json.dumps(built, cls=JSONEncoder))
    if annotations:
        content["annotations"] = {"list": list(annotations)}
    return content


def _placed(rows: Sequence[Row]) -> Iterator[models.Panel]:
    """Each panel in its place: of one width, and low for numbers, where it has no size of its own."""
    ids, y = count(1), 0
    for row in rows:
        panels = [row] if isinstance(row, models.Panel) else row
        width, rest = divmod(GRID_COLUMNS, len(panels))
        x = 0
        for i, panel in enumerate(panels):
            place = panel.grid_pos or models.GridPos(w=width + (i < rest), h=4 if panel.type_val == "stat" else 9)
            place.x, place.y = x, y
            panel.id_val, panel.grid_pos = next(ids), place
            x += place.w
            yield panel
        y += place.h


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
