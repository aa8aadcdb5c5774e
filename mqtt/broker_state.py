"""What a broker tells of itself: since when it runs, and what it had no room for.

mosquitto does, on retained topics below `$SYS` (mosquitto(8)); where another does not, nothing is known.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from mqtt.connection import Connection, connect
from mqtt.protocol import State
from schemas.errors import HubpulseError
from schemas.settings import MqttSettings

_UPTIME, _DROPPED = "$SYS/broker/uptime", "$SYS/broker/publish/messages/dropped"
STATE_TOPICS = (_UPTIME, _DROPPED)
UPTIME_STALE_MAX_S = 11
"""mosquitto tells its uptime every ten seconds (`sys_interval`)."""
_ANSWER_MAX_S = 1.0
_TURN_S = 0.05


class BrokerState(NamedTuple):
    """None for what is not known."""

    uptime_s: int | None = None
    """Since the broker was started, as it said last: some seconds less than it is."""
    messages_dropped: int | None = None
    """Since then, for want of room in a client's queue."""
    packet_bytes_max: int | None = None


def look(settings: MqttSettings, *, timeout_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> BrokerState:
    """Ask over a connection of its own. Raises HubpulseError where the broker does not let us in."""
    # A name that nobody else can have: it would throw the other one out.
    connection = connect(settings, client_id=f"hubpulse-look-{secrets.token_hex(8)}", timeout_s=timeout_s)
    with closing(connection):
        connection.subscribe(STATE_TOPICS)
        figures = _figures(connection, until_s=monotonic_s() + _ANSWER_MAX_S, monotonic_s=monotonic_s)
    is_limited = connection.terms.packet_bytes_max < Connection.PACKET_BYTES_UNLIMITED
    return BrokerState(
        figures.get(_UPTIME), figures.get(_DROPPED), connection.terms.packet_bytes_max if is_limited else None
    )


def _figures(connection: Connection, *, until_s: float, monotonic_s: Callable[[], float]) -> dict[str, int]:
    found: dict[str, int] = {}
    answered = False

    def on_subscribed(_answers: object) -> None:
        nonlocal answered
        answered = True

    connection.on_subscribed = on_subscribed
    while len(found) < len(STATE_TOPICS) and connection.is_open and monotonic_s() < until_s:
        # Refused, there is nothing to wait for.
        if answered and connection.state is State.CONNECTED:
            break
        connection.turn(_TURN_S)
        for message in connection.take_messages():
            number = re.match(rb"\d{1,18}", message.payload)
            if number:
                found[message.topic.decode(errors="replace")] = int(number[0])
        connection.acknowledge()
    return found


def look_if_possible(settings: MqttSettings, *, timeout_s: float) -> BrokerState:
    """The same, or nothing known where the broker does not let us look."""
    try:
        return look(settings, timeout_s=timeout_s)
    except HubpulseError:
        return BrokerState()
