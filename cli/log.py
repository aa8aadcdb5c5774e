"""How a service logs: one line an event, on standard error, as text for people or JSON for programs."""

from __future__ import annotations

import logging
import math
import sys
from contextlib import suppress
from typing import Any

import structlog

from schemas import Settings
from schemas.printable import printable
from sensors.macs import mask_macs

log = structlog.get_logger("hubpulse.libraries")


class _StandardError:
    """Standard error as it is at each entry. A line that it can't take (a full disk) is gone: no work ends by it."""

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


_STANDARD_ERROR: Any = _StandardError()


class _Libraries(logging.Handler):
    """Logs what libraries log as an event of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, "library_logged", library=record.name, error=self.format(record))


def _safe(value: Any) -> Any:
    """A value with nothing in its texts that a terminal obeys, and no address of a person's device."""
    if isinstance(value, str):
        return printable(mask_macs(value.encode(errors="backslashreplace")).decode(), keep="\n\t")
    if isinstance(value, dict):
        return {key: _safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(item) for item in value]
    return value


def _finite(value: Any) -> Any:
    """A value as JSON can hold it: NaN and the infinities, which it has no words for, become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def configure_log(settings: Settings) -> None:
    """Log from now on at the level and in the format of the settings."""
    logging.getLogger().handlers = [_Libraries()]
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a run that outlasts its interval is no news
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # A plain traceback: others print the values of variables, which may hold what must not be logged.
        structlog.processors.format_exc_info,
        lambda _logger, _method, event: _safe(event),
    ]
    if settings.log_format == "json":
        render = structlog.processors.JSONRenderer(ensure_ascii=False)
        processors += [lambda _logger, _method, event: _finite(event), render]
    else:
        plain = structlog.dev.plain_traceback  # what has no values to show
        processors.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=lambda *_: structlog.PrintLogger(_STANDARD_ERROR),
    )
