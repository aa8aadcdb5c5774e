"""Few questions of programs at a time: a year of every hub takes a second and tens of MB, a page nearly nothing.

A question holds its place until its answer is taken, so that neither threads nor memory are used up by many of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

AT_ONCE = 2
WAITING_MAX = 20
_RETRY_AFTER_S = 5


class FewAtOnce:
    """Lets so many questions through at a time; more wait their turn, and yet more are told to come again."""

    def __init__(self, app: ASGIApp, *, path: str, headers: Mapping[str, str]) -> None:
        self._app, self._path = app, path
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        again = {**headers, "Retry-After": str(_RETRY_AFTER_S)}
        self._refusal = JSONResponse({"error": "too many questions at once: ask again"}, 503, again)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._path):
            await self._app(scope, receive, send)
        elif self._waiting >= WAITING_MAX:
            await self._refusal(scope, receive, send)
        else:
            self._waiting += 1
            try:
                await self._turn.acquire()
            finally:
                self._waiting -= 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._turn.release()
