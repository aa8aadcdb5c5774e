"""The servers that all other tests rely on do what they say: same ports, same data, and gone afterwards."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.real_parts import REPOSITORY
from tests.servers import Influxd, Mosquitto, free_port, handles
from tests.waiting import wait_until


def connected(broker: Mosquitto, client_id: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    client.connect(broker.host, broker.port)
    client.loop_start()
    wait_until(client.is_connected, 10, f"{client_id} to connect")
    return client


def disconnected(client: mqtt.Client) -> None:
    client.disconnect()
    client.loop_stop()


def leave_a_message_for_an_absent_subscriber(broker: Mosquitto) -> None:
    subscriber = connected(broker, "absent")
    granted: list[int] = []
    subscriber.on_subscribe = lambda *_: granted.append(1)
    subscriber.subscribe("kept", qos=1)
    wait_until(lambda: granted, 10, "the subscription")
    disconnected(subscriber)
    publisher = connected(broker, "publisher")
    publisher.publish("kept", b"42", qos=1).wait_for_publish(10)
    disconnected(publisher)


def messages_waiting(broker: Mosquitto) -> list[bytes]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="absent", clean_session=False)
    received: list[bytes] = []
    client.on_message = lambda _client, _userdata, message: received.append(bytes(message.payload))
    client.connect(broker.host, broker.port)
    client.loop_start()
    wait_until(lambda: received, 10, "the message left for the absent subscriber")
    disconnected(client)
    return received


def test_a_broker_keeps_sessions_and_messages_over_a_restart(mosquitto: Mosquitto) -> None:
    leave_a_message_for_an_absent_subscriber(mosquitto)

    mosquitto.restart()

    assert messages_waiting(mosquitto) == [b"42"]


def test_a_broker_keeps_what_it_saved_before_it_was_killed(mosquitto: Mosquitto) -> None:
    leave_a_message_for_an_absent_subscriber(mosquitto)
    saved = mosquitto.folder / "mosquitto.db"
    wait_until(lambda: saved.exists() and b"kept" in saved.read_bytes(), 10, "the autosave")

    mosquitto.kill()
    mosquitto.start()

    assert messages_waiting(mosquitto) == [b"42"]


def test_two_brokers_do_not_share_anything(make_mosquitto: Callable[..., Mosquitto]) -> None:
    first, second = make_mosquitto(), make_mosquitto(max_inflight_messages=5000)

    assert first.port != second.port
    assert first.folder != second.folder
    assert "max_inflight_messages 5000" in second.config_file.read_text()


def test_a_broker_can_be_stopped_as_soon_as_it_is_started(mosquitto: Mosquitto) -> None:
    assert handles(mosquitto.pid, signal.SIGTERM)
    mosquitto.stop()

    assert (mosquitto.folder / "mosquitto.db").exists()


def test_a_broker_that_cannot_start_says_why(make_mosquitto: Callable[..., Mosquitto]) -> None:
    with pytest.raises(RuntimeError, match=r"ended at once(.|\n)*no_such_setting"):
        make_mosquitto(settings="no_such_setting true")


@pytest.mark.needs("mosquitto")
def test_a_server_is_gone_after_an_error_in_the_test(tmp_path: Path) -> None:
    def fail_in_the_middle(broker: Mosquitto) -> None:
        assert broker.is_running
        raise ZeroDivisionError

    broker = Mosquitto(tmp_path)
    with broker:
        pid = broker.pid
        with pytest.raises(ZeroDivisionError):
            fail_in_the_middle(broker)

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_influxdb_keeps_its_points_and_ports_when_killed(own_influxd: Influxd) -> None:
    own_influxd.write("co2,hub=armley co2_ppm=612 1700000000000000000", database="kept")
    url = own_influxd.url

    own_influxd.kill()
    own_influxd.start()

    assert own_influxd.url == url
    assert own_influxd.query("SELECT co2_ppm, hub FROM co2", database="kept") == [
        {"time": 1_700_000_000_000_000_000, "co2_ppm": 612, "hub": "armley"}
    ]


def test_a_test_database_is_empty_and_its_own(influxd: Influxd, influx_database: str) -> None:
    assert {"name": influx_database} not in influxd.query("SHOW DATABASES")
    influxd.write("co2 co2_ppm=612", database=influx_database)
    assert {"name": influx_database} in influxd.query("SHOW DATABASES")


def test_a_wrong_query_is_an_error(influxd: Influxd) -> None:
    with pytest.raises(RuntimeError, match="database not found"):
        influxd.query("SELECT * FROM co2", database="nowhere")


def test_a_free_port_is_free_and_outside_the_range_given_to_clients() -> None:
    first_client_port = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    port = free_port()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
    assert port < first_client_port


def test_a_port_is_given_to_one_test_process_alone() -> None:
    port = free_port()
    take = f"from tests.servers import FreePorts as P; P.FIRST, P.STOP = {port}, {port + 1}; print(P().take())"

    taken = subprocess.run(
        [sys.executable, "-c", take],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        check=False,
    )

    assert b"no free loopback port" in taken.stderr
