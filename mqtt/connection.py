"""One connection to the broker, from its opening to its end.

    DISCONNECTED -> CONNECTING -> CONNECTED <-> SUBSCRIBED -> CLOSING -> CLOSED
                                                 (CLOSED may follow any of them)

It is never opened again: a lost connection is replaced by a new one. What was received on it can therefore never be
acknowledged on another.
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from mqtt.client import client_class, tls_context
from mqtt.messages import Message
from mqtt.packets import PAYLOAD_BYTES_MAX
from mqtt.probe import LOCALHOST, place_of, unreachable
from mqtt.protocol import MAY_FOLLOW, Ending, ProtocolFallback, State
from schemas.errors import HubpulseError
from schemas.settings import IngestSettings, MqttSettings

_UNSUPPORTED_VERSION = ("Unsupported protocol version", "Protocol error", "Malformed packet")
_BAD_CLIENT_ID = 133
_TURN_MAX_S = 0.2
_CLOSE_MAX_S = 2.0
_MAINTAIN_EVERY_S = 1.0
_SOCKET_ERRORS = (OSError, ValueError)


_PACKET_BYTES_UNLIMITED = PAYLOAD_BYTES_MAX + 5


class Terms(NamedTuple):
    """What a connection allows: how many messages unanswered, and how large a packet."""

    is_v5: bool
    receive_max: int = 65_535
    packet_bytes_max: int = _PACKET_BYTES_UNLIMITED


_LIMITS = IngestSettings()


class Connection:
    """A connection under the loop of its owner, who calls `turn`. Not shared between threads.

    `limits` says how much may come in until it is taken, and how large a message may be.
    """

    PACKET_BYTES_UNLIMITED = _PACKET_BYTES_UNLIMITED

    def __init__(
        self,
        settings: MqttSettings,
        *,
        client_id: str,
        version_5: bool = True,
        keeps_session: bool = False,
        timeout_s: float = 3.0,
        limits: IngestSettings = _LIMITS,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._keeps_session = keeps_session
        self._timeout_s = timeout_s
        self._messages_max = limits.batch_messages_max
        self._bytes_max = limits.held_bytes_max
        self._monotonic_s = monotonic_s
        self._client = client_class()(
            client_id=client_id,
            version_5=version_5,
            keeps_session=keeps_session,
            payload_bytes_max=limits.message_bytes_max,
        )
        self._answer_by_s = math.inf
        self._maintain_at_s = 0.0
        self._unacknowledged: list[int] = []
        self._acknowledged = 0
        self._subscribing: dict[int | None, Sequence[str]] = {}
        self._granted: dict[str, ReasonCode] = {}
        self._unsubscribing: int | None = None
        self._refusal: ReasonCode | None = None
        self.state = State.DISCONNECTED
        self.on_state: Callable[[State, State], None] = lambda _before, _state: None
        self.on_subscribed: Callable[[dict[str, ReasonCode]], None] = lambda _answers: None
        """Gets the broker's answer for each filter."""
        self.terms = Terms(version_5)
        self.session_present = False
        self.ending: Ending | None = None
        self.problem = ""
        """Why it ended, and what to do about it."""
        self.disconnect_reason = ""
        """The broker's own words where it ended the connection."""
        self._prepare_client()

    @property
    def is_open(self) -> bool:
        """Whether the broker has accepted it and it is not ending."""
        return self.state in (State.CONNECTED, State.SUBSCRIBED)

    def open(self) -> None:
        """Connect, as far as that is done without the broker's answer."""
        client, settings = self._client, self._settings
        client.connect_async(
            settings.host or LOCALHOST, settings.port, keepalive=settings.keepalive_s, **self._session_options()
        )
        self._go(State.CONNECTING)
        try:
            client.reconnect()
        except _SOCKET_ERRORS as error:
            self._end(Ending.UNREACHABLE, unreachable(error, settings))
        if self.state is State.CONNECTING:
            self._answer_by_s = self._monotonic_s() + self._timeout_s

    def turn(self, timeout_s: float) -> None:
        """Wait for the socket, at most so long; read, write and keep the connection alive."""
        if self._wait(timeout_s):
            self._read()
        now_s = self._monotonic_s()
        if now_s >= self._maintain_at_s:
            self._maintain_at_s = now_s + _MAINTAIN_EVERY_S
            self._client.loop_misc()
        if now_s > self._answer_by_s:
            place = place_of(self._settings)
            problem = f"what listens at {place} does not answer in MQTT within {self._timeout_s:g} s"
            self._end(Ending.SILENT, f"{problem}: check host and port")

    @property
    def waiting(self) -> int:
        """How many messages came that were not taken."""
        return len(self._client.inbox.messages)

    @property
    def is_full(self) -> bool:
        """Whether nothing more is read until what came is taken."""
        inbox = self._client.inbox
        return len(inbox.messages) >= self._messages_max or inbox.messages_bytes >= self._bytes_max

    def take_messages(self) -> list[Message]:
        """What came since the last call; `acknowledge` answers it."""
        messages = self._client.inbox.take_messages()
        self._unacknowledged += [m.packet_id for m in messages if m.packet_id]
        return messages

    @property
    def taken(self) -> int:
        """How many messages were taken so far that want an answer."""
        return self._acknowledged + len(self._unacknowledged)

    def acknowledge(self, taken: int | None = None) -> bool:
        """Answer the first so many messages, or all taken so far, in the order received; whether there was one."""
        count = max(0, (self.taken if taken is None else taken) - self._acknowledged)
        packet_ids, self._unacknowledged = self._unacknowledged[:count], self._unacknowledged[count:]
        self._acknowledged += count
        if not packet_ids or self._client.socket() is None:
            return False
        self._client.acknowledge(packet_ids)
        return True

    @property
    def has_unanswered(self) -> bool:
        """Whether a message was taken that is not acknowledged."""
        return bool(self._unacknowledged)

    def ping(self) -> bool:
        """Ask for a sign of life, which the broker gives after all that it sends before; False where we can't."""
        return self.is_open and self._client.ping()

    @property
    def ping_answered(self) -> bool:
        """Whether the broker has given it."""
        return self._client.ping_answered

    def send(self, packets: bytes) -> None:
        """Send whole PUBLISH packets of QoS 1."""
        self._client.send(packets)

    def take_answers(self) -> list[tuple[int, int]]:
        """(packet id, reason code) of what the broker answered for since the last call, in its order."""
        return self._client.inbox.take_answers()

    def subscribe(self, filters: Sequence[str], *, identifiers: Sequence[int] = ()) -> None:
        """Subscribe at QoS 1; retained messages come with a new subscription alone. Raises ValueError for no filter.

        With `identifiers`, one for each filter, MQTT 5 says of each message by which subscription it comes.
        """
        once = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        quality: Any = once if self.terms.is_v5 else 1
        self._subscribing.clear()
        self._granted.clear()
        if identifiers and self.terms.is_v5:
            for name, identifier in zip(filters, identifiers, strict=True):
                properties = Properties(PacketTypes.SUBSCRIBE)  # type: ignore[no-untyped-call]
                properties.SubscriptionIdentifier = identifier
                _, packet_id = self._client.subscribe([(name, quality)], properties=properties)
                self._subscribing[packet_id] = [name]
        else:
            _, packet_id = self._client.subscribe([(name, quality) for name in filters])
            self._subscribing[packet_id] = filters
        if self.state is State.SUBSCRIBED:
            self._go(State.CONNECTED)

    def unsubscribe(self, filters: Sequence[str]) -> None:
        _, self._unsubscribing = self._client.unsubscribe(list(filters))

    @property
    def is_unsubscribing(self) -> bool:
        """Whether the broker has not answered to `unsubscribe` yet."""
        return self._unsubscribing is not None

    def close(self) -> None:
        """Send what is still queued and disconnect, so that the broker sends no last will."""
        until_s = self._monotonic_s() + _CLOSE_MAX_S
        if self.is_open:
            self._go(State.CLOSING)
            self._client.disconnect()
            while self._client.want_write() and self._monotonic_s() < until_s:
                self._wait(0.05)
        self.abort()

    def abort(self) -> None:
        """Cut the connection without a DISCONNECT, as when a device loses its power."""
        if self.state is not State.CLOSED:
            self._end(Ending.OURS, "")

    def _prepare_client(self) -> None:
        client, settings = self._client, self._settings
        if settings.username is not None:
            password = settings.password.get_secret_value() if settings.password else None
            client.username_pw_set(settings.username, password)
        if settings.ca_file is not None:
            client.tls_set_context(tls_context(settings.ca_file))
        client.connect_timeout = self._timeout_s
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe

    def _session_options(self) -> dict[str, Any]:
        if not self.terms.is_v5 or not self._keeps_session:
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = self._settings.receive_max
        properties.SessionExpiryInterval = self._settings.session_expiry_s
        return {"clean_start": False, "properties": properties}

    def _wait(self, timeout_s: float) -> bool:
        """Wait for the socket and write what it takes; returns whether there may be something to read."""
        sock = self._client.socket()
        if sock is None:
            return False
        if getattr(sock, "pending", int)():
            timeout_s = 0
        # poll and not select, which can't wait for a socket beyond the 1024th of a process.
        poll = select.poll()
        try:
            poll.register(sock, select.POLLIN | (select.POLLOUT if self._client.want_write() else 0))
            ready = poll.poll(1000 * timeout_s)
        except _SOCKET_ERRORS:
            return True
        events = ready[0][1] if ready else 0
        if events & select.POLLOUT:
            self._client.loop_write()
        return bool(events & ~select.POLLOUT) or not timeout_s

    def _read(self) -> None:
        client, inbox = self._client, self._client.inbox
        while not self.is_full:
            before = len(inbox.messages), len(inbox.answers)
            if client.loop_read() or before == (len(inbox.messages), len(inbox.answers)):
                break

    def _go(self, state: State) -> None:
        """The one place where the state changes."""
        if state not in MAY_FOLLOW[self.state]:
            raise RuntimeError(f"a connection can't go from {self.state.name} to {state.name}")
        before, self.state = self.state, state
        self._answer_by_s = math.inf
        self.on_state(before, state)

    def _end(self, ending: Ending, problem: str) -> None:
        """Close the socket, where paho has not, and say why."""
        self.ending, self.problem = ending, problem
        self._client.on_disconnect = None
        sock = self._client.socket()
        if sock is not None:
            with suppress(OSError):
                sock.close()
            self._client.loop_read()  # paho finds it closed, and forgets it
        self._go(State.CLOSED)

    def _on_connect(
        self, _client: mqtt.Client, _userdata: Any, flags: mqtt.ConnectFlags, reason: ReasonCode, properties: Any
    ) -> None:
        if self.state is not State.CONNECTING:
            return
        if reason.is_failure:
            self._refusal = reason
            return
        self.session_present = flags.session_present
        self.terms = self.terms._replace(
            receive_max=getattr(properties, "ReceiveMaximum", self.terms.receive_max),
            packet_bytes_max=getattr(properties, "MaximumPacketSize", self.terms.packet_bytes_max),
        )
        self._go(State.CONNECTED)

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: Any, packet_id: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        filters = self._subscribing.pop(packet_id, None)
        if filters is None:
            return
        self._granted.update(zip(filters, reasons, strict=False))
        if self._subscribing:
            return
        if not any(reason.is_failure for reason in self._granted.values()):
            self._go(State.SUBSCRIBED)
        self.on_subscribed(dict(self._granted))

    def _on_unsubscribe(self, _client: mqtt.Client, _userdata: Any, packet_id: int, _reasons: Any, _: Any) -> None:
        if packet_id == self._unsubscribing:
            self._unsubscribing = None

    def _on_disconnect(self, _client: mqtt.Client, _userdata: Any, flags: Any, reason: ReasonCode, _: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            self.disconnect_reason = str(reason)
        place = place_of(self._settings)
        if self.state is State.CLOSING:
            self._end(Ending.OURS, "")
        elif self.is_open:
            self._end(Ending.LOST, f"the connection to the broker at {place} was lost ({reason})")
        elif self._refusal is None:
            self._end(
                Ending.CLOSED_AT_ONCE, f"the broker at {place} closed the connection at once: check host, port and TLS"
            )
        elif str(self._refusal) in _UNSUPPORTED_VERSION:
            self._end(Ending.NO_VERSION_5, f"the broker at {place} has no MQTT 5: trying 3.1.1")
        else:
            what = "CLIENT_ID" if self._refusal.value == _BAD_CLIENT_ID else "USERNAME and HUBPULSE_MQTT__PASSWORD"
            self._end(
                Ending.REFUSED,
                f"the broker at {place} refuses the connection ({self._refusal}): check HUBPULSE_MQTT__{what}, and"
                " see the broker's log",
            )


def connect(
    settings: MqttSettings,
    *,
    client_id: str,
    version_5: bool | None = None,
    timeout_s: float = 10,
    limits: IngestSettings = _LIMITS,
) -> Connection:
    """An accepted connection with a session of its own, in MQTT 5 or else 3.1.1, where no version is asked for.

    Raises HubpulseError that says what to do where no broker answers, or where it does not let us in.
    """
    fallback = ProtocolFallback(closed_max=1)
    while True:
        connection = Connection(
            settings,
            client_id=client_id,
            version_5=fallback.version_5 if version_5 is None else version_5,
            timeout_s=timeout_s,
            limits=limits,
        )
        try:
            connection.open()
            while connection.state is State.CONNECTING:
                connection.turn(_TURN_MAX_S)
        except BaseException:
            connection.abort()
            raise
        if connection.ending is None:
            return connection
        if version_5 is not None or not fallback.ended(connection.ending):
            raise HubpulseError(connection.problem)
