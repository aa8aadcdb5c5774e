"""What can be known of docker-compose.yml without an engine."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.settings import Settings
from sensors.estate_file import load_estate
from tests.deploy.compose_file import COMPOSE, COMPOSE_FILE, SERVICES, mounted_secrets
from tests.real_parts import REPOSITORY, require

EXACT_VERSION = re.compile(r"^[\w./-]+:\d+\.\d+\.\d+$")
SAYS_SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|KEY")
DATA_SOURCES = REPOSITORY / "deploy/grafana/provisioning/datasources/hubpulse.yaml"

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES.keys())


def test_the_services_are_those_of_the_design() -> None:
    assert set(SERVICES) == {"mosquitto", "influxdb", "grafana", "ingest", "jobs", "board"}


@pytest.mark.needs("docker-compose")
def test_compose_accepts_the_file(tmp_path: Path) -> None:
    project = tmp_path / "hubpulse"
    project.mkdir()
    shutil.copy(COMPOSE_FILE, project)

    result = subprocess.run(
        [require("docker-compose"), "config", "--quiet"], cwd=project, capture_output=True, text=True, check=False
    )

    assert result.stderr == ""
    assert result.returncode == 0


def test_the_file_names_no_format_version() -> None:
    assert "version" not in COMPOSE


@each_service
def test_every_image_is_an_exact_version(service: dict[str, Any]) -> None:
    assert EXACT_VERSION.match(service["image"])


@each_service
def test_every_port_is_on_this_machine_only(service: dict[str, Any]) -> None:
    assert [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")] == []


def test_the_ports_that_people_use_are_there() -> None:
    published = {port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])}

    assert published == {"1883", "3000", "8080", "8086"}


@each_service
def test_every_service_says_when_it_is_healthy(service: dict[str, Any]) -> None:
    check = service["healthcheck"]

    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


@each_service
def test_every_service_waits_for_health_and_not_for_a_start(service: dict[str, Any]) -> None:
    for other, wish in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert wish == {"condition": "service_healthy"}


@each_service
def test_no_service_runs_as_root_or_gains_rights(service: dict[str, Any]) -> None:
    assert int(service["user"].split(":")[0]) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@each_service
def test_no_secret_is_written_in_the_file(service: dict[str, Any]) -> None:
    secrets = {name: value for name, value in service.get("environment", {}).items() if SAYS_SECRET.search(name)}

    assert [name for name in secrets if not name.endswith("_FILE")] == []
    assert [value for value in secrets.values() if not value.startswith("/run/secrets/")] == []


def test_every_secret_that_a_service_reads_is_given_to_it() -> None:
    given = {(secret.service, secret.mounted_at) for secret in mounted_secrets()}
    read = {
        (name, value)
        for name, service in SERVICES.items()
        for value in service.get("environment", {}).values()
        if value.startswith("/run/secrets/")
    }

    assert read - given == set()


def test_every_mounted_file_and_volume_is_there() -> None:
    sources = {mount.split(":")[0] for service in SERVICES.values() for mount in service["volumes"]}
    folders = {source for source in sources if source.startswith("./")}

    assert sources - folders == COMPOSE["volumes"].keys()
    assert {folder for folder in folders if not (REPOSITORY / folder).exists()} == set()


def test_only_those_who_write_the_data_can() -> None:
    writers = {name for name, service in SERVICES.items() if "hubpulse-data:/data" in service["volumes"]}
    readers = {name for name, service in SERVICES.items() if "hubpulse-data:/data:ro" in service["volumes"]}

    assert writers == {"ingest", "jobs"}
    assert readers == {"board"}


@pytest.mark.parametrize("name", ["ingest", "jobs", "board"])
def test_our_services_are_configured_as_meant(
    name: str, secrets_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = {
        secret.mounted_at: str(secrets_folder / secret.file) for secret in mounted_secrets() if secret.service == name
    }
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, files.get(value, value))
    monkeypatch.chdir(tmp_path)

    settings = Settings()

    assert settings.store == "influxdb"
    assert settings.data_dir == Path("/data")
    assert settings.estate == Path("/etc/hubpulse/estate.yaml")
    assert (settings.mqtt.host, settings.mqtt.port, settings.mqtt.username) == ("mosquitto", 1883, "hubpulse")
    assert settings.mqtt.password is not None
    assert settings.mqtt.password.get_secret_value() == (secrets_folder / "hubpulse/mqtt_password").read_text()
    influxdb = SERVICES["influxdb"]["environment"]
    assert settings.influx.url == "http://influxdb:8086"
    assert settings.influx.org == influxdb["DOCKER_INFLUXDB_INIT_ORG"]
    assert settings.influx.bucket == influxdb["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert settings.influx.token is not None
    assert settings.influx.token.get_secret_value() == (secrets_folder / "influxdb/token").read_text()
    assert (settings.board.host, settings.board.port) == ("0.0.0.0", 8080)  # noqa: S104 # inside its container


def test_the_estate_that_is_shipped_is_valid() -> None:
    estate = load_estate(REPOSITORY / "deploy/estate/estate.yaml")

    assert [hub.id for hub in estate.hubs] == ["armley"]


def test_grafana_asks_the_bucket_with_the_token_of_its_secret() -> None:
    (source,) = yaml.safe_load(DATA_SOURCES.read_text())["datasources"]
    header = source["secureJsonData"]["httpHeaderValue1"]
    given = {secret.mounted_at: secret.file for secret in mounted_secrets() if secret.service == "grafana"}

    match = re.fullmatch(r"Token \$__file\{(.+)\}", header)
    assert match is not None
    assert given[match[1]] == Path("grafana/influx_token")
    assert source["jsonData"]["dbName"] == SERVICES["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert source["url"] == "http://influxdb:8086"


def test_every_dashboard_names_a_data_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load(DATA_SOURCES.read_text())["datasources"]
    named = {
        uid
        for file in (REPOSITORY / "dashboards/grafana").glob("*.json")
        for uid in re.findall(r'"datasource":\s*\{[^}]*"uid":\s*"([^"]+)"', file.read_text())
    }

    # Grafana keeps annotations in a source of its own.
    assert named - {"-- Grafana --"} == {source["uid"]}


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    (provider,) = yaml.safe_load((DATA_SOURCES.parent.parent / "dashboards/hubpulse.yaml").read_text())["providers"]

    assert f"./dashboards/grafana:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]


@pytest.mark.parametrize("name", ["ingest", "jobs", "board"])
def test_our_services_are_started_and_examined_by_commands_that_exist(name: str) -> None:
    check = SERVICES[name]["healthcheck"]["test"]

    assert check[:2] == ["CMD", "hubpulse"]
    for arguments in (SERVICES[name]["command"], check[2:]):
        asked = subprocess.run(
            [sys.executable, "-m", "hubpulse", *arguments, "--help"], capture_output=True, text=True, check=False
        )
        assert (asked.returncode, asked.stderr) == (0, "")
