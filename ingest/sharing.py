"""Asks, before several ingests share a broker's messages, whether it hands on those of one that dies.

The try is that of `doctor` (`mqtt.hand_back`). Once it has succeeded, the data folder names the broker (`share.broker`)
and no later start depends on it; where the broker is away, ingest waits for it and subscribes to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event

import structlog

from ingest.heartbeat import beat
from mqtt.hand_back import share_problem
from mqtt.probe import place_of
from schemas.errors import HubpulseError
from schemas.settings import Settings

log = structlog.get_logger("hubpulse.ingest")

NOTE_NAME = "share.broker"
_AGAIN_S = 5.0


def may_share(settings: Settings, *, stopping: Event, step: Callable[[float], object]) -> bool:
    """Return True once the broker is known to hand on, or where nothing is shared; False where we are to stop first.

    `step` is called before each wait. Raises HubpulseError where the broker does not.
    """
    if settings.mqtt.share_group is None:
        return True
    note, place = settings.data_dir / NOTE_NAME, place_of(settings.mqtt)
    with suppress(OSError):
        if note.read_text("utf-8") == place:
            return True
    while True:
        try:
            problem = share_problem(settings.mqtt)
        except HubpulseError as error:
            log.warning("receiving_failed", error=str(error))
            with suppress(OSError):
                beat("ingest", settings.data_dir, str(error))
            step(_AGAIN_S)
            if stopping.wait(_AGAIN_S):
                return False
            continue
        if problem is not None:
            raise HubpulseError(problem)
        with suppress(OSError):  # it is tried again at the next start
            note.write_text(place, "utf-8")
        return True
