"""paho's client, and the same with its reading and writing done by the run.

`FastClient` overrides private parts of paho. `client_class` looks once whether they are as expected, and gives the
stock client where they are not. Connecting, keepalive and subscriptions are paho's in both.
"""

from __future__ import annotations

import inspect
import ssl
import time
from functools import cache
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.exception import MalformedPacket

from mqtt.messages import Message
from mqtt.packets import PAYLOAD_BYTES_MAX, Inbox, MalformedPacketError, PacketSplitter, encode_acknowledgements
from schemas.errors import HubpulseError

log = structlog.get_logger("hubpulse.mqtt")

_READ_BYTES = 256 * 1024
_PUBLISH, _PUBACK = 0x30, 0x40

_METHODS = {
    "_packet_read": ("self",),
    "_packet_handle": ("self",),
    "_packet_queue": ("self", "command", "packet", "mid", "qos", "info"),
    "_sock_recv": ("self", "bufsize"),
    "_send_pingreq": ("self",),
}
_ATTRIBUTES = ("_in_packet", "_last_bytes_received", "_msgtime_mutex", "_ping_t")
_IN_PACKET = ("command", "have_remaining", "packet", "pos", "remaining_count", "remaining_length", "remaining_mult")


class StockClient(mqtt.Client):
    """paho as it is: a callback for each message and answer. It holds the whole of a packet, however long."""

    def __init__(
        self,
        *,
        client_id: str,
        version_5: bool,
        keeps_session: bool = False,
        payload_bytes_max: int = PAYLOAD_BYTES_MAX,
    ) -> None:
        session: dict[str, Any] = {} if version_5 else {"clean_session": not keeps_session}
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=mqtt.MQTTv5 if version_5 else mqtt.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
            **session,
        )
        self._version_5 = version_5
        self._payload_bytes_max = payload_bytes_max
        self._packet_ids: dict[int, int] = {}
        self.inbox = self._new_inbox()
        self.max_inflight_messages_set(0)  # how many are in flight is the window's business
        self.on_message = self._take_message
        self.on_publish = self._take_answer

    def acknowledge(self, packet_ids: list[int]) -> None:
        """Answer messages of QoS 1, in the order given."""
        for packet_id in packet_ids:
            self.ack(packet_id, 1)

    def ping(self) -> bool:
        """Send a PINGREQ; False where this paho can't."""
        return hasattr(self, "_ping_t") and self._send_pingreq() is MQTTErrorCode.MQTT_ERR_SUCCESS

    @property
    def ping_answered(self) -> bool:
        """Whether no PINGREQ is without its answer."""
        return not self._ping_t

    def send(self, packets: bytes) -> None:
        """Send whole PUBLISH packets of QoS 1."""
        outgoing = PacketSplitter(version_5=self._version_5, hand_over=lambda _head, _body: 0)
        outgoing.feed(packets)
        for message in outgoing.messages:
            sent = self.publish(message.topic.decode(), message.payload, qos=1)
            self._packet_ids[sent.mid] = message.packet_id

    def _new_inbox(self) -> Inbox:
        return Inbox()

    def _take_message(self, _client: mqtt.Client, _userdata: Any, received: mqtt.MQTTMessage) -> None:
        try:
            topic = received.topic.encode()
        except UnicodeDecodeError as error:
            topic = error.object
        packet_id = received.mid if received.qos else 0
        found = getattr(received.properties, "SubscriptionIdentifier", None) or [0]
        message = Message(topic, bytes(received.payload), packet_id, received.dup, received.retain, 0, min(found))
        message = message if len(message.payload) <= self._payload_bytes_max else message.cut()
        self.inbox.messages.append(message)
        self.inbox.messages_bytes += len(message.payload)

    def _take_answer(self, _client: mqtt.Client, _userdata: Any, sent_id: int, reason: Any, _properties: Any) -> None:
        self.inbox.answers.append((self._packet_ids.pop(sent_id), reason.value))


class FastClient(StockClient):
    """Reads many packets at a time, and writes a run of them at once."""

    inbox: PacketSplitter

    def _new_inbox(self) -> PacketSplitter:
        return PacketSplitter(
            version_5=self._version_5, hand_over=self._hand_over, payload_bytes_max=self._payload_bytes_max
        )

    def acknowledge(self, packet_ids: list[int]) -> None:
        if packet_ids:
            self._packet_queue(_PUBACK, encode_acknowledgements(packet_ids), 0, 0)

    def send(self, packets: bytes) -> None:
        self._packet_queue(_PUBLISH, packets, 0, 1)

    def _packet_read(self) -> MQTTErrorCode:
        try:
            data = self._sock_recv(_READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_AGAIN
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        if not data:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        try:
            failure = self.inbox.feed(data)
        except (MalformedPacketError, MalformedPacket):
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        return MQTTErrorCode(failure) if failure else MQTTErrorCode.MQTT_ERR_SUCCESS

    def _hand_over(self, head: int, body: bytes) -> int:
        """Let paho handle any other packet as if it had read it itself."""
        self._in_packet["command"] = head
        self._in_packet["remaining_length"] = len(body)
        self._in_packet["packet"] = bytearray(body)
        self._in_packet["pos"] = 0
        failure = self._packet_handle()
        self._in_packet["command"] = 0
        return failure


def paho_differences() -> list[str]:
    """What of paho's private parts is not as `FastClient` expects it."""
    found = []
    for name, expected in _METHODS.items():
        method = getattr(mqtt.Client, name, None)
        if not callable(method) or tuple(inspect.signature(method).parameters) != expected:
            found.append(name)
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    found += [name for name in _ATTRIBUTES if not hasattr(client, name)]
    if not set(_IN_PACKET) <= set(getattr(client, "_in_packet", ())):
        found.append("the keys of _in_packet")
    return found


class _TlsSocket(ssl.SSLSocket):
    """Closed where the handshake fails; paho would leave it open."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of what it overrides
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def tls_context(ca_file: Path) -> ssl.SSLContext:
    """Trust brokers whose certificate this authority signed. Raises HubpulseError."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise HubpulseError(f"can't use {ca_file} ({error}): give a PEM file as HUBPULSE_MQTT__CA_FILE") from error
    context.sslsocket_class = _TlsSocket
    return context


@cache
def client_class() -> type[StockClient]:
    """The fast client, or the stock one where this paho is another inside."""
    differences = paho_differences()
    if not differences:
        return FastClient
    log.warning(
        "mqtt_stock_client",
        differences=differences,
        hint="receiving takes several times the CPU: install the paho-mqtt of constraints.txt",
    )
    return StockClient
