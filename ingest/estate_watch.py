"""The estate in force, for the thread that receives: another one judges the file's edits, however long that takes."""

from __future__ import annotations

import threading
from pathlib import Path

import structlog

from ingest.privacy import masked_trace
from sensors.estate_file import EstateFile, codecs_of
from sensors.registry import Registry

log = structlog.get_logger("hubpulse.ingest")

_LOOK_EVERY_S = 2.0


class EstateWatch(threading.Thread):
    """Looks at the estate file until `stopping`; `registry` is replaced whole where another estate is in force."""

    def __init__(self, path: Path | None, stopping: threading.Event) -> None:
        """Read the file. Raises ModelFileError."""
        super().__init__(name="estate", daemon=True)
        self._file = EstateFile(path)
        self._codecs = codecs_of(path)
        self._stopping = stopping
        self.registry = self._opened()

    def run(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - the estate before stays in force, and the next edit is judged
                log.error("estate_rejected", error=masked_trace(error))  # noqa: TRY400 - the trace, masked

    def _look(self) -> None:
        if not self._file.changed():
            return
        if self._file.problem is not None:
            log.error("estate_rejected", error=self._file.problem)
            return
        self.registry = self._opened()

    def _opened(self) -> Registry:
        registry = Registry(self._file.estate, codecs=self._codecs)
        for problem in registry.problems:
            log.error("format_unavailable", error=problem)
        return registry
