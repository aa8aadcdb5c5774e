"""The routes of `/api/v1`: each asks one question of `Queries` and answers with a table's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

from dashboards.access.gate import require_all_hubs, visitor_of
from dashboards.alerts.history import read_alerts
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


def add_api(
    app: FastAPI, open_store: Callable[[], Store], estate: Callable[[], Estate], clock_ns: Callable[[], int]
) -> None:
    """Add the API to an application."""
    api = _Api(open_store, estate, clock_ns)
    for path, table, route in (
        ("/hubs", rows.HUBS, api.hubs),
        ("/sensors", rows.SENSORS, api.sensors),
        ("/usage/daily", rows.DAILY, api.daily),
        ("/usage/hourly", rows.HOURLY, api.hourly),
        ("/usage/periods", rows.PERIODS, api.periods),
        ("/readings", rows.READINGS, api.readings),
        ("/ledger", rows.LEDGER, api.ledger),
        ("/changes", rows.CHANGES, api.changes),
        ("/quarantine", rows.QUARANTINE, api.quarantine),
        ("/alerts", alerts.ALERTS, api.alerts),
    ):
        app.add_api_route(
            PREFIX + path,
            route,
            summary=table.says,
            operation_id=table.name.lower(),
            response_model=None,
            responses=_answers(table) | _PROBLEMS,
        )


def _answers(table: Table) -> dict[int | str, dict[str, Any]]:
    content = {"text/csv": {"schema": {"type": "string"}}}
    return {
        200: {"model": table.page(), "content": content, "description": table.says},
        304: {"description": "It is as it was: see If-None-Match."},
    }


class _Api:
    """The routes over a store, which each of them opens for itself."""

    def __init__(
        self, open_store: Callable[[], Store], estate: Callable[[], Estate], clock_ns: Callable[[], int]
    ) -> None:
        self._open_store, self._estate, self._clock_ns = open_store, estate, clock_ns

    def hubs(self, request: Request, asked: Annotated[OfHub, Query()]) -> Response:
        with self._asking(request, asked.hub) as queries:
            found = (hub for hub in queries.hub_states() if asked.hub in (None, hub.id))
            return answer(request, asked, rows.HUBS.names, rows.hubs(found))

    def sensors(self, request: Request, asked: Annotated[OfHub, Query()]) -> Response:
        with self._asking(request, asked.hub) as queries:
            found = (sensor for hub, of_hub in queries.sensors.items() if asked.hub in (None, hub) for sensor in of_hub)
            return answer(request, asked, rows.SENSORS.names, rows.sensors(found))

    def daily(self, request: Request, asked: Annotated[Days, Query()]) -> Response:
        with self._asking(request, asked.hub) as queries:
            days = asked.range(queries.today(asked.hub))
            found, notes = queries.stored_daily(*days, hub=asked.hub), queries.notes(*days, hub=asked.hub)
            return answer(request, asked, rows.DAILY.names, rows.daily(found, notes))

    def hourly(self, request: Request, asked: Annotated[Days, Query()]) -> Response:
        with self._asking(request, asked.hub) as queries:
            found = queries.stored_hours(*asked.range(queries.today(asked.hub), HOURLY_DAYS_MAX), hub=asked.hub)
            return answer(request, asked, rows.HOURLY.names, rows.hourly(found))

    def periods(self, request: Request, asked: Annotated[Periods, Query()]) -> Response:
        with self._asking(request, asked.hub) as queries:
            first, last = asked.range(queries.today(asked.hub), PERIOD_DAYS_MAX)
            found = queries.periods(asked.per, first, last, hub=asked.hub)
            return answer(request, asked, rows.PERIODS.names, rows.periods(found))

    def readings(self, request: Request, asked: Annotated[Readings, Query()]) -> Response:
        with self._asking(request, asked.hub) as queries:
            span = asked.span(from_ns(self._clock_ns()))
            found = queries.readings(asked.hub, asked.kind, span, sensor=asked.sensor)
            return answer(request, asked, rows.READINGS.names, rows.readings(asked.kind, found))

    def ledger(self, request: Request, asked: Annotated[Asked, Query()]) -> Response:
        with self._asking(request) as queries:
            require_all_hubs(request)
            return answer(request, asked, rows.LEDGER.names, rows.ledger(queries.ingests()))

    def changes(self, request: Request, asked: Annotated[Days, Query()]) -> Response:
        with self._asking(request, asked.hub) as queries:
            found = queries.changes(*asked.range(queries.today(asked.hub)), hub=asked.hub)
            return answer(request, asked, rows.CHANGES.names, rows.changes(found))

    def quarantine(self, request: Request, asked: Annotated[Asked, Query()]) -> Response:
        with self._asking(request) as queries:
            require_all_hubs(request)
            return answer(request, asked, rows.QUARANTINE.names, rows.quarantine(queries.refusals()))

    def alerts(self, request: Request, asked: Annotated[OfAlerts, Query()]) -> Response:
        with self._asking(request, asked.hub), closing(self._open_store()) as store:
            found = read_alerts(store, self._clock_ns())
            wanted = (a for a in found if asked.hub in (None, a.key.hub) and asked.open in (None, a.is_open))
            return answer(request, asked, alerts.ALERTS.names, alerts.rows(wanted, self._estate()))

    @contextmanager
    def _asking(self, request: Request, hub: str | None = None) -> Iterator[Queries]:
        """The queries of a store that is closed afterwards; a hub that this visitor does not know is not found."""
        if hub is not None and not visitor_of(request).sees(hub):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"no hub {hub!r} that you see")
        with closing(self._open_store()) as store:
            queries = Queries(store, self._estate(), now_ns=self._clock_ns())
            try:
                if hub is not None:
                    queries.hubs(hub)
            except UnknownHubError as error:
                sees_all = visitor_of(request).hubs is None
                raise HTTPException(HTTPStatus.NOT_FOUND, str(error) if sees_all else f"no hub {hub!r}") from error
            yield queries
