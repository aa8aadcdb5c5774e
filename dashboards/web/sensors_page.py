"""The page of sensors: what is wrong with each, since when, what to do, and which to visit first.

GET /sensors?hub=&state=&sort=          the page
GET /sensors/file?...&format=csv|xlsx   the same rows as a file
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from dashboards.access.gate import visitor_of
from dashboards.charts import Column, Table
from dashboards.web import downloads, pages, wording
from dashboards.web.parts import part
from dashboards.web.snapshot import Snapshot, SnapshotSource
from schemas import Estate
from schemas.localtime import rfc3339
from schemas.texts import N_, _
from usage.sensor_conditions import ADVICE, LABELS, Condition, SensorCondition, sensor_conditions

PATH = "/sensors"


class Sort(StrEnum):
    """In which order sensors are listed."""

    VISIT = "visit"
    HUB = "hub"
    BATTERY = "battery"
    SIGNAL = "signal"
    SEEN = "seen"


_SORTS = {
    Sort.VISIT: N_("what to visit first"),
    Sort.HUB: N_("hub"),
    Sort.BATTERY: N_("battery, lowest first"),
    Sort.SIGNAL: N_("signal, weakest first"),
    Sort.SEEN: N_("last seen, longest ago first"),
}

HubAsked = Annotated[str, Query(alias="hub", max_length=64)]
StateAsked = Annotated[Condition | Literal[""], Query(alias="state")]
SortAsked = Annotated[Sort, Query(alias="sort")]


def add_sensors_page(app: FastAPI, source: SnapshotSource, estate: Callable[[], Estate]) -> None:
    """Add the page and its files."""

    @app.get(PATH, response_class=HTMLResponse, include_in_schema=False)
    def sensors_page(
        request: Request, hub: HubAsked = "", state: StateAsked = "", sort: SortAsked = Sort.VISIT
    ) -> HTMLResponse:
        visitor = visitor_of(request)
        snapshot = source.get().of(visitor.hubs)
        everything = _found(snapshot, estate(), hub)
        return pages.page(
            request,
            "sensors.html",
            snapshot=snapshot,
            names=_names(snapshot),
            rows=part(request, _of_state(everything, state, sort), "page", "list-h"),
            counts=Counter(each.condition for each in everything),
            conditions=list(Condition),
            labels=LABELS,
            advice=ADVICE,
            sorts=_SORTS,
            chosen_hub=hub,
            chosen_state=state,
            chosen_sort=sort,
            all_hubs=visitor.hubs is None,
            pending=source.told.pending() if visitor.hubs is None else None,
        )

    @app.get(f"{PATH}/file", include_in_schema=False)
    def sensors_file(
        request: Request,
        form: Annotated[Literal["csv", "xlsx"], Query(alias="format")],
        hub: HubAsked = "",
        state: StateAsked = "",
        sort: SortAsked = Sort.VISIT,
    ) -> Response:
        snapshot = source.get().of(visitor_of(request).hubs)
        table = _table(snapshot, _of_state(_found(snapshot, estate(), hub), state, sort))
        return downloads.of_table(table, "hubpulse-sensors", form)


def _found(snapshot: Snapshot, estate: Estate, hub: str) -> list[SensorCondition]:
    hubs = [each for each in snapshot.states if hub in ("", each.id, each.name)]
    if hub and not hubs:
        raise HTTPException(404, _("There is no hub of that name here."))
    sensors = [sensor for each in hubs for sensor in each.sensors]
    silences = [silence for each in hubs for silence in snapshot.silences.get(each.id, ())]
    return sensor_conditions(estate, sensors, silences)


def _names(snapshot: Snapshot) -> dict[str, str]:
    return {hub.id: hub.name for hub in snapshot.states}


def _of_state(rows: list[SensorCondition], state: Condition | Literal[""], sort: Sort) -> list[SensorCondition]:
    return _sorted([row for row in rows if state in ("", row.condition)], sort)


def _sorted(rows: list[SensorCondition], sort: Sort) -> list[SensorCondition]:
    """Rows come in the order of visits, which the other orders keep among equals; what is not known comes last."""

    def known(value: float | None) -> tuple[bool, float]:
        return value is None, value or 0

    match sort:
        case Sort.VISIT:
            return rows
        case Sort.HUB:
            return sorted(rows, key=lambda row: row.state.hub)
        case Sort.BATTERY:
            return sorted(rows, key=lambda row: known(row.state.battery_pct))
        case Sort.SIGNAL:
            return sorted(rows, key=lambda row: known(row.state.values.get("rssi_dbm")))
        case Sort.SEEN:
            return sorted(rows, key=lambda row: row.state.last_seen_ns or 0)


def _table(snapshot: Snapshot, rows: Sequence[SensorCondition]) -> Table:
    labels = (_("Hub"), _("Sensor"), _("Zone"), _("Model"), _("State"), _("Last seen (UTC)"), _("Battery, %"))
    columns = [*map(Column, labels), Column(_("Signal, dBm")), Column(_("Lost by the radio, share"), 3)]
    return Table(
        _("Sensors"),
        "",
        f"{wording.day(snapshot.now.date(), snapshot.now.date())} {wording.clock(snapshot.now)}",
        snapshot.name or "Hubpulse",
        [*columns, Column(_("What to do"))],
        [
            (
                row.state.hub,
                row.state.sensor,
                row.state.zone,
                row.model,
                _(LABELS[row.condition]),
                None if row.state.last_seen_ns is None else rfc3339(row.state.last_seen_ns),
                row.state.battery_pct,
                row.state.values.get("rssi_dbm"),
                row.state.lost_share,
                row.advice,
            )
            for row in rows
        ],
    )
