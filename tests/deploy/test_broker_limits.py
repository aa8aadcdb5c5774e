"""What one client of the shipped broker can't take from the others, and a doctor that knows a broker that is not so."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import SecretStr

from ingest.broker_check import broker_problems
from ingest.doctor import State, examine
from mqtt.broker_state import look
from mqtt.publisher import Publisher
from schemas import Settings
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from tests.deploy.compose_file import SERVICES
from tests.deploy.installation import Installation
from tests.deploy.shipped_broker import DEADLINE_S, Client, ShippedMosquitto, health, value_of
from tests.servers import Mosquitto
from tests.waiting import wait_until


@pytest.mark.claim("S-05")
def test_whoever_knows_no_secret_of_ingests_takes_nothing_of_its_messages(
    broker: ShippedMosquitto, installed: Installation
) -> None:
    """The usual client id and the usual group are not those of this installation."""
    secret = installed.files()["hubpulse/mqtt_client_id"]
    with Client(broker, installed, "ingest", client_id=secret, session_expiry_s=600) as ingest:
        ingest.subscribe(f"$share/{secret}/hubs/#")
        with Client(broker, installed, "hub-beeston", client_id=MqttSettings().client_id.get_secret_value()) as hostile:
            for group in ("ingest", "hubpulse", "workers"):
                hostile.subscribe(f"$share/{group}/hubs/#")
            with Client(broker, installed, "hub-armley") as hub:
                for number in range(50):
                    hub.publish(f"hubs/armley/temperature/air-{number}")
            wait_until(lambda: len(ingest.received) == 50, DEADLINE_S, "every message")
            assert hostile.received == []
        assert ingest.ended == []


def test_the_secret_names_are_long_random_and_each_its_own(installed: Installation, installation: Installation) -> None:
    installation.init()
    names = [there.files()["hubpulse/mqtt_client_id"] for there in (installed, installation)]

    assert len(set(names)) == 2
    assert all(len(name) >= 32 for name in names)
    assert all(MqttSettings(client_id=SecretStr(name)) for name in names)


@pytest.mark.claim("S-07")
def test_one_hub_with_large_messages_does_not_bring_the_broker_down(
    broker: ShippedMosquitto, installed: Installation
) -> None:
    """43 messages of 15 MB while ingest was away once did, and 114 acknowledged readings of another hub were lost."""
    secret = installed.files()["hubpulse/mqtt_client_id"]
    with Client(broker, installed, "ingest", client_id=secret, session_expiry_s=600) as ingest:
        ingest.subscribe("hubs/#")
    for _ in range(3):
        with Client(broker, installed, "hub-beeston") as hostile:
            hostile._client.publish("hubs/beeston/temperature/x", bytes(15_000_000), qos=1)
            wait_until(lambda client=hostile: client.ended, DEADLINE_S, "the broker to hang up")  # type: ignore[misc]
            assert hostile.published == []
    with Client(broker, installed, "hub-armley") as hub:
        answers = {hub.publish("hubs/armley/temperature/air-1") for _ in range(114)}
    with Client(broker, installed, "ingest", client_id=secret, session_expiry_s=600) as ingest:
        wait_until(lambda: len(ingest.received) == 114, DEADLINE_S, "what the other hub had sent")

    assert "Not authorized" not in answers
    assert set(ingest.received) == {"hubs/armley/temperature/air-1"}
    highest_kb = next(line for line in Path(f"/proc/{broker.pid}/status").read_text().splitlines() if "VmHWM" in line)
    assert int(highest_kb.split()[1]) < 100_000


@pytest.mark.claim("S-08")
def test_one_hub_with_many_messages_fills_no_more_than_the_limit(
    broker: ShippedMosquitto, installed: Installation
) -> None:
    secret = installed.files()["hubpulse/mqtt_client_id"]
    with Client(broker, installed, "ingest", client_id=secret, session_expiry_s=600) as ingest:
        ingest.subscribe("hubs/#")
    with Client(broker, installed, "hub-beeston") as hostile:
        for _ in range(200):
            hostile.publish("hubs/beeston/temperature/x", bytes(1024**2))
    highest_kb = next(line for line in Path(f"/proc/{broker.pid}/status").read_text().splitlines() if "VmHWM" in line)

    assert int(highest_kb.split()[1]) * 1024 < int(value_of("max_queued_bytes")) + 64 * 1024**2
    limit_of_container = int(str(SERVICES["mosquitto"]["mem_limit"]).removesuffix("m")) * 1024**2
    assert int(value_of("memory_limit")) < limit_of_container


@pytest.mark.claim("S-20")
def test_idle_connections_from_outside_keep_nobody_out_who_is_in_or_on_this_machine(
    tmp_path: Path, installed: Installation
) -> None:
    broker = ShippedMosquitto(tmp_path / "mosquitto", installed.secrets)
    broker.config = broker.config.replace("max_connections 400", "max_connections 20")
    with broker, Client(broker, installed, "hub-armley") as hub, ExitStack() as idle:
        for _ in range(60):
            idle.enter_context(socket.create_connection((broker.host, broker.tls_port), timeout=DEADLINE_S))
        assert hub.publish("hubs/armley/temperature/air-1") != "Not authorized"
        assert health(broker, installed.secrets / "broker") == 0
        handles_open = len(list(Path(f"/proc/{broker.pid}/fd").iterdir()))
        assert handles_open < 60
        assert hub.ended == []


@pytest.mark.claim("S-64")
@pytest.mark.parametrize("shipped", [True, False])
def test_the_doctor_knows_a_broker_that_is_not_so(
    shipped: bool, broker: ShippedMosquitto, installed: Installation, make_mosquitto: Callable[..., Mosquitto]
) -> None:
    password = SecretStr(installed.password("ingest"))
    settings = MqttSettings(
        host="localhost",
        port=broker.tls_port,
        ca_file=installed.secrets / "ca/ca.crt",
        username="ingest",
        password=password,
        client_id=SecretStr(installed.files()["hubpulse/mqtt_client_id"]),
    )
    if not shipped:
        settings = MqttSettings(
            host="127.0.0.1", port=make_mosquitto().port, username="ingest", share_group=SecretStr("ingest")
        )
    found = next(f for f in examine(Settings(data_dir=broker.folder, mqtt=settings)) if f.part == "broker")

    assert (found.state is State.OK) == shipped
    named = ["allow_anonymous false", "max_packet_size", "CLIENT_ID_FILE", "share group can be guessed"]
    assert [name in found.detail for name in named] == [not shipped] * 4
    assert settings.client_id.get_secret_value() not in found.detail


def test_the_doctor_says_how_much_the_broker_had_no_room_for(make_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = make_mosquitto(max_queued_messages=10, settings="sys_interval 1\nmax_packet_size 100000")
    settings = MqttSettings(host="127.0.0.1", port=broker.port, username="ingest")
    subscriber = mqtt.Client(CallbackAPIVersion.VERSION2, "away", clean_session=False)
    subscribed: list[bool] = []
    subscriber.on_subscribe = lambda _c, _u, _id, _reasons, _p: subscribed.append(True)
    subscriber.connect(broker.host, broker.port)
    subscriber.subscribe("hubs/#", qos=1)
    subscriber.loop_start()
    wait_until(lambda: subscribed, DEADLINE_S, "the subscription")
    subscriber.disconnect()
    subscriber.loop_stop()
    with Publisher(settings) as publisher:
        publisher.publish_all([TimedMessage(0, "hubs/a/co2/b", b"1") for _ in range(50)])

    def dropped() -> int | None:
        return look(settings, timeout_s=DEADLINE_S).messages_dropped

    wait_until(lambda: dropped() == 40, DEADLINE_S, "the broker to count")
    assert any("40 messages" in problem for problem in broker_problems(settings, timeout_s=DEADLINE_S))
