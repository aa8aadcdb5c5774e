"""A connection goes through its states in order, whatever the broker does, and ends once."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from paho.mqtt.enums import MQTTErrorCode

from mqtt.connection import Connection
from mqtt.protocol import Ending, State
from schemas.settings import MqttSettings
from tests.mqtt.fake_broker import CONNECT, Conversation, FakeBroker, closes_at_once, normal
from tests.mqtt.packets import CONNACK_5
from tests.waiting import wait_until


@contextmanager
def connecting(port: int) -> Iterator[tuple[Connection, list[tuple[State, State]]]]:
    """A connection that was opened, and the changes of its state."""
    connection = Connection(MqttSettings(host="127.0.0.1", port=port), client_id="test")
    changes: list[tuple[State, State]] = []
    connection.on_state = lambda before, state: changes.append((before, state))
    try:
        connection.open()
        yield connection, changes
    finally:
        connection.abort()


def turn_until(connection: Connection, state: State) -> None:
    def turn() -> bool:
        connection.turn(0.02)
        return connection.state is state

    wait_until(turn, 10, state.name, poll_s=0)


def test_a_whole_life() -> None:
    with FakeBroker(normal) as broker, connecting(broker.port) as (connection, changes):
        turn_until(connection, State.CONNECTED)
        connection.subscribe(["hubs/#"])
        turn_until(connection, State.SUBSCRIBED)
        connection.close()

    assert [state.name for _, state in changes] == ["CONNECTING", "CONNECTED", "SUBSCRIBED", "CLOSING", "CLOSED"]
    assert connection.ending is Ending.OURS


def test_a_connection_that_is_reset_while_we_connect_has_ended_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing CONNECT may fail inside paho, which reports it before it returns."""
    with FakeBroker(closes_at_once) as broker:
        connection = Connection(MqttSettings(host="127.0.0.1", port=broker.port), client_id="test")
        client = connection._client
        monkeypatch.setattr(
            client, "_send_connect", lambda _keepalive: client._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        )
        connection.open()

    assert (connection.state, connection.ending) == (State.CLOSED, Ending.CLOSED_AT_ONCE)


def test_a_broker_that_accepts_twice_has_accepted_once() -> None:
    def accepts_twice(talk: Conversation) -> None:
        talk.hear(CONNECT)
        talk.say(CONNACK_5 + CONNACK_5)

    with FakeBroker(accepts_twice) as broker, connecting(broker.port) as (connection, changes):
        turn_until(connection, State.CLOSED)

    assert [state.name for _, state in changes] == ["CONNECTING", "CONNECTED", "CLOSED"]
    assert connection.ending is Ending.LOST


def test_a_connection_that_has_ended_is_not_opened_again() -> None:
    with FakeBroker(normal) as broker, connecting(broker.port) as (connection, _):
        connection.abort()
        with pytest.raises(RuntimeError, match="can't go from CLOSED to CONNECTING"):
            connection.open()
