"""Asking an InfluxDB over HTTP: every way in which that can fail becomes one `RequestError` with a plain sentence.

influxdb-client keeps the connections. It raises its own error for an answer that is not a success, and lets those of
the network through raw; both end here. Secrets travel in one header, and are cut out of every answer.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3 import BaseHTTPResponse
from urllib3 import exceptions as urllib3_errors

from schemas.redaction import Redaction
from schemas.settings import InfluxSettings
from stores.bounded_http import AnswerTooLargeError, answers_within, bound, lines_of
from stores.protocol import Keep, Outcome, Rejected, StoreError, TooLarge

NO_ANSWER = 0
DETAIL_CHARS_MAX = 500
_CLEANED_CHARS_MAX = 4096
RETRY_AFTER_MAX_S = 3600.0

_BAD_LINES = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
NOT_THERE = re.compile(r"(database|bucket|retention policy) not found")
TRANSIENT = (NO_ANSWER, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)

T = TypeVar("T")


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


class InfluxHttp:
    """The connections to one InfluxDB. Its methods raise RequestError, and nothing else."""

    def __init__(self, settings: InfluxSettings, now: Callable[[], float]) -> None:
        """Connect to nothing yet. `now` gives Unix seconds. Raises StoreError for a URL or token that can't be one."""
        self._now = now
        self._timeout_s = settings.timeout_s
        self._redact = Redaction(_secrets(settings))
        self._credentials = "HUBPULSE_INFLUX__TOKEN" if settings.token else "HUBPULSE_INFLUX__USERNAME and __PASSWORD"
        self.name = f"InfluxDB at {_without_secrets(settings.url)}"
        # Without types: the client's methods have none.
        self._client: Any = InfluxDBClient(
            settings.url,
            _credentials(settings),
            auth_basic=settings.token is None and settings.username is not None,
            org=settings.org,
            timeout=int(settings.timeout_s * 1000),
        )
        bound(self._client.api_client.rest_client.pool_manager)

    def headers_of(self, path: str) -> Mapping[str, str]:
        """GET it, for what the answer's headers say."""
        response = self._request("GET", path)
        response.close()
        return response.headers

    def post(
        self, path: str, query: Mapping[str, str], body: bytes | Mapping[str, str], headers: Mapping[str, str]
    ) -> None:
        """POST a body, a mapping as JSON.

        Success is `204 No Content` alone: a proxy's login page answers 200, and stores nothing.
        """
        response = self._request("POST", path, query_params=list(query.items()), body=body, header_params={**headers})
        if response.status != HTTPStatus.NO_CONTENT:
            response.close()
            raise RequestError(
                response.status,
                f"{self.name} answered {response.status} where InfluxDB answers 204: check HUBPULSE_INFLUX__URL and "
                "what is in between",
            )
        response.drain_conn()

    def stream(self, path: str, form: Mapping[str, str]) -> Iterator[bytes]:
        """POST a form, and yield the answer's lines as they come in."""
        response = self._request(
            "POST",
            path,
            is_long=True,
            post_params=list(form.items()),
            header_params={"Content-Type": "application/x-www-form-urlencoded"},
        )
        try:
            with self._translated_errors():
                yield from lines_of(response)
        finally:
            response.close()

    def call(self, use: Callable[[Any], T]) -> T:
        """Return what a function that is given the InfluxDBClient returns."""
        try:
            with self._translated_errors(), answers_within(self._timeout_s):
                return use(self._client)
        except (TypeError, AttributeError) as error:
            # It takes whatever is answered for the object that it expects.
            raise self._strange_answer() from error

    def clean(self, text: str) -> str:
        """One line without secrets, of bounded length."""
        return " ".join(self._redact(text[:_CLEANED_CHARS_MAX]).split())[:DETAIL_CHARS_MAX]

    def close(self) -> None:
        self._client.close()

    def _request(self, method: str, path: str, *, is_long: bool = False, **how: Any) -> BaseHTTPResponse:
        with self._translated_errors(), answers_within(self._timeout_s, is_long=is_long):
            response: BaseHTTPResponse = self._client.api_client.call_api(
                path, method, _preload_content=False, _return_http_data_only=True, **how
            )
            return response

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except ApiException as error:
            raise self._answered(error) from error
        except InfluxDBError as error:
            raise RequestError(HTTPStatus.NOT_FOUND, f"{self.name}: {self.clean(error.message)}") from error
        except (urllib3_errors.HTTPError, http.client.HTTPException, OSError) as error:
            detail = f"{self.name} {self._network(error)}: start it, or check HUBPULSE_INFLUX__URL"
            raise RequestError(NO_ANSWER, detail) from error
        except AnswerTooLargeError as error:
            detail = f"{self.name} answers without end: check HUBPULSE_INFLUX__URL and what is in between"
            raise RequestError(NO_ANSWER, detail, needs_operator=True) from error
        except ValueError as error:
            raise self._strange_answer() from error

    def _answered(self, error: ApiException) -> RequestError:
        """The failure that an answer without success is."""
        status = error.status or NO_ANSWER
        reply = self.clean(_message(error.body) or error.reason or "no reason given")
        if status == NO_ANSWER:
            detail = f"{self.name} has a certificate that is not accepted ({reply}): check HUBPULSE_INFLUX__URL"
            return RequestError(NO_ANSWER, detail, needs_operator=True)
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
        return RequestError(status, detail, retry_after_s=_seconds(error.retry_after, self._now()))

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

    def _strange_answer(self) -> RequestError:
        detail = f"{self.name} answered something that no InfluxDB answers: check HUBPULSE_INFLUX__URL"
        return RequestError(NO_ANSWER, detail, needs_operator=True)


def _secrets(settings: InfluxSettings) -> Iterator[str]:
    """What must be in no text: the credentials, as they are and as they are sent."""
    secrets = (settings.token, settings.grafana_token, settings.password)
    yield from (secret.get_secret_value() for secret in secrets if secret)
    if settings.username is not None and settings.password is not None:
        yield f"{settings.username}:{settings.password.get_secret_value()}"


def _credentials(settings: InfluxSettings) -> str:
    """What influxdb-client makes the Authorization header of."""
    if settings.token is not None:
        token = settings.token.get_secret_value().strip()
        if not (token.isascii() and token.isprintable()):
            raise StoreError("HUBPULSE_INFLUX__TOKEN holds characters that no token has: copy it again")
        return token
    if settings.username is not None:
        password = settings.password.get_secret_value() if settings.password else ""
        return f"{settings.username}:{password}"
    return ""


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
