r"""The path of a reading, and the process that runs it.

    broker -> subscriber -> format (decode) -> registry -> validate -> encode -> buffer (commit, THEN acknowledge)
                            |      \-> quarantine (before that commit)  |           \-> writer -> store
                            +---------- here, or in N workers ----------+

The steps from format to encode are wired in `ingest.decoder`, and done here or by `ingest.workers`.

One thread receives, commits and acknowledges, a list of messages at a time, and decodes where no workers do; another
writes to the store. Back-pressure needs no queue: while a commit waits, nothing is read, and the broker holds what is
not acknowledged.
"""

from __future__ import annotations

import gc
import math
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import structlog

from ingest.activity import SALVAGE_MAX_S, Activity
from ingest.batches import Batch
from ingest.broker_losses import DroppedMessages
from ingest.buffer import Buffer, BufferDamagedError, BufferFullError
from ingest.buffer_file import FILE_NAME, QUARANTINE_NAME, keep_reserve
from ingest.data_lock import data_lock
from ingest.decoding import Decoding, Parcel, Work
from ingest.estate_watch import EstateWatch
from ingest.heartbeat import beat
from ingest.intake import Intake
from ingest.old_session import OldSession, try_to_end
from ingest.quarantine import Quota
from ingest.rates import HubRates
from ingest.salvage import has_lost_commits, salvage_buffer, salvage_quarantine
from ingest.session import SessionMemory
from ingest.sharing import may_share
from ingest.upkeep import Upkeep
from ingest.workers import open_decoding
from ingest.writer import Writer
from mqtt.broker_state import BrokerState, look_if_possible
from mqtt.subscriber import Subscriber
from schemas.errors import HubpulseError
from schemas.localtime import rfc3339
from schemas.settings import Settings
from stores import open_store
from stores.opening import self_healing
from stores.salvage import Salvage, salvages

log = structlog.get_logger("hubpulse.ingest")
T = TypeVar("T")

_RECEIVE_TIMEOUT_S = 0.2
_FULL_RETRY_S = 1.0
_FULL_LOGGED_EVERY_S = 60.0
_STATUS_EVERY_S = 10.0  # each report is a commit, which wears an SD card; a sign of life serves for 30 s
_LOOK_TIMEOUT_S = 3.0
_SALVAGES_MAX = 3


class _Way(NamedTuple):
    """The parts that a message passes, in their order, and what is remembered of the session."""

    subscriber: Subscriber
    decoding: Decoding
    buffer: Buffer
    writer: Writer
    session: SessionMemory
    intake: Intake


class Ingest:
    """The ingest process: `run` until `stop`. Everything that it was given stays in the buffer should it die."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        monotonic_s: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
        broker_had_saved_all: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._broker_had_saved_all = broker_had_saved_all
        self._clock_ns = clock_ns
        self._monotonic_s = monotonic_s
        self._rng = rng or random.SystemRandom()
        self._stopping = threading.Event()
        self.activity = Activity(settings)
        """What its threads are doing."""
        self._stop_by_s: float | None = None
        self.ready = threading.Event()
        """Set once the broker keeps for us what is published."""
        self._reported_s = self._full_logged_s = -math.inf
        self._reported_problem: str | None = None
        self._salvages_logged: set[Path] = set()
        self._estate = EstateWatch(settings.estate, self._stopping)

    def stop(self) -> None:
        """Ask `run` to end: commit what is in hand, write what the store takes, leave the rest in the buffer."""
        self._stop_by_s = self._monotonic_s() + self._settings.ingest.stop_deadline_s
        self._stopping.set()

    def run(self) -> None:
        """Walk the way until `stop`. Raises HubpulseError where it can't be walked at all.

        Where the buffer turns out to be damaged, the way is begun anew with what is whole in it.
        """
        gc.set_threshold(50_000)  # a batch has thousands of objects and no cycle: a look for one each 700 cost a fifth
        with data_lock(self._settings.data_dir):
            salvages_left = _SALVAGES_MAX
            try:
                for name, salvage in ((FILE_NAME, salvage_buffer), (QUARANTINE_NAME, salvage_quarantine)):
                    if has_lost_commits(self._settings.data_dir, name=name) and not self._salvage(salvage):
                        return
                if not may_share(self._settings, stopping=self._stopping, step=self.activity.receiving.step):
                    return
                while not self._has_walked(may_salvage=salvages_left > 0):
                    salvages_left -= 1
            finally:
                self.activity.receiving.end()

    def _has_walked(self, *, may_salvage: bool) -> bool:
        """Walk until asked to stop; False where the buffer was damaged and another is in its place."""
        try:
            self._walk()
        except HubpulseError as error:
            if not (may_salvage and _can_be_salvaged(error)):
                raise
            return not self._salvage()
        return True

    def _salvage(self, salvage: Callable[..., Salvage] = salvage_buffer) -> bool:
        """Whether a damaged file was set aside; False where we are to stop before the disk has room for that."""
        now_ns = self._clock_ns()

        def attempt() -> Salvage:
            self.activity.receiving.step(SALVAGE_MAX_S)
            return salvage(self._settings.data_dir, now_ns=now_ns)

        return self._once_there_is_room(attempt) is not None

    def _walk(self) -> None:
        settings = self._settings
        with ExitStack() as parts:
            buffer = self._once_there_is_room(self._make_buffer)
            if buffer is None:
                return
            parts.callback(buffer.close)
            session = SessionMemory(
                settings.data_dir,
                buffer,
                client_id=settings.mqtt.client_id.get_secret_value(),
                look=self._look,
                clock_ns=self._clock_ns,
                had_saved_all=self._broker_had_saved_all,
            )
            subscriber = Subscriber(
                mqtt_settings=settings.mqtt,
                ingest_settings=settings.ingest,
                filters=self._estate.registry.filters,
                rng=self._rng,
                filters_before=session.filters,
                on_new_session=session.lost,
                on_session_resumed=session.resumed,
                monotonic_s=self._monotonic_s,
            )
            session.filters_at_broker = lambda: subscriber.filters_at_broker
            session.is_in_doubt = lambda: subscriber.in_doubt
            writer = Writer(
                open_buffer=self._make_buffer,
                open_store=lambda: self_healing(open_store(settings)),
                settings=settings.ingest,
                clock_ns=self._clock_ns,
                rng=self._rng,
                activity=self.activity,
            )
            writer.start()
            parts.callback(self._stop_writer, writer, buffer)
            parts.callback(subscriber.close)
            if self._estate.ident is None:  # it ends by itself, and starts once
                self._estate.start()
            with closing(self._make_decoding(subscriber, buffer)) as decoding:
                self._receive(_Way(subscriber, decoding, buffer, writer, session, self._make_intake(buffer)))

    def _look(self) -> BrokerState:
        return look_if_possible(self._settings.mqtt, timeout_s=_LOOK_TIMEOUT_S)

    def _stop_writer(self, writer: Writer, buffer: Buffer) -> None:
        limit_s = self._settings.ingest.stop_deadline_s
        left_s = limit_s if self._stop_by_s is None else self._stop_by_s - self._monotonic_s()
        if not writer.stop(max(0.0, left_s)):
            log.warning("store_stop_timed_out")
        with suppress(BufferDamagedError):  # whoever met it first has said so
            log.info("ingest_stopped", readings_pending=buffer.ledger.read().readings_pending)

    def _make_intake(self, buffer: Buffer) -> Intake:
        registry, limits = self._estate.registry, self._settings.ingest
        rates = HubRates(registry, limits, monotonic_s=self._monotonic_s)
        return Intake(registry, buffer, rates, settings=limits, clock_ns=self._clock_ns)

    def _make_decoding(self, subscriber: Subscriber, buffer: Buffer) -> Decoding:
        def meanwhile() -> bool:
            self.activity.receiving.step()
            subscriber.keep_alive()
            self._report_status(subscriber, buffer, decoding.problem or subscriber.problem)
            # Half of the time that there is to stop is the store's.
            to_store_s = self._settings.ingest.stop_deadline_s / 2
            return self._stop_by_s is None or self._monotonic_s() < self._stop_by_s - to_store_s

        decoding = open_decoding(
            self._estate.registry, self._settings, buffer, clock_ns=self._clock_ns, rng=self._rng, meanwhile=meanwhile
        )
        return decoding

    def _receive(self, way: _Way) -> None:
        subscriber, decoding, session = way.subscriber, way.decoding, way.session
        registry = self._estate.registry
        old = self._old_session(session)
        upkeep = Upkeep(self._settings, way.buffer, clock_ns=self._clock_ns, monotonic_s=self._monotonic_s)
        dropped = DroppedMessages(way.buffer, look=self._look, clock_ns=self._clock_ns)
        while not self._stopping.is_set():
            self.activity.receiving.step()
            way.writer.raise_failure()
            if not subscriber.connected:
                self._finish(way)  # what a connection gave is committed before there is another one
            timeout_s = 0 if way.decoding.is_busy else _RECEIVE_TIMEOUT_S
            if not (self._take(_received(way, timeout_s), way) and self._take_held(way)):
                return
            if subscriber.subscribed:
                self.ready.set()
                if old is not None and self._empty(old, way):
                    old = None
            if registry is not self._estate.registry:
                registry = self._estate.registry
                decoding.use(registry)
                way.intake.use(registry)
                log.info("estate_reloaded", hubs=registry.hubs)
                subscriber.resubscribe(registry.filters)
            is_time = self._report_status(subscriber, way.buffer, decoding.problem or subscriber.problem)
            upkeep.turn()
            if is_time and subscriber.connected:
                dropped.turn()
            is_as_noted = (session.filters, session.was_in_doubt) == (
                subscriber.filters_at_broker,
                subscriber.in_doubt,
            )
            if subscriber.connected and (is_time or not is_as_noted):
                session.touch()
        if subscriber.connected:
            self._take(_received(way, 0), way)  # what was being gathered
        self._finish(way)

    def _take(self, work: Work | None, way: _Way) -> bool:
        """Have what was received decoded; commit and acknowledge what is. False where we are to stop first."""
        done = way.decoding.exchange(work)
        if done is not None:
            work, batch = done
            way.intake.charge(batch)
            if not self._commit(batch, way):
                return False
            work.acknowledge()
            way.writer.notify()
        return True

    def _finish(self, way: _Way) -> None:
        """Commit and acknowledge what is still being decoded."""
        if way.decoding.is_busy:
            self._take(None, way)

    def _take_held(self, way: _Way) -> bool:
        """Take what waited and may be taken now; False where we are to stop first."""
        return all(self._take(work, way) for work in way.intake.held(way.decoding))

    def _old_session(self, session: SessionMemory) -> OldSession | None:
        previous = session.previous
        if previous is None:
            return None
        settings, group = self._settings, self._settings.mqtt.share_group
        shared = [f"$share/{group.get_secret_value()}/{f}" for f in previous.filters] if group else []
        return OldSession(
            settings.mqtt,
            settings.ingest,
            client_id=previous.client_id,
            filters=[*previous.filters, *shared],
            monotonic_s=self._monotonic_s,
        )

    def _empty(self, old: OldSession, way: _Way) -> bool:
        """Take what the session of the client id before still holds; whether it is ended."""
        messages = old.receive()
        if messages:
            self._take(Work([Parcel(messages, maybe_repeated=True)], old.receipt()), way)
        if not old.is_empty or not try_to_end(old):
            return False
        log.info("old_session_ended")
        way.session.forget_previous()
        return True

    def _commit(self, batch: Batch, way: _Way) -> bool:
        """Hold the batch until the buffer has room for it; False where we are to stop first."""
        while True:
            try:
                way.buffer.commit(batch)
            except BufferFullError as error:
                self._log_full(str(error))
                way.writer.raise_failure()
                self._report_status(way.subscriber, way.buffer, str(error))
                self.activity.receiving.step(_FULL_RETRY_S)
                if self._stopping.wait(_FULL_RETRY_S):
                    return False
            else:
                return True

    def _log_full(self, detail: str) -> None:
        """Loudly, but not for every batch where the buffer is filled as fast as it drains."""
        now_s = self._monotonic_s()
        if now_s - self._full_logged_s >= _FULL_LOGGED_EVERY_S:
            self._full_logged_s = now_s
            log.error("acknowledging_paused", error=detail)

    def _once_there_is_room(self, attempt: Callable[[], T]) -> T | None:
        """What an attempt gives, once the disk has room for it; None where we are to stop first."""
        while True:
            try:
                return attempt()
            except BufferFullError as error:
                self._log_full(str(error))
                self.activity.receiving.step(_FULL_RETRY_S)
                with suppress(OSError):
                    beat("ingest", self._settings.data_dir, str(error))
                if self._stopping.wait(_FULL_RETRY_S):
                    return None

    def _make_buffer(self) -> Buffer:
        settings = self._settings
        return Buffer(
            settings.data_dir,
            clock_ns=self._clock_ns,
            bytes_max=settings.ingest.buffer_bytes_max,
            disk_free_bytes_min=settings.ingest.disk_free_bytes_min,
            quota=Quota(settings.ingest.quarantine_hub_bytes_max, settings.ingest.quarantine_bytes_max),
        )

    def _log_salvages(self) -> None:
        """Say of each file that was set aside, or is gone, what is missing: once, until somebody has looked at it."""
        for found in salvages(self._settings.data_dir):
            if found.folder not in self._salvages_logged:
                self._salvages_logged.add(found.folder)
                log.error("file_salvaged", file=found.file, error=str(found))

    def _report_status(self, subscriber: Subscriber, buffer: Buffer, problem: str | None) -> bool:
        """Leave a sign of life for `doctor`, and why nothing is received where that is so; whether it was time to."""
        now_s = self._monotonic_s()
        if problem == self._reported_problem and now_s - self._reported_s < _STATUS_EVERY_S:
            return False
        self._reported_s, self._reported_problem = now_s, problem
        status = {
            "broker": subscriber.place,
            "mqtt": subscriber.version,
            "problem": problem,
            "at": rfc3339(self._clock_ns()),
        }
        self._log_salvages()
        # Where it can't be kept, the next commit can't either, and says so.
        with suppress(BufferFullError, OSError):
            keep_reserve(self._settings.data_dir, free_bytes_min=self._settings.ingest.disk_free_bytes_min)
            beat("ingest", self._settings.data_dir, problem or self.activity.stalled())
            buffer.status.set("subscriber", status)
        return True


def _can_be_salvaged(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is that of a buffer in which something is whole."""
    while error is not None:
        if isinstance(error, BufferDamagedError):
            return error.can_be_salvaged
        error = error.__cause__
    return False


def _received(way: _Way, timeout_s: float) -> Work | None:
    """What came; what was committed before is taken out, and what may have been is told apart."""
    in_doubt = way.subscriber.in_doubt
    messages = way.subscriber.receive(timeout_s)
    if not messages:
        return None
    came = way.buffer.sort(messages)
    parcels = [Parcel(came.unsure, maybe_repeated=True), Parcel(came.new, in_doubt or way.subscriber.in_doubt)]
    taken, beside = way.intake.split(parcels, way.decoding)
    return Work(taken, way.subscriber.receipt(), messages, came.redelivered, beside)
