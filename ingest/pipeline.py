r"""The way of a reading, and the process that walks it.

    broker -> subscriber -> decoder -> buffer (commit, THEN acknowledge) -> writer -> store
                                \-> quarantine (same commit)

One thread receives, decodes, commits and acknowledges, a list of messages at a time; another writes to the store.
Back-pressure needs no queue: while a commit waits, nothing is read, and the broker holds what is not acknowledged.
"""

from __future__ import annotations

import fcntl
import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TextIO

import structlog

from ingest.batches import Batch, Message, Refused
from ingest.buffer import Buffer, BufferFullError
from ingest.decoder import Decoder
from ingest.subscriber import Subscriber
from ingest.writer import Writer
from schemas.errors import HubpulseError
from schemas.estate import Estate
from schemas.localtime import rfc3339
from schemas.readings import Reason, Rejection
from schemas.settings import Settings
from sensors.estate_file import EstateFile
from sensors.registry import Registry
from stores import open_store

log = structlog.get_logger("hubpulse.ingest")

_RECEIVE_TIMEOUT_S = 0.2
_ESTATE_LOOK_EVERY_S = 2.0
_FULL_RETRY_S = 1.0
_STATUS_EVERY_S = 5.0
_LOCK_NAME = "ingest.lock"


class Ingest:
    """The ingest process: `run` until `stop`. Everything that it was given stays in the buffer should it die."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        rng: random.Random | None = None,
    ) -> None:
        self._settings = settings
        self._clock_ns = clock_ns
        self._rng = rng or random.SystemRandom()
        self._stopping = threading.Event()
        self.ready = threading.Event()
        """Set once the broker keeps for us what is published."""
        self._looked_s = self._told_s = 0.0
        self._estate_file = EstateFile(settings.estate)

    def stop(self) -> None:
        """Ask `run` to end: commit what is in hand, write what the store takes, leave the rest in the buffer."""
        self._stopping.set()

    def run(self) -> None:
        """Walk the way until `stop`. Raises HubpulseError where it can't be walked at all."""
        settings = self._settings
        with _DataLock(settings.data_dir):
            buffer = self._open_buffer()
            writer = Writer(
                open_buffer=self._open_buffer,
                open_store=lambda: open_store(settings),
                settings=settings.ingest,
                clock_ns=self._clock_ns,
                rng=self._rng,
                ingest_name=settings.mqtt.client_id,
            )
            subscriber = Subscriber(
                mqtt_settings=settings.mqtt,
                ingest_settings=settings.ingest,
                filters=Registry(self._estate_file.estate).filters,
                rng=self._rng,
                on_new_session=buffer.forget_deliveries,
            )
            writer.start()
            try:
                self._receive(subscriber, buffer, writer)
            finally:
                subscriber.close()
                ended = writer.stop(settings.ingest.stop_deadline_s)
                self._say_goodbye(buffer, ended=ended)
                buffer.close()

    def _receive(self, subscriber: Subscriber, buffer: Buffer, writer: Writer) -> None:
        decoder = self._new_decoder(self._estate_file.estate, buffer)
        while not self._stopping.is_set():
            if writer.failure is not None:
                raise HubpulseError(f"the writer stopped ({writer.failure}): readings are safe in the buffer; restart")
            messages = subscriber.receive(_RECEIVE_TIMEOUT_S)
            if messages:
                if not self._commit(_decode(decoder, messages), buffer):
                    return
                subscriber.acknowledge()
                writer.notify()
            if subscriber.subscribed:
                self.ready.set()
            if self._estate_changed():
                decoder = self._new_decoder(self._estate_file.estate, buffer)
                subscriber.resubscribe(Registry(self._estate_file.estate).filters)
            self._tell(subscriber, buffer)

    def _commit(self, batch: Batch, buffer: Buffer) -> bool:
        """Hold the batch until the buffer has room for it; False where we are to stop first."""
        told = False
        while True:
            try:
                buffer.commit(batch)
            except BufferFullError as error:
                if not told:
                    log.error("nothing is acknowledged", detail=str(error))  # noqa: TRY400 - the cause is the operator's
                    told = True
                if self._stopping.wait(_FULL_RETRY_S):
                    return False
            else:
                return True

    def _new_decoder(self, estate: Estate, buffer: Buffer) -> Decoder:
        settings = self._settings
        return Decoder(
            Registry(estate),
            clock_ns=self._clock_ns,
            clock_ahead_max_s=settings.ingest.clock_ahead_max_s,
            retention_days=settings.retention_days,
            message_bytes_max=settings.ingest.message_bytes_max,
            known_delivery=buffer.known_delivery,
        )

    def _estate_changed(self) -> bool:
        now_s = time.monotonic()
        if now_s - self._looked_s < _ESTATE_LOOK_EVERY_S:
            return False
        self._looked_s = now_s
        if not self._estate_file.changed():
            return False
        if self._estate_file.problem is not None:
            log.error("estate file not taken, the one before stays in force", detail=self._estate_file.problem)
            return False
        log.info("estate file taken", hubs=len(self._estate_file.estate.hubs))
        return True

    def _open_buffer(self) -> Buffer:
        settings = self._settings
        return Buffer(
            settings.data_dir,
            clock_ns=self._clock_ns,
            bytes_max=settings.ingest.buffer_bytes_max,
            disk_free_bytes_min=settings.ingest.disk_free_bytes_min,
            deliveries_max=settings.mqtt.receive_max,
        )

    def _tell(self, subscriber: Subscriber, buffer: Buffer) -> None:
        """Leave a sign of life for `doctor`, and why nothing is received where that is so."""
        now_s = time.monotonic()
        if now_s - self._told_s < _STATUS_EVERY_S:
            return
        self._told_s = now_s
        status = {"broker": subscriber.place, "problem": subscriber.problem, "at": rfc3339(self._clock_ns())}
        try:
            buffer.set_status("subscriber", json.dumps(status))
        except BufferFullError as error:
            log.warning("status not kept", detail=str(error))

    def _say_goodbye(self, buffer: Buffer, *, ended: bool) -> None:
        pending = buffer.ledger().readings_pending
        if not ended:
            log.warning("the store did not answer in time; what it has not confirmed stays in the buffer")
        log.info("stopped", readings_pending=pending)


class _DataLock:
    """One ingest process a data folder: two would tear each other's session and buffer."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / _LOCK_NAME
        self._file: TextIO | None = None

    def __enter__(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HubpulseError(
                f"another ingest runs on {self._path.parent}: stop it, or give this one its own --data and client id"
            ) from error
        except OSError as error:
            raise HubpulseError(
                f"data folder {self._path.parent} can't be used ({error.strerror}): check it"
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def _decode(decoder: Decoder, messages: list[Message]) -> Batch:
    """Decode; should one message bring a fault of ours to light, it alone is refused."""
    try:
        return decoder.decode(messages)
    except Exception:
        log.exception("a message could not be decoded, taking them one by one")
    whole = Batch()
    for message in messages:
        try:
            part = decoder.decode([message])
        except Exception as error:  # noqa: BLE001 - whatever it is, the message is kept and nothing else suffers
            rejection = Rejection(
                reason=Reason.BAD_PAYLOAD, detail=f"fault in the decoder ({error!r}): please report it"
            )
            part = Batch(refused=[Refused(message, [rejection], 0)], messages=1)
        whole.add(part)
    return whole
