"""What the broker lost: sessions, what it had not saved when it ended, what it had no room for.

Ingest notes each in the ledger, and in its status the window of time that is in doubt; `doctor` and the board say so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import structlog

from ingest.buffer import Buffer, BufferFullError, BufferReader
from ingest.buffer_file import require_file
from ingest.service_status import ServiceStatus
from mqtt.broker_state import UPTIME_STALE_MAX_S, BrokerState
from schemas.errors import HubpulseError
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, rfc3339
from sensors.times import text_ns

log = structlog.get_logger("hubpulse.ingest")

LOOK_EVERY_NS = 60 * NS_A_SECOND
SILENT_EVERY_NS = NS_AN_HOUR
"""How often a broker is asked that told nothing."""
_TOLD_FOR_NS = 7 * 24 * NS_AN_HOUR
_DROPPED, _SEEN = "broker_dropped", "broker_seen"
_HINT = "raise `max_queued_messages` and `max_queued_bytes`, and see who sends so much"
_WINDOWS = {
    "session_lost": "the broker lost our session: what was published between {since} and {until} is missing, see why"
    " it keeps no sessions (`persistence true`)",
    "broker_was_restarted": "the broker was restarted between {since} and {until}: what it had not saved then, at most"
    " its `autosave_interval` before, is missing, readings without a time may be there twice (`maybe_repeated`)",
    _DROPPED: "the broker had no room for {count} messages between {since} and {until}, and lost them: " + _HINT,
}


def losses(status: ServiceStatus, *, now_ns: int) -> Iterator[str]:
    """What the broker may have lost in the last week, a sentence each with its window."""
    for name, sentence in _WINDOWS.items():
        window = status.get(name)
        if window and now_ns - text_ns(window["until"]) < _TOLD_FOR_NS:
            yield sentence.format(**window)


def losses_of(data_dir: Path, *, now_ns: int) -> list[str]:
    """The same for a data folder; nothing where no buffer can be read there: others say so."""
    with suppress(HubpulseError):
        require_file(data_dir)
        with closing(BufferReader(data_dir)) as reader:
            return list(losses(reader.status, now_ns=now_ns))
    return []


class DroppedMessages:
    """Counts what the broker says it had no room for, for any of its clients.

    `look` asks over a connection of its own, so that nothing of it is a message received, and in a thread of its own:
    it may take seconds. All else is done in the thread that calls `turn`.
    """

    def __init__(self, buffer: Buffer, *, look: Callable[[], BrokerState], clock_ns: Callable[[], int]) -> None:
        self._buffer = buffer
        self._look = look
        self._clock_ns = clock_ns
        self._next_ns = 0
        self._looking: threading.Thread | None = None
        self._found: BrokerState | None = None

    def turn(self) -> None:
        """Count what the last look found; look again where it is time to."""
        if self._looking is not None and self._looking.is_alive():
            return
        found, self._found = self._found, None
        now_ns = self._clock_ns()
        if found is not None:
            is_silent = found.messages_dropped is None
            self._next_ns = now_ns + (SILENT_EVERY_NS if is_silent else LOOK_EVERY_NS)
            # Where it can't be noted now, the next look finds it.
            with suppress(BufferFullError):
                self._count(found, now_ns)
        elif not 0 < self._next_ns - now_ns <= SILENT_EVERY_NS:
            self._looking = threading.Thread(target=self._ask, name="broker state", daemon=True)
            self._looking.start()

    def _ask(self) -> None:
        self._found = self._look()

    def _count(self, found: BrokerState, now_ns: int) -> None:
        dropped, status = found.messages_dropped, self._buffer.status
        if dropped is None:
            return
        seen, now = status.get(_SEEN), rfc3339(now_ns)
        # What it dropped before we first asked was no message of ours.
        before = seen["dropped"] if seen else dropped
        if seen and _was_restarted(found, before, away_ns=now_ns - text_ns(seen["at"])):
            before = 0
        if dropped > before:
            since, count = seen["at"], dropped - before
            log.error("messages_dropped", count=count, since=since, hint=_HINT)
            self._buffer.note(_DROPPED, count)
            told = status.get(_DROPPED)
            if told and told["until"] == since:  # it goes on
                since, count = told["since"], told["count"] + count
            status.set(_DROPPED, {"since": since, "until": now, "count": count})
        status.set(_SEEN, {"at": now, "dropped": dropped})


def _was_restarted(found: BrokerState, before: int, *, away_ns: int) -> bool:
    """Whether its count began anew since it was last asked."""
    is_young = found.uptime_s is not None and (found.uptime_s + UPTIME_STALE_MAX_S) * NS_A_SECOND < away_ns
    return is_young or (found.messages_dropped or 0) < before
