"""The page of share links: which there are, a new one for a report, an end to one. Managers see it.

GET  /reports/shares             the links, and the form
POST /reports/shares             share a copy of a report, made now or given out before: its link is told once
POST /reports/shares/{id}/revoke end a link
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from dashboards.access.accounts import Role
from dashboards.access.gate import Visitor, require_role, visitor_of
from dashboards.access.shares import DAYS_MAX, Share, Shares
from dashboards.reports.desk import ReportDesk
from dashboards.reports.files import Format
from dashboards.web import given_out, offers, pages, wording
from dashboards.web.forms import form_of
from dashboards.web.proxied import below_prefix
from dashboards.web.snapshot import Snapshot, SnapshotSource
from schemas import HubpulseError
from schemas.localtime import NS_A_SECOND, from_ns
from schemas.texts import _
from stores.protocol import StoreError

log = structlog.get_logger()

PATH = "/reports/shares"
DAYS_OFFERED = (7, 30, 90, DAYS_MAX)
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Listed:
    """A link as the page lists it."""

    share: Share
    made: str
    until: str
    is_good: bool


@dataclass(frozen=True, slots=True)
class New:
    """A link that was made just now."""

    link: str
    name: str
    until: str


@dataclass(frozen=True, slots=True)
class _Sharing:
    source: SnapshotSource
    desk: ReportDesk
    shares: Shares
    clock_s: Callable[[], float]

    def page(self, request: Request, *, new: New | None = None, problem: str = "") -> HTMLResponse:
        snapshot = self.source.get()
        made, unknown = given_out.seen_by(visitor_of(request), self.desk, snapshot)
        return pages.page(
            request,
            "shares.html",
            status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
            snapshot=snapshot,
            **offers.of_reports(request, snapshot),
            days_offered=DAYS_OFFERED,
            shares=[self._listed(share, snapshot) for share in reversed(self.shares.all())],
            made=made,
            new=new,
            problem=problem or unknown,
        )

    def add(self, request: Request, visitor: Visitor, form: Mapping[str, str]) -> HTMLResponse:
        now_s, account = int(self.clock_s()), visitor.name
        try:
            expires_s = now_s + int(_one_of(map(str, DAYS_OFFERED), form.get("days"))) * _DAY_S
            name, content = self._report(visitor, form)
            secret = self.shares.add(content, name, account=account, now_s=now_s, expires_s=expires_s)
        except StoreError:
            raise
        except HubpulseError as error:
            return self.page(request, problem=str(error))
        log.info("share_made", account=account, file=name)
        link = str(request.base_url.replace(path=below_prefix(f"/share/{secret}")))
        return self.page(request, new=New(link, name, _day(expires_s, self.source.get())))

    def _report(self, visitor: Visitor, form: Mapping[str, str]) -> tuple[str, bytes]:
        """The name and bytes of the file that a form asks for. Raises HubpulseError and StoreError."""
        if given := form.get("made"):
            return given, given_out.content_of(given, visitor, self.desk)
        written = Format(_one_of(Format, form.get("format")))
        made = self.desk.make(form.get("period", ""), form.get("hub") or None, written)
        return made.name, made.content

    def revoke(self, account: str, number: int) -> None:
        try:
            self.shares.revoke(number)
        except HubpulseError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, _("There is no link of that number.")) from error
        log.info("share_revoked", account=account, share=number)

    def _listed(self, share: Share, snapshot: Snapshot) -> Listed:
        return Listed(
            share, _day(share.made_s, snapshot), _day(share.expires_s, snapshot), share.is_good(self.clock_s())
        )


def add_shares_page(
    app: FastAPI, source: SnapshotSource, desk: ReportDesk, shares: Shares, clock_s: Callable[[], float]
) -> None:
    """Add the page and where its forms go."""
    sharing = _Sharing(source, desk, shares, clock_s)

    @app.get(PATH, response_class=HTMLResponse, include_in_schema=False)
    def shares_page(request: Request) -> HTMLResponse:
        require_role(request, Role.MANAGER)
        return sharing.page(request)

    @app.post(PATH, include_in_schema=False)
    async def add_share(request: Request) -> Response:
        visitor = require_role(request, Role.MANAGER)
        form = await form_of(request)
        return await run_in_threadpool(sharing.add, request, visitor, form)

    @app.post(f"{PATH}/{{number}}/revoke", include_in_schema=False)
    async def revoke_share(request: Request, number: int) -> Response:
        visitor = require_role(request, Role.MANAGER)
        await form_of(request)
        await run_in_threadpool(sharing.revoke, visitor.name, number)
        return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)


def _day(time_s: int, snapshot: Snapshot) -> str:
    at = from_ns(time_s * NS_A_SECOND).astimezone(snapshot.now.tzinfo)
    return wording.day(at.date(), snapshot.now.date())


def _one_of(offered: Iterable[str], chosen: str | None) -> str:
    """What was chosen. Raises HubpulseError where it is not offered."""
    if chosen is None or chosen not in list(offered):
        raise HubpulseError(_("Choose one of the formats and of the times that are offered."))
    return chosen
