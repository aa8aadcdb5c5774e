"""The routes of `/api/v1`: each asks one question of `Queries` and answers with a table's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from dashboards.access.gate import require_all_hubs, visitor_of
from dashboards.alerts.history import read_alerts
from dashboards.alerts.rules import rules_of
from dashboards.api import alerts, rows
from dashboards.api.answers import Asked, answer
from dashboards.api.questions import HOURLY_DAYS_MAX, PERIOD_DAYS_MAX, Days, OfAlerts, OfHub, Periods, Readings
from dashboards.api.rows import Table
from schemas import Estate
from schemas.localtime import from_ns
from stores.protocol import Store
from usage import Queries, UnknownHubError

PREFIX = "/api/v1"


class Problem(BaseModel):
    """Why a question could not be answered."""

    error: str = Field(description="What is wrong, and what to ask instead.")


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The question can't be answered as it was asked."},
    401: {"model": Problem, "description": "Nobody is signed in, and there is no token that is known."},
    403: {"model": Problem, "description": "It is for somebody who sees all hubs."},
    404: {"model": Problem, "description": "There is no hub of that name."},
    503: {"model": Problem, "description": "The store can't be read at the moment: ask again later."},
    # FastAPI would describe its own answer to what can't be read, which is a 400 here.
    "default": {"model": Problem, "description": "What is wrong."},
}


@dataclass(frozen=True)
class _Api:
    """What the routes ask: a store, which each of them opens for itself."""

    open_store: Callable[[], Store]
    estate: Callable[[], Estate]
    clock_ns: Callable[[], int]

    @contextmanager
    def asking(self, request: Request, hub: str | None = None) -> Iterator[Queries]:
        """The queries of a store that is closed afterwards; a hub that this visitor does not know is not found."""
        if hub is not None and not visitor_of(request).sees(hub):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"no hub {hub!r} that you see")
        with closing(self.open_store()) as store:
            queries = Queries(store, self.estate(), now_ns=self.clock_ns())
            try:
                if hub is not None:
                    queries.hubs(hub)
            except UnknownHubError as error:
                sees_all = visitor_of(request).hubs is None
                raise HTTPException(HTTPStatus.NOT_FOUND, str(error) if sees_all else f"no hub {hub!r}") from error
            yield queries


async def _api_of(request: Request) -> _Api:
    found: _Api = request.app.state.api
    return found


Api = Annotated[_Api, Depends(_api_of)]


def _hubs(api: Api, request: Request, asked: Annotated[OfHub, Query()]) -> Response:
    with api.asking(request, asked.hub) as queries:
        found = (hub for hub in queries.hub_states() if asked.hub in (None, hub.id))
        return answer(request, asked, rows.HUBS.names, rows.hubs(found))


def _sensors(api: Api, request: Request, asked: Annotated[OfHub, Query()]) -> Response:
    with api.asking(request, asked.hub) as queries:
        found = (sensor for hub, of_hub in queries.sensors.items() if asked.hub in (None, hub) for sensor in of_hub)
        return answer(request, asked, rows.SENSORS.names, rows.sensors(found))


def _daily(api: Api, request: Request, asked: Annotated[Days, Query()]) -> Response:
    with api.asking(request, asked.hub) as queries:
        days = asked.range(queries.today(asked.hub))
        found, notes = queries.stored_daily(*days, hub=asked.hub), queries.notes(*days, hub=asked.hub)
        return answer(request, asked, rows.DAILY.names, rows.daily(found, notes))


def _hourly(api: Api, request: Request, asked: Annotated[Days, Query()]) -> Response:
    with api.asking(request, asked.hub) as queries:
        found = queries.stored_hours(*asked.range(queries.today(asked.hub), HOURLY_DAYS_MAX), hub=asked.hub)
        return answer(request, asked, rows.HOURLY.names, rows.hourly(found))


def _periods(api: Api, request: Request, asked: Annotated[Periods, Query()]) -> Response:
    with api.asking(request, asked.hub) as queries:
        first, last = asked.range(queries.today(asked.hub), PERIOD_DAYS_MAX)
        found = queries.periods(asked.per, first, last, hub=asked.hub)
        return answer(request, asked, rows.PERIODS.names, rows.periods(found))


def _readings(api: Api, request: Request, asked: Annotated[Readings, Query()]) -> Response:
    with api.asking(request, asked.hub) as queries:
        span = asked.span(from_ns(api.clock_ns()))
        found = queries.readings(asked.hub, asked.kind, span, sensor=asked.sensor)
        return answer(request, asked, rows.READINGS.names, rows.readings(asked.kind, found))


def _ledger(api: Api, request: Request, asked: Annotated[Asked, Query()]) -> Response:
    with api.asking(request) as queries:
        require_all_hubs(request)
        return answer(request, asked, rows.LEDGER.names, rows.ledger(queries.ingests()))


def _changes(api: Api, request: Request, asked: Annotated[Days, Query()]) -> Response:
    with api.asking(request, asked.hub) as queries:
        found = queries.changes(*asked.range(queries.today(asked.hub)), hub=asked.hub)
        return answer(request, asked, rows.CHANGES.names, rows.changes(found))


def _quarantine(api: Api, request: Request, asked: Annotated[Asked, Query()]) -> Response:
    with api.asking(request) as queries:
        require_all_hubs(request)
        return answer(request, asked, rows.QUARANTINE.names, rows.quarantine(queries.refusals()))


def _alerts(api: Api, request: Request, asked: Annotated[OfAlerts, Query()]) -> Response:
    with api.asking(request, asked.hub), closing(api.open_store()) as store:
        found = read_alerts(store, api.clock_ns(), rules_of(api.estate()))
        wanted = (a for a in found if asked.hub in (None, a.key.hub) and asked.open in (None, a.is_open))
        return answer(request, asked, alerts.ALERTS.names, alerts.rows(wanted, api.estate()))


@cache
def _routes() -> APIRouter:
    """The routes, the same for every board: to describe them takes longer than to make all its pages."""
    router = APIRouter(prefix=PREFIX)
    for path, table, route in (
        ("/hubs", rows.HUBS, _hubs),
        ("/sensors", rows.SENSORS, _sensors),
        ("/usage/daily", rows.DAILY, _daily),
        ("/usage/hourly", rows.HOURLY, _hourly),
        ("/usage/periods", rows.PERIODS, _periods),
        ("/readings", rows.READINGS, _readings),
        ("/ledger", rows.LEDGER, _ledger),
        ("/changes", rows.CHANGES, _changes),
        ("/quarantine", rows.QUARANTINE, _quarantine),
        ("/alerts", alerts.ALERTS, _alerts),
    ):
        router.add_api_route(
            path,
            route,
            summary=table.says,
            operation_id=table.name.lower(),
            response_model=None,
            responses=_answers(table) | _PROBLEMS,
        )
    return router


def _answers(table: Table) -> dict[int | str, dict[str, Any]]:
    content = {"text/csv": {"schema": {"type": "string"}}}
    return {
        200: {"model": table.page(), "content": content, "description": table.says},
        304: {"description": "It is as it was: see If-None-Match."},
    }


def add_api(
    app: FastAPI, open_store: Callable[[], Store], estate: Callable[[], Estate], clock_ns: Callable[[], int]
) -> None:
    """Add the API to an application."""
    app.state.api = _Api(open_store, estate, clock_ns)
    app.router.routes.extend(_routes().routes)
