"""Recording what a broker delivers, as it comes: receive time, topic, payload.

A recording holds no MAC address, which may be that of a person's device.

broker -> connection -> MAC address in it? -> (refused | hashed) -> writer -> acknowledge
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.reasoncodes import ReasonCode

from mqtt.connection import Connection, connect
from mqtt.messages import Message
from mqtt.probe import place_of
from mqtt.protocol import State
from mqtt.reconnecting import connect_again
from schemas import HubpulseError
from schemas.settings import IngestSettings, MqttSettings
from sensors import macs
from simulators.messages import TimedMessage
from simulators.recordings import RecordingWriter
from simulators.source import ReasonCounts

FLUSH_EVERY_S = 1.0
TURN_MAX_S = 0.2
SUBSCRIBE_MAX_S = 10.0
PAYLOAD_BYTES_MAX = 16 * 1024**2

HELD_MAC = "refused: a MAC address in it (--hash-macs writes a keyed hash instead)"
TOO_LARGE = f"larger than {PAYLOAD_BYTES_MAX} bytes"
GAP = "connection lost: what was published meanwhile is missing"


def holds_mac(message: TimedMessage) -> bool:
    """Whether topic or payload holds what reads as a MAC address."""
    return macs.holds_mac(message.topic.encode()) or macs.holds_mac(message.payload)


class MacHasher:
    """Writes `mac-` and 16 hex digits of a keyed hash for every MAC address.

    The same address gives the same hash, however it is written, so that a recording still counts devices. The key is
    random unless given, and kept nowhere: without it nobody can find the addresses by trying them all.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def hashed(self, message: TimedMessage) -> TimedMessage:
        """The message without MAC addresses, in topic and payload."""
        topic = macs.replace_macs(message.topic.encode(), self._hash).decode()
        return TimedMessage(message.time_ns, topic, macs.replace_macs(message.payload, self._hash))

    def _hash(self, address: bytes) -> bytes:
        return b"mac-" + hashlib.blake2b(macs.mac_digits(address), key=self._key, digest_size=8).hexdigest().encode()


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
        connection = self._subscribed()
        try:
            while not (stop() or self._full) and now_s < end_s:
                if connection.state is State.CLOSED:
                    after = f"{self._written} messages"
                    self._skipped.add(GAP, f"after {after}")
                    connection = connect_again(self._subscribed, after=after, patience_s=self._patience_s, stop=stop)
                connection.turn(min(TURN_MAX_S, end_s - now_s))
                for message in connection.take_messages():
                    self._write(message)
                connection.acknowledge()
                on_progress(self._written)
                now_s = time.monotonic()
                if now_s - flushed_s >= FLUSH_EVERY_S:
                    self._writer.flush()
                    flushed_s = now_s
        finally:
            connection.close()
        return RecordReport(self._written, tuple(self._writer.paths), self._skipped, now_s - start_s)

    @property
    def _full(self) -> bool:
        return self._written >= self._messages_max

    def _write(self, received: Message) -> None:
        """Write one message, unless it must not be in the recording."""
        if self._full:
            return
        reason = TOO_LARGE if received.cut_from_bytes else None
        message = TimedMessage(self._now_ns(), received.topic.decode(errors="replace"), received.payload)
        if self._hasher is not None:
            message = self._hasher.hashed(message)
        elif holds_mac(message):
            reason = HELD_MAC
        if reason is not None:
            self._skipped.add(reason, f"after {self._written} messages")
            return
        self._writer.write(message)
        self._written += 1

    def _subscribed(self) -> Connection:
        """A connection that is subscribed to all of the filters."""
        topics = self._topics
        limits = IngestSettings(message_bytes_max=PAYLOAD_BYTES_MAX)
        connection = connect(self._settings, client_id=self._client_id, limits=limits)
        answers: dict[str, ReasonCode] = {}
        connection.on_subscribed = answers.update
        try:
            connection.subscribe(topics)
        except ValueError as error:
            connection.close()
            raise HubpulseError(f"{', '.join(topics)}: {error}: write topic filters such as hubs/#") from error
        deadline_s = time.monotonic() + SUBSCRIBE_MAX_S
        while connection.is_open and not answers and time.monotonic() < deadline_s:
            connection.turn(TURN_MAX_S)
        if connection.state is not State.SUBSCRIBED:
            connection.close()
            refused = [topic for topic, reason in answers.items() if reason.is_failure]
            what = f"refuses the subscription to {', '.join(refused)}" if refused else "does not answer a subscription"
            raise HubpulseError(f"the broker at {place_of(self._settings)} {what}: check its access rules and its log")
        return connection
