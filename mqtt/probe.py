"""Whether a broker lets us in, asked without a client library, which takes longer to import than the answer to come."""

from __future__ import annotations

import socket

from schemas.errors import HubpulseError
from schemas.settings import MqttSettings

LOCALHOST = "127.0.0.1"
_DISCONNECT, _CONNACK, _ACCEPTED = b"\xe0\0", 0x20, 0
_CONNECT_5 = b"\0\x04MQTT\x05\x02\0\x3c\0\0"
"""Clean start, a minute of keepalive, no properties, and room for the length of the client id."""


def lets_in(settings: MqttSettings, *, client_id: str, timeout_s: float) -> bool:
    """Whether the broker accepts an anonymous client of MQTT 5; where not, `connection.connect` finds out more.

    Raises HubpulseError where nothing listens.
    """
    if settings.username is not None or settings.ca_file is not None:
        return False
    try:
        sock = socket.create_connection((settings.host or LOCALHOST, settings.port), timeout_s)
    except (OSError, ValueError) as error:
        raise HubpulseError(unreachable(error, settings)) from error
    body = _CONNECT_5 + bytes([len(client_id)]) + client_id.encode()
    try:
        with sock, sock.makefile("rb") as answer:
            sock.sendall(bytes([0x10, len(body)]) + body)
            head, _, _, reason = answer.read(4)
            sock.sendall(_DISCONNECT)
    except (OSError, ValueError):
        return False
    return (head, reason) == (_CONNACK, _ACCEPTED)


def is_shared(settings: MqttSettings) -> bool:
    """Whether others than we connect to it: one on this machine that asks for no password is our own."""
    return settings.username is not None or settings.host not in (None, LOCALHOST, "localhost", "::1")


def place_of(settings: MqttSettings) -> str:
    """Where the broker is, for messages."""
    return f"{settings.host or LOCALHOST}:{settings.port}"


def unreachable(error: OSError | ValueError, settings: MqttSettings) -> str:
    """What to do where no connection comes about."""
    place = place_of(settings)
    if settings.ca_file is not None:
        from ssl import SSLError  # noqa: PLC0415 - takes longer to import than a connection without TLS

        if isinstance(error, SSLError):
            return f"TLS with the broker at {place} failed ({error}): check HUBPULSE_MQTT__CA_FILE"
    reason = getattr(error, "strerror", None) or error
    return f"no broker answers at {place} ({reason}): start it, or set HUBPULSE_MQTT__HOST and HUBPULSE_MQTT__PORT"
