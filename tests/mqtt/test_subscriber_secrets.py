"""Passwords and certificates: with the right ones in, with the wrong ones a sentence that does not give them away."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from schemas import HubpulseError
from tests.mqtt.receiving import numbers, payloads, publish, ready, receive, subscribing, until
from tests.real_parts import require
from tests.servers import Mosquitto, free_port


@pytest.mark.claim("S-42")
@pytest.mark.needs("mosquitto", "mosquitto_passwd")
def test_a_wrong_password_is_said_without_the_password(
    make_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("ingest:secret-sauce\n")
    subprocess.run([require("mosquitto_passwd"), "-U", passwords], check=True)
    broker = make_mosquitto(settings=f"password_file {passwords}")
    broker.stop()
    broker.config = broker.config.replace("allow_anonymous true", "allow_anonymous false")
    broker.start()

    with (
        structlog.testing.capture_logs() as logs,
        subscribing(broker.port, username="ingest", password="not-the-sauce") as subscriber,
    ):
        until(subscriber, lambda: "refuses the connection" in str(subscriber.problem), "the refusal")
    with subscribing(broker.port, username="ingest", password="secret-sauce") as subscriber:
        ready(subscriber)

    assert "check HUBPULSE_MQTT__USERNAME and HUBPULSE_MQTT__PASSWORD" in str(logs)
    assert "sauce" not in str(logs)


def test_a_certificate_file_that_is_missing_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(HubpulseError, match="HUBPULSE_MQTT__CA_FILE"), subscribing(1, ca_file=tmp_path / "none.pem"):
        pass


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for this machine, signed by itself."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not there to make a certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, "req", *options, *names, *files], check=True, capture_output=True)
    return key, certificate


@pytest.mark.claim("S-19")
@pytest.mark.needs("mosquitto")
def test_over_tls_everything_comes_and_only_from_whom_we_trust(
    make_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    key, certificate = make_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    _, other = make_certificate(tmp_path / "other")
    plain = free_port()
    broker = make_mosquitto(settings=f"certfile {certificate}\nkeyfile {key}\nlistener {plain} 127.0.0.1")
    body = bytes(3 * 1024**2)

    with subscribing(broker.port, ca_file=certificate, limits={"message_bytes_max": len(body)}) as subscriber:
        ready(subscriber)
        publish(plain, [*numbers(0, 5000), body])
        assert payloads(receive(subscriber, 5000)) == numbers(0, 5000)
        subscriber.acknowledge()
        assert payloads(receive(subscriber, 1)) == [body]
    with subscribing(broker.port, ca_file=other) as subscriber:
        until(subscriber, lambda: "CERTIFICATE_VERIFY_FAILED" in str(subscriber.problem), "the problem to be named")
