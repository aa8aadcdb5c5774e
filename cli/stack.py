"""The parts of a running Hubpulse, wired: broker, ingest, jobs, board."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Self

import structlog
from fastapi import FastAPI

from cli.board_address import remember_board
from cli.context import make_data_dir
from cli.supervision import Supervision, supervised
from dashboards.access.accounts import Accounts
from dashboards.access.oidc import OidcSignIn
from dashboards.alerts.addresses import addresses_of
from dashboards.alerts.keeper import AlertKeeper
from dashboards.edits.writer import EditWriter
from dashboards.operations.health import Part, ServiceHealth
from dashboards.operations.parts import BoardPart, IngestPart, JobsPart, StorePart
from dashboards.operations.set_aside import pending, refused
from dashboards.reports.desk import ReportFolders
from dashboards.reports.job import report_work
from dashboards.web.audit_page import audit_routes
from dashboards.web.board import create_board
from dashboards.web.edit_page import Editing, add_edit_page
from dashboards.web.proxied import BehindProxy
from dashboards.web.server import BoardServer
from dashboards.web.snapshot import Told
from ingest.broker import HOST, EmbeddedBroker
from ingest.broker_losses import losses_of
from ingest.heartbeat import beat
from ingest.held_back import held_back_in
from ingest.pipeline import Ingest
from schemas import Estate, HubpulseError, Settings
from sensors.estate_file import EstateFile
from stores import open_store
from stores.salvage import salvages
from usage.jobs import Jobs

log = structlog.get_logger("hubpulse")

_LOOK_EVERY_S = 0.5
_BEAT_EVERY_S = 30.0
_READY_DEADLINE_S = 30.0
_STOP_DEADLINE_S = 10.0


class CurrentEstate:
    """The estate in force; looks at the file whenever it is asked."""

    def __init__(self, settings: Settings) -> None:
        self._file = EstateFile(settings.estate)
        self._lock = threading.Lock()

    def __call__(self) -> Estate:
        with self._lock:
            if self._file.changed() and self._file.problem is not None:
                log.error("estate_rejected", error=self._file.problem)
            return self._file.estate


def board_server(settings: Settings, parts: Sequence[Part] | None = None) -> BoardServer:
    """The board, not yet started, as one of these parts of a process."""
    return BoardServer(board_app(settings, parts), host=settings.board.host, port=settings.board.port)


def board_app(settings: Settings, parts: Sequence[Part] | None = None) -> FastAPI:
    """The board with all of its pages."""
    known = CurrentEstate(settings)
    app = create_board(
        open_store=lambda: open_store(settings),
        estate=known,
        hosts=settings.board.hosts,
        told=Told(
            lambda: [*map(str, salvages(settings.data_dir)), *losses_of(settings.data_dir, now_ns=time.time_ns())],
            lambda: held_back_in(settings.data_dir, now_ns=time.time_ns()),
            lambda: pending(settings),
            lambda: refused(settings, time.time_ns()),
        ),
        health=ServiceHealth([store_part(settings)] if parts is None else parts),
        accounts=Accounts(
            settings.data_dir,
            admin_password=admin.get_secret_value() if (admin := settings.board.admin_password) else None,
            provider=_provider(settings),
        ),
        reports=ReportFolders(settings.data_dir, settings.audits_folder),
        store_is_elsewhere=settings.store == "influxdb",
    )
    app.include_router(audit_routes(settings.audits_folder, known, time.time_ns))
    add_edit_page(app, Editing(settings, lambda: open_store(settings), time.time_ns))
    app.add_middleware(BehindProxy, trusted=settings.board.trusted_proxies)
    return app


def _provider(settings: Settings) -> OidcSignIn | None:
    if settings.oidc.issuer is None:
        return None
    secret = settings.oidc.client_secret
    return OidcSignIn(
        settings.oidc.issuer,
        settings.oidc.client_id.get_secret_value(),
        secret.get_secret_value() if secret else None,
        time.time,
    )


def store_part(settings: Settings) -> Part:
    """The store of the settings."""
    return StorePart(lambda: open_store(settings))


class JobsService:
    """The jobs with their sign of life."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        addresses = partial(addresses_of, settings)
        estate = CurrentEstate(settings)
        self._edits = EditWriter(settings, estate, lambda: open_store(settings), time.time_ns)
        self.jobs = Jobs(
            lambda: open_store(settings),
            estate,
            time.time_ns,
            retention_days=settings.retention_days,
            figures_retention_days=settings.figures_retention_days,
            today_every_s=settings.today_every_s,
            alerts=AlertKeeper(addresses, time.time_ns),
        )
        self.jobs.also(report_work(settings.data_dir, settings.audits_folder, addresses=addresses))
        self.part = JobsPart(settings, self.jobs.runs)
        self._ended = threading.Event()
        self._pulse = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> Self:
        make_data_dir(self._settings)
        self.jobs.start()
        self._edits.start()
        self._pulse.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._edits.stop()
        self.jobs.stop()

    def _beat(self) -> None:
        while True:
            try:
                beat("jobs", self._settings.data_dir, self.part.stalled())
            except OSError as error:
                log.warning("heartbeat_failed", folder=str(self._settings.data_dir), error=error.strerror)
            if self._ended.wait(_BEAT_EVERY_S):
                return


class Stack:
    """Everything in one process, as a context manager: started in the order of the flow, stopped against it.

    The jobs are started by `start_jobs`, so that a long history can be loaded first.
    """

    def __init__(self, settings: Settings) -> None:
        self._broker: EmbeddedBroker | None = None
        if settings.mqtt.host is None:
            self._broker = EmbeddedBroker(
                settings.data_dir, port=settings.mqtt.port, autosave_interval_s=settings.mqtt.autosave_interval_s
            )
            settings = settings.model_copy(update={"mqtt": settings.mqtt.model_copy(update={"host": HOST})})
        self.settings = settings
        self.ingest = Ingest(settings, broker_had_saved_all=lambda: bool(self._broker and self._broker.had_saved_all))
        self._failure: BaseException | None = None
        self._ingest_thread = threading.Thread(target=self._run_ingest, name="ingest", daemon=True)
        self._health_parts: list[Part] = [IngestPart(settings, self.ingest.activity), store_part(settings)]
        self._board = board_server(settings, self._health_parts)
        self._all_parts: list[Part] = []
        """With the board, which does not ask itself."""
        self._supervision: Supervision | None = None
        self._parts = ExitStack()

    @property
    def board_url(self) -> str:
        """Where a browser finds the board."""
        return self._board.url

    @property
    def broker_place(self) -> str:
        """The broker's address, and what it is where it is ours."""
        place = f"{self.settings.mqtt.host}:{self.settings.mqtt.port}"
        if self._broker is None:
            return place
        demo = "" if self._broker.name == "mosquitto" else " (for a demo; install mosquitto to keep every message)"
        return f"{place}, {self._broker.name}{demo}"

    def __enter__(self) -> Self:
        make_data_dir(self.settings)
        try:
            if self._broker is not None:
                self._broker.start()
                self._parts.callback(self._broker.stop)
            self._ingest_thread.start()
            self._parts.callback(self._stop_ingest)
            self._parts.enter_context(self._board)
            remember_board(self.settings, self._board.port)
            self._all_parts += [*self._health_parts, BoardPart(self._board.answers)]
            self._supervision = self._parts.enter_context(
                supervised(self.settings, self._all_parts, has_begun=lambda: self.ingest.activity.has_begun)
            )
        except BaseException:
            self._parts.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._supervision is not None:
            self._supervision.stopping()
        self._parts.close()

    def start_jobs(self) -> None:
        """Keep the daily figures up to date from now on."""
        jobs = self._parts.enter_context(JobsService(self.settings))
        self._health_parts.append(jobs.part)
        self._all_parts.append(jobs.part)

    def wait(self, stopping: threading.Event) -> None:
        """Return once asked to stop; start the broker again should it end. Raises what ended ingest."""
        while not stopping.wait(_LOOK_EVERY_S):
            self.look()

    def look(self) -> None:
        """See that every part still runs."""
        if self._failure is not None:
            raise self._failure
        if self._broker is not None and not self._broker.running:
            self._broker.start()
            log.error("broker_restarted")

    def wait_until_receiving(self, stopping: threading.Event) -> None:
        """Return once the broker keeps for ingest what is published. Raises HubpulseError after a while."""
        until_s = time.monotonic() + _READY_DEADLINE_S
        while not self.ingest.ready.wait(_LOOK_EVERY_S) and not stopping.is_set():
            self.look()
            if time.monotonic() > until_s:
                raise HubpulseError(f"ingest gets no subscription at {self.broker_place}: see `hubpulse doctor`")

    def _run_ingest(self) -> None:
        try:
            self.ingest.run()
        except Exception as error:  # noqa: BLE001 - `look` raises it again where it can be answered
            self._failure = error

    def _stop_ingest(self) -> None:
        self.ingest.stop()
        self._ingest_thread.join(_STOP_DEADLINE_S)
