"""One connection to the broker: paho's client, sending runs of packets and taking in acknowledgements by the batch.

paho handles one packet at a time (four reads, several locks); at tens of thousands of messages a second nearly all
packets that come in are 4-byte PUBACKs, so these are split here and everything else is handed to paho unchanged.
"""

from __future__ import annotations

import select
import ssl
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from schemas import HubpulseError
from schemas.settings import MqttSettings

_READ_BYTES = 64 * 1024
_PUBACK = 0x40
_PUBACK_SHORT = b"\x40\x02"  # followed by the packet id alone: success
_PUBACK_SHORT_BYTES = 4
_REASON_AT = 2
_PUBLISH = 0x30
_LENGTH_BYTES_MAX = 4
_MORE = 0x80

_UNSUPPORTED_VERSION = 132  # reason code of a broker that speaks no MQTT 5
_NOT_AUTHORISED = (134, 135)
LOCALHOST = "127.0.0.1"


class Terms(NamedTuple):
    """What a connection allows: how many messages unanswered, and how large a packet."""

    is_v5: bool
    receive_max: int = 65535
    packet_bytes_max: int = 268_435_455 + 5


class Link(mqtt.Client):
    """A connected client. Made by `connect`; never connects again: a lost link is replaced by a new one."""

    def __init__(self, settings: MqttSettings, *, client_id: str, protocol: MQTTProtocolVersion) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol, reconnect_on_failure=False
        )
        self._acknowledged: list[tuple[int, int]] = []
        self.connack: ReasonCode | None = None
        self.farewell = ""
        """Why the broker ended the connection, where it said so."""
        self.terms = Terms(protocol is MQTTProtocolVersion.MQTTv5)
        self._unread = bytearray()
        self.on_connect = self._note_connack
        self.on_disconnect = self._note_disconnect
        if settings.username is not None:
            self.username_pw_set(settings.username, settings.password.get_secret_value() if settings.password else None)
        if settings.ca_file is not None:
            try:
                self.tls_set(ca_certs=str(settings.ca_file))
            except OSError as error:
                raise HubpulseError(f"can't use {settings.ca_file} ({error}); check HUBPULSE_MQTT__CA_FILE") from error

    @property
    def lost(self) -> bool:
        return self.socket() is None

    def take_acknowledged(self) -> list[tuple[int, int]]:
        """(packet id, reason code) of what the broker answered for since the last call, in its order."""
        taken, self._acknowledged = self._acknowledged, []
        return taken

    def send_run(self, packets: bytes) -> None:
        """Queue a run of whole PUBLISH packets (QoS 1) and write as much as the socket takes."""
        self._packet_queue(_PUBLISH, packets, 0, 1)

    def turn(self, timeout_s: float) -> None:
        """Wait for the socket, at most so long; read, write and keep the connection alive."""
        sock = self.socket()
        if sock is None:
            return
        if getattr(sock, "pending", lambda: 0)():
            timeout_s = 0
        readable, writable, _ = select.select([sock], [sock] if self.want_write() else [], [], timeout_s)
        if readable or not timeout_s:
            self.loop_read()
        if writable:
            self.loop_write()
        self.loop_misc()

    def close(self, *, timeout_s: float = 5) -> None:
        """Say goodbye, so that the broker sends no last will."""
        deadline = time.monotonic() + timeout_s
        self.disconnect()
        while not self.lost and time.monotonic() < deadline:
            self.turn(0.1)
        self.abort()

    def abort(self) -> None:
        """Cut the connection without a goodbye."""
        self._sock_close()

    def _note_connack(
        self, _c: mqtt.Client, _u: Any, _f: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self.connack = reason
        self.terms = Terms(
            self.terms.is_v5,
            getattr(properties, "ReceiveMaximum", self.terms.receive_max),
            getattr(properties, "MaximumPacketSize", self.terms.packet_bytes_max),
        )

    def _note_disconnect(self, _c: mqtt.Client, _u: Any, flags: Any, reason: ReasonCode, _p: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            self.farewell = str(reason)

    def _packet_read(self) -> MQTTErrorCode:
        try:
            received = self._sock_recv(_READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_AGAIN
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        if not received:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        self._last_bytes_received = time.monotonic()
        self._unread += received
        return self._split()

    def _split(self) -> MQTTErrorCode:
        """Take every whole packet out of what was read."""
        unread, note = self._unread, self._acknowledged.append
        at, end = 0, len(unread)
        while at < end:
            if unread.startswith(_PUBACK_SHORT, at) and end - at >= _PUBACK_SHORT_BYTES:
                note((unread[at + 2] << 8 | unread[at + 3], 0))
                at += _PUBACK_SHORT_BYTES
                continue
            body, length = _body_of(unread, at)
            if body < 0:
                return MQTTErrorCode.MQTT_ERR_PROTOCOL
            if not body or body + length > end:
                break
            error = self._take(unread[at], bytes(unread[body : body + length]))
            if error:
                return error
            at = body + length
        del unread[:at]
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _take(self, command: int, body: bytes) -> MQTTErrorCode:
        if command == _PUBACK and len(body) > _REASON_AT:
            self._acknowledged.append((body[0] << 8 | body[1], body[_REASON_AT]))
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        self._in_packet["command"] = command
        self._in_packet["remaining_length"] = len(body)
        self._in_packet["packet"] = bytearray(body)
        self._in_packet["pos"] = 0
        return self._packet_handle()


def _body_of(unread: bytearray, at: int) -> tuple[int, int]:
    """(start, length) of the body of the packet that starts at `at`; start 0 = not all there yet, -1 = no MQTT."""
    length = 0
    for step in range(_LENGTH_BYTES_MAX):
        if at + 1 + step >= len(unread):
            return 0, 0
        byte = unread[at + 1 + step]
        length |= (byte & ~_MORE) << (7 * step)
        if not byte & _MORE:
            return at + 2 + step, length
    return -1, 0


def connect(
    settings: MqttSettings,
    *,
    client_id: str,
    protocols: Sequence[MQTTProtocolVersion] = (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311),
    timeout_s: float = 10,
) -> Link:
    """A connected link with a clean session, in the first of the protocols that the broker speaks.

    Raises HubpulseError that says what to do where no broker answers, or where it does not let us in.
    """
    for protocol in protocols:
        link = Link(settings, client_id=client_id, protocol=protocol)
        try:
            _open(link, settings, timeout_s)
        except BaseException:
            link.abort()
            raise
        if link.connack is not None and not link.connack.is_failure:
            return link
        link.abort()
        if link.connack is not None and link.connack.value != _UNSUPPORTED_VERSION:
            break
    raise _refusal(link.connack, settings)


def place_of(settings: MqttSettings) -> str:
    """Where the broker is, for messages."""
    return f"{settings.host or LOCALHOST}:{settings.port}"


def _open(link: Link, settings: MqttSettings, timeout_s: float) -> None:
    """Connect and wait for the broker's answer, or for its closing the connection."""
    place = place_of(settings)
    deadline = time.monotonic() + timeout_s
    link.connect_timeout = timeout_s
    try:
        link.connect(settings.host or LOCALHOST, settings.port, settings.keepalive_s)
    except ssl.SSLError as error:
        raise HubpulseError(f"TLS with the broker at {place} failed ({error}); check HUBPULSE_MQTT__CA_FILE") from error
    except OSError as error:
        raise HubpulseError(
            f"no broker answers at {place} ({error.strerror or error}); start it, or set HUBPULSE_MQTT__HOST and "
            "HUBPULSE_MQTT__PORT"
        ) from error
    while link.connack is None and not link.lost:
        if time.monotonic() > deadline:
            raise HubpulseError(
                f"what listens at {place} gives no MQTT answer within {timeout_s:g} s; check host and port"
            )
        link.turn(0.2)


def _refusal(connack: ReasonCode | None, settings: MqttSettings) -> HubpulseError:
    place = place_of(settings)
    if connack is None:
        return HubpulseError(f"the broker at {place} closed the connection at once; check host, port and TLS")
    if connack.value in _NOT_AUTHORISED:
        cure = "check HUBPULSE_MQTT__USERNAME and HUBPULSE_MQTT__PASSWORD"
    else:
        cure = "see the broker's log"
    return HubpulseError(f"the broker at {place} refused the connection ({connack}); {cure}")
