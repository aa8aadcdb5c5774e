"""What can go wrong where Hubpulse runs: one line says what and what to do, and the exit code tells it to programs."""

import socket
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from simulators.simulation import Simulation
from simulators.truth.record import TruthRecord
from stores.sqlite_store import SqliteStore
from tests.cli.command import Answer, CommandLine
from tests.real_parts import REPOSITORY
from tests.servers import LOOPBACK, free_port
from tests.simulators.small_estate import document
from usage import lease

FILE_NAME = "buffer.db"
TABLE = REPOSITORY / "tests" / "data" / "uci_calit2" / "inout_30min_part.csv"
DAYS = ("--from", "2026-10-01", "--to", "2026-10-02")
UNREADABLE = b"\x8b\x00 this is neither a database nor YAML"


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((LOOPBACK, free_port())) as taken:
        yield taken.getsockname()[1]


def assert_failed(answer: Answer, *words: str) -> None:
    """It ended with 1 and a single line on standard error that has these words."""
    assert (answer.exit_code, answer.out) == (1, ""), answer
    (line,) = answer.err.splitlines()
    assert line.startswith("error: ")
    assert [word for word in words if word not in line] == []


@pytest.mark.parametrize("service", ["ingest", "jobs", "up", "demo"])
def test_a_data_folder_that_cannot_be_made(command: CommandLine, tmp_path: Path, service: str) -> None:
    (tmp_path / "file").touch()
    own = ("--port", "0", "--mqtt-port", str(free_port())) if service in {"up", "demo"} else ()
    assert_failed(command.run(service, "--data", "file/data", *own), "file/data", "can't be used", "check")


@pytest.mark.parametrize(
    "arguments",
    [
        ("ledger",),
        ("quarantine", "list"),
        ("quarantine", "show", "1"),
        ("quarantine", "redrive", "--all"),
        ("quarantine", "purge", "--older-than", "1", "--yes"),
    ],
    ids=" ".join,
)
def test_a_data_folder_without_a_buffer(command: CommandLine, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert_failed(command.run(*arguments, "--data", "nowhere"), "nowhere/buffer.db", "check --data")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("usage", "export", *DAYS),
        ("usage", "changes", *DAYS),
        ("usage", "why", "--hub", "armley", "--date", "2026-10-01"),
        ("usage", "recompute", *DAYS),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_data_folder_without_a_store(command: CommandLine, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert_failed(command.run(*arguments, "--data", "nowhere"), "nowhere/store.db", "--data")
    assert not (tmp_path / "nowhere").exists()


def test_a_backup_of_a_data_folder_that_is_not_there(command: CommandLine, tmp_path: Path) -> None:
    assert_failed(command.run("backup", "copy", "--data", "nowhere"), "nothing to back up in nowhere", "check --data")
    assert list(tmp_path.iterdir()) == []


def test_a_truth_beside_a_data_folder_that_is_not_there(command: CommandLine, tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    with truth.open("w") as file:
        simulation = Simulation(document(), spans=[(date(2026, 10, 1), date(2026, 10, 1))], seed=7)
        record = TruthRecord(file, simulation.estate, simulation.header())
        for _ in simulation.messages(readings_max=lambda _day: 1000, truth=record):
            pass
        record.close()
    answer = command.run("simulate", "verify", "--truth", truth, "--wait", "30", "--data", "nowhere")
    assert_failed(answer, "nowhere/store.db is not there", "check --data")
    assert list(tmp_path.iterdir()) == [truth]


@pytest.mark.parametrize("is_file", [False, True])
def test_a_folder_of_dashboards_that_is_none(command: CommandLine, tmp_path: Path, *, is_file: bool) -> None:
    if is_file:
        (tmp_path / "nowhere").touch()
    answer = command.run("dashboards", "check", "--folder", "nowhere")
    assert_failed(answer, "nowhere is no folder", "check --folder", "hubpulse dashboards render --out nowhere")
    assert (tmp_path / "nowhere").is_dir() is False


@pytest.mark.parametrize(
    "age_s, said",
    [
        (None, "warning  jobs         none ran on this store yet"),
        (lease.LEASE_S, None),
        (
            lease.LEASE_S + lease.AWAY_AFTER_S,
            "failed   jobs         none run: figures stand",
        ),
    ],
)
def test_doctor_says_where_no_jobs_run(
    command: CommandLine, tmp_path: Path, age_s: int | None, said: str | None
) -> None:
    (tmp_path / "data").mkdir()
    store = SqliteStore(tmp_path / "data" / "store.db")
    store.prepare()
    if age_s is not None:
        assert lease.Lease(1).hold(store, time.time_ns() - age_s * 10**9, lambda _seconds: None)
    store.close()
    lines = [line for line in command.run("doctor").out.splitlines() if line[9:14] == "jobs "]
    assert [line[: len(said or "")] for line in lines] == ([] if said is None else [said])


def test_doctor_makes_nothing_where_nothing_is(command: CommandLine, tmp_path: Path) -> None:
    answer = command.run("doctor", "--data", "nowhere")
    assert answer.exit_code == 1
    assert "Traceback" not in answer.out + answer.err
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("verb", ["export", "changes", "recompute"])
def test_a_data_folder_without_a_store_is_named_and_not_made(command: CommandLine, tmp_path: Path, verb: str) -> None:
    result = command.run("usage", verb, *DAYS, "--data", "typo")
    assert_failed(result, "typo/store.db is not there", "check --data")
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize(
    "arguments", [("ledger",), ("quarantine", "list"), ("quarantine", "redrive", "--all")], ids=" ".join
)
def test_a_damaged_buffer(command: CommandLine, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    damaged = tmp_path / "data" / FILE_NAME
    damaged.parent.mkdir()
    damaged.write_bytes(UNREADABLE * 200)
    assert_failed(command.run(*arguments), FILE_NAME, "not a SQLite database", "move the file away")
    assert damaged.read_bytes() == UNREADABLE * 200


def test_a_damaged_store(command: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "store.db").write_bytes(UNREADABLE * 200)
    assert_failed(command.run("usage", "export", *DAYS), "store.db", "not a SQLite database", "move the file away")


def test_a_store_that_is_down(tmp_path: Path) -> None:
    url = f"http://{LOOPBACK}:{free_port()}"
    influx = CommandLine(tmp_path, HUBPULSE_STORE="influxdb", HUBPULSE_INFLUX__URL=url)
    for arguments in (("usage", "export", *DAYS), ("usage", "recompute", *DAYS)):
        assert_failed(influx.run(*arguments), url, "start it", "HUBPULSE_INFLUX__URL")


@pytest.mark.parametrize(
    "arguments", [("replay", TABLE, "--mapping", "calit2", "--speed", "max"), ("record", "r.jsonl")]
)
def test_a_broker_that_is_down(command: CommandLine, arguments: tuple[str | Path, ...]) -> None:
    port = free_port()
    answer = command.run(*arguments, "--mqtt-host", LOOPBACK, "--mqtt-port", str(port))
    assert (answer.exit_code, answer.out) == (1, "")
    assert "Traceback" not in answer.err
    last = answer.err.splitlines()[-1]
    assert last.startswith(f"error: no broker answers at {LOOPBACK}:{port}")
    assert "HUBPULSE_MQTT__HOST" in last


@pytest.mark.parametrize("service", ["up", "demo", "board"])
def test_a_board_port_that_is_taken(command: CommandLine, taken_port: int, service: str) -> None:
    own = () if service == "board" else ("--mqtt-port", str(free_port()))
    assert_failed(command.run(service, "--port", str(taken_port), *own), str(taken_port), "--port")


@pytest.mark.parametrize("service", ["up", "demo"])
def test_a_broker_port_that_is_taken(command: CommandLine, taken_port: int, service: str) -> None:
    answer = command.run(service, "--port", "0", "--mqtt-port", str(taken_port))
    assert_failed(answer, str(taken_port), "--mqtt-port", "HUBPULSE_MQTT__HOST")


@pytest.mark.parametrize("service", ["up", "ingest", "jobs", "board"])
def test_a_bad_estate_file(command: CommandLine, tmp_path: Path, service: str) -> None:
    (tmp_path / "bad.yaml").write_text("nam: Hubs\n")
    assert_failed(command.run(service, "--estate", "bad.yaml"), "bad.yaml:1", "name")


def test_an_estate_file_that_cannot_be_read(command: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(UNREADABLE)
    assert_failed(command.run("ingest", "--estate", "bad.yaml"), "bad.yaml", "UTF-8")
    assert_failed(command.run("ingest", "--estate", "none.yaml"), "none.yaml", "no such file")


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "--topic", "hubs/library/co2/air", "none.json"),
        ("replay", "none.csv", "--mapping", "calit2"),
        ("replay", TABLE, "--mapping", "none.yaml"),
    ],
)
def test_a_file_that_is_not_there(command: CommandLine, arguments: tuple[str | Path, ...]) -> None:
    answer = command.run(*arguments)
    assert (answer.exit_code, answer.out) == (1, "")
    last = answer.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "none." in last
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    "name, value",
    [
        ("HUBPULSE_STORE", "oracle"),
        ("HUBPULSE_MQTT__PORT", "abc"),
        ("HUBPULSE_INFLUX__URL", "ftp://a.org"),
        ("HUBPULSE_MQTT__PASSWORD_FILE", "none.txt"),
        ("HUBPULSE_MQTT__CA_FILE", "none.pem"),
        ("HUBPULSE_LOG_LEVEL", "loud"),
        ("HUBPULSE_LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    assert_failed(CommandLine(tmp_path, **{name: value}).run("ingest"), name, value)


@pytest.mark.parametrize(
    "arguments, word",
    [
        (("nonsense",), "nonsense"),
        (("up", "--port", "abc"), "--port"),
        (("up", "--port", "99999"), "--port"),
        (("explain",), "--topic"),
        (("quarantine", "list", "--reason", "nonsense"), "--reason"),
        (("quarantine", "redrive"), "ID"),
        (("usage", "export", "--from", "2026-10-01"), "--to"),
        (("usage", "export", "--from", "yesterday", "--to", "2026-10-01"), "--from"),
        (("usage", "export", "--from", "2026-02-30", "--to", "2026-03-01"), "--from"),
        (("usage", "export", "--from", "2026-10-31", "--to", "2026-10-01"), "--to"),
        (("usage", "export", *DAYS, "--format", "xml"), "--format"),
        (("usage", "export", *DAYS, "--hub", "nowhere"), "nowhere"),
        (("replay", "x.csv", "--speed", "fast"), "--speed"),
        (("record", "x.jsonl", "--for", "soon"), "--for"),
    ],
)
def test_wrong_usage_ends_with_2_and_names_what_is_wrong(
    command: CommandLine, tmp_path: Path, arguments: tuple[str, ...], word: str
) -> None:
    SqliteStore(tmp_path / "data" / "store.db").prepare()
    answer = command.run(*arguments)
    assert (answer.exit_code, answer.out) == (2, "")
    assert word in answer.err
    assert "Traceback" not in answer.err


def test_the_doctor_names_every_part_that_is_not_well(tmp_path: Path) -> None:
    (tmp_path / "estate.yaml").write_bytes(UNREADABLE)
    (tmp_path / "data").mkdir()
    for name in (FILE_NAME, "store.db"):
        (tmp_path / "data" / name).write_bytes(UNREADABLE * 200)
    broken = CommandLine(tmp_path, HUBPULSE_MQTT__HOST=LOOPBACK, HUBPULSE_MQTT__PORT=free_port())
    answer = broken.run("doctor")
    assert (answer.exit_code, answer.err) == (1, "")
    failed = [line.split("  ")[1].strip() for line in answer.out.splitlines() if line.startswith("failed")]
    assert [part.split(" ")[0] for part in failed] == ["estate", "broker", "ingest", "store"]
