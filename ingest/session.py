"""What ingest remembers of its session at the broker, to know what the broker may have forgotten or sends once more.

`session.json` in the data folder; no backup has it. The broker says at each connection whether it knows our session:

    it does not, and we had one             the session is lost, and with it what was published meanwhile: that is told
    it does, and we know of none            our folder is another's, or was restored: anything may be a repeat
    it does, but was started since then     it has what it had saved last: acknowledged messages may come once more

Timed readings are written again without harm. What has no time is marked `maybe_repeated` as long as it may be a
repeat, which is until the broker has nothing left that it held when we connected.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from ingest.buffer import Buffer, BufferFullError
from mqtt.broker_state import UPTIME_STALE_MAX_S, BrokerState
from schemas.localtime import NS_A_SECOND, rfc3339
from sensors.times import text_ns

log = structlog.get_logger("hubpulse.ingest")

FILE_NAME = "session.json"
_FILE_MODE = 0o600
_HINT = "what it had not saved is lost: give it a short `autosave_interval`; see docs/operations.md"


class Previous(NamedTuple):
    """A session under another client id."""

    client_id: str
    filters: list[str]


def doubt(data_dir: Path) -> None:
    """Note that what the broker holds may have been taken before: with a damaged buffer went what was known of it.

    Where nothing is remembered everything is in doubt anyway. Raises OSError.
    """
    path = data_dir / FILE_NAME
    with suppress(FileNotFoundError, ValueError, TypeError):
        _write(path, {**json.loads(path.read_text(encoding="utf-8")), "in_doubt": True})


def _write(path: Path, remembered: dict[str, Any]) -> None:
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(remembered, file)
    fresh.replace(path)


class SessionMemory:
    """The session of one data folder, in the thread that receives."""

    def __init__(
        self,
        data_dir: Path,
        buffer: Buffer,
        *,
        client_id: str,
        look: Callable[[], BrokerState],
        clock_ns: Callable[[], int],
        had_saved_all: Callable[[], bool] = lambda: False,
    ) -> None:
        self._path = data_dir / FILE_NAME
        self._buffer = buffer
        self._client_id = client_id
        self._look = look
        self._clock_ns = clock_ns
        self._had_saved_all = had_saved_all
        self._remembered = self._read()
        before = self._remembered.get("client_id")
        if before not in (None, client_id):
            self._remembered = {"previous": [before, self._remembered["filters"]], "at": self._remembered["at"]}
        self.filters_at_broker: Callable[[], Sequence[str]] = tuple
        """Says what the broker may keep for us."""
        self.is_in_doubt: Callable[[], bool] = bool
        """Says whether what the broker holds may come once more, or by filters that it was not kept for."""
        self._tells_uptime = True
        self._connected = rfc3339(clock_ns())
        """When the connection that we have began."""

    @property
    def filters(self) -> tuple[str, ...]:
        """The topic filters that the session had; none where it is not known."""
        return tuple(self._remembered.get("filters", ())) if self.is_known else ()

    @property
    def was_in_doubt(self) -> bool:
        """Whether the doubt had not ended when we were last connected."""
        return bool(self._remembered.get("in_doubt"))

    @property
    def previous(self) -> Previous | None:
        """A session of another client id that this folder had: it may still hold messages."""
        found = self._remembered.get("previous")
        return Previous(*found) if found else None

    def forget_previous(self) -> None:
        """It is ended."""
        self._remembered = {**self._remembered, "previous": None}
        self.touch()

    @property
    def is_known(self) -> bool:
        """Whether the broker should know a session of this client id."""
        return self._remembered.get("client_id") == self._client_id

    def lost(self) -> None:
        """The broker has no session of ours: it begins now."""
        if self.is_known:
            self._note("session_lost", "sessions_lost")
        self._buffer.begin_connection(same_session=False)
        self._begin()

    def resumed(self) -> bool:
        """The broker has our session; whether what it delivers now may have been delivered before."""
        if not self.is_known:
            log.warning("session_unknown", hint="readings without a time may be there twice: they are `maybe_repeated`")
            self._buffer.begin_connection(same_session=False)
            self._begin(in_doubt=True)
            return True
        uptime_s = self._uptime_s()
        away_s, before_s = self._seconds_since("at"), self._seconds_since("connected")
        # It was not started before we were connected to it. Where it was about then, nobody knows which came first.
        was_restarted = uptime_s is not None and uptime_s + UPTIME_STALE_MAX_S < before_s
        may_be = self.was_in_doubt or was_restarted or (uptime_s is not None and uptime_s <= away_s)
        if was_restarted and not self._had_saved_all():
            log.error("broker_was_restarted", since=self._remembered["at"], hint=_HINT)
            self._note("broker_was_restarted", "broker_restarts")
        self._buffer.begin_connection(same_session=not was_restarted)
        self._begin(in_doubt=may_be)
        return may_be

    def touch(self, *, in_doubt: bool = False) -> None:
        """We are connected now."""
        self._remembered = {
            "client_id": self._client_id,
            "at": rfc3339(self._clock_ns()),
            "connected": self._connected,
            "filters": list(self.filters_at_broker()),
            "in_doubt": in_doubt or self.is_in_doubt(),
            "previous": self._remembered.get("previous"),
        }
        # On a full disk what was noted before serves: the last time that we were connected is then longer ago.
        with suppress(OSError):
            if self._buffer.holds_another_session:  # nobody may take its deliveries for those of this one
                self._path.unlink(missing_ok=True)
                return
            _write(self._path, self._remembered)

    def _begin(self, *, in_doubt: bool = False) -> None:
        self._connected = rfc3339(self._clock_ns())
        self.touch(in_doubt=in_doubt)

    def _seconds_since(self, what: str) -> float:
        return (self._clock_ns() - text_ns(self._remembered[what])) / NS_A_SECOND

    def _uptime_s(self) -> int | None:
        if not self._tells_uptime:
            return None
        uptime_s = self._look().uptime_s
        self._tells_uptime = uptime_s is not None
        return uptime_s

    def _note(self, event: str, note: str) -> None:
        window = {"since": self._remembered["at"], "until": rfc3339(self._clock_ns())}
        # Where it can't be kept, the next commit can't either, and says so.
        with suppress(BufferFullError):
            self._buffer.note(note)
            self._buffer.status.set(event, window)

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            for time in (found["at"], found.setdefault("connected", found["at"])):
                text_ns(time)
            is_whole = isinstance(found["client_id"], str) and isinstance(found["filters"], list)
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return found if is_whole else {}
