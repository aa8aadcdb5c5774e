"""The bridge to a network server as it is shipped: over TLS with a password, at QoS 0, kept while ingest is away."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from cli.broker_accounts import password_file
from cli.certificates import authority_certificate, new_key, server_certificate
from mqtt.publisher import Publisher
from schemas import Settings
from schemas.settings import IngestSettings, MqttSettings
from simulators.messages import TimedMessage
from tests.ingest.walking import running
from tests.mqtt.receiving import DEADLINE_S, receive, subscribing, until
from tests.real_parts import REPOSITORY
from tests.servers import Mosquitto
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("mosquitto")

SHIPPED = (REPOSITORY / "deploy/mosquitto/bridge.conf").read_text()
TOPIC, USER, PASSWORD = "v3/my-app@my-tenant/devices/iaq/up", "my-app@my-tenant", "NNSXS.THE-KEY"
ESTATE = {
    "sources": [{"topic": "v3/+/devices/+/up", "format": "tts"}],
    "hubs": [{"id": "armley", "sensors": [{"id": "air", "device": "24e124710c401234"}]}],
}


def uplink(number: int) -> TimedMessage:
    up = {"f_port": 1, "f_cnt": number, "frm_payload": "AQ==", "decoded_payload": {"co2": 600 + number}}
    sent = {"end_device_ids": {"dev_eui": "24E124710C401234"}, "uplink_message": up}
    return TimedMessage(0, TOPIC, json.dumps(sent | {"received_at": f"2026-05-12T11:{number:02}:00Z"}).encode())


@pytest.fixture
def network_server(tmp_path: Path) -> Mosquitto:
    """A broker that lets in who has the password, by TLS alone."""
    key, authority_key = new_key(), new_key()
    authority = authority_certificate(authority_key)
    certificate = server_certificate(key, authority_key=authority_key, authority=authority, names=["127.0.0.1"])
    files = {"ca.crt": authority, "server.key": key, "server.crt": certificate}
    for name, text in (files | {"passwords": password_file({USER: PASSWORD})}).items():
        (tmp_path / name).write_text(text)
    server = Mosquitto(tmp_path / "network-server")
    server.config = server.config.replace(
        "allow_anonymous true",
        f"certfile {tmp_path}/server.crt\nkeyfile {tmp_path}/server.key\n"
        f"allow_anonymous false\npassword_file {tmp_path}/passwords",
    )
    return server


def test_what_a_network_server_sends_while_ingest_is_away_is_kept(
    network_server: Mosquitto, make_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    (tmp_path / "acl").write_text("topic read #\n")
    place = f"address {network_server.host}:{network_server.port}"
    bridge = SHIPPED.replace("address eu1.cloud.thethings.network:8883", place).replace("restart_timeout 5 60", "")
    bridge = bridge.replace("/etc/ssl/certs/ca-certificates.crt", f"{tmp_path}/ca.crt")
    (tmp_path / "estate.yaml").write_text(json.dumps(ESTATE))
    server_settings = MqttSettings(
        host=network_server.host,
        port=network_server.port,
        ca_file=tmp_path / "ca.crt",
        username=USER,
        password=SecretStr(PASSWORD),
    )
    with network_server, Publisher(server_settings) as publisher:
        broker = make_mosquitto(settings=f"acl_file {tmp_path}/acl\n{bridge}")
        settings = Settings(
            data_dir=tmp_path / "data",
            estate=tmp_path / "estate.yaml",
            store="sqlite",
            mqtt=MqttSettings(host="127.0.0.1", port=broker.port),
            ingest=IngestSettings(flush_age_s=0.01),
        )
        with running(settings) as ingest:

            def arrives() -> bool:
                publisher.publish_all([uplink(0)])  # what is sent before the bridge is there is lost: at most once
                return ingest.ledger.messages_received > 0

            wait_until(arrives, DEADLINE_S, "the bridge")
        before = ingest.ledger.messages_received
        with subscribing(broker.port, filters=("v3/#",), client_id=SecretStr("witness")) as witness:
            until(witness, lambda: witness.subscribed, "the subscription")
            publisher.publish_all(map(uplink, range(1, 6)))
            receive(witness, 5)
        with running(settings) as ingest:
            ledger = ingest.wait_for(messages_received=before + 5)
    assert ledger.messages_refused == 0
