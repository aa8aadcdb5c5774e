r"""The web board: what the estate is doing, on pages that any browser on the network can read.

    browser -> routes (here) -> SnapshotSource -> store        /
    browser -> hub_page -> HubRange -> Queries -> store        /hubs/{id}
    program -> dashboards.api -> Queries -------> store       /api/v1

What it is told (`audit_page`), whoever runs it adds: without that it takes nothing in.

Nothing is fetched from elsewhere: charts are drawn here as SVG, fonts are the system's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from http import HTTPStatus
from importlib.metadata import version

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware

from dashboards.access.accounts import Accounts
from dashboards.access.gate import Gate
from dashboards.access.hosts import is_host_of_board
from dashboards.access.sessions import Sessions
from dashboards.access.shares import Shares
from dashboards.api import PREFIX, add_api
from dashboards.operations.health import ServiceHealth
from dashboards.operations.parts import StorePart
from dashboards.reports.desk import ReportDesk, ReportFolders
from dashboards.web import assets, pages
from dashboards.web.ahead import Ahead
from dashboards.web.alerts_page import add_alerts_page
from dashboards.web.estate_page import add_estate_page
from dashboards.web.heads import HeadAnswers
from dashboards.web.health_page import add_health_page
from dashboards.web.hub_page import add_hub_page
from dashboards.web.login import add_login
from dashboards.web.oidc_page import add_oidc_page
from dashboards.web.periods import Periods
from dashboards.web.quality_page import add_quality_page
from dashboards.web.refusals import described, refusal
from dashboards.web.reports_page import add_reports_page
from dashboards.web.sensors_page import add_sensors_page
from dashboards.web.share_page import add_share_page
from dashboards.web.shares_page import add_shares_page
from dashboards.web.snapshot import SnapshotSource, Told
from dashboards.web.turns import FewAtOnce
from schemas import Estate
from schemas.localtime import NS_A_SECOND
from schemas.texts import N_, _
from stores.protocol import Store, StoreError

log = structlog.get_logger()

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_board(  # noqa: PLR0913 - one for each thing that whoever runs it may give
    *,
    open_store: Callable[[], Store],
    estate: Callable[[], Estate],
    clock_ns: Callable[[], int] = time.time_ns,
    max_age_s: float = 5,
    hosts: Collection[str] = (),
    told: Told | None = None,
    health: ServiceHealth | None = None,
    accounts: Accounts | None = None,
    reports: ReportFolders | None = None,
    store_is_elsewhere: bool = False,
) -> FastAPI:
    """The board as an application.

    `open_store` opens a store of its own for each look (a store is not shared between threads); `estate` gives the one
    in force. Pages of the same `max_age_s` seconds show the same look at the store. `hosts` are further names by which
    browsers may ask for it. `told` is told beside the figures. `health` is that of the whole process; without it, the
    board needs the store alone. `accounts` are those who may sign in; without any, nobody but a browser on this machine
    sees anything. `reports` are the folders that reports stand on beside the figures, and where their share links are.
    Where the `store_is_elsewhere`, it is asked for several things at the same time.
    """
    app = FastAPI(
        title="Hubpulse",
        summary="Figures of community buildings: who came, and how healthy the air was.",
        version=version("hubpulse"),
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
    )
    ahead = Ahead(is_elsewhere=store_is_elsewhere)
    source = SnapshotSource(
        open_store=open_store,
        estate=estate,
        clock_ns=clock_ns,
        max_age_s=max_age_s,
        told=told or Told(),
        ahead=ahead,
    )
    clock_s = lambda: clock_ns() / NS_A_SECOND  # noqa: E731 - the same clock, as sessions and links read it
    known, sessions = accounts or Accounts(None), Sessions(clock_s)
    app.add_middleware(Gate, accounts=known, sessions=sessions, clock_s=clock_s)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.middleware("http")(_with_headers)
    app.middleware("http")(partial(_for_our_host, hosts))
    app.add_middleware(HeadAnswers)
    app.add_middleware(FewAtOnce, path="/api/", headers=_HEADERS)
    app.add_middleware(FewAtOnce, path="/reports/", headers=_HEADERS)
    add_estate_page(app, source, Periods(open_store, estate, clock_ns, source.beside, ahead), ahead)
    add_sensors_page(app, source, estate)
    add_quality_page(app, source, open_store, estate, clock_ns, reports)
    desk = ReportDesk(open_store, estate, clock_ns, reports)
    add_reports_page(app, source, desk)
    if reports is not None:
        shares = Shares(reports.audits)
        add_shares_page(app, source, desk, shares, clock_s)
        add_share_page(app, shares, clock_s)
    add_hub_page(app, open_store, estate, clock_ns, source.beside, ahead)
    add_health_page(app, source, open_store, estate, clock_ns)
    add_alerts_page(app, source, open_store, estate, clock_ns)
    add_login(app, known, sessions, clock_s, known.provider.issuer if known.provider else "")
    if known.provider is not None:
        add_oidc_page(app, known.provider, known, sessions)
    add_api(app, open_store, estate, clock_ns)
    _add_health(app, health or ServiceHealth([StorePart(open_store)]))
    _add_files(app)
    _add_errors(app)
    return app


async def _for_our_host(
    hosts: Collection[str], request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    if not is_host_of_board(request.headers.get("host", "localhost"), hosts):
        return PlainTextResponse("The board is not known by that name: add it to HUBPULSE_BOARD__HOSTS.\n", 421)
    return await call_next(request)


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    try:
        response = await call_next(request)
    except Exception:
        log.exception("board_page_failed", path=request.url.path)
        response = _problem(
            request, 500, _("This page could not be made"), _("Try again. The reason is in the board's log.")
        )
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _add_health(app: FastAPI, health: ServiceHealth) -> None:
    # In threads of the event loop's own: those of pages may all be waiting for a store that does not answer.
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> JSONResponse:
        status, found = await asyncio.to_thread(health.alive)
        return JSONResponse(found, status_code=status)

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        status, found = await asyncio.to_thread(health.ready, for_visitors=True)
        return JSONResponse(found, status_code=status)


def _add_files(app: FastAPI) -> None:
    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str, request: Request) -> Response:
        try:
            found = assets.load(name)
        except KeyError:
            raise HTTPException(404, _("There is no file of that name here.")) from None
        headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(
                found.compressed, media_type=found.media_type, headers=headers | {"Content-Encoding": "gzip"}
            )
        return Response(found.content, media_type=found.media_type, headers=headers)


_OF_THE_FRAMEWORK = {
    "Not Found": N_("Nothing is at this address: it may be mistyped, or what was there is gone."),
    "Method Not Allowed": N_("This address can't be asked in that way."),
}
"""In our words, what the framework says of addresses."""


def _add_errors(app: FastAPI) -> None:
    """Everything foreseeable is said plainly: on a page to a person, as JSON to a program."""

    @app.exception_handler(StoreError)
    def store_unreachable(request: Request, error: StoreError) -> Response:
        return _problem(request, 503, _("The figures can't be read at the moment"), str(error), retry_after_s=10)

    @app.exception_handler(HTTPException)
    def not_found(request: Request, error: HTTPException) -> Response:
        titles = {HTTPStatus.NOT_FOUND: _("There is no such page"), HTTPStatus.FORBIDDEN: _("That is not allowed")}
        title = titles.get(HTTPStatus(error.status_code), _("That can't be answered"))
        detail = str(error.detail)
        response = _problem(request, error.status_code, title, _(_OF_THE_FRAMEWORK.get(detail, detail)))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    def bad_request(request: Request, error: RequestValidationError) -> Response:
        known = list(described(app.openapi(), getattr(request.scope.get("route"), "path", "")))
        return _problem(request, 400, _("That can't be answered"), refusal(error.errors(), known))


def _problem(request: Request, status: int, title: str, detail: str, *, retry_after_s: int | None = None) -> Response:
    if request.url.path.startswith("/api/"):
        response: Response = JSONResponse({"error": detail}, status_code=status)
    else:
        response = pages.render("problem.html", status=status, title=title, detail=detail)
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response
