"""Where notices go: Apprise URLs, which are secrets. What a service answers is shown without any part of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas import Estate, HubpulseError, Settings
from schemas.notice_addresses import address_problem, read_addresses
from schemas.notices import ADDRESSES_MAX
from schemas.printable import printable
from schemas.redaction import Redaction

_PROBLEM_CHARACTERS_MAX = 200
_LOGGER, _CONNECTIONS = logging.getLogger("apprise"), logging.getLogger("urllib3.connectionpool")
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Address:
    """An address by its place in the list; its URL is in no text of it."""

    name: str
    """By which the store knows it: `to-1`."""
    url: str

    def __repr__(self) -> str:
        return f"Address({self.label})"

    @property
    def label(self) -> str:
        """What people are shown: `1 (mailto)`."""
        return f"{self.name.removeprefix('to-')} ({urlsplit(self.url).scheme})"

    def send(self, title: str, text: str) -> str | None:
        """Send a notice; why it did not go, None where it did. It may take some seconds."""
        import apprise  # noqa: PLC0415 - slow to import, and few processes send
        from apprise.common import PersistentStoreMode  # noqa: PLC0415 - likewise

        asset = apprise.AppriseAsset(
            app_id="Hubpulse", async_mode=False, plugin_paths=[], storage_mode=PersistentStoreMode.MEMORY
        )
        with _ONE_AT_A_TIME, _heard(self.url) as complaints:
            service = apprise.Apprise(asset=asset)
            if not service.add(self.url):
                return "Apprise does not understand the address: see docs/alerts.md"
            if service.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT):
                return None
        return " ".join(complaints)[:_PROBLEM_CHARACTERS_MAX] or "the service could not be reached, or refused it"


class _Complaints(logging.Handler):
    """What Apprise complains of, without the address."""

    def __init__(self, url: str) -> None:
        super().__init__(logging.WARNING)
        parts = urlsplit(url)
        self.found: list[str] = []
        self._redaction = Redaction([url, parts.netloc, parts.username or "", parts.password or "", *url.split("/")])

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(printable(self._redaction(record.getMessage())))


def _is_no_detail(record: logging.LogRecord) -> bool:
    """At level debug the connection names what is asked for, from whichever thread of Apprise's."""
    return record.levelno >= logging.WARNING


@contextmanager
def _heard(url: str) -> Iterator[list[str]]:
    """Listen to what Apprise logs while something is sent; nobody else hears it, as it may name the address."""
    handler = _Complaints(url)
    before = _LOGGER.propagate, _LOGGER.level
    _LOGGER.propagate = False
    _CONNECTIONS.addFilter(_is_no_detail)
    _LOGGER.setLevel(logging.WARNING)
    _LOGGER.addHandler(handler)
    try:
        yield handler.found
    finally:
        _CONNECTIONS.removeFilter(_is_no_detail)
        _LOGGER.removeHandler(handler)
        _LOGGER.propagate, _LOGGER.level = before


def addresses_of(settings: Settings, estate: Estate) -> Sequence[Address]:
    """Who is told: the environment's addresses, else the estate file's. Raises HubpulseError for what can't be used."""
    told, given = settings.notices.to, estate.alerts
    if told is not None:
        urls = tuple(told.get_secret_value().split())
    else:
        urls = tuple(address.get_secret_value() for address in given.to)
        urls += read_addresses(given.to_file) if given.to_file is not None else ()
    for number, url in enumerate(urls, start=1):
        if (problem := address_problem(url)) is not None:
            raise HubpulseError(f"address {number} of alerts {problem}")
    if len(urls) > ADDRESSES_MAX:
        raise HubpulseError(f"alerts have {len(urls)} addresses, at most {ADDRESSES_MAX}: tell a group or a channel")
    return [Address(f"to-{number}", url) for number, url in enumerate(urls, start=1)]
