"""Keeps the quarantine usable and within its age, beside what ingest receives and never in its way."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from ingest.buffer import Buffer, BufferDamagedError, BufferFullError
from ingest.buffer_file import FILE_NAME, QUARANTINE_NAME
from ingest.quarantine import QuarantineError
from ingest.salvage import salvage_quarantine
from schemas.localtime import NS_AN_HOUR
from schemas.settings import Settings
from stores.salvage import is_suspect
from stores.sqlite_file import SqliteFileError

log = structlog.get_logger("hubpulse.ingest")

_EVERY_S = 2.0
_EXPIRY_EVERY_NS = NS_AN_HOUR
_DAY_NS = 24 * NS_AN_HOUR
_HINT = "refused messages are counted and not kept, what else is sent goes on"


class Upkeep:
    """What is done beside receiving, in its thread, every few seconds."""

    def __init__(
        self,
        settings: Settings,
        buffer: Buffer,
        *,
        clock_ns: Callable[[], int],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._data_dir = settings.data_dir
        self._buffer = buffer
        self._age_ns = settings.ingest.quarantine_age_days_max * _DAY_NS
        self._clock_ns = clock_ns
        self._monotonic_s = monotonic_s
        self._turned_s = -math.inf
        self._expired_ns = 0
        self._logged: str | None = None

    def turn(self) -> None:
        """Put another file in the place of a damaged one, and delete some of what is too old, where it is time.

        Raises BufferDamagedError where somebody who reads the buffer met damage in it.
        """
        now_s = self._monotonic_s()
        if now_s - self._turned_s < _EVERY_S:
            return
        self._turned_s = now_s
        if is_suspect(self._data_dir / FILE_NAME):
            sentence = f"the buffer {self._data_dir / FILE_NAME} was found to be damaged by one who read it"
            raise BufferDamagedError(sentence, can_be_salvaged=True)
        problem = self._buffer.quarantine_problem
        if problem is not None and str(problem) != self._logged:
            log.error("quarantine_failed", error=str(problem), hint=_HINT)
        if is_suspect(self._data_dir / QUARANTINE_NAME) or (problem is not None and problem.can_be_salvaged):
            self._salvage()
        self._logged = None if problem is None else str(problem)
        # Where either can't be written now, it is tried again.
        with suppress(QuarantineError, BufferFullError):
            self._expire()

    def _salvage(self) -> None:
        with suppress(SqliteFileError, BufferFullError):
            self._buffer.replace_quarantine(lambda: salvage_quarantine(self._data_dir, now_ns=self._clock_ns()))

    def _expire(self) -> None:
        now_ns = self._clock_ns()
        if 0 <= now_ns - self._expired_ns < _EXPIRY_EVERY_NS:
            return
        if not self._buffer.expire(before_ns=now_ns - self._age_ns):
            self._expired_ns = now_ns
