"""Asking an InfluxDB over HTTP: every way in which that can fail becomes one `RequestError` with a plain sentence.

urllib3 keeps the connections, those of influxdb-client too (`stores.influx_buckets`). Secrets travel in one header, and
are cut out of every answer.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import ipaddress
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3 import exceptions as urllib3_errors

from schemas.redaction import Redaction
from schemas.settings import InfluxSettings
from stores.bounded_http import AnswerTooLargeError, answers_within, bound, lines_of, whole_of
from stores.protocol import Keep, Outcome, Rejected, StoreError, TooLarge

NO_ANSWER = 0
DETAIL_CHARS_MAX = 500
_CLEANED_CHARS_MAX = 4096
RETRY_AFTER_MAX_S = 3600.0

_BAD_LINES = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
NOT_THERE = re.compile(r"(database|bucket|retention policy) not found")
TRANSIENT = (NO_ANSWER, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_CONNECTIONS_MAX = 4
_GZIP_LEVEL = 1
_LINES = {"Content-Type": "text/plain; charset=utf-8"}
_MESSAGE_PACK = "application/x-msgpack"


class RequestError(Exception):
    """A request without success. `status` is that of the answer, or NO_ANSWER."""

    def __init__(
        self, status: int, detail: str, *, retry_after_s: float | None = None, needs_operator: bool | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_s = retry_after_s
        waiting_helps = status in TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        self.needs_operator = not waiting_helps if needs_operator is None else needs_operator

    def outcome(self) -> Outcome:
        """What it means for the batch that was sent: it is given up for its own fault only."""
        if self.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return TooLarge(self.detail)
        if self.status in _BAD_LINES:
            return Rejected(self.detail)
        return self.keep()

    def keep(self) -> Keep:
        """What it means for a batch that was not sent yet."""
        return Keep(self.detail, self.retry_after_s, self.needs_operator)


class LateAnswerError(RequestError):
    """A server that was reached did not answer in time: less may be asked of it at once."""


class InfluxHttp:
    """The connections to one InfluxDB. Its methods raise RequestError, and nothing else."""

    def __init__(self, settings: InfluxSettings, now: Callable[[], float]) -> None:
        """Connect to nothing yet. `now` gives Unix seconds. Raises StoreError for a URL or token that can't be one."""
        self._now = now
        self._timeout_s = settings.timeout_s
        self._redact = Redaction(_secrets(settings))
        self._credentials = "HUBPULSE_INFLUX__TOKEN" if settings.token else "HUBPULSE_INFLUX__USERNAME and __PASSWORD"
        self.name = f"InfluxDB at {_without_secrets(settings.url)}"
        self.url = settings.url.removesuffix("/")
        self._is_near = _is_near(settings.url)
        self.headers = _credentials(settings)
        """Those of every request."""
        self.pool = PoolManager(
            maxsize=_CONNECTIONS_MAX, timeout=Timeout(total=self._timeout_s), retries=False, cert_reqs="CERT_REQUIRED"
        )
        bound(self.pool)

    def headers_of(self, path: str) -> Mapping[str, str]:
        """GET it, for what the answer's headers say."""
        response = self._request("GET", path)
        response.close()
        return response.headers

    def get(self, path: str, query: Mapping[str, str]) -> Any:
        """GET it; the JSON that is answered."""
        response = self._request("GET", f"{path}?{urlencode(query)}")
        try:
            with self._translated_errors():
                return json.loads(response.read(decode_content=False))
        finally:
            response.close()

    def post(
        self, path: str, query: Mapping[str, str], body: bytes | Mapping[str, str], headers: Mapping[str, str]
    ) -> None:
        """POST a body, a mapping as JSON.

        Success is `204 No Content` alone: a proxy's login page answers 200, and stores nothing.
        """
        content = body if isinstance(body, bytes) else json.dumps(body)
        response = self._request(
            "POST", f"{path}?{urlencode(query)}", body=content, headers={**self.headers, **headers}
        )
        if response.status != HTTPStatus.NO_CONTENT:
            response.close()
            raise RequestError(
                response.status,
                f"{self.name} answered {response.status} where InfluxDB answers 204: check HUBPULSE_INFLUX__URL and "
                "what is in between",
            )
        response.drain_conn()

    def post_lines(self, path: str, query: Mapping[str, str], lines: bytes) -> None:
        """POST line protocol: gzipped, where it leaves this machine."""
        if self._is_near:
            self.post(path, query, lines, _LINES)
        else:
            self.post(path, query, gzip.compress(lines, _GZIP_LEVEL), {**_LINES, "Content-Encoding": "gzip"})

    def stream(self, path: str, form: Mapping[str, str]) -> Iterator[bytes]:
        """POST a form, and yield the answer's lines as they come in."""
        response = self._request("POST", path, is_long=True, fields=form, encode_multipart=False)
        try:
            with self._translated_errors():
                yield from lines_of(response)
        finally:
            response.close()

    def whole(self, path: str, form: Mapping[str, str]) -> Any:
        """POST a form, and read the answer in one piece: MessagePack of a server that has it, else JSON."""
        headers = {**self.headers, "Accept": _MESSAGE_PACK}
        response = self._request("POST", path, is_long=True, fields=form, encode_multipart=False, headers=headers)
        try:
            with self._translated_errors():
                try:
                    body = whole_of(response)
                except AnswerTooLargeError as error:
                    raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{self.name} answers too much") from error
                is_packed = response.headers.get("Content-Type") == _MESSAGE_PACK
                return (msgspec.msgpack if is_packed else msgspec.json).decode(body)
        finally:
            response.close()

    @contextlib.contextmanager
    def asking(self, *, is_long: bool = False) -> Iterator[None]:
        """Bound the answers of what is asked meanwhile, and raise each failure as a RequestError."""
        with self._translated_errors(), answers_within(self._timeout_s, is_long=is_long):
            yield

    def clean(self, text: str) -> str:
        """One line without secrets, of bounded length."""
        return " ".join(self._redact(text[:_CLEANED_CHARS_MAX]).split())[:DETAIL_CHARS_MAX]

    def close(self) -> None:
        self.pool.clear()

    def _request(self, method: str, path: str, *, is_long: bool = False, **how: Any) -> BaseHTTPResponse:
        how.setdefault("headers", self.headers)
        with self.asking(is_long=is_long):
            response = self.pool.request(method, f"{self.url}{path}", preload_content=False, **how)
            if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
                retry_after = response.headers.get("Retry-After")
                raise self.answered(response.status, response.data, response.reason, retry_after)
            return response

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except urllib3_errors.SSLError as error:
            problem = f"has a certificate that is not accepted ({self.clean(str(error))})"
            detail = f"{self.name} {problem}: check HUBPULSE_INFLUX__URL"
            raise RequestError(NO_ANSWER, detail, needs_operator=True) from error
        except (urllib3_errors.HTTPError, http.client.HTTPException, OSError) as error:
            detail = f"{self.name} {self._network(error)}: start it, or check HUBPULSE_INFLUX__URL"
            is_late = isinstance(error, urllib3_errors.ReadTimeoutError)
            raise (LateAnswerError if is_late else RequestError)(NO_ANSWER, detail) from error
        except AnswerTooLargeError as error:
            detail = f"{self.name} answers without end: check HUBPULSE_INFLUX__URL and what is in between"
            raise RequestError(NO_ANSWER, detail, needs_operator=True) from error
        except ValueError as error:
            raise self.strange_answer() from error

    def answered(
        self, status: int, body: bytes | str | None, reason: str | None, retry_after: str | None
    ) -> RequestError:
        """The failure that an answer without success is."""
        reply = self.clean(_message(body) or reason or "no reason given")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and NOT_THERE.search(reply):
            # 1.x answers 500 for a retention policy that is missing; waiting does not make it.
            status = HTTPStatus.NOT_FOUND
        sentences: Mapping[int, str] = {
            HTTPStatus.BAD_REQUEST: f"InfluxDB refused it: {reply}",
            HTTPStatus.UNPROCESSABLE_ENTITY: f"InfluxDB refused it: {reply}",
            HTTPStatus.UNAUTHORIZED: f"{self.name} does not know us ({reply}): check {self._credentials}",
            HTTPStatus.FORBIDDEN: f"{self.name} does not allow it ({reply}): check the rights of {self._credentials}",
            HTTPStatus.NOT_FOUND: f"{self.name} has no such thing ({reply}): check HUBPULSE_INFLUX__BUCKET and __ORG",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"{self.name} takes no batch that large ({reply})",
        }
        detail = sentences.get(status, f"{self.name} answered {status} ({reply})")
        return RequestError(status, detail, retry_after_s=_seconds(retry_after, self._now()))

    def _network(self, error: Exception) -> str:
        """What became of the connection, in words."""
        match error:
            case urllib3_errors.NameResolutionError():
                return "can't be found by that name"
            case urllib3_errors.NewConnectionError():
                return "does not answer (nothing is listening there)"
            case urllib3_errors.TimeoutError() | TimeoutError():
                return f"did not answer within {self._timeout_s:g} s"
            case _:
                return f"broke off the connection ({type(error).__name__})"

    def strange_answer(self) -> RequestError:
        """The failure that an answer without sense is."""
        detail = f"{self.name} answered something that no InfluxDB answers: check HUBPULSE_INFLUX__URL"
        return RequestError(NO_ANSWER, detail, needs_operator=True)


def _secrets(settings: InfluxSettings) -> Iterator[str]:
    """What must be in no text: the credentials, as they are and as they are sent."""
    secrets = (settings.token, settings.grafana_token, settings.password)
    yield from (secret.get_secret_value() for secret in secrets if secret)
    if settings.username is not None and settings.password is not None:
        yield f"{settings.username}:{settings.password.get_secret_value()}"


def _credentials(settings: InfluxSettings) -> dict[str, str]:
    """The headers that say who we are."""
    if settings.token is not None:
        token = settings.token.get_secret_value().strip()
        if not (token.isascii() and token.isprintable()):
            raise StoreError("HUBPULSE_INFLUX__TOKEN holds characters that no token has: copy it again")
        return {"Authorization": f"Token {token}"}
    if settings.username is not None:
        password = settings.password.get_secret_value() if settings.password else ""
        credentials = f"{settings.username}:{password}".encode()
        return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
    return {}


def _without_secrets(url: str) -> str:
    """The address without a user and password, and without a query. Raises StoreError for what is no address."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        parts, port = urlsplit(""), ""
    if not parts.hostname:
        raise StoreError("HUBPULSE_INFLUX__URL is no address: write for example http://127.0.0.1:8086")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _is_near(url: str) -> bool:
    """Whether an address is one of this machine alone."""
    host = urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _message(body: bytes | str | None) -> str:
    """The message in an answer's body: `message` of a 2.x, `error` of a 1.x, or the text of something in between."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
    with contextlib.suppress(ValueError):
        answer = json.loads(text)
        if isinstance(answer, dict):
            return str(answer.get("message") or answer.get("error") or text)
    return text


def _seconds(retry_after: str | None, now_s: float) -> float | None:
    """Retry-After in seconds from now: a number or an HTTP date (RFC 9110, 10.2.3); None for anything else."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            date = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        seconds = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now_s
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_S) if math.isfinite(seconds) else None
