"""`hubpulse estate`, as an operator and a program run it."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.estate import app
from ingest.buffer import Buffer
from schemas import HubpulseError
from schemas.estate_schema import estate_json_schema
from schemas.settings import variables
from tests.real_parts import REPOSITORY

ESTATES = REPOSITORY / "tests/data/estates"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in variables():
        monkeypatch.delenv(name, raising=False)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_a_good_file_is_one_line_of_what_it_holds() -> None:
    result = run("check", str(ESTATES / "good/design.yaml"))

    assert (result.exit_code, result.stdout) == (0, f"{ESTATES}/good/design.yaml: 1 hub, 2 sensors, 2 sources\n")


def test_the_file_may_be_named_by_the_option_of_every_other_command() -> None:
    good = str(ESTATES / "good/design.yaml")

    assert run("check", "--estate", good).stdout == run("check", good).stdout
    assert run("check", good, "--estate", good).exit_code == 2


def test_a_bad_file_is_a_line_for_each_problem() -> None:
    result = run("check", str(ESTATES / "bad/times.yaml"))
    expected = (
        (ESTATES / "bad/times.txt").read_text(encoding="utf-8").replace("times.yaml:", f"{ESTATES}/bad/times.yaml:")
    )

    assert (result.exit_code, result.stdout) == (1, expected)


def test_without_a_file_the_one_in_force_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("estate.yaml").write_text("hubs: [{id: a}, {id: b}]\n")
    Path("other.yaml").write_text("sources: [{topic: a}]\n")

    assert run("check").stdout == "estate.yaml: 2 hubs, 0 sensors, 1 source\n"
    monkeypatch.setenv("HUBPULSE_ESTATE", "other.yaml")
    assert run("check").stdout == "other.yaml: 0 hubs, 0 sensors, 1 source\n"


def test_where_there_is_no_file_the_line_says_how_to_start_one() -> None:
    result = run("check")

    assert result.exit_code == 1
    assert result.stdout == (
        "estate.yaml: there is no such file: check the path, or start one: cp estate.example.yaml estate.yaml\n"
    )


@pytest.mark.parametrize("name, code", [("good/design", 0), ("bad/places", 1)])
def test_a_program_gets_json(name: str, code: int) -> None:
    result = run("check", str(ESTATES / f"{name}.yaml"), "--json")
    found = json.loads(result.stdout)

    assert result.exit_code == code
    if code:
        assert len(found["problems"]) == len((ESTATES / f"{name}.txt").read_text(encoding="utf-8").splitlines())
        assert "hubs" not in found
    else:
        assert (found["hubs"], found["sensors"], found["sources"], found["problems"]) == (1, 2, 2, [])


def test_the_schema_is_printed_as_it_is_committed() -> None:
    result = run("schema")

    assert (result.exit_code, result.stdout) == (0, estate_json_schema())


def test_the_schema_s_check_says_whether_the_file_is_up_to_date() -> None:
    Path("docs").mkdir()
    committed = Path("docs/estate.schema.json")

    committed.write_text(estate_json_schema())
    assert run("schema", "--check").stdout == "docs/estate.schema.json is up to date\n"

    committed.write_text(estate_json_schema().replace("entrance", "door"))
    drifted = run("schema", "--check")
    assert isinstance(drifted.exception, HubpulseError)
    assert str(drifted.exception) == (
        "docs/estate.schema.json is out of date: run `hubpulse estate schema > docs/estate.schema.json`"
    )

    committed.unlink()
    assert "can't be read" in str(run("schema", "--check").exception)


@pytest.mark.parametrize("command", [[], ["check"], ["schema"]])
def test_help_has_an_example(command: list[str]) -> None:
    result = run(*command, "--help")

    assert result.exit_code == 0
    assert not command or "Example: hubpulse estate" in result.stdout


@pytest.mark.parametrize("version, code", [("3.1.1", 1), ("5", 0), (None, 0)])
def test_sources_that_overlap_are_refused_where_the_broker_has_no_mqtt_5(
    version: str | None, code: int, tmp_path: Path
) -> None:
    """It sends a message once for each of them, and nothing tells the copies apart."""
    with closing(Buffer(tmp_path / "data", clock_ns=lambda: 1)) as buffer:
        buffer.status.set(
            "subscriber", {"broker": "b:1", "problem": None, "at": "2026-10-31T12:00:00Z", "mqtt": version}
        )
    file = tmp_path / "estate.yaml"
    file.write_text("sources: [{topic: hubs/a/#}, {topic: hubs/#}, {topic: x/#}]\nhubs: [{id: a}]\n")
    result = run("check", str(file))

    assert result.exit_code == code
    assert ("hubs/a/# and hubs/# overlap" in result.stdout) == bool(code)
