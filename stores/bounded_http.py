"""HTTP connections for urllib3 whose answers end: in time, and in memory.

The timeouts of urllib3 are for each wait on the socket: a server that sends a byte a second never meets one. Here an
answer has a deadline from its first wait on, and so many bytes. A long answer to a query earns time by what it brings,
as fast as BYTES_A_SECOND_MIN at least. Of an answer that is no success little is kept, whatever is sent.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from urllib3 import BaseHTTPResponse, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ANSWER_BYTES_MAX = 4 * 1024**2
ERROR_BYTES_MAX = 16 * 1024
LINE_BYTES_MAX = 16 * 1024**2
WHOLE_BYTES_MAX = 64 * 1024**2
BYTES_A_SECOND_MIN = 10_000
_READ_BYTES = 64 * 1024


class AnswerTooLargeError(Exception):
    """An answer has more bytes than any that is expected."""


class _Limits(NamedTuple):
    seconds: float = 10.0
    """How long may be waited for an answer in all; of a long one, while it brings nothing."""
    is_long: bool = False


_DEFAULT = _Limits()
_limits: ContextVar[_Limits] = ContextVar("limits", default=_DEFAULT)


def bound(manager: PoolManager) -> None:
    """Have the connections that a manager makes from now on bounded."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


@contextlib.contextmanager
def answers_within(seconds: float, *, is_long: bool = False) -> Iterator[None]:
    """The limits of the requests that are made meanwhile; a long answer may have any number of bytes."""
    token = _limits.set(_Limits(seconds, is_long))
    try:
        yield
    finally:
        _limits.reset(token)


def lines_of(response: BaseHTTPResponse) -> Iterator[bytes]:
    """The lines of an answer as they come in. Raises AnswerTooLargeError for one without end."""
    parts: list[bytes] = []
    size = 0
    while block := response.read(_READ_BYTES, decode_content=False):
        *lines, rest = block.split(b"\n")
        for line in lines:
            yield b"".join((*parts, line, b"\n"))
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > LINE_BYTES_MAX:
            raise AnswerTooLargeError
    if size:
        yield b"".join(parts)


def whole_of(response: BaseHTTPResponse) -> bytes:
    """A long answer in one piece. Raises AnswerTooLargeError."""
    parts: list[bytes] = []
    size = 0
    while block := response.read(_READ_BYTES, decode_content=False):
        parts.append(block)
        size += len(block)
        if size > WHOLE_BYTES_MAX:
            raise AnswerTooLargeError
    return b"".join(parts)


class _Reader(io.RawIOBase):
    """Reads a socket within limits."""

    def __init__(self, connection: socket.socket, limits: _Limits) -> None:
        self._socket, self._limits = connection, limits
        self._file = connection.makefile("rb", buffering=0)
        self._seconds_left = limits.seconds
        self._bytes_left = ANSWER_BYTES_MAX

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._seconds_left <= 0:
            raise TimeoutError
        self._socket.settimeout(self._seconds_left)
        asked_s = time.monotonic()
        count = self._file.readinto(buffer) or 0
        self._seconds_left -= time.monotonic() - asked_s
        if self._limits.is_long:
            self._seconds_left = min(self._limits.seconds, self._seconds_left + count / BYTES_A_SECOND_MIN)
        else:
            self._bytes_left -= count
            if self._bytes_left < 0:
                raise AnswerTooLargeError
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer within the limits in force when it was asked for."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_Reader(sock, _limits.get()))

    def begin(self) -> None:
        super().begin()
        if self.status >= http.HTTPStatus.MULTIPLE_CHOICES:
            self._keep_little()

    def _keep_little(self) -> None:
        """Take the first bytes of the body for all of it; a connection that has more to send is not used again."""
        try:
            body = self.read(ERROR_BYTES_MAX)
        except (http.client.HTTPException, OSError, AnswerTooLargeError):
            body = b""
        if not self.isclosed():
            self.will_close = True
            self.fp.close()
        self.fp = io.BufferedReader(io.BytesIO(body))
        self.length, self.chunked = len(body), False
        for name in ("Transfer-Encoding", "Content-Encoding", "Content-Length"):
            del self.headers[name]
        self.headers["Content-Length"] = str(len(body))


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
