"""Signing in elsewhere: to the provider, and back."""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import NamedTuple

import structlog
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from dashboards.access.accounts import Accounts
from dashboards.access.gate import COOKIE
from dashboards.access.oidc import ATTEMPT_S, OidcError, OidcSignIn
from dashboards.access.sessions import SESSION_S, Sessions
from dashboards.web import pages
from dashboards.web.login import inside, is_https
from dashboards.web.proxied import below_prefix
from schemas.texts import _

log = structlog.get_logger()

STATE_COOKIE = "hubpulse_oidc"
_TARGET_CHARACTERS_MAX = 500
_AT_ONCE = threading.Semaphore(2)
"""Threads that may wait for the provider, so that pages have the others."""


class _Turn(NamedTuple):
    turn: threading.Semaphore

    def __enter__(self) -> None:
        if not self.turn.acquire(blocking=False):
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, _("Others are signing in: try again in a moment."))

    def __exit__(self, *_of: object) -> None:
        self.turn.release()


def add_oidc_page(app: FastAPI, signing_in: OidcSignIn, accounts: Accounts, sessions: Sessions) -> None:
    """Add /login/oidc and where the provider sends people back to."""

    @app.get("/login/oidc", include_in_schema=False)
    def begin(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name in the address
        back = str(request.base_url.replace(path=below_prefix("/login/oidc/callback")))
        try:
            with _Turn(_AT_ONCE):
                of = request.client.host if request.client else ""
                address, state = signing_in.begin(inside(next[:_TARGET_CHARACTERS_MAX]), back, of)
        except OidcError as error:
            raise HTTPException(HTTPStatus.BAD_GATEWAY, str(error)) from error
        moved = RedirectResponse(address, HTTPStatus.SEE_OTHER)
        # Lax, since the way back comes from the provider's page.
        moved.set_cookie(
            STATE_COOKIE, state, max_age=ATTEMPT_S, httponly=True, samesite="lax", secure=is_https(request)
        )
        return moved

    @app.get("/login/oidc/callback", include_in_schema=False)
    def come_back(request: Request, state: str = "", code: str = "") -> Response:
        try:
            with _Turn(_AT_ONCE):
                subject, target = signing_in.finish(state, request.cookies.get(STATE_COOKIE, ""), code)
        except OidcError as error:
            log.warning("login_failed", account="")
            raise HTTPException(HTTPStatus.UNAUTHORIZED, str(error)) from error
        account = accounts.of_identity(signing_in.issuer, subject)
        if account is None:
            said = _("{issuer} knows you as {subject}, and nobody has granted you anything here yet: ask an admin.")
            raise HTTPException(HTTPStatus.FORBIDDEN, said.format(issuer=signing_in.issuer, subject=subject))
        log.info("login", account=account.name)
        # A page of ours, not a redirect: on a way that began elsewhere browsers send no cookie that is strict.
        answer = pages.render("signed_in.html", target=below_prefix(target))
        secret = sessions.begin(account.name, accounts.stamp(account.name))
        answer.set_cookie(COOKIE, secret, max_age=SESSION_S, httponly=True, samesite="strict", secure=is_https(request))
        answer.delete_cookie(STATE_COOKIE)
        return answer
