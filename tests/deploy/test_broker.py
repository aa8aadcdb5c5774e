"""A real mosquitto on the configuration that is shipped, with the secrets that `hubpulse init` makes for it."""

import re
import socket
import ssl
from contextlib import closing
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import SecretStr

from ingest.buffer import BufferReader
from mqtt.publisher import Publisher
from schemas import HubpulseError
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from tests.cli.command import CommandLine
from tests.deploy.compose_file import SERVICES
from tests.deploy.installation import Installation
from tests.deploy.shipped_broker import (
    CONFIGURATION,
    DEADLINE_S,
    READY_DEADLINE_S,
    Client,
    ShippedMosquitto,
    health,
    value_of,
)
from tests.waiting import wait_until


@pytest.mark.parametrize("user", ["ingest", "simulator", "gateway", "hub-armley", "hub-beeston"])
def test_the_generated_credentials_are_accepted(broker: ShippedMosquitto, installed: Installation, user: str) -> None:
    with Client(broker, installed, user) as client:
        assert client.answer == "Success"


@pytest.mark.claim("S-14")
@pytest.mark.parametrize(
    "user, password", [(None, None), ("ingest", "wrong"), ("hub-armley", "wrong"), ("nobody", "wrong")]
)
def test_everybody_else_is_refused(
    broker: ShippedMosquitto, installed: Installation, user: str | None, password: str | None
) -> None:
    with Client(broker, installed, user, password) as client:
        assert client.answer == "Not authorized"


@pytest.mark.claim("S-13")
def test_one_hub_cannot_use_the_password_of_another(broker: ShippedMosquitto, installed: Installation) -> None:
    with Client(broker, installed, "hub-armley", installed.password("hub-beeston")) as client:
        assert client.answer == "Not authorized"


@pytest.mark.claim("S-01")
@pytest.mark.parametrize(
    "user, topic, is_allowed",
    [
        ("hub-armley", "hubs/armley/temperature/air-1", True),
        ("hub-armley", "hubs/beeston/temperature/air-1", False),
        ("hub-armley", "hubs/armley2/temperature/air-1", False),
        ("hub-armley", "v3/app/devices/door/up", False),
        ("hub-armley", "$SYS/broker/uptime", False),
        ("gateway", "v3/app/devices/door/up", True),
        ("gateway", "hubs/armley/temperature/air-1", False),
        ("simulator", "hubs/beeston/temperature/air-1", True),
        ("ingest", "hubs/armley/temperature/air-1", False),
    ],
)
def test_who_may_publish_what(
    broker: ShippedMosquitto, installed: Installation, user: str, topic: str, is_allowed: bool
) -> None:
    with Client(broker, installed, "ingest") as ingest, Client(broker, installed, user) as client:
        ingest.subscribe("#")
        answer = client.publish(topic)
        with Client(broker, installed, "simulator") as last:
            last.publish("hubs/last")
        wait_until(lambda: "hubs/last" in ingest.received, DEADLINE_S, "the last message")

        assert (topic in ingest.received) == is_allowed
        assert (answer != "Not authorized") == is_allowed


@pytest.mark.claim("S-02")
@pytest.mark.parametrize("user", ["hub-armley", "hub-beeston", "gateway", "simulator"])
def test_nobody_but_ingest_is_sent_a_message(broker: ShippedMosquitto, installed: Installation, user: str) -> None:
    with Client(broker, installed, user) as listener, Client(broker, installed, "ingest") as ingest:
        for client in (listener, ingest):
            client.subscribe("#")
        with Client(broker, installed, "hub-armley") as hub:
            hub.publish("hubs/armley/temperature/air-1")
        wait_until(lambda: ingest.received, DEADLINE_S, "the message at ingest")

        # Whatever the broker sent before it answered this has come.
        listener.subscribe("hubs/end")
        assert listener.received == []


def test_outside_this_machine_there_is_only_tls() -> None:
    listeners = re.findall(r"^listener (\d+)(?: (\S+))?$", CONFIGURATION, re.MULTILINE)
    after_tls = CONFIGURATION.split("listener 8883")[1]

    assert listeners == [("1883", "127.0.0.1"), ("8883", "")]
    assert "certfile" in after_tls
    assert "keyfile" in after_tls
    assert SERVICES["mosquitto"]["ports"] == ["8883:8883"]


@pytest.mark.claim("S-16")
def test_the_open_port_takes_nothing_but_tls(broker: ShippedMosquitto, installed: Installation) -> None:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set("hub-armley", installed.password("hub-armley"))
    answers: list[str] = []
    ended: list[str] = []
    client.on_connect = lambda _c, _u, _f, reason, _p: answers.append(str(reason))
    client.on_disconnect = lambda _c, _u, _f, reason, _p: ended.append(str(reason))
    client.connect(broker.host, broker.tls_port)
    client.loop_start()
    try:
        wait_until(lambda: ended, DEADLINE_S, "the broker to hang up")
    finally:
        client.disconnect()
        client.loop_stop()

    assert answers == []


@pytest.mark.claim("S-18")
def test_a_client_that_does_not_know_the_authority_does_not_trust_the_broker(broker: ShippedMosquitto) -> None:
    stranger = ssl.create_default_context()

    with (
        socket.create_connection((broker.host, broker.tls_port), timeout=DEADLINE_S) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        stranger.wrap_socket(plain, server_hostname="localhost")


def test_ingest_receives_by_tls_what_the_hubs_publish(
    broker: ShippedMosquitto, installed: Installation, tmp_path: Path
) -> None:
    authority, data = installed.secrets / "ca/ca.crt", tmp_path / "hubpulse/data"
    command = CommandLine(
        tmp_path / "hubpulse",
        HUBPULSE_ESTATE=str(installed.estate),
        HUBPULSE_MQTT__HOST="localhost",
        HUBPULSE_MQTT__PORT=broker.tls_port,
        HUBPULSE_MQTT__CA_FILE=str(authority),
        HUBPULSE_MQTT__USERNAME="ingest",
        HUBPULSE_MQTT__PASSWORD_FILE=str(installed.secrets / "hubpulse/mqtt_password"),
    )
    password = SecretStr(installed.password("hub-armley"))
    hub = MqttSettings(
        host="localhost", port=broker.tls_port, ca_file=authority, username="hub-armley", password=password
    )
    first = TimedMessage(0, "hubs/armley/temperature/first", b'{"time":1790000000,"value":20}')
    rest = [
        TimedMessage(0, "hubs/armley/temperature/air-1", f'{{"time":{1_790_000_000 + n},"value":20}}'.encode())
        for n in range(3000)
    ]

    with command.start("ingest") as ingest, Publisher(hub) as publisher:

        def is_receiving() -> bool:
            assert ingest.is_running, ingest.err
            publisher.publish_all([first])
            return stored(data) > 0

        wait_until(is_receiving, READY_DEADLINE_S, "ingest to receive")
        before = stored(data)
        publisher.publish_all(rest)
        wait_until(lambda: stored(data) >= before + len(rest), READY_DEADLINE_S, "every reading to be stored")


def stored(data: Path) -> int:
    """How many readings ingest has put into its store."""
    try:
        with closing(BufferReader(data)) as reader:
            return reader.ledger.read().readings_stored
    except HubpulseError:
        return 0


@pytest.mark.claim("S-12")
def test_a_hub_that_is_added_is_let_in_once_the_broker_is_told(tmp_path: Path, installation: Installation) -> None:
    installation.init()
    with ShippedMosquitto(tmp_path / "mosquitto", installation.secrets) as broker:
        installation.write_estate(hubs=("armley", "bramley"))
        installation.init()
        with Client(broker, installation, "hub-bramley") as early:
            assert early.answer == "Not authorized"

        broker.reload()

        def is_let_in() -> bool:
            with Client(broker, installation, "hub-bramley") as client:
                return client.answer == "Success"

        wait_until(is_let_in, DEADLINE_S, "the broker to read its files again")
        with Client(broker, installation, "hub-armley") as old:
            assert old.answer == "Success"
        with Client(broker, installation, "hub-beeston") as removed:
            assert removed.answer == "Not authorized"


def test_debians_own_configuration_takes_the_shipped_one_as_a_drop_in(tmp_path: Path, installed: Installation) -> None:
    broker = ShippedMosquitto(tmp_path / "mosquitto", installed.secrets)
    drop_ins = tmp_path / "conf.d"
    drop_ins.mkdir()
    (drop_ins / "hubpulse.conf").write_text(broker.config)
    place = f"persistence_location {broker.folder}/\nlog_dest file {broker.folder}/mosquitto.txt"
    broker.config = f"pid_file {broker.folder}/pid\npersistence true\n{place}\ninclude_dir {drop_ins}\n"

    with broker, Client(broker, installed, "hub-armley") as client:
        assert client.publish("hubs/armley/temperature/air-1") != "Not authorized"


def test_the_health_check_passes_with_its_secret(broker: ShippedMosquitto, installed: Installation) -> None:
    assert health(broker, installed.secrets / "broker") == 0


def test_the_health_check_fails_without_its_secret_or_its_broker(
    broker: ShippedMosquitto, installed: Installation, tmp_path: Path
) -> None:
    assert health(broker, tmp_path) != 0
    broker.stop()
    assert health(broker, installed.secrets / "broker") != 0


def test_messages_are_kept_while_nobody_takes_them(broker: ShippedMosquitto) -> None:
    assert value_of("persistence") == "true"
    assert int(value_of("max_queued_messages")) >= 1_000_000
    assert 0 < int(value_of("autosave_interval")) <= 60
    assert int(value_of("max_inflight_messages")) >= 1000
    # In the folder that it runs in, which is the volume of docker-compose.yml.
    broker.stop()
    assert (broker.folder / "mosquitto.db").exists()
    assert f"mosquitto-data:{SERVICES['mosquitto']['working_dir']}" in SERVICES["mosquitto"]["volumes"]
