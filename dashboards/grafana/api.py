"""An adapter over grafana-api-client: a timeout on every request, and every failure in a plain sentence.

The library has traps: no timeout, request objects that grow with each use, errors that have their status in their text
only, JSON errors for empty and HTML bodies. Only its one function that sends a request is used, and only here.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from grafana_api_client import GrafanaClient, GrafanaClientError, GrafanaServerError

from schemas import HubpulseError
from schemas.redaction import Redaction
from stores.bounded_http import AnswerTooLargeError, answers_within, bound

_DETAIL_CHARS_MAX = 200
_NOT_FOUND = "404"
_HINTS = {
    "Unauthorized": "it does not know these credentials: give a valid --token",
    "Precondition failed": "a dashboard of that title or a newer one is there",
    "403": "the token needs the role Admin",
    _NOT_FOUND: "check the address and Grafana's version",
}

Json = dict[str, Any]
Credentials = str | tuple[str, str] | None


def _secrets(credentials: tuple[str, str] | None) -> list[str]:
    return [credentials[1], ":".join(credentials)] if credentials else []


class GrafanaError(HubpulseError):
    """Grafana could not be asked, or refused; the message says what to do next."""


class _MissingError(GrafanaError):
    """Grafana has no such thing."""


class Grafana:
    """A Grafana server's HTTP API. `credentials` is a service account's token, or user and password."""

    def __init__(self, url: str, credentials: Credentials, *, timeout_s: float = 10.0) -> None:
        try:
            parts = urlsplit(url)
            is_address = parts.scheme in ("http", "https") and parts.hostname and not parts.username
            is_address = is_address and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address:
            raise GrafanaError(f"{url!r} is no address of a Grafana: write for example http://127.0.0.1:3000")
        self.url = url.rstrip("/")
        self._client = GrafanaClient(
            credentials, host=parts.netloc, url_path_prefix=parts.path.strip("/"), protocol=parts.scheme
        )
        self._client.custom_requests_params["timeout"] = self._timeout_s = timeout_s
        for adapter in self._client.session.adapters.values():
            bound(adapter.poolmanager)
        self._secrets = [credentials] if isinstance(credentials, str) else _secrets(credentials)

    def close(self) -> None:
        """Close the connections."""
        self._client.session.close()

    def get(self, path: str) -> Json:
        """What is at the path. Raises GrafanaError."""
        return self.send("get", path, {})

    def find(self, path: str) -> Json | None:
        """What is at the path, or None. Raises GrafanaError."""
        try:
            return self.get(path)
        except _MissingError:
            return None

    def send(self, method: str, path: str, content: Json) -> Json:
        """The answer to a request with content, such as a `post`. Raises GrafanaError."""
        try:
            with answers_within(self._timeout_s):
                answer = self._client.make_raw_request(method, path, content)
        except (GrafanaClientError, GrafanaServerError) as error:
            redact = Redaction([*self._secrets, *content.get("secureJsonData", {}).values()])
            raise self._refusal(path, redact(str(error))) from error
        except requests.Timeout as error:
            raise GrafanaError(
                f"Grafana at {self.url} did not answer {path} within {self._timeout_s:g} s: is it overloaded?"
            ) from error
        except (requests.JSONDecodeError, KeyError) as error:  # an empty or HTML body, a 412 without its parts
            raise GrafanaError(
                f"{self.url} answered {path} with something other than Grafana's JSON: "
                "check the address, and whether a login page or proxy is in between"
            ) from error
        except AnswerTooLargeError as error:
            raise GrafanaError(f"{self.url} answers {path} without end: is it a Grafana? Check the address") from error
        except (requests.RequestException, UnicodeError) as error:
            reason = type(error).__name__
            raise GrafanaError(f"Grafana at {self.url} can't be reached ({reason}): check the address") from error
        if not isinstance(answer, dict):
            raise GrafanaError(f"{self.url} answered {path} with a list, not an object: is it a Grafana 9 to 12?")
        return answer

    def _refusal(self, path: str, text: str) -> GrafanaError:
        """The error for a library's text, such as `Client Error 404: {...}`."""
        text = text.removeprefix("Client Error ").removeprefix("Server Error ")
        hint = next((f"; {hint}" for start, hint in _HINTS.items() if text.startswith(start)), "")
        kind = _MissingError if text.startswith(_NOT_FOUND) else GrafanaError
        detail = " ".join(text[:_DETAIL_CHARS_MAX].split())
        return kind(f"Grafana at {self.url} answered {path} with {detail}{hint}")
