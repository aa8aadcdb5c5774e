"""A shared report: its frozen copy, to whoever has the link, and nothing of the board besides.

The copy runs no script and asks nothing of anybody, whatever
is in it; no search engine is to list it, and nothing is to keep it.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response

from dashboards.access.sessions import Throttle
from dashboards.access.shares import Shares
from dashboards.web.turns import FewAtOnce
from schemas.texts import _

_UNLISTED = {"X-Robots-Tag": "noindex, nofollow, noarchive", "Referrer-Policy": "no-referrer"}
_HEADERS = _UNLISTED | {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; sandbox allow-downloads"
    ),
    "Cache-Control": "no-store",
}


def add_share_page(app: FastAPI, shares: Shares, clock_s: Callable[[], float]) -> None:
    """Add /share/{secret}: few at a time, and slower for who guesses."""
    throttle = Throttle(clock_s)
    app.add_middleware(FewAtOnce, path="/share/", headers=_HEADERS)

    @app.get("/share/{secret}", include_in_schema=False)
    def shared(request: Request, secret: str) -> Response:
        of = f"shares from {request.client.host if request.client else ''}"
        if wait_s := throttle.wait_s(of):
            headers = _UNLISTED | {"Retry-After": str(int(wait_s) + 1)}
            raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, _("Too many wrong links: try again later."), headers)
        found = shares.open(secret, clock_s())
        if found is None:
            throttle.failed(of)
            gone = _("This link is not good, or not any more: ask whoever sent it for a new one.")
            raise HTTPException(HTTPStatus.NOT_FOUND, gone, _UNLISTED)
        share, content = found
        kind = "inline" if share.media_type.startswith(("text/html", "application/pdf")) else "attachment"
        named = {"Content-Disposition": f"{kind}; filename*=UTF-8''{quote(share.name)}"}
        return Response(content, media_type=share.media_type, headers=_HEADERS | named)
