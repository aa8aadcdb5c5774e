"""What the doctor says of the data folder."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingest.buffer import Buffer
from ingest.doctor import Finding, State, examine
from schemas import Settings
from schemas.settings import InfluxSettings, IngestSettings, MqttSettings
from stores import open_store
from tests.sensors.plugin import uninstall
from tests.stores.fake_influx2 import TOKEN, FakeInflux2
from tests.stores.loopback import LoopbackServer


def disk_state(settings: Settings) -> tuple[State, str]:
    return next((f.state, f.detail) for f in examine(settings) if f.part == "disk")


def test_a_data_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.touch()
    state, detail = disk_state(Settings(data_dir=file))
    assert (state, "name a folder" in detail) == (State.FAILED, True)


@pytest.mark.parametrize("form, is_told", [("native", False), ("tts", True), ("chirpstack", True)])
def test_a_network_server_is_said_to_deliver_at_most_once(tmp_path: Path, form: str, is_told: bool) -> None:
    estate = tmp_path / "estate.yaml"
    estate.write_text(f"timezone: UTC\nsources: [{{topic: 'x/#', format: {form}}}]\n")
    found = next(f for f in examine(Settings(data_dir=tmp_path, estate=estate)) if f.part == "estate file")
    assert (found.state, f"{form}: at most once" in found.detail) == (State.OK, is_told)


def test_a_disk_without_the_least_room_is_told(tmp_path: Path) -> None:
    state, detail = disk_state(Settings(data_dir=tmp_path, ingest=IngestSettings(disk_free_bytes_min=2**60)))
    assert (state, "make room" in detail) == (State.FAILED, True)


def test_a_disk_smaller_than_the_buffer_may_become_is_a_warning(tmp_path: Path) -> None:
    state, _ = disk_state(Settings(data_dir=tmp_path / "new", ingest=IngestSettings(buffer_bytes_max=2**60)))
    assert state is State.WARNING


def test_a_data_folder_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    Buffer(tmp_path, clock_ns=time.time_ns).close()
    few = IngestSettings(buffer_bytes_max=256 * 1024**2)
    assert disk_state(Settings(data_dir=tmp_path, ingest=few))[0] is State.OK
    tmp_path.chmod(0o750)
    state, detail = disk_state(Settings(data_dir=tmp_path, ingest=few))
    assert (state, f"chmod 700 {tmp_path}" in detail) == (State.WARNING, True)


def test_a_format_that_is_not_installed_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall(monkeypatch, "tts")
    file = tmp_path / "estate.yaml"
    file.write_text("sources: [{topic: 'hubs/#'}, {topic: 'v3/#', format: tts}]")
    found = next(f for f in examine(Settings(data_dir=tmp_path, estate=file)) if f.part == "estate file")

    assert found.state is State.WARNING
    assert found.detail.startswith("sources[1].format: format 'tts' is not installed")


def test_a_certificate_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        mqtt = MqttSettings(host="127.0.0.1", port=server.getsockname()[1], ca_file=tmp_path / "none.pem")
        findings = {f.part: f for f in examine(Settings(data_dir=tmp_path, mqtt=mqtt))}

    assert findings["broker"].state is State.FAILED
    assert "HUBPULSE_MQTT__CA_FILE" in findings["broker"].detail


def test_the_broker_that_ingest_reported_is_asked_where_none_is_configured(tmp_path: Path) -> None:
    with closing(Buffer(tmp_path, clock_ns=time.time_ns)) as buffer:
        buffer.status.set("subscriber", {"broker": "127.0.0.1:1", "problem": None, "at": "2026-10-31T12:00:00Z"})
    finding = next(f for f in examine(Settings(data_dir=tmp_path)) if f.part == "broker")

    assert finding.state is State.FAILED
    assert "127.0.0.1:1 " in finding.detail


def test_a_token_of_grafana_that_may_not_read_is_reported(tmp_path: Path) -> None:
    with LoopbackServer(FakeInflux2()) as server:
        influx = InfluxSettings(url=server.url, token=SecretStr(TOKEN), grafana_token=SecretStr(TOKEN))
        settings = Settings(data_dir=tmp_path, store="influxdb", influx=influx)
        open_store(settings).prepare()
        assert _store_finding(settings).state is State.OK

        wrong = influx.model_copy(update={"grafana_token": SecretStr("wrong")})
        finding = _store_finding(settings.model_copy(update={"influx": wrong}))

    assert finding.state is State.FAILED
    assert "with Grafana's token, hubs/usage: " in finding.detail
    assert "influx auth create" in finding.detail


def _store_finding(settings: Settings) -> Finding:
    return next(finding for finding in examine(settings) if finding.part == "store")
