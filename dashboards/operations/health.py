"""Is a service alive, and is it ready: asked of its parts, for health checks, systemd and Prometheus.

Alive: every loop makes progress. Ready: each part can do its work now; what can not says why, and what to do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from schemas.errors import HubpulseError

if TYPE_CHECKING:
    from prometheus_client import Metric

_MAX_AGE_S = 2.0
STORE = "store"


class Check(NamedTuple):
    """Whether a part can do its work; `detail` is what it is, or what is wrong and what to do."""

    part: str
    is_ok: bool
    detail: str


class Part(Protocol):
    """A part of a running service."""

    def stalled(self) -> str | None:
        """Which of its loops makes no progress; None while all do."""

    def checks(self) -> Iterator[Check]:
        """What it needs, and whether it has that."""

    def metrics(self) -> Iterator[Metric]:
        """Its figures."""


def checked(part: str, look: Callable[[], str]) -> Check:
    """What a look gives; what it raises is the trouble."""
    try:
        return Check(part, is_ok=True, detail=look())
    except HubpulseError as error:
        return Check(part, is_ok=False, detail=str(error))


class ServiceHealth:
    """The parts of a service together. Whoever asks within two seconds is given the same answer of one look."""

    def __init__(self, parts: Sequence[Part], *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Any]] = {}

    def stalled(self) -> list[str]:
        """The loops that make no progress."""
        return [found for part in self._parts if (found := part.stalled()) is not None]

    def checks(self) -> list[Check]:
        """What every part needs."""
        found: list[Check] = self._once("checks", lambda: [each for part in self._parts for each in part.checks()])
        return found

    def alive(self) -> tuple[HTTPStatus, dict[str, Any]]:
        """The answer of /healthz."""
        stalled = self.stalled()
        status = HTTPStatus.SERVICE_UNAVAILABLE if stalled else HTTPStatus.OK
        return status, {"status": "stalled" if stalled else "ok", "stalled": stalled}

    def ready(self, *, for_visitors: bool = False) -> tuple[HTTPStatus, dict[str, Any]]:
        """The answer of /readyz. Visitors are told only which part, and the store's trouble as on a page."""
        checks = self.checks()
        is_ready = all(check.is_ok for check in checks)
        status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        told: list[dict[str, Any]] = [{"part": check.part, "ok": check.is_ok} for check in checks]
        for entry, check in zip(told, checks, strict=True):
            if not for_visitors or (check.part == STORE and not check.is_ok):
                entry["detail"] = check.detail
        return status, {"status": "ready" if is_ready else "not ready", "checks": told}

    def metrics(self) -> bytes:
        """The answer of /metrics, in Prometheus' text format 0.0.4."""
        answer: bytes = self._once("metrics", self._exposition)
        return answer

    def _exposition(self) -> bytes:
        from dashboards.operations.metrics import exposition  # noqa: PLC0415 - only where metrics are asked for

        return exposition(self._parts)

    def _once(self, name: str, look: Callable[[], Any]) -> Any:
        with self._lock:
            at_s, found = self._kept.get(name, (-_MAX_AGE_S, None))
            if self._monotonic_s() - at_s >= _MAX_AGE_S or found is None:
                found = look()
                self._kept[name] = (self._monotonic_s(), found)
            return found
