"""Whether a broker lets a client in, asked without a client library."""

from pathlib import Path

import pytest

from mqtt.probe import lets_in
from schemas import HubpulseError
from schemas.settings import MqttSettings
from tests.mqtt.fake_broker import CONNECT, Behaviour, Conversation, FakeBroker, closes_at_once, normal
from tests.servers import Mosquitto, free_port

CLIENT_ID = "hubpulse-doctor"


def refuses(talk: Conversation) -> None:
    talk.hear(CONNECT)
    talk.say(b"\x20\x03\x00\x87\x00")  # not authorized


def speaks_something_else(talk: Conversation) -> None:
    talk.hear(CONNECT)
    talk.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def answer_of(port: int, **settings: object) -> bool:
    at_port = MqttSettings.model_validate({"port": port, **settings})
    return lets_in(at_port, client_id=CLIENT_ID, timeout_s=5)


def test_a_broker_that_accepts_is_asked_for_a_clean_session_of_version_5() -> None:
    with FakeBroker(normal) as broker:
        assert answer_of(broker.port)
        body = next(body for head, body in broker.talks[0].heard if head == CONNECT)
    assert body == b"\0\x04MQTT\x05\x02\0\x3c\0\0\x0f" + CLIENT_ID.encode()


@pytest.mark.needs("mosquitto")
def test_a_real_broker_accepts(mosquitto: Mosquitto) -> None:
    assert answer_of(mosquitto.port)


@pytest.mark.parametrize("behaviour", [refuses, speaks_something_else, closes_at_once])
def test_any_other_answer_is_left_to_the_client_library(behaviour: Behaviour) -> None:
    with FakeBroker(behaviour) as broker:
        assert not answer_of(broker.port)


@pytest.mark.parametrize("settings", [{"username": "ingest"}, {"ca_file": Path("ca.pem")}])
def test_passwords_and_tls_are_left_to_the_client_library(settings: dict[str, object]) -> None:
    assert not answer_of(free_port(), **settings)


def test_where_nothing_listens_it_is_said_what_to_do() -> None:
    with pytest.raises(HubpulseError, match=r"no broker answers .* start it, or set HUBPULSE_MQTT__HOST"):
        answer_of(free_port())
