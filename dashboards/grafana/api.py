"""An adapter over grafana-api-client: a timeout on every request, and every failure in a plain sentence.

The library has traps: no timeout, request objects that grow with each use, errors that lose their status, JSON errors
for empty and HTML bodies. Only its one function that sends a request is used, and only here.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import requests
from grafana_api_client import (
    GrafanaBadInputError,
    GrafanaClient,
    GrafanaClientError,
    GrafanaPreconditionFailedError,
    GrafanaServerError,
    GrafanaUnauthorizedError,
)

from schemas import HubpulseError

TIMEOUT_S = 10.0
_NOT_FOUND = "404"
_STATUS = re.compile(r"(?:Client|Server) Error (\d{3}): ?(.*)", re.DOTALL)
_DETAIL_CHARS_MAX = 200

Json = dict[str, Any]
Credentials = str | tuple[str, str] | None


class GrafanaError(HubpulseError):
    """Grafana could not be asked, or refused; the message says what to do next."""


class _MissingError(GrafanaError):
    """Grafana has no such thing."""


class Grafana:
    """A Grafana server's HTTP API. `credentials` is a service account's token, or user and password."""

    def __init__(self, url: str, credentials: Credentials, *, timeout_s: float = TIMEOUT_S) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise GrafanaError(f"{url!r} is no address ({error}): write for example http://127.0.0.1:3000") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise GrafanaError(f"{url!r} is no address of a Grafana: write for example http://127.0.0.1:3000")
        self.url = url.rstrip("/")
        self._client = GrafanaClient(
            credentials,
            host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
            port=port,
            url_path_prefix=parts.path.strip("/"),
            protocol=parts.scheme,
        )
        self._client.custom_requests_params["timeout"] = timeout_s
        self._timeout_s = timeout_s

    def close(self) -> None:
        """Close the connections."""
        self._client.session.close()

    def get(self, path: str) -> Json:
        """What is at the path. Raises GrafanaError."""
        return self._ask("get", path, {})

    def find(self, path: str) -> Json | None:
        """What is at the path, or None. Raises GrafanaError."""
        try:
            return self._ask("get", path, {})
        except _MissingError:
            return None

    def create(self, path: str, content: Json) -> Json:
        """POST. Raises GrafanaError."""
        return self._ask("post", path, content)

    def replace(self, path: str, content: Json) -> Json:
        """PUT. Raises GrafanaError."""
        return self._ask("put", path, content)

    def _ask(self, method: str, path: str, content: Json) -> Json:
        try:
            answer = self._client.make_raw_request(method, path, content)
        except (GrafanaClientError, GrafanaServerError) as error:
            raise self._refusal(path, error) from error
        except requests.Timeout as error:
            raise GrafanaError(
                f"Grafana at {self.url} did not answer {path} within {self._timeout_s:g} s: is it overloaded?"
            ) from error
        except (requests.JSONDecodeError, KeyError) as error:  # an empty or HTML body, a 412 without its parts
            raise GrafanaError(
                f"{self.url} answered {path} with something other than Grafana's JSON: "
                "check the address, and whether a login page or proxy is in between"
            ) from error
        except (requests.RequestException, UnicodeError) as error:
            reason = type(error).__name__
            raise GrafanaError(f"Grafana at {self.url} can't be reached ({reason}): check the address") from error
        if not isinstance(answer, dict):
            raise GrafanaError(
                f"{self.url} answered {path} with a list where an object was due: is it a Grafana 9 to 12?"
            )
        return answer

    def _refusal(self, path: str, error: Exception) -> GrafanaError:
        found = _STATUS.match(str(error))
        status, detail = found.groups() if found else ("", str(error))
        detail = detail.strip()[:_DETAIL_CHARS_MAX]
        match error:
            case GrafanaUnauthorizedError():
                return GrafanaError(f"Grafana at {self.url} does not know these credentials: give a valid --token")
            case GrafanaPreconditionFailedError():
                return GrafanaError(
                    f"Grafana refused {path}: {detail}; a dashboard of that title or a newer one is there"
                )
            case GrafanaBadInputError():
                return GrafanaError(f"Grafana refused {path}: {detail}")
        if status == _NOT_FOUND:
            return _MissingError(f"Grafana at {self.url} has no {path}: check the address and its version")
        if status == "403":
            return GrafanaError(f"Grafana does not let these credentials do {path}: the token needs the role Admin")
        return GrafanaError(f"Grafana answered {path} with {status or 'an error'}: {detail or 'nothing more'}")
