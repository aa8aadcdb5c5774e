"""Several hosts share one broker's messages: where it hands on those of a host that died, nobody is lost."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from ingest.buffer import BufferReader
from ingest.sharing import NOTE_NAME
from mqtt.hand_back import share_problem
from mqtt.publisher import Publisher
from schemas import HubpulseError
from schemas.settings import MqttSettings
from simulators.messages import TimedMessage
from tests.artemis import Artemis
from tests.cli.command import CommandLine
from tests.e2e.conftest import influx_settings
from tests.servers import Influxd, Mosquitto, free_port
from tests.waiting import wait_until

GROUP = "a-group-that-nobody-guesses"
FIRST_S = 1_767_571_200
EACH = 1500


@pytest.fixture(scope="module")
def artemis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Artemis]:
    with Artemis(tmp_path_factory.mktemp("artemis")) as broker:
        yield broker


def received(data: Path) -> int:
    try:
        with closing(BufferReader(data)) as reader:
            ledger = reader.ledger.read()
    except HubpulseError:
        return 0
    assert ledger.balanced
    return ledger.messages_received


def is_subscribed(data: Path) -> bool:
    """Whether ingest has said that nothing is wrong: from then on the broker keeps what is published."""
    with closing(BufferReader(data)) as reader:
        return "problem" in reader.status.get("subscriber") and reader.status.get("subscriber")["problem"] is None


def pending(data: Path) -> int:
    with closing(BufferReader(data)) as reader:
        return reader.ledger.read().readings_pending


def publish(port: int, first: int) -> None:
    with Publisher(MqttSettings(host="127.0.0.1", port=port)) as publisher:
        publisher.publish_all(
            TimedMessage(0, f"hubs/armley/footfall/door-{n % 7}", b'{"time": %d, "entries": 1}' % (FIRST_S + n))
            for n in range(first, first + EACH)
        )


def test_artemis_hands_on(artemis: Artemis) -> None:
    assert share_problem(MqttSettings(host="127.0.0.1", port=artemis.port)) is None


@pytest.mark.needs("influxd")
@pytest.mark.timeout(240)
def test_two_hosts_share_and_one_that_is_killed_loses_nobody(
    artemis: Artemis, influxd: Influxd, influx_database: str, tmp_path: Path
) -> None:
    hosts = [
        CommandLine(
            tmp_path / name,
            HUBPULSE_MQTT__HOST="127.0.0.1",
            HUBPULSE_MQTT__PORT=artemis.port,
            HUBPULSE_MQTT__CLIENT_ID=name,
            HUBPULSE_MQTT__INGEST_NAME=name,
            HUBPULSE_MQTT__SHARE_GROUP=GROUP,
            HUBPULSE_MQTT__RECEIVE_MAX=50,
            **influx_settings(influxd, influx_database),
        )
        for name in ("one", "two")
    ]
    data = [host.folder / "data" for host in hosts]
    with hosts[0].start("ingest") as first, hosts[1].start("ingest", "--workers", "2") as second:
        for host, folder in zip((first, second), data, strict=True):
            host.wait_for("broker_connected", 60)
            wait_until(partial(is_subscribed, folder), 60, "the subscription")
            assert (folder / NOTE_NAME).read_text() == f"127.0.0.1:{artemis.port}"
        publish(artemis.port, 0)
        wait_until(lambda: sum(map(received, data)) >= EACH, 60, "the first messages")
        assert min(map(received, data)) > 0
        publish(artemis.port, EACH)
        first.kill()
        publish(artemis.port, 2 * EACH)
        wait_until(lambda: sum(map(received, data)) >= 3 * EACH, 60, "all messages")
        with hosts[0].start("ingest"):  # what it had received is in its buffer
            wait_until(lambda: not any(map(pending, data)), 60, "all readings to be stored")

    [counted] = influxd.query("SELECT sum(entries) FROM footfall", database=influx_database)
    assert counted["sum"] == 3 * EACH


@pytest.mark.needs("mosquitto")
def test_ingest_does_not_start_where_messages_would_be_lost(
    make_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    broker = make_mosquitto(settings="log_type subscribe")
    host = CommandLine(
        tmp_path,
        HUBPULSE_MQTT__HOST="127.0.0.1",
        HUBPULSE_MQTT__PORT=broker.port,
        HUBPULSE_MQTT__SHARE_GROUP=GROUP,
    )

    answer = host.run("ingest")
    doctor = host.run("doctor")

    assert (answer.exit_code, doctor.exit_code) == (1, 1)
    [sentence] = [line for line in answer.err.splitlines() if line.startswith("error: ")]
    assert "handed to nobody" in sentence
    assert GROUP not in broker.log
    assert not (tmp_path / "data" / NOTE_NAME).exists()
    assert any("failed" in line and "handed to nobody" in line for line in doctor.out.splitlines())


def test_ingest_waits_for_a_broker_that_it_can_not_ask(tmp_path: Path) -> None:
    host = CommandLine(tmp_path, HUBPULSE_MQTT__PORT=free_port(), HUBPULSE_MQTT__SHARE_GROUP=GROUP)
    with host.start("ingest") as ingest:
        ingest.wait_for("no broker answers", 60)
        assert ingest.is_running
