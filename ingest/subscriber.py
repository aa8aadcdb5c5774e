"""Receives messages by the batch and acknowledges them after the commit, in order, never across connections.

One thread: `receive` connects, reconnects, keeps alive and reads; `acknowledge` answers what the last `receive` gave.
A new connection begins inside `receive` only, and forgets what was not acknowledged: the broker delivers it again.
MQTT 5 with a persistent session where the broker has it, else 3.1.1, which has few messages in flight: a broker that
once answered in 5 is not tried in 3.1.1 because it was slow or hung up, and one that was spoken to in 3.1.1 is tried in
5 again after each lost connection.
"""

from __future__ import annotations

import random
import select
import time
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.mqtt_client import BatchClient, tls_context
from mqtt.messages import Message
from schemas.backoff import Backoff
from schemas.settings import IngestSettings, MqttSettings

log = structlog.get_logger("hubpulse.subscriber")

_TAKEN_OVER = "Session taken over"
_UNSUPPORTED_VERSION = ("Unsupported protocol version", "Protocol error", "Malformed packet")
_CONNECT_TIMEOUT_S = 3.0
_CONNACK_DEADLINE_S = 3.0
_HANG_UPS_MAX = 2
"""So often may a broker hang up on MQTT 5 until 3.1.1 is tried."""
_MISC_EVERY_S = 1.0
_SUBSCRIBE_AGAIN_S = 30.0
_STABLE_AFTER_S = 10.0
"""A connection that was lost sooner did no good: the waits between tries go on growing."""
_LOSSES_SUSPECT = 3
_SOCKET_ERRORS = (OSError, ValueError)


class Subscriber:
    """A subscription that survives its connections. Not shared between threads."""

    def __init__(
        self,
        *,
        mqtt_settings: MqttSettings,
        ingest_settings: IngestSettings,
        filters: Sequence[str],
        rng: random.Random,
        on_new_session: Callable[[], None] = lambda: None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = mqtt_settings
        self._messages_max = ingest_settings.batch_messages_max
        self._bytes_max = ingest_settings.held_bytes_max
        self._filters = tuple(filters)
        self._on_new_session = on_new_session
        self._monotonic_s = monotonic_s
        self._backoff = Backoff(ingest_settings.backoff_first_s, ingest_settings.backoff_max_s, rng)
        self._version_5 = True
        self._client = self._new_client()
        self._answer_by_s = self._wait_until_s = self._misc_at_s = 0.0
        self._connected_at_s = self._subscribed_at_s = 0.0
        self._hang_ups = 0
        self._knows_5 = False
        self._was_connected = False
        self._unacknowledged: list[int] = []
        self._subscribing: dict[int, tuple[str, ...]] = {}
        self._left: set[str] = set()
        self._refusal: str | None = None
        self._speaks_5 = True
        self.connected = False
        self.subscribed = False
        """Whether the broker took every subscription: from here on it keeps what is published for us."""
        self.problem: str | None = "not connected yet"
        """Why nothing is received, in a sentence for the operator; None while all is well."""

    @property
    def place(self) -> str:
        """The broker's address."""
        return f"{self._settings.host or '127.0.0.1'}:{self._settings.port}"

    def receive(self, timeout_s: float) -> list[Message]:
        """The messages that came, waiting up to `timeout_s` for the first; [] where none did."""
        client = self._client
        if client.socket() is None:
            self._connect(timeout_s)
            return []
        self._wait_for_socket(timeout_s)
        while len(client.inbox) < self._messages_max and client.inbox_bytes < self._bytes_max:
            before = len(client.inbox), client.inbox_bytes
            if client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS or self._client is not client:
                break
            if before == (len(client.inbox), client.inbox_bytes):
                break
        self._keep_alive()
        messages = client.take()
        self._unacknowledged += [m.packet_id for m in messages if m.packet_id]
        return messages

    def acknowledge(self) -> None:
        """Answer every message received so far on this connection: their commit is durable."""
        packet_ids, self._unacknowledged = self._unacknowledged, []
        if self._client.socket() is not None:
            self._client.acknowledge(packet_ids)

    def resubscribe(self, filters: Sequence[str]) -> None:
        """Take other topic filters; the session and what the broker holds for it stay."""
        if tuple(filters) == self._filters:
            return
        self._left = (self._left | set(self._filters)) - set(filters)
        self._filters = tuple(filters)
        if self.connected:
            self.subscribed = False
            self._leave()
            self._subscribe()

    def close(self, deadline_s: float = 2.0) -> None:
        """Send what is still queued and say goodbye; the session stays with the broker."""
        until_s = self._monotonic_s() + deadline_s
        client = self._client
        client.on_disconnect = None
        if client.socket() is not None and self.connected:
            client.disconnect()
            while client.socket() is not None and client.want_write() and self._monotonic_s() < until_s:
                self._wait_for_socket(0.05)
        client.hang_up()
        self.connected = self.subscribed = False

    def _new_client(self) -> BatchClient:
        settings = self._settings
        client = BatchClient(client_id=settings.client_id, version_5=self._version_5)
        if settings.username is not None:
            password = settings.password.get_secret_value() if settings.password else None
            client.username_pw_set(settings.username, password)
        if settings.ca_file is not None:
            client.tls_set_context(tls_context(settings.ca_file))
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        return client

    def _connect(self, timeout_s: float) -> None:
        """Open a connection, or wait for the time of the next try."""
        now_s = self._monotonic_s()
        if now_s < self._wait_until_s:
            select.poll().poll(1000 * min(timeout_s, self._wait_until_s - now_s))
            return
        client, settings = self._client, self._settings
        client.forget()
        self._unacknowledged.clear()
        self._subscribing.clear()
        self._refusal, self._speaks_5 = None, True
        client.connect_async(
            settings.host or "127.0.0.1",
            settings.port,
            keepalive=settings.keepalive_s,
            **self._session_options(),
        )
        try:
            client.reconnect()
        except _SOCKET_ERRORS as error:
            self._fail(f"broker {self.place} can't be reached ({error}): is it running, are host and port right?")
            return
        self._answer_by_s = self._monotonic_s() + _CONNACK_DEADLINE_S

    def _session_options(self) -> dict[str, Any]:
        if not self._version_5:
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = self._settings.receive_max
        properties.SessionExpiryInterval = self._settings.session_expiry_s
        return {"clean_start": False, "properties": properties}

    def _wait_for_socket(self, timeout_s: float) -> None:
        client = self._client
        sock = client.socket()
        if sock is None:
            return
        # poll and not select, which can't wait for a socket beyond the 1024th of a process.
        poll = select.poll()
        try:
            poll.register(sock, select.POLLIN | (select.POLLOUT if client.want_write() else 0))
            ready = poll.poll(1000 * timeout_s)
        except _SOCKET_ERRORS:
            return
        if any(event & select.POLLOUT for _, event in ready):
            client.loop_write()

    def _keep_alive(self) -> None:
        now_s = self._monotonic_s()
        if now_s >= self._misc_at_s:
            self._misc_at_s = now_s + _MISC_EVERY_S
            self._client.loop_misc()
        if self._client.socket() is None:
            return
        if not self.connected and now_s > self._answer_by_s:
            self._fail(f"broker {self.place} accepts connections but does not answer: is it an MQTT broker?")
            self._try_other_version()
        elif self.connected and not self.subscribed and now_s > self._subscribed_at_s + _SUBSCRIBE_AGAIN_S:
            self._subscribe()

    def _on_connect(
        self, _client: mqtt.Client, _userdata: Any, flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            if str(reason) in _UNSUPPORTED_VERSION:
                self._speaks_5 = False
            else:
                self._refusal = f"broker {self.place} refuses us ({reason}): check user name, password and client id"
            return
        self.connected = True
        self._connected_at_s = self._monotonic_s()
        self._hang_ups = 0
        self._knows_5 = self._knows_5 or self._version_5
        self.problem = None
        log.info(
            "broker_connected",
            broker=self.place,
            mqtt="5" if self._version_5 else "3.1.1",
            session=flags.session_present,
        )
        if not flags.session_present:
            if self._was_connected:
                log.warning(
                    "session_lost",
                    hint="give the broker `persistence true`, or raise HUBPULSE_MQTT__SESSION_EXPIRY_S",
                )
            self._on_new_session()
        elif self._left:
            self._leave()
        self._was_connected = True
        self._subscribe()

    def _leave(self) -> None:
        """Unsubscribe from filters that are no longer ours."""
        if self._left:
            self._client.unsubscribe([self._shared(f) for f in sorted(self._left)])
            self._left.clear()

    def _subscribe(self) -> None:
        """Subscribe at QoS 1. Retained messages come once, at a new subscription, and not with each connection."""
        names = [self._shared(f) for f in self._filters]
        once = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        _, packet_id = self._client.subscribe(
            [(n, once) for n in names] if self._version_5 else [(n, 1) for n in names]
        )
        self._subscribed_at_s = self._monotonic_s()
        if packet_id is not None:
            self._subscribing[packet_id] = self._filters

    def _shared(self, topic_filter: str) -> str:
        group = self._settings.share_group
        return f"$share/{group}/{topic_filter}" if group else topic_filter

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: Any, packet_id: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        filters = self._subscribing.pop(packet_id, ())
        refused = [f for f, reason in zip(filters, reasons, strict=False) if reason.is_failure]
        unsure = [f for f, reason in zip(filters, reasons, strict=False) if reason.value == 0]
        problem = None
        if refused:
            problem = f"broker {self.place} refuses the subscription to {', '.join(refused)}: check its ACL"
        elif unsure:
            log.warning("subscription_at_qos_0", filters=unsure, hint="allow QoS 1 at the broker")
        if problem is not None and problem != self.problem:
            log.error("subscription_refused", error=problem)
        self.problem = problem
        self.subscribed = not refused

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        was_connected, self.connected, self.subscribed = self.connected, False, False
        self._unacknowledged.clear()
        if was_connected:
            stable = self._monotonic_s() - self._connected_at_s >= _STABLE_AFTER_S
            if stable:
                self._backoff.reset()
            alike = str(reason) == _TAKEN_OVER or (not stable and self._backoff.tries >= _LOSSES_SUSPECT)
            cure = ": has another client our client id? Give each ingest its own HUBPULSE_MQTT__CLIENT_ID"
            self._fail(f"connection to broker {self.place} lost ({reason}){cure if alike else ''}")
            self._use_version(five=True)
        elif self._refusal is not None:
            self._fail(self._refusal)
        elif not self._speaks_5:
            self._fail(f"broker {self.place} has no MQTT 5: trying 3.1.1")
            self._try_other_version()
        else:
            self._fail(f"broker {self.place} closed the connection ({reason})")
            self._hang_ups += 1
            if self._hang_ups >= _HANG_UPS_MAX:
                self._try_other_version()

    def _try_other_version(self) -> None:
        """A broker without MQTT 5 says so, hangs up or falls silent: try 3.1.1, then 5 again, and so on.

        With 3.1.1 the broker's own limit of unacknowledged messages holds.
        """
        self._hang_ups = 0
        self._use_version(five=not self._version_5 or (self._knows_5 and self._speaks_5))
        if not self._version_5:
            self._wait_until_s = 0.0

    def _use_version(self, *, five: bool) -> None:
        """Go on with a new client: paho's is made for one version."""
        self._version_5 = five
        old, self._client = self._client, self._new_client()
        old.on_disconnect = None
        old.hang_up()

    def _fail(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("receiving_failed", error=problem)
        self.problem = problem
        self._wait_until_s = self._monotonic_s() + self._backoff.next_s()
