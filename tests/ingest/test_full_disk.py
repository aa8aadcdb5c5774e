"""On a disk that others have filled ingest waits, and what makes room can be done."""

import shutil
from contextlib import closing, suppress
from pathlib import Path

import pytest
import structlog

from ingest.batches import Batch
from ingest.buffer import BufferReader
from ingest.buffer_file import FILE_NAME, QUARANTINE_NAME, RESERVE_BYTES, RESERVE_NAME, keep_reserve, release_reserve
from schemas import Settings
from schemas.settings import IngestSettings, MqttSettings
from stores.salvage import salvages
from tests.cli.command import CommandLine
from tests.ingest.given import NOW_NS, OpenBuffer, lines, refusal
from tests.ingest.walking import AIR, ESTATE, Running, temperatures
from tests.mqtt.receiving import DEADLINE_S, publish
from tests.servers import Mosquitto
from tests.waiting import wait_until


def fill(disk: Path) -> Path:
    """Take all room that is left."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return ballast


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("was_there", [False, True])
def test_ingest_that_starts_on_a_full_disk_waits_for_room(
    mosquitto: Mosquitto, small_disk: Path, tmp_path: Path, open_buffer: OpenBuffer, was_there: bool
) -> None:
    data = small_disk / "data"
    data.mkdir()
    if was_there:
        with closing(open_buffer(data)) as buffer:
            buffer.commit(Batch([f"temperature,hub=armley,sensor=air-1 temperature_c=21.5 {NOW_NS}"], messages=1))
    (data / "ingest.lock").touch()
    ballast = fill(small_disk)
    estate = tmp_path / "estate.yaml"
    estate.write_text(ESTATE)
    settings = Settings(
        data_dir=data,
        estate=estate,
        mqtt=MqttSettings(host="127.0.0.1", port=mosquitto.port),
        ingest=IngestSettings(disk_free_bytes_min=0),
    )
    ingest = Running(settings)
    with structlog.testing.capture_logs() as logs:
        ingest.thread.start()
        wait_until(lambda: any(entry["event"] == "acknowledging_paused" for entry in logs), DEADLINE_S, "waiting")
        assert ingest.error is None
        ballast.unlink()
        assert ingest.ingest.ready.wait(DEADLINE_S)
    publish(mosquitto.port, temperatures(5), topic=AIR)
    ingest.wait_for(messages_received=5 + was_there)
    ingest.stop()

    assert ingest.error is None
    assert "full disk" in next(entry["error"] for entry in logs if entry["event"] == "acknowledging_paused")


@pytest.mark.needs("mosquitto")
@pytest.mark.parametrize("is_stopped", [False, True])
@pytest.mark.parametrize("name", [FILE_NAME, f"{QUARANTINE_NAME}-wal"])
def test_what_is_whole_in_a_damaged_file_waits_for_room_on_the_disk(
    mosquitto: Mosquitto, small_disk: Path, tmp_path: Path, open_buffer: OpenBuffer, name: str, *, is_stopped: bool
) -> None:
    data, written = small_disk / "data", tmp_path / "written"
    buffer = open_buffer(written)
    for number in range(20):
        buffer.commit(lines(40))
        buffer.commit(refusal("t", bytes(3000), f"refusal {number}"))
    if name == FILE_NAME:
        buffer.close()
    shutil.copytree(written, data)  # with its log as a kill leaves it
    damaged = data / name
    content = bytearray(damaged.read_bytes())
    at = 32 + 3 * (24 + 4096) + 2000 if name.endswith("-wal") else 0
    content[at : at + 6] = b"damage"
    damaged.write_bytes(content)
    (data / "ingest.lock").touch()
    ballast = fill(small_disk)
    mqtt = MqttSettings(host="127.0.0.1", port=mosquitto.port)
    ingest = Running(Settings(data_dir=data, mqtt=mqtt, ingest=IngestSettings(disk_free_bytes_min=0)))
    with structlog.testing.capture_logs() as logs:
        ingest.thread.start()
        wait_until(lambda: any(entry["event"] == "acknowledging_paused" for entry in logs), DEADLINE_S, "waiting")
        if not is_stopped:
            ballast.unlink()
            assert ingest.ingest.ready.wait(DEADLINE_S)
        ingest.stop()

    assert ingest.error is None
    assert [found.file for found in salvages(data)] == ([] if is_stopped else [name.removesuffix("-wal")])
    assert not is_stopped or damaged.read_bytes() == content


@pytest.mark.needs("mosquitto")
def test_ingest_that_is_asked_to_stop_while_it_waits_for_room_stops(mosquitto: Mosquitto, small_disk: Path) -> None:
    (small_disk / "ingest.lock").touch()
    fill(small_disk)
    ingest = Running(Settings(data_dir=small_disk, mqtt=MqttSettings(host="127.0.0.1", port=mosquitto.port)))
    ingest.thread.start()
    ingest.stop()
    assert ingest.error is None


def test_a_purge_makes_room_on_a_full_disk(small_disk: Path, tmp_path: Path, open_buffer: OpenBuffer) -> None:
    buffer = open_buffer(small_disk)
    for _ in range(20):
        buffer.commit(refusal("t", bytes(50_000)))
    buffer.close()
    (small_disk / RESERVE_NAME).write_bytes(bytes(2 * 1024**2))
    fill(small_disk)
    with closing(BufferReader(small_disk)) as reader:
        assert reader.quarantine.counts() == {"bad_schema": 20}

    answer = CommandLine(tmp_path).run("quarantine", "purge", "--older-than", "0", "--yes", "--data", small_disk)

    assert (answer.exit_code, answer.out) == (0, "20 refusals deleted.\n"), answer.err
    assert not (small_disk / RESERVE_NAME).exists()
    with closing(open_buffer(small_disk)) as after:
        assert after.used_bytes() < 200_000


def test_the_reserve_is_taken_once_and_only_where_there_is_room(tmp_path: Path) -> None:
    keep_reserve(tmp_path, free_bytes_min=2**62)
    assert not release_reserve(tmp_path)
    for _ in range(2):
        keep_reserve(tmp_path, free_bytes_min=0)
        assert (tmp_path / RESERVE_NAME).stat().st_blocks * 512 >= RESERVE_BYTES
    assert release_reserve(tmp_path)
