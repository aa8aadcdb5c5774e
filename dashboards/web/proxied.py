"""A board behind a reverse proxy: under which path, by which name, for whom, as a proxy that is trusted says.

    proxy: https://example.org/hubpulse/hubs/armley -> GET /hubs/armley, X-Forwarded-Prefix: /hubpulse -> board
    board: href="/hubs/otley", Location: /login, Path=/ -> /hubpulse/hubs/otley, /hubpulse/login, Path=/hubpulse

What anybody else says in these headers is not listened to. The proxy takes its prefix off the path.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, MutableMapping
from contextvars import ContextVar
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}){1,5}")
_LINK = re.compile(r'(\s(?:href|src|action|formaction)=")(?=/(?!/))')
_COOKIE_PATH = re.compile(r"(;\s*path=)/(?=;|$)", re.IGNORECASE)

_prefix: ContextVar[str] = ContextVar("prefix", default="")


def with_prefix(page: str) -> str:
    """A page whose links go below the proxy's path. What people wrote holds no quotes: pages escape them."""
    prefix = _prefix.get()
    return _LINK.sub(lambda found: found[1] + prefix, page) if prefix else page


def below_prefix(path: str) -> str:
    """A path of ours as it is asked for from outside."""
    return _prefix.get() + path


class BehindProxy:
    """Hears what a proxy at one of these addresses says, and puts its path before addresses of our own."""

    def __init__(self, app: ASGIApp, *, trusted: Collection[str]) -> None:
        self._app = app
        self._trusted = [ipaddress.ip_network(each) for each in trusted]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._is_trusted(scope):
            await self._app(scope, receive, send)
            return
        headers = MutableHeaders(raw=list(scope["headers"]))
        prefix = headers.get("x-forwarded-prefix", "").rstrip("/")
        prefix = prefix if _PREFIX.fullmatch(prefix) else ""
        told: MutableMapping[str, Any] = {**scope, "headers": headers.raw}
        if headers.get("x-forwarded-proto") in {"http", "https"}:
            told["scheme"] = headers["x-forwarded-proto"]
        if host := headers.get("x-forwarded-host"):
            headers["host"] = host
        if address := _address(headers.get("x-forwarded-for", "")):
            told["client"] = (address, 0)

        async def send_below(message: Message) -> None:
            if message["type"] == "http.response.start" and prefix:
                _put_below(MutableHeaders(raw=message.setdefault("headers", [])), prefix)
            await send(message)

        token = _prefix.set(prefix)
        try:
            await self._app(told, receive, send_below)
        finally:
            _prefix.reset(token)

    def _is_trusted(self, scope: Scope) -> bool:
        address = _address(scope["client"][0]) if scope.get("client") else None
        return address is not None and any(ipaddress.ip_address(address) in network for network in self._trusted)


def _put_below(headers: MutableHeaders, prefix: str) -> None:
    location = headers.get("location", "")
    if location.startswith("/") and not location.startswith("//"):
        headers["location"] = prefix + location
    for index, (name, value) in enumerate(headers.raw):
        if name.lower() == b"set-cookie":
            changed = _COOKIE_PATH.sub(rf"\g<1>{prefix}", value.decode("latin-1"))
            headers.raw[index] = (name, changed.encode("latin-1"))


def _address(forwarded: str) -> str | None:
    """The address nearest to the proxy, which is the only one that it knows itself."""
    nearest = forwarded.rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(nearest))
    except ValueError:
        return None
