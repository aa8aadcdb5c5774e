"""The page of reports: pick a period, a hub and a format; those that were made by themselves.

GET /reports              the choice, and what was made by itself
GET /reports/file?...     a report of the period, made as it is asked for
GET /reports/made/{name}  one that was made by itself, as it was given out
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from dashboards.access.accounts import Role
from dashboards.access.gate import Visitor, visitor_of
from dashboards.reports.desk import ReportDesk
from dashboards.reports.files import Format
from dashboards.reports.shelf import GivenOut
from dashboards.web import offers, pages, ranges, wording
from dashboards.web.navigation import Page, navigation
from dashboards.web.snapshot import SnapshotSource
from schemas import HubpulseError
from schemas.localtime import from_ns
from schemas.texts import N_, _
from stores.protocol import StoreError
from usage import UnknownHubError
from usage.queries import DateRange

PATH = "/reports"
_SHOWN_MAX = 100
_WAYS = (Page("/reports/shares", N_("Share links"), Role.MANAGER, all_hubs=True),)


@dataclass(frozen=True, slots=True)
class Made:
    """A report that was made by itself, as the page lists it."""

    what: str
    of: str
    version: int
    when: str
    files: tuple[tuple[str, str], ...]
    """Each file's name and its format."""


def add_reports_page(app: FastAPI, source: SnapshotSource, desk: ReportDesk) -> None:
    """Add the page and its files."""

    @app.get(PATH, response_class=HTMLResponse, include_in_schema=False)
    def reports_page(request: Request) -> HTMLResponse:
        visitor = visitor_of(request)
        snapshot = source.get().of(visitor.hubs)
        today = snapshot.now.date()
        made, problem = _seen_by(visitor, desk)
        offered = offers.of_reports(request, snapshot)
        names = dict(offered["hubs"])
        return pages.page(
            request,
            "reports.html",
            snapshot=snapshot,
            **offered,
            ways=navigation(request, _WAYS),
            made=[_made(each, names, today) for each in made[:_SHOWN_MAX]],
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
    return _download(found.content, found.name, form)


def _made_before(desk: ReportDesk, visitor: Visitor, name: str) -> Response:
    made, _problem = _seen_by(visitor, desk)
    files = (Path(file) for each in made for file in each.files)
    path = next((file for file in files if file.name == name), None)
    content = path.read_bytes() if path is not None and path.is_file() else None
    if path is None or content is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, _("There is no report of that name here, or its file was moved."))
    return _download(content, name, Format(path.suffix[1:]))


def _seen_by(visitor: Visitor, desk: ReportDesk) -> tuple[list[GivenOut], str]:
    """What was given out of hubs that the visitor sees, of all hubs for who sees all; and why that can't be told."""
    try:
        given_out = desk.given_out()
    except HubpulseError as error:
        return [], str(error)
    seen = [each for each in given_out if (visitor.hubs is None if each.hub is None else visitor.sees(each.hub))]
    return seen, ""


def _download(content: bytes, name: str, form: Format) -> Response:
    return Response(
        content, media_type=form.media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _made(each: GivenOut, names: dict[str, str], today: date) -> Made:
    when = from_ns(each.made_ns).date()
    return Made(
        ranges.label(DateRange.parse(each.period), today),
        _("all hubs") if each.hub is None else names.get(each.hub, each.hub),
        each.version,
        wording.day(when, today),
        tuple((Path(file).name, Path(file).suffix[1:].upper()) for file in each.files),
    )
