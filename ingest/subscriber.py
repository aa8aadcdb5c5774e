"""Receives messages by the batch and acknowledges them after the commit, in order, never across connections.

One thread: `receive` connects, reconnects, keeps alive and reads; `acknowledge` answers what the last `receive` gave.
A new connection begins inside `receive` only, and forgets what was not acknowledged: the broker delivers it again.
MQTT 5 with a persistent session where the broker has it, else 3.1.1.
"""

from __future__ import annotations

import random
import select
import ssl
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

from ingest.backoff import Backoff
from ingest.batches import Message
from ingest.mqtt_client import BatchClient
from schemas.errors import HubpulseError
from schemas.settings import IngestSettings, MqttSettings

log = structlog.get_logger("hubpulse.subscriber")

_UNSUPPORTED_VERSION = ("Unsupported protocol version", "Protocol error", "Malformed packet")
_CONNACK_DEADLINE_S = 3.0
_MISC_EVERY_S = 1.0
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
        self._unacknowledged: list[int] = []
        self._subscribing: dict[int, tuple[str, ...]] = {}
        self._refusal: str | None = None
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
        gone = [f for f in self._filters if f not in filters]
        self._filters = tuple(filters)
        if self.connected:
            if gone:
                self._client.unsubscribe([self._shared(f) for f in gone])
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
        self.connected = False

    def _new_client(self) -> BatchClient:
        settings = self._settings
        client = BatchClient(client_id=settings.client_id, version_5=self._version_5)
        if settings.username is not None:
            password = settings.password.get_secret_value() if settings.password else None
            client.username_pw_set(settings.username, password)
        if settings.ca_file is not None:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=str(settings.ca_file)))
            except OSError as error:
                raise HubpulseError(
                    f"HUBPULSE_MQTT__CA_FILE {settings.ca_file} can't be used ({error}): give a PEM file"
                ) from error
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        return client

    def _connect(self, timeout_s: float) -> None:
        """Open a connection, or wait for the time of the next try."""
        now_s = self._monotonic_s()
        if now_s < self._wait_until_s:
            select.select([], [], [], min(timeout_s, self._wait_until_s - now_s))
            return
        client, settings = self._client, self._settings
        client.forget()
        self._unacknowledged.clear()
        self._subscribing.clear()
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
        writing = [sock] if client.want_write() else []
        try:
            _, writable, _ = select.select([sock], writing, [], timeout_s)
        except _SOCKET_ERRORS:
            return
        if writable:
            client.loop_write()

    def _keep_alive(self) -> None:
        now_s = self._monotonic_s()
        if now_s >= self._misc_at_s:
            self._misc_at_s = now_s + _MISC_EVERY_S
            self._client.loop_misc()
        if not self.connected and self._client.socket() is not None and now_s > self._answer_by_s:
            self._fail(f"broker {self.place} accepts connections but does not answer: is it an MQTT broker?")
            self._change_version()

    def _on_connect(
        self, _client: mqtt.Client, _userdata: Any, flags: mqtt.ConnectFlags, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            if str(reason) not in _UNSUPPORTED_VERSION:
                self._refusal = f"broker {self.place} refuses us ({reason}): check user name, password and client id"
            return
        self._refusal = None
        self.connected = True
        self._backoff.reset()
        self.problem = None
        log.info("connected", broker=self.place, version=5 if self._version_5 else 3.11, session=flags.session_present)
        if not flags.session_present:
            self._on_new_session()
        self._subscribe()

    def _subscribe(self) -> None:
        """Subscribe at QoS 1. Retained messages come once, at a new subscription, and not with each connection."""
        names = [self._shared(f) for f in self._filters]
        once = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        _, packet_id = self._client.subscribe(
            [(n, once) for n in names] if self._version_5 else [(n, 1) for n in names]
        )
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
        if refused:
            self.problem = f"broker {self.place} refuses the subscription to {', '.join(refused)}: check its ACL"
            log.error("subscription refused", detail=self.problem)
        self.subscribed = not refused

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        was_connected, self.connected, self.subscribed = self.connected, False, False
        self._unacknowledged.clear()
        if was_connected:
            self._fail(f"connection to broker {self.place} lost ({reason})")
        elif self._refusal is not None:
            self._fail(self._refusal)
        else:
            self._fail(f"broker {self.place} closed the connection ({reason})")
            self._change_version()

    def _change_version(self) -> None:
        """A broker without MQTT 5 hangs up or falls silent: try 3.1.1 at once, then 5 again, and so on.

        With 3.1.1 the broker's own limit of unacknowledged messages holds.
        """
        self._version_5 = not self._version_5
        self._replace_client()
        if not self._version_5:
            self._wait_until_s = 0.0

    def _replace_client(self) -> None:
        old, self._client = self._client, self._new_client()
        old.on_disconnect = None
        sock = old.socket()
        if sock is not None:
            sock.close()

    def _fail(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("not receiving", detail=problem)
        self.problem = problem
        self._wait_until_s = self._monotonic_s() + self._backoff.next_s()
