"""What else a client with one party's credentials can't do, and how far its mischief goes where it can do some."""

import json
import re
import socket
import ssl
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from ingest.buffer import BufferReader
from schemas import HubpulseError
from tests.cli.command import CommandLine
from tests.deploy.installation import Installation
from tests.deploy.shipped_broker import DEADLINE_S, READY_DEADLINE_S, Client, ShippedMosquitto, value_of
from tests.mqtt.packets import variable_integer
from tests.waiting import wait_until


@pytest.mark.claim("S-04")
def test_the_last_will_of_a_hub_goes_nowhere_but_to_its_own_topics(
    broker: ShippedMosquitto, installed: Installation
) -> None:
    with Client(broker, installed, "ingest") as ingest:
        ingest.subscribe("#")
        for topic in ("hubs/armley/temperature/air-1", "$SYS/broker/uptime", "hubs/beeston/temperature/own"):
            with Client(broker, installed, "hub-beeston", will=topic) as hostile:
                hostile.break_off()
                wait_until(lambda client=hostile: client.ended, DEADLINE_S, "the end")  # type: ignore[misc]
        wait_until(lambda: "hubs/beeston/temperature/own" in ingest.received, DEADLINE_S, "the hub's own will")

        assert [topic for topic in ingest.received if not topic.startswith("$SYS")] == ["hubs/beeston/temperature/own"]


@pytest.mark.claim("S-06")
def test_who_knows_the_client_id_of_another_ends_its_connection_and_is_sent_nothing(
    broker: ShippedMosquitto, installed: Installation
) -> None:
    with Client(broker, installed, "hub-armley", client_id="door-counter", session_expiry_s=600) as hub:
        hub.subscribe("hubs/armley/#")
        with Client(broker, installed, "hub-beeston", client_id="door-counter", session_expiry_s=600) as hostile:
            wait_until(lambda: hub.ended, DEADLINE_S, "the connection of the other to end")
            with Client(broker, installed, "simulator") as simulator:
                simulator.publish("hubs/armley/temperature/air-1")
            hostile.subscribe("hubs/end")
            assert hostile.received == []
            assert hostile.publish("hubs/armley/temperature/air-1") == "Not authorized"


@pytest.mark.claim("S-80")
def test_a_group_of_a_hub_s_own_takes_nothing_from_ingest_as_it_is_shipped(
    broker: ShippedMosquitto, installed: Installation
) -> None:
    """Mosquitto 2.0 grants anybody any subscription, and drops what a member of a group may not read.

    So who joins ingest's own group swallows his share (which is why its name is a secret), and no other group does.
    """
    with (
        Client(broker, installed, "ingest", client_id="plain", session_expiry_s=600) as ingest,
        Client(broker, installed, "ingest", client_id="shared", session_expiry_s=600) as member,
        Client(broker, installed, "hub-beeston") as hostile,
        Client(broker, installed, "hub-armley") as hub,
    ):
        ingest.subscribe("hubs/#")
        member.subscribe("$share/known/hubs/#")
        for group in ("ingest", "hubpulse-ingest", "known"):
            for topics in ("#", "hubs/#", "hubs/+/#", "hubs/armley/#"):
                hostile.subscribe(f"$share/{group}/{topics}")
        for number in range(40):
            hub.publish(f"hubs/armley/temperature/air-{number}")
        wait_until(lambda: len(ingest.received) == 40, DEADLINE_S, "every message by the plain subscription")
        assert len(member.received) < 40
        assert hostile.received == []


def test_a_queue_is_a_session_s_own(tmp_path: Path, installed: Installation) -> None:
    """What docs/operations.md says of dividing hubs among several ingests: a flood fills the queue that it goes to."""
    broker = ShippedMosquitto(tmp_path / "mosquitto", installed.secrets)
    broker.config = broker.config.replace("max_queued_messages 1000000", "max_queued_messages 100")
    names = {"one": "hubs/armley/#", "other": "hubs/beeston/#"}
    with broker:
        for client_id, topics in names.items():
            with Client(broker, installed, "ingest", client_id=client_id, session_expiry_s=600) as ingest:
                ingest.subscribe(topics)
        for hub, count in (("beeston", 150), ("armley", 60)):
            with Client(broker, installed, f"hub-{hub}") as sender:
                assert {sender.publish(f"hubs/{hub}/temperature/x") for _ in range(count)} == {"Success"}
        with Client(broker, installed, "ingest", client_id="one", session_expiry_s=600) as ingest:
            wait_until(lambda: len(ingest.received) == 60, DEADLINE_S, "every message of the honest hub")
        with Client(broker, installed, "ingest", client_id="other", session_expiry_s=600) as ingest:
            wait_until(lambda: len(ingest.received) == 100, DEADLINE_S, "as many as the queue holds")


@pytest.mark.claim("S-40")
def test_ingest_s_credentials_publish_nothing(broker: ShippedMosquitto, installed: Installation) -> None:
    with Client(broker, installed, "ingest") as ingest:
        for topic in ("hubs/armley/temperature/air-1", "v3/app/devices/door/up", "$SYS/broker/uptime", "elsewhere"):
            assert ingest.publish(topic) == "Not authorized"


@pytest.mark.claim("S-53")
def test_the_data_folder_and_a_backup_hold_no_password_and_no_token(
    broker: ShippedMosquitto, installed: Installation, tmp_path: Path
) -> None:
    """Of what `init` makes, the data folder has the client id of the session alone, in a file that no backup takes."""
    data, copy = tmp_path / "hubpulse/data", tmp_path / "copy"
    secrets = {name: text.strip() for name, text in installed.files().items() if name.startswith("hubpulse/mqtt")}
    secrets |= {"token": "0123456789abcdef" * 4}
    command = CommandLine(
        tmp_path / "hubpulse",
        HUBPULSE_ESTATE=str(installed.estate),
        HUBPULSE_MQTT__HOST="localhost",
        HUBPULSE_MQTT__PORT=broker.tls_port,
        HUBPULSE_MQTT__CA_FILE=str(installed.secrets / "ca/ca.crt"),
        HUBPULSE_MQTT__USERNAME="ingest",
        HUBPULSE_MQTT__PASSWORD_FILE=str(installed.secrets / "hubpulse/mqtt_password"),
        HUBPULSE_MQTT__CLIENT_ID_FILE=str(installed.secrets / "hubpulse/mqtt_client_id"),
        HUBPULSE_INFLUX__TOKEN=secrets["token"],
    )
    with command.start("ingest") as ingest:
        wait_until(lambda: (data / "session.json").exists() or not ingest.is_running, READY_DEADLINE_S, "a session")
        with Client(broker, installed, "hub-armley") as hub:
            hub.publish("hubs/armley/temperature/air-1", b"no reading")
        wait_until(lambda: refusals(data) or not ingest.is_running, READY_DEADLINE_S, "the refusal")
        assert ingest.is_running, ingest.err
        assert command.run("backup", copy).exit_code == 0

    found = {
        (path.name, name)
        for path in data.rglob("*")
        if path.is_file()
        for name, text in secrets.items()
        if text.encode() in path.read_bytes()
    }
    assert found == {("session.json", "hubpulse/mqtt_client_id")}
    assert not any(text.encode() in path.read_bytes() for path in copy.iterdir() for text in secrets.values())
    assert json.loads((copy / "backup.json").read_text())


def begin_packet(broker: ShippedMosquitto, context: ssl.SSLContext, size: int) -> ssl.SSLSocket:
    """Begin a CONNECT of so many bytes, without a password, and send no more of it."""
    plain = socket.create_connection((broker.host, broker.tls_port), timeout=DEADLINE_S)
    connection = context.wrap_socket(plain, server_hostname="localhost")
    connection.sendall(b"\x10" + variable_integer(size) + b"\0\4MQTT\5")
    return connection


@pytest.mark.claim("S-23")
def test_packets_that_strangers_only_begin_leave_room_for_what_hubs_publish(
    tmp_path: Path, installed: Installation
) -> None:
    """The shipped limits, a tenth of each number. With 2,000 connections of 2 MiB, 300 were enough to silence it."""
    connections, memory = int(value_of("max_connections", last=True)) // 10, int(value_of("memory_limit")) // 10
    packet_bytes = int(value_of("max_packet_size"))
    broker = ShippedMosquitto(tmp_path / "mosquitto", installed.secrets)
    broker.config = re.sub(r"max_connections 400", f"max_connections {connections}", broker.config)
    broker.config = re.sub(r"memory_limit \d+", f"memory_limit {memory}", broker.config)
    context = ssl.create_default_context(cafile=str(installed.secrets / "ca/ca.crt"))
    with broker, ExitStack() as held, Client(broker, installed, "hub-armley") as hub:
        for size in (packet_bytes - 100, 200_000, 20_000, 2_000):
            for _ in range(connections):
                with suppress(OSError):  # no more connections, or no room for the packet
                    held.enter_context(begin_packet(broker, context, size))
        for number in range(20):
            assert hub.publish(f"hubs/armley/temperature/air-{number}", bytes(10_000)) != "Not authorized"
        assert hub.ended == []
    with broker, begin_packet(broker, context, packet_bytes + 100) as refused:
        assert refused.recv(100)[:1] in (b"", b"\xe0")


def refusals(data: Path) -> int:
    """How many refused messages are kept."""
    try:
        with closing(BufferReader(data)) as reader:
            return sum(reader.quarantine.counts().values())
    except HubpulseError:
        return 0
