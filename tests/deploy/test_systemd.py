"""The units of deploy/systemd: what systemd itself says of them, and what must agree with the rest."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.settings import IngestSettings, read_settings
from tests.real_parts import REPOSITORY

UNITS = REPOSITORY / "deploy/systemd"
SHARED = UNITS / "hubpulse-.service.d/service.conf"
SERVICES = ("ingest", "jobs", "board", "up")
INSTALLED = Path("etc/systemd/system")
# Tenths. What is left is what Hubpulse needs: to talk by TCP, to reach the machine's own files.
EXPOSURE_MAX = 15

each_service = pytest.mark.parametrize("service", SERVICES)


def unit(service: str) -> str:
    return (UNITS / f"hubpulse-{service}.service").read_text()


def values(text: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A file system that holds nothing but the units and what they refer to."""
    shutil.copytree(UNITS, tmp_path / INSTALLED)
    program = tmp_path / values(unit("ingest"), "ExecStart")[0].split()[0].lstrip("/")
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    targets = tmp_path / "usr/lib/systemd/system"
    targets.mkdir(parents=True)
    for name in ("network-online", "multi-user", "sysinit", "basic", "shutdown"):
        (targets / f"{name}.target").write_text("[Unit]\nDescription=as on every machine\n")
    return tmp_path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    environment = {name: value for name, value in os.environ.items() if name != "SYSTEMD_UNIT_PATH"}
    return subprocess.run(
        [program, "--no-pager", *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@each_service
def test_systemd_understands_every_line(root: Path, service: str) -> None:
    said = analyze("verify", "--man=no", f"--root={root}", f"hubpulse-{service}.service")

    assert (said.returncode, said.stderr) == (0, "")


def test_systemd_would_say_which_line_it_does_not_understand(root: Path) -> None:
    with (root / INSTALLED / SHARED.relative_to(UNITS)).open("a") as file:
        file.write("ProtectEverything=yes\n")

    said = analyze("verify", "--man=no", f"--root={root}", "hubpulse-ingest.service")

    assert "ProtectEverything" in said.stderr


def exposure(root: Path, service: str) -> subprocess.CompletedProcess[str]:
    limits = ("--offline=yes", f"--threshold={EXPOSURE_MAX}", f"--root={root}")
    return analyze("security", *limits, f"hubpulse-{service}.service")


@each_service
def test_a_service_is_hardly_exposed(root: Path, service: str) -> None:
    said = exposure(root, service)

    assert said.returncode == 0, said.stdout


def test_without_what_the_services_share_they_would_be(root: Path) -> None:
    (root / INSTALLED / SHARED.relative_to(UNITS)).unlink()

    assert exposure(root, "ingest").returncode != 0


@each_service
def test_a_unit_starts_a_command_that_exists(service: str) -> None:
    (command,) = values(unit(service), "ExecStart")
    asked = subprocess.run(
        [sys.executable, "-m", "hubpulse", *command.split()[1:], "--help"], capture_output=True, text=True, check=False
    )

    assert (asked.returncode, asked.stderr) == (0, "")
    assert command.endswith(f"/hubpulse {service}")


def test_ingest_is_given_the_time_that_it_takes_to_stop() -> None:
    (timeout_s,) = values(unit("ingest"), "TimeoutStopSec")

    assert int(timeout_s) >= IngestSettings().stop_deadline_s + 5


@each_service
def test_the_settings_are_settings(service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mqtt_password").write_text("secret")
    (tmp_path / "mqtt_client_id").write_text("secret-name")
    for line in values(SHARED.read_text() + unit(service), "Environment"):
        for pair in line.replace("%d", str(tmp_path)).split():
            monkeypatch.setenv(*pair.split("=", 1))
    monkeypatch.chdir(tmp_path)

    settings = read_settings()

    assert settings.data_dir == Path("/var/lib") / values(SHARED.read_text(), "StateDirectory")[0]
    assert settings.estate == Path("/etc/hubpulse/estate.yaml")
    if service == "ingest":
        assert (settings.mqtt.host, settings.mqtt.port, settings.mqtt.username) == ("127.0.0.1", 1883, "ingest")
        assert settings.mqtt.password is not None
        assert settings.mqtt.password.get_secret_value() == "secret"
        assert settings.mqtt.client_id.get_secret_value() == "secret-name"


def test_each_has_a_metrics_port_of_its_own() -> None:
    ports = [re.findall(r"HUBPULSE_METRICS__PORT=(\d+)", unit(service)) for service in SERVICES]

    assert len({port for (port,) in ports}) == len(SERVICES)


def test_the_watchdog_waits_longer_than_a_healthy_loop_is_silent() -> None:
    (watchdog_min,) = re.findall(r"^WatchdogSec=(\d+)min$", SHARED.read_text(), re.MULTILINE)

    assert values(SHARED.read_text(), "Type") == ["notify"]
    assert values(SHARED.read_text(), "Restart") == ["always"]
    # Fed three times in that; one look may have to wait for a board that does not answer.
    assert int(watchdog_min) * 60 / 3 > 10


def test_the_credentials_are_those_that_init_makes() -> None:
    assert values(unit("ingest"), "LoadCredential") == [
        "mqtt_password:/etc/hubpulse/secrets/hubpulse/mqtt_password",
        "mqtt_client_id:/etc/hubpulse/secrets/hubpulse/mqtt_client_id",
    ]


def test_the_user_is_the_one_that_is_made() -> None:
    made = re.findall(r"^u (\S+) ", (UNITS / "hubpulse.sysusers").read_text(), re.MULTILINE)

    assert made == values(SHARED.read_text(), "User") == values(SHARED.read_text(), "Group")
