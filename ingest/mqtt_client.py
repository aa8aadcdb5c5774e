"""paho's client with one change: incoming PUBLISH packets are split off in one loop, many to a read.

paho reads a packet byte by byte and builds an object for each message, which bounds it at some 20,000 messages a
second. Everything else (connecting, keepalive, subscriptions, sending) stays paho's. Packet layout: MQTT 5.0
(OASIS, 2019) section 3.3, MQTT 3.1.1 section 3.3.
"""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.exception import MalformedPacket

from mqtt.messages import Message
from schemas.errors import HubpulseError

READ_BYTES = 256 * 1024
_PUBLISH = 0x30
_PUBACK = 0x40
_TYPE_BITS = 0xF0
_RETAIN_BIT, _QOS_1_BIT, _QOS_2_BIT, _DUP_BIT = 0x01, 0x02, 0x04, 0x08
_MORE_BIT, _VALUE_BITS = 0x80, 0x7F
_LENGTH_BYTES_MAX = 4

_new_tuple = tuple.__new__  # makes a Message in half the time of calling it


def tls_context(ca_file: Path) -> ssl.SSLContext:
    """Trust brokers whose certificate this authority signed. Raises HubpulseError."""
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise HubpulseError(f"HUBPULSE_MQTT__CA_FILE {ca_file} can't be used ({error}): give a PEM file") from error


class MalformedPacketError(Exception):
    """The broker sent bytes that are not MQTT; the connection is closed and opened anew."""


class BatchClient(mqtt.Client):
    """An MQTT client under an external loop: `inbox` fills with messages, `acknowledge` answers packet ids."""

    def __init__(self, *, client_id: str, version_5: bool) -> None:
        self._version_5 = version_5
        session: dict[str, Any] = {} if version_5 else {"clean_session": False}
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=mqtt.MQTTv5 if version_5 else mqtt.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
            **session,
        )
        self.inbox: list[Message] = []
        self.inbox_bytes = 0
        self._parts: list[bytes] = []
        self._missing = 0

    def forget(self) -> None:
        """Drop what an earlier connection left half-read or undelivered; the broker delivers it again."""
        self.inbox, self.inbox_bytes = [], 0
        self._parts, self._missing = [], 0

    def hang_up(self) -> None:
        """Close the socket without a word."""
        self._sock_close()

    def take(self) -> list[Message]:
        """The messages received since the last call."""
        messages, self.inbox, self.inbox_bytes = self.inbox, [], 0
        return messages

    def acknowledge(self, packet_ids: list[int]) -> None:
        """Queue the acknowledgements of QoS 1 messages, in the order given, as one run of bytes."""
        run = bytearray()
        for packet_id in packet_ids:
            run += b"\x40\x02"
            run += packet_id.to_bytes(2, "big")
        if run:
            self._packet_queue(_PUBACK, bytes(run), 0, 0)

    def _ssl_wrap_socket(self, tcp_sock: socket.socket) -> ssl.SSLSocket:
        """Shake hands. paho's own leaves the socket open where that fails."""
        if self._ssl_context is None:
            raise ValueError("TLS without a context")
        sock = self._ssl_context.wrap_socket(tcp_sock, server_hostname=self._host, do_handshake_on_connect=False)
        try:
            sock.settimeout(self._connect_timeout)
            sock.do_handshake()
        except BaseException:
            sock.close()
            raise
        return sock

    def _packet_read(self) -> MQTTErrorCode:
        try:
            data = self._sock_recv(READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_AGAIN
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        if not data:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        self._parts.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        try:
            return self._split(b"".join(self._parts))
        except (MalformedPacketError, MalformedPacket):
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _split(self, data: bytes) -> MQTTErrorCode:
        """Move every whole packet out of `data`, and keep the rest until it is whole."""
        start, size, missing = 0, len(data), 0
        while size - start >= 2:  # noqa: PLR2004 - a packet has a type byte and at least one of length
            head, length, body = data[start], data[start + 1], start + 2
            if length & _MORE_BIT:
                body, length = _variable_integer(data, start + 1)
            stop = body + length
            if stop > size or not body:
                missing = stop - size if body else 0
                break
            if head & _TYPE_BITS == _PUBLISH:
                try:
                    self._split_publish(data, head, body, stop)
                except IndexError as error:
                    raise MalformedPacketError("a PUBLISH ends before its header does") from error
            else:
                code = self._hand_over(head, data[body:stop])
                if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    return code
            start = stop
        self._parts, self._missing = ([data[start:]], missing) if start < size else ([], 0)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _split_publish(self, data: bytes, head: int, at: int, stop: int) -> None:
        topic_at = at + 2
        at = topic_at + (data[at] << 8 | data[at + 1])
        topic = data[topic_at:at]
        packet_id = 0
        if head & _QOS_1_BIT:
            packet_id = data[at] << 8 | data[at + 1]
            at += 2
            if not packet_id:
                raise MalformedPacketError("a QoS 1 PUBLISH without a packet id")
        if head & _QOS_2_BIT:
            raise MalformedPacketError("a QoS 2 PUBLISH, which nobody subscribed to")
        if self._version_5:
            length = data[at]
            at += 1
            if length:
                at, length = _variable_integer(data, at - 1)
                at = at + length if at else stop + 1
        if at > stop:
            raise MalformedPacketError("a PUBLISH is shorter than its header says")
        payload = data[at:stop]
        self.inbox.append(
            _new_tuple(Message, (topic, payload, packet_id, head & _DUP_BIT != 0, head & _RETAIN_BIT != 0, 0))
        )
        self.inbox_bytes += len(payload)

    def _hand_over(self, head: int, body: bytes) -> MQTTErrorCode:
        """Let paho handle any other packet as if it had read it itself."""
        self._in_packet = {
            "command": head,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        code = self._packet_handle()
        self._in_packet["command"] = 0
        return code


def _variable_integer(data: bytes, at: int) -> tuple[int, int]:
    """Decode a variable byte integer: (position after it, value); position 0 where it is not all there yet."""
    value = shift = 0
    for count in range(_LENGTH_BYTES_MAX):
        if at + count >= len(data):
            return 0, 0
        byte = data[at + count]
        value |= (byte & _VALUE_BITS) << shift
        if not byte & _MORE_BIT:
            return at + count + 1, value
        shift += 7
    raise MalformedPacketError("a length of more than four bytes")
