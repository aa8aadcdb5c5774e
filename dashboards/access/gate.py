"""Decides of each request who asks, and whether that one may.

open to all                        /healthz, /readyz, /static, /login
Authorization: Bearer <token>      the account of the token
the session's cookie               the account that signed in
a browser on this machine          looks at everything and changes nothing: a loopback peer that asks for localhost
itself, through no proxy
anybody else                       signs in (pages, forms) or is refused (API)
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from fastapi import HTTPException, Request
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboards.access.accounts import Accounts, Role
from dashboards.access.sessions import Sessions
from schemas.texts import N_

COOKIE = "hubpulse_session"
OPEN_PATHS = ("/healthz", "/readyz", "/login", "/login/oidc", "/login/oidc/callback", "/logout")
OPEN_FOLDERS = ("/static/", "/audit/", "/share/")
"""Below /audit/ and /share/ each address is a secret of its own."""
_READ_ONLY = ("GET", "HEAD")
_LOCALHOST = ("localhost", "127.0.0.1", "::1")
_FORWARDED = re.compile(
    r"forwarded|via|x[-_](forwarded|real|script|client|original|envoy|cluster).*|.*(client|connecting)[-_]ip"
)
"""What proxies say of whom they ask for."""
_OLD_HTTP = "1.0"
"""Browsers have long spoken 1.1; proxies that say nothing have not."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever asks. `name` is "" for a browser on this machine; `hubs` are all that it sees, None for every hub."""

    name: str
    role: Role
    hubs: frozenset[str] | None = None

    def sees(self, hub: str) -> bool:
        """Whether a hub is shown to it."""
        return self.hubs is None or hub in self.hubs


_HERE = Visitor("", Role.VIEWER)
_MAY_LOOK = N_("Your account may look at the figures, and not change this.")
_NOT_SIGNED_IN = N_("Without an account the board only shows: sign in to change something.")


def visitor_of(request: Request) -> Visitor:
    """Who asks, as the gate found out."""
    visitor: Visitor = request.state.visitor
    return visitor


def require_all_hubs(request: Request) -> None:
    """Raise HTTPException for a visitor who sees some hubs alone."""
    if visitor_of(request).hubs is not None:
        raise HTTPException(HTTPStatus.FORBIDDEN, "this is of all hubs together, and your account is for some of them")


def require_role(request: Request, role: Role) -> Visitor:
    """The visitor, who has at least that role and sees every hub. Raises HTTPException for others."""
    visitor = visitor_of(request)
    if list(Role).index(visitor.role) < list(Role).index(role):
        raise HTTPException(HTTPStatus.FORBIDDEN, _MAY_LOOK if visitor.name else _NOT_SIGNED_IN)
    require_all_hubs(request)
    return visitor


class Gate:
    """The application behind it is asked by visitors alone."""

    def __init__(self, app: ASGIApp, *, accounts: Accounts, sessions: Sessions, clock_s: Callable[[], float]) -> None:
        self._app, self._accounts, self._sessions, self._clock_s = app, accounts, sessions, clock_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_FOLDERS):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        visitor = self._visitor(request)
        if visitor is None:
            await _refused(request)(scope, receive, send)
        elif request.method not in _READ_ONLY and not is_own(request):
            await JSONResponse({"error": "this came from a page of somebody else's"}, 403)(scope, receive, send)
        else:
            scope.setdefault("state", {})["visitor"] = visitor
            await self._app(scope, receive, send)

    def _visitor(self, request: Request) -> Visitor | None:
        if given := request.headers.get("authorization"):
            scheme, _, token = given.partition(" ")
            account = (
                self._accounts.of_token(token.strip(), int(self._clock_s())) if scheme.lower() == "bearer" else None
            )
            return None if account is None else Visitor(account.name, account.role, account.hubs)
        session = self._sessions.account(request.cookies.get(COOKIE, ""))
        # Looked up each time: who was removed, or has another role or password by now, has it at once.
        if session is not None and session[1] == self._accounts.stamp(session[0]):
            account = self._accounts.find(session[0])
            if account is not None:
                return Visitor(account.name, account.role, account.hubs)
        return _HERE if request.method in _READ_ONLY and is_here(request) else None


def is_here(request: Request) -> bool:
    """Whether a browser on this machine asks for localhost itself, and no proxy or path of one is in between."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    names = request.headers.keys()
    return (
        request.client is not None
        and _is_loopback(request.client.host)
        and host in _LOCALHOST
        and request.scope.get("http_version")
        != "1.0"  # browsers have long spoken 1.1; proxies that say nothing have not
        and not any(_FORWARDED.fullmatch(name) for name in names)
        and not request.scope.get("root_path")
    )


def is_own(request: Request) -> bool:
    """Whether what changes something was sent by a page of the board: browsers say where a form comes from."""
    if "authorization" in request.headers:
        return True
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host") and site == "same-origin"


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
"""What a browser sends that a person sits at."""


def _refused(request: Request) -> JSONResponse | RedirectResponse:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    is_form = request.headers.get("content-type", "").startswith(_FORMS)
    if request.method not in _READ_ONLY:
        target = "/"  # what a form was to do is not done by signing in
    if request.url.path.startswith("/api/") or not (is_form or request.method in _READ_ONLY):
        return JSONResponse(
            {"error": "sign in, or send a token: Authorization: Bearer hp_... (`hubpulse users token` makes one)"},
            HTTPStatus.UNAUTHORIZED,
            {"WWW-Authenticate": "Bearer"},
        )
    return RedirectResponse(f"/login?next={quote(target)}", HTTPStatus.SEE_OTHER)
