"""The page of reports: pick a period, a hub and a format; those that were made by themselves.

GET /reports              the choice, and what was made by itself
GET /reports/file?...     a report of the period, made as it is asked for
GET /reports/made/{name}  one that was made by itself, as it was given out
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from dashboards.access.accounts import Role
from dashboards.access.gate import Visitor, visitor_of
from dashboards.reports.desk import ReportDesk
from dashboards.reports.files import Format
from dashboards.web import downloads, given_out, offers, pages
from dashboards.web.navigation import Page, navigation
from dashboards.web.snapshot import SnapshotSource
from schemas import HubpulseError
from schemas.texts import N_, _
from stores.protocol import StoreError
from usage import UnknownHubError

PATH = "/reports"
_WAYS = (Page("/reports/shares", N_("Share links"), Role.MANAGER, all_hubs=True),)


def add_reports_page(app: FastAPI, source: SnapshotSource, desk: ReportDesk) -> None:
    """Add the page and its files."""

    @app.get(PATH, response_class=HTMLResponse, include_in_schema=False)
    def reports_page(request: Request) -> HTMLResponse:
        visitor = visitor_of(request)
        snapshot = source.get().of(visitor.hubs)
        made, problem = given_out.seen_by(visitor, desk, snapshot)
        return pages.page(
            request,
            "reports.html",
            snapshot=snapshot,
            **offers.of_reports(request, snapshot),
            ways=navigation(request, _WAYS),
            made=made,
            problem=problem,
        )

    @app.get(f"{PATH}/file", include_in_schema=False)
    def report_file(
        request: Request,
        period: Annotated[str, Query(max_length=10)],
        form: Annotated[Format, Query(alias="format")],
        hub: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        return _made_now(desk, visitor_of(request), period, hub, form)

    @app.get(f"{PATH}/made/{{name}}", include_in_schema=False)
    def made_file(request: Request, name: str) -> Response:
        return _made_before(desk, visitor_of(request), name)


def _made_now(desk: ReportDesk, visitor: Visitor, period: str, hub: str, form: Format) -> Response:
    if not hub and visitor.hubs is not None:
        raise HTTPException(HTTPStatus.FORBIDDEN, _("Your account is for some hubs: choose one of them."))
    if hub and not visitor.sees(hub):
        raise HTTPException(HTTPStatus.NOT_FOUND, _("There is no hub of that name here."))
    try:
        found = desk.make(period, hub or None, form)
    except UnknownHubError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error
    except StoreError:
        raise
    except HubpulseError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
    return downloads.of_file(found.content, found.name)


def _made_before(desk: ReportDesk, visitor: Visitor, name: str) -> Response:
    try:
        return downloads.of_file(given_out.content_of(name, visitor, desk), name)
    except HubpulseError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error
