"""Looks after a running service: its health and metrics for whoever asks, and a word to systemd.

sd_notify(3) is a datagram to the socket that NOTIFY_SOCKET names:
READY=1 once every loop has begun, STATUS= what a person sees in `systemctl status`, WATCHDOG=1 while every loop makes
progress, STOPPING=1 when it is asked to stop. Where there is no systemd, nothing is sent.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

import structlog

from dashboards.operations.health import Part, ServiceHealth
from dashboards.operations.server import MetricsServer
from schemas import Settings

log = structlog.get_logger("hubpulse")

_LOOK_EVERY_S = 5.0
_START_LOOK_EVERY_S = 0.1
_FEEDS = 3
"""So often in its interval the watchdog is fed."""


class ServiceManager:
    """systemd, or nobody."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        limit_us = environment.get("WATCHDOG_USEC", "") if is_ours else ""
        self.watchdog_s = int(limit_us) / 1e6 if limit_us.isdecimal() and address else None
        """How long it waits for a sign of life; None for ever."""

    @property
    def is_there(self) -> bool:
        """Whether somebody wants to know."""
        return bool(self._address)

    def tell(self, **fields: str) -> None:
        """Send it variables such as READY. Where nobody listens any more, it is not our trouble."""
        if not self._address:
            return
        message = "\n".join(f"{name}={' '.join(value.split())}" for name, value in fields.items())
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(message.encode(), self._address)


class Supervision:
    """Looks at a service's loops all the time, and keeps systemd informed, between the ends of a `with`."""

    def __init__(
        self, health: ServiceHealth, *, has_begun: Callable[[], bool], manager: ServiceManager | None = None
    ) -> None:
        self._health, self._has_begun = health, has_begun
        self._manager = manager or ServiceManager()
        self._is_ready = False
        self._stalled: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervision", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self.stopping()

    def stopping(self) -> None:
        """The service was asked to stop."""
        self._manager.tell(STOPPING="1", STATUS="stopping")

    def look(self) -> None:
        """Look once; feed the watchdog where every loop goes on."""
        stalled = self._health.stalled()
        if stalled != self._stalled and stalled:
            log.error("service_stalled", error=", ".join(stalled))
        self._stalled = stalled
        told = {"STATUS": ", ".join(stalled) if stalled else "running" if self._is_ready else "starting"}
        if not self._is_ready and self._has_begun():
            self._is_ready = True
            told |= {"READY": "1", "STATUS": "running"}
        if not stalled:
            told["WATCHDOG"] = "1"
        self._manager.tell(**told)

    def _run(self) -> None:
        every_s = min(_LOOK_EVERY_S, (self._manager.watchdog_s or _LOOK_EVERY_S * _FEEDS) / _FEEDS)
        while True:
            self.look()
            if self._ended.wait(every_s if self._is_ready else min(every_s, _START_LOOK_EVERY_S)):
                return


@contextmanager
def supervised(settings: Settings, parts: Sequence[Part], *, has_begun: Callable[[], bool]) -> Iterator[Supervision]:
    """Look after a service that is made of these parts; more may come while it runs."""
    health = ServiceHealth(parts)
    with MetricsServer(health, port=settings.metrics.port), Supervision(health, has_begun=has_begun) as supervision:
        yield supervision
