"""The pages to sign in and out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from dashboards.access.accounts import NAME_PATTERN, PASSWORD_LENGTH_MAX, Account, Accounts
from dashboards.access.gate import COOKIE
from dashboards.access.sessions import SESSION_S, Sessions, Throttle
from dashboards.web import pages
from dashboards.web.forms import form_of
from schemas.texts import N_, _

log = structlog.get_logger()

_HASHING = ThreadPoolExecutor(1, "login")
"""A hash takes 64 MB and a tenth of a second: one at a time, and in no thread that pages need."""
_WRONG = N_("That name and password do not fit together.")


def add_login(
    app: FastAPI, accounts: Accounts, sessions: Sessions, clock_s: Callable[[], float], elsewhere: str = ""
) -> None:
    """Add /login and /logout to an application. `elsewhere` is the provider that people may sign in at as well."""
    throttle = Throttle(clock_s)

    def page(target: str, problem: str = "", status: int = 200) -> HTMLResponse:
        has_accounts = bool(accounts.names())
        return pages.render(
            "login.html",
            status=status,
            target=inside(target),
            problem=problem,
            accounts=has_accounts,
            elsewhere=urlsplit(elsewhere).hostname,
        )

    @app.get("/login", response_class=HTMLResponse, include_in_schema=False)
    def login_page(next: str = "/") -> HTMLResponse:  # noqa: A002 - the name in the address
        return page(next)

    @app.post("/login", include_in_schema=False)
    async def login(request: Request) -> Response:
        form = await form_of(request)
        target, name, password = (form.get(field, "") for field in ("next", "name", "password"))
        address = request.client.host if request.client else ""
        of = f"account {name[:100]} from {address}", f"address {address}"
        if wait_s := throttle.wait_s(*of):
            problem = _("Too many wrong passwords: try again in {seconds} s.").format(seconds=f"{wait_s:.0f}")
            answer = page(target, problem, HTTPStatus.TOO_MANY_REQUESTS)
            answer.headers["Retry-After"] = str(int(wait_s) + 1)
            return answer
        throttle.failed(*of)  # until it turns out to be right: who tries many at once has tried each
        account = await _checked(accounts, name, password)
        if account is None:
            log.warning("login_failed", account=name[:64])
            return page(target, _(_WRONG), HTTPStatus.UNAUTHORIZED)
        throttle.succeeded(*of)
        log.info("login", account=account.name)
        secret = sessions.begin(account.name, accounts.stamp(account.name))
        moved = RedirectResponse(inside(target), HTTPStatus.SEE_OTHER)
        moved.set_cookie(COOKIE, secret, max_age=SESSION_S, httponly=True, samesite="strict", secure=is_https(request))
        return moved

    @app.get("/logout", response_class=HTMLResponse, include_in_schema=False)
    def logout_page() -> HTMLResponse:
        return pages.render("logout.html")

    @app.post("/logout", include_in_schema=False)
    async def logout(request: Request) -> Response:
        await form_of(request)
        sessions.end(request.cookies.get(COOKIE, ""))
        moved = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        moved.delete_cookie(COOKIE)
        return moved


async def _checked(accounts: Accounts, name: str, password: str) -> Account | None:
    if re.fullmatch(NAME_PATTERN, name) is None or len(password) > PASSWORD_LENGTH_MAX:
        return None
    return await asyncio.get_running_loop().run_in_executor(_HASHING, accounts.signed_in, name, password)


def is_https(request: Request) -> bool:
    """Whether the browser asks by https, perhaps a proxy."""
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"


def inside(target: str) -> str:
    """A path of the board: nobody is sent elsewhere after signing in."""
    fits = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if fits else "/"
