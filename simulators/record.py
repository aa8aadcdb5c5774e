"""Recording what a broker delivers, as it comes: receive time, topic, payload.

broker -> link -> MAC address in it? -> (refused | hashed) -> writer -> acknowledge
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from schemas import HubpulseError
from schemas.settings import MqttSettings
from simulators.link import Link, connect, place_of
from simulators.messages import TimedMessage
from simulators.privacy import MacHasher, holds_mac
from simulators.reason_counts import ReasonCounts
from simulators.recordings import RecordingWriter

FLUSH_EVERY_S = 1.0
TURN_MAX_S = 0.2
RETRY_S = 0.5
SUBSCRIBE_MAX_S = 10.0

HELD_MAC = "refused: a MAC address in it (--hash-macs writes a keyed hash instead)"
GAP = "connection lost: what was published meanwhile is missing"


@dataclass(frozen=True, slots=True)
class RecordReport:
    """How many messages were written, to which files, and what is not in them."""

    written: int
    paths: tuple[Path, ...]
    skipped: ReasonCounts
    seconds: float


class Recorder:
    """Records the messages under some topic filters.

    A message with a MAC address is not written but counted, or written with hashes where there is a `hasher`. A lost
    connection is made again, for at most `patience_s` at a time, and the gap counted.
    """

    def __init__(
        self,
        settings: MqttSettings,
        writer: RecordingWriter,
        *,
        topics: Sequence[str] = ("#",),
        hasher: MacHasher | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        patience_s: float = 60,
    ) -> None:
        self._settings = settings
        self._client_id = f"hubpulse-recorder-{secrets.token_hex(4)}"
        self._writer = writer
        self._topics = topics
        self._hasher = hasher
        self._now_ns = now_ns
        self._patience_s = patience_s
        self._messages_max: float = math.inf
        self._written = 0
        self._skipped = ReasonCounts()
        self._error: HubpulseError | None = None

    def run(
        self,
        *,
        messages_max: int | None = None,
        duration_s: float | None = None,
        on_progress: Callable[[int], None] = lambda _written: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> RecordReport:
        """Record until `stop()`, a number of messages or a duration; `on_progress` is called with the number written.

        Raises HubpulseError from the broker or the disk.
        """
        self._messages_max = math.inf if messages_max is None else messages_max
        start_s = flushed_s = now_s = time.monotonic()
        end_s = math.inf if duration_s is None else start_s + duration_s
        link = self._subscribed()
        try:
            while not (stop() or self._full) and now_s < end_s:
                if link.lost:
                    self._skipped.add(GAP, f"after {self._written} messages")
                    link = self._subscribed_again(stop)
                link.turn(min(TURN_MAX_S, end_s - now_s))
                if self._error is not None:
                    raise self._error
                on_progress(self._written)
                now_s = time.monotonic()
                if now_s - flushed_s >= FLUSH_EVERY_S:
                    self._writer.flush()
                    flushed_s = now_s
        finally:
            link.close()
        return RecordReport(self._written, tuple(self._writer.paths), self._skipped, now_s - start_s)

    @property
    def _full(self) -> bool:
        return self._written >= self._messages_max

    def _take(self, _client: mqtt.Client, _userdata: Any, received: mqtt.MQTTMessage) -> None:
        """Write one message: paho calls it, and acknowledges afterwards. It must not raise."""
        if self._full or self._error is not None:
            return
        message = TimedMessage(self._now_ns(), received.topic, bytes(received.payload))
        if self._hasher is not None:
            message = self._hasher.hashed(message)
        elif holds_mac(message):
            self._skipped.add(HELD_MAC, f"after {self._written} messages")
            return
        try:
            self._writer.write(message)
        except HubpulseError as error:
            self._error = error
            return
        self._written += 1

    def _subscribed(self) -> Link:
        """A link that is subscribed to all of the filters."""
        topics = self._topics
        link = connect(self._settings, client_id=self._client_id)
        answers: list[ReasonCode] = []
        link.on_message = self._take
        link.on_subscribe = lambda _client, _userdata, _mid, reasons, _properties: answers.extend(reasons)
        try:
            link.subscribe([(topic, 1) for topic in topics])
        except ValueError as error:
            link.close()
            raise HubpulseError(f"{', '.join(topics)}: {error}: write topic filters such as hubs/#") from error
        deadline_s = time.monotonic() + SUBSCRIBE_MAX_S
        while len(answers) < len(topics) and not link.lost and time.monotonic() < deadline_s:
            link.turn(TURN_MAX_S)
        refused = [topic for topic, reason in zip(topics, answers, strict=False) if reason.is_failure]
        if refused or len(answers) < len(topics):
            link.close()
            what = f"refuses the subscription to {', '.join(refused)}" if refused else "does not answer a subscription"
            raise HubpulseError(f"the broker at {place_of(self._settings)} {what}: check its access rules and its log")
        return link

    def _subscribed_again(self, stop: Callable[[], bool]) -> Link:
        deadline_s = time.monotonic() + self._patience_s
        while True:
            try:
                return self._subscribed()
            except HubpulseError as error:
                if stop() or time.monotonic() + RETRY_S > deadline_s:
                    raise HubpulseError(f"connection lost after {self._written} messages, and now {error}") from error
            time.sleep(RETRY_S)
