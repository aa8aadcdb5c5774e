"""Every message reaches the broker: at any window, over lost connections, or is reported."""

import itertools
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.broker import EmbeddedBroker
from mqtt.publisher import Publisher
from schemas import HubpulseError
from simulators.messages import TimedMessage
from tests.mqtt.clients import client_kind  # noqa: F401 - a fixture for every test here
from tests.servers import Mosquitto, free_port
from tests.simulators.listening import Listener, numbered, settings_of, silent_broker

MakeMosquitto = Callable[..., Mosquitto]


@pytest.mark.parametrize("inflight", [1, 20, 5000])
def test_every_message_arrives_once_and_in_order(make_mosquitto: MakeMosquitto, inflight: int) -> None:
    broker = make_mosquitto(max_inflight_messages=inflight)
    messages = numbered(3000)
    reported: list[int] = []
    with Listener(broker.port) as listener, Publisher(settings_of(broker.port)) as publisher:
        report = publisher.publish_all(messages, on_sent=reported.append)
        listener.wait_for(3000)
    assert (report.sent, report.acknowledged, report.refused, report.complete) == (3000, 3000, {}, True)
    assert sum(reported) == 3000
    assert [message.payload for message in messages] == listener.payloads


def test_payloads_of_every_size_arrive_unchanged(mosquitto: Mosquitto) -> None:
    sizes = [0, 1, 100, 127, 128, 16_383, 16_384, 300_000, 2_100_000]
    messages = [TimedMessage(0, f"size/{size}", bytes(size)) for size in sizes]
    with Listener(mosquitto.port) as listener, Publisher(settings_of(mosquitto.port)) as publisher:
        publisher.publish_all(messages)
        listener.wait_for(len(sizes))
    assert [(m.topic, m.payload) for m in messages] == listener.received


def test_nothing_is_lost_when_the_broker_restarts_under_way(mosquitto: Mosquitto) -> None:
    with Listener(mosquitto.port, client_id="kept", keeps_session=True):
        pass  # from here on the broker keeps what it is sent

    def restarting_under_way() -> Iterator[TimedMessage]:
        for number, message in enumerate(numbered(3000)):
            if number in (1000, 2000):
                mosquitto.restart()
            yield message

    with Publisher(settings_of(mosquitto.port)) as publisher:
        report = publisher.publish_all(restarting_under_way())
    assert report.sent == report.acknowledged == 3000
    with Listener(mosquitto.port, client_id="kept", keeps_session=True) as listener:
        listener.wait_for_each(numbered(3000))


def test_a_publisher_can_be_cut_off_and_used_again(mosquitto: Mosquitto) -> None:
    with Listener(mosquitto.port) as listener, Publisher(settings_of(mosquitto.port)) as publisher:
        publisher.publish_all(numbered(10))
        publisher.abort()
        publisher.publish_all(numbered(10))
        listener.wait_for(20)
    assert "closed its connection" in mosquitto.log


def test_a_message_that_the_access_rules_forbid_is_counted_as_refused(
    make_mosquitto: MakeMosquitto, tmp_path: Path
) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic write hubs/#\ntopic read #\n")
    rules.chmod(0o644)
    broker = make_mosquitto(settings=f"acl_file {rules}")
    messages = [*numbered(3), *numbered(2, topic="secret/door"), *numbered(3)]
    with Publisher(settings_of(broker.port)) as publisher:
        report = publisher.publish_all(messages)
    assert (report.sent, report.acknowledged, report.refused) == (8, 6, {"Not authorized": 2})


def test_a_message_too_large_for_the_broker_is_refused_and_the_others_are_sent(make_mosquitto: MakeMosquitto) -> None:
    broker = make_mosquitto(settings="max_packet_size 2000")
    messages = [*numbered(3), TimedMessage(0, "hubs/large", bytes(5000)), *numbered(3)]
    with Publisher(settings_of(broker.port)) as publisher:
        report = publisher.publish_all(messages)
        assert publisher.settled == 7
    assert (report.sent, report.acknowledged) == (7, 6)
    assert report.refused == {"larger than the 2000 bytes that the broker takes": 1}


@pytest.mark.parametrize("topic", ["", "a/+/b", "a/#", "nul\0", "x" * 70_000])
def test_a_topic_that_nobody_can_publish_to_is_refused(mosquitto: Mosquitto, topic: str) -> None:
    with Publisher(settings_of(mosquitto.port)) as publisher:
        report = publisher.publish_all([TimedMessage(0, topic, b"1"), *numbered(2)])
    assert (report.acknowledged, report.refused) == (2, {"invalid topic": 1})


def test_no_broker_is_one_plain_line() -> None:
    port = free_port()
    with pytest.raises(HubpulseError, match=rf"no broker answers at 127\.0\.0\.1:{port} .*HUBPULSE_MQTT__HOST"):
        Publisher(settings_of(port)).connect()


def test_a_wrong_password_names_the_settings(make_mosquitto: MakeMosquitto) -> None:
    broker = make_mosquitto(settings="allow_anonymous false")
    with pytest.raises(HubpulseError, match=r"Not authorized.*HUBPULSE_MQTT__PASSWORD"):
        Publisher(settings_of(broker.port, username="someone", password="wrong")).connect()


def test_a_certificate_that_is_not_trusted_names_the_setting(mosquitto: Mosquitto, tmp_path: Path) -> None:
    not_there = settings_of(mosquitto.port, ca_file=tmp_path / "none.pem")
    with pytest.raises(HubpulseError, match=r"none\.pem.*HUBPULSE_MQTT__CA_FILE"):
        Publisher(not_there).connect()


def test_a_broker_that_stays_away_is_reported_after_the_patience(mosquitto: Mosquitto) -> None:
    def stopping_under_way() -> Iterator[TimedMessage]:
        yield from numbered(10)
        mosquitto.stop()
        yield from numbered(10)

    publisher = Publisher(settings_of(mosquitto.port), patience_s=0.5)
    with pytest.raises(HubpulseError, match=r"the connection was lost.*no broker answers"), publisher:
        publisher.publish_all(stopping_under_way())


def test_a_broker_that_acknowledges_nothing_is_reported_and_bounds_what_is_taken() -> None:
    taken = 0

    def endless() -> Iterator[TimedMessage]:
        nonlocal taken
        for message in itertools.cycle(numbered(1, topic="hubs/armley/co2/first")):
            taken += 1
            yield message

    with silent_broker() as port:
        publisher = Publisher(settings_of(port), window_messages=50, patience_s=0.5)
        with pytest.raises(HubpulseError, match=r"acknowledged nothing for 0\.5 s.*hubs/armley/co2/first"), publisher:
            publisher.publish_all(endless())
    assert (taken, publisher.settled) == (50, 0)


def test_large_messages_in_flight_are_bounded_by_their_bytes() -> None:
    taken = 0

    def large() -> Iterator[TimedMessage]:
        nonlocal taken
        while True:
            taken += 1
            yield TimedMessage(0, "hubs/large", bytes(1024**2))

    with silent_broker() as port:
        publisher = Publisher(settings_of(port), patience_s=0.5)
        with pytest.raises(HubpulseError, match="acknowledged nothing"), publisher:
            publisher.publish_all(large())
    assert taken <= 17


def test_a_stop_takes_nothing_more_and_waits_for_what_is_in_flight(mosquitto: Mosquitto) -> None:
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more

    with Listener(mosquitto.port) as listener, Publisher(settings_of(mosquitto.port)) as publisher:
        report = publisher.publish_all(itertools.cycle(numbered(1)), on_sent=count, stop=lambda: done >= 500)
        listener.wait_for(report.sent)
    assert not report.complete
    assert report.sent == report.acknowledged == done == publisher.settled >= 500


def test_what_came_before_an_error_of_the_source_is_delivered_first(mosquitto: Mosquitto) -> None:
    def broken() -> Iterator[TimedMessage]:
        yield from numbered(700)
        raise HubpulseError("the file ends here")

    with Listener(mosquitto.port) as listener, Publisher(settings_of(mosquitto.port)) as publisher:
        with pytest.raises(HubpulseError, match="the file ends here"):
            publisher.publish_all(broken())
        assert publisher.settled == 700
        listener.wait_for(700)


class InTheFuture:
    """The first messages are due, the others in an hour."""

    def __init__(self, due_now: int) -> None:
        self._left = due_now

    def due_s(self, _message: TimedMessage) -> float:
        self._left -= 1
        return time.monotonic() + (0 if self._left >= 0 else 3600)


def test_a_message_is_not_sent_before_it_is_due(mosquitto: Mosquitto) -> None:
    with Listener(mosquitto.port) as listener, Publisher(settings_of(mosquitto.port)) as publisher:
        report = publisher.publish_all(numbered(10), pace=InTheFuture(3), stop=lambda: publisher.settled == 3)
        listener.wait_for(3)
    assert (report.sent, report.acknowledged, report.complete) == (3, 3, False)


def test_an_idle_connection_is_kept_alive(mosquitto: Mosquitto) -> None:
    pings_deadline_s = time.monotonic() + 30
    settings = settings_of(mosquitto.port, keepalive_s=5)

    def pinged() -> bool:
        assert time.monotonic() < pings_deadline_s
        return mosquitto.log.count("Received PINGREQ") > 0

    mosquitto.stop()
    mosquitto.config += "log_type all\n"
    mosquitto.start()
    with Publisher(settings) as publisher:
        report = publisher.publish_all(numbered(2), pace=InTheFuture(1), stop=pinged)
    assert report.sent == 1


def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path, port=free_port(), find=lambda _program: None)
    assert broker.name == "amqtt"
    broker.start()
    try:
        with Listener(broker.port) as listener:
            with Publisher(settings_of(broker.port)) as publisher:
                report = publisher.publish_all(numbered(1000))
            listener.wait_for(1000)
    finally:
        broker.stop()
    assert report.acknowledged == 1000
    assert [message.payload for message in numbered(1000)] == listener.payloads


def test_messages_travel_over_tls_to_a_broker_whose_certificate_is_trusted(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=test",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    subprocess.run([openssl, *request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    mosquitto.stop()
    mosquitto.config += f"certfile {certificate}\nkeyfile {key}\n"
    mosquitto.start()
    messages = [TimedMessage(0, "hubs/armley", bytes(size)) for size in range(3000)]
    with Publisher(settings_of(mosquitto.port, ca_file=certificate)) as publisher:
        assert publisher.publish_all(messages).acknowledged == 3000
    with pytest.raises(HubpulseError, match="closed the connection at once: check host, port and TLS"):
        Publisher(settings_of(mosquitto.port)).connect()
