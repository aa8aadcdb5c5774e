"""What can be known of docker-compose.yml without an engine."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.settings import Settings, read_settings
from sensors.estate_file import load_estate
from tests.deploy.compose_file import COMPOSE, COMPOSE_FILE, LASTING, SECRETS_FOLDER, SERVICES, STARTED, mounted_secrets
from tests.deploy.installation import Installation
from tests.real_parts import REPOSITORY, require

EXACT_VERSION = re.compile(r"^[\w./-]+:\d+\.\d+\.\d+$")
SAYS_SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|KEY")
EXAMPLE = REPOSITORY / ".env.example"
DATA_SOURCES = REPOSITORY / "deploy/grafana/provisioning/datasources/hubpulse.yaml"

MEMORY_MB = 4096
FOR_THE_SYSTEM_MB = 512

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES.keys())
each_lasting = pytest.mark.parametrize("service", LASTING.values(), ids=LASTING.keys())
each_started = pytest.mark.parametrize("service", STARTED.values(), ids=STARTED.keys())


def test_the_services_are_those_of_the_design() -> None:
    assert set(STARTED) == {"mosquitto", "influxdb", "grafana", "ingest", "jobs", "board"}
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if name not in STARTED}
    assert profiles == {"simulator": ["demo"], "init": ["setup"]}


@pytest.mark.needs("docker-compose")
@pytest.mark.parametrize("profiles", [[], ["--profile", "demo", "--profile", "setup"]])
def test_compose_accepts_the_file(tmp_path: Path, profiles: list[str]) -> None:
    project = tmp_path / "hubpulse"
    project.mkdir()
    shutil.copy(COMPOSE_FILE, project)
    shutil.copy(EXAMPLE, project / ".env")

    result = subprocess.run(
        [require("docker-compose"), *profiles, "config", "--quiet"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.stderr == ""
    assert result.returncode == 0


def test_the_file_names_no_format_version() -> None:
    assert "version" not in COMPOSE


@each_service
def test_every_image_is_an_exact_version(service: dict[str, Any]) -> None:
    assert EXACT_VERSION.match(service["image"])


@pytest.mark.claim("S-15")
@each_service
def test_every_port_but_that_of_mqtt_by_tls_is_on_this_machine_only(service: dict[str, Any]) -> None:
    open_ports = {port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")}

    assert open_ports == ({"8883:8883"} if service is SERVICES["mosquitto"] else set())


def test_the_ports_that_people_use_are_there() -> None:
    published = {port.split(":")[-1] for service in SERVICES.values() for port in service.get("ports", [])}

    assert published == {"3000", "8080", "8086", "8883"}


@each_started
def test_every_service_says_when_it_is_healthy(service: dict[str, Any]) -> None:
    check = service["healthcheck"]

    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


@each_service
def test_every_service_waits_for_health_and_not_for_a_start(service: dict[str, Any]) -> None:
    for other, wish in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert wish == {"condition": "service_healthy"}


@each_lasting
def test_no_service_runs_as_root(service: dict[str, Any]) -> None:
    assert int(service["user"].split(":")[0]) > 0
    assert "cap_add" not in service


@each_service
def test_no_service_gains_rights_or_writes_into_its_image(service: dict[str, Any]) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 # in its container


def test_what_makes_the_secrets_is_cut_off() -> None:
    init = SERVICES["init"]

    assert init["network_mode"] == "none"
    assert init["restart"] == "no"
    assert "secrets" not in init


def megabytes(service: dict[str, Any]) -> int:
    return int(service["mem_limit"].removesuffix("m"))


def test_everything_fits_into_a_small_server() -> None:
    assert sum(megabytes(service) for service in STARTED.values()) <= MEMORY_MB - FOR_THE_SYSTEM_MB
    assert all("pids_limit" in service for service in SERVICES.values())


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
    made_by_init = {folder for folder in folders if Path(folder).is_relative_to(SECRETS_FOLDER)}
    assert {folder for folder in folders - made_by_init if not (REPOSITORY / folder).exists()} == set()
    assert made_by_init == {"./deploy/secrets", "./deploy/secrets/broker"}


def test_only_those_who_write_the_data_can() -> None:
    writers = {name for name, service in SERVICES.items() if "hubpulse-data:/data" in service["volumes"]}
    readers = {name for name, service in SERVICES.items() if "hubpulse-data:/data:ro" in service["volumes"]}

    assert writers == {"ingest", "jobs"}
    assert readers == {"board"}


def test_only_jobs_and_init_can_write_where_the_estate_file_is_replaced() -> None:
    mounts = {
        name: [m for m in service["volumes"] if m.startswith("./deploy/estate")] for name, service in SERVICES.items()
    }

    # The folder: a file alone can't be replaced where it is mounted.
    assert {name for name, found in mounts.items() if "./deploy/estate:/etc/hubpulse" in found} == {"jobs"}
    assert mounts["init"] == ["./deploy/estate:/hubpulse/deploy/estate"]
    others = [found for name, found in mounts.items() if found and name not in ("jobs", "init")]
    assert others == [["./deploy/estate:/etc/hubpulse:ro"]] * 3  # ingest, board, simulator


def settings_of(name: str, installed: Installation, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Settings:
    """The settings of a service, as compose would give them to it."""
    files = {s.mounted_at: str(installed.secrets / s.file) for s in mounted_secrets() if s.service == name}
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, files.get(value, value))
    monkeypatch.chdir(folder)
    return read_settings()


@pytest.mark.parametrize("name", ["ingest", "jobs", "board"])
def test_our_services_find_the_store(
    name: str, installed: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = settings_of(name, installed, monkeypatch, tmp_path)

    assert settings.store == "influxdb"
    assert settings.data_dir == Path("/data")
    assert settings.estate == Path("/etc/hubpulse/estate.yaml")
    influxdb = SERVICES["influxdb"]["environment"]
    assert settings.influx.url == "http://influxdb:8086"
    assert settings.influx.org == influxdb["DOCKER_INFLUXDB_INIT_ORG"]
    assert settings.influx.bucket == influxdb["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert settings.influx.token is not None
    assert settings.influx.token.get_secret_value() == installed.files()["influxdb/token"]


@pytest.mark.parametrize("name, user", [("ingest", "ingest"), ("simulator", "simulator")])
def test_our_services_find_the_broker_by_tls(
    name: str, user: str, installed: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mqtt = settings_of(name, installed, monkeypatch, tmp_path).mqtt

    assert (mqtt.host, mqtt.port, mqtt.username) == ("mosquitto", 8883, user)
    assert mqtt.password is not None
    assert mqtt.password.get_secret_value() == installed.password(user)
    assert mqtt.ca_file is not None
    assert mqtt.ca_file.read_text() == installed.files()["ca/ca.crt"]
    assert mqtt.share_group is None
    if name == "ingest":
        assert mqtt.client_id.get_secret_value() == installed.files()["hubpulse/mqtt_client_id"]


@pytest.mark.claim("S-44")
def test_who_needs_no_broker_has_no_password_for_it() -> None:
    given = {secret.service for secret in mounted_secrets() if "mqtt" in secret.file.name}

    assert given == {"ingest", "simulator"}


def test_several_hosts_can_share_one_broker_each_by_a_name_of_its_own_and_one_can_have_workers() -> None:
    text = COMPOSE_FILE.read_text()

    assert 'HUBPULSE_MQTT__SHARE_GROUP: "${HUBPULSE_INGEST_GROUP:-}"' in text
    assert 'HUBPULSE_MQTT__INGEST_NAME: "${HUBPULSE_INGEST_NAME:-}"' in text
    assert 'HUBPULSE_INGEST__WORKERS: "${HUBPULSE_WORKERS:-1}"' in text


def test_the_board_is_reached_from_outside_its_container(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    board = settings_of("board", installed, monkeypatch, tmp_path).board

    assert (board.host, board.port) == ("0.0.0.0", 8080)  # noqa: S104 # inside its container


def test_what_may_be_set_is_in_the_example_and_is_no_slip_of_a_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = set(re.findall(r"\$\{(\w+)", COMPOSE_FILE.read_text()))
    example = re.sub(r"^#(?=[A-Z_]+=)", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    offered = set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    (tmp_path / ".env").write_text(example)
    monkeypatch.chdir(tmp_path)

    assert offered == asked
    assert read_settings() == Settings()


def test_the_estate_that_is_shipped_is_valid() -> None:
    estate = load_estate(REPOSITORY / "deploy/estate/estate.yaml")

    assert [hub.id for hub in estate.hubs] == ["armley"]


@pytest.mark.claim("S-46")
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

    assert check[:4] == ["CMD", "python", "-m", "cli.probe"]
    arguments = SERVICES[name]["command"]
    asked = subprocess.run(
        [sys.executable, "-m", "hubpulse", *arguments, "--help"], capture_output=True, text=True, check=False
    )
    assert (asked.returncode, asked.stderr) == (0, "")
    assert arguments[0] == check[4]
