"""Every command explains itself, with an example."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.app import COMMANDS, FrontDoor
from tests.cli.command import CommandLine
from tests.real_parts import REPOSITORY


def commands(command: Any, *names: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The names of every command below one, and whether it does something itself."""
    below = getattr(command, "commands", {})
    yield names, not below
    for name, child in below.items():
        yield from commands(child, *names, name)


ALL = sorted(commands(FrontDoor()))
DOING = [names for names, does in ALL if does]


def test_the_commands_of_the_contract_are_there() -> None:
    contract = {"up", "demo", "ingest", "jobs", "board", "explain", "ledger", "doctor", "record", "replay", "simulate"}
    assert contract <= {names[0] for names, _ in ALL if names}
    assert {("usage", "export"), ("usage", "recompute"), ("dashboards", "render")} <= set(DOING)
    assert {("quarantine", name) for name in ("list", "show", "redrive", "purge")} <= set(DOING)


@pytest.mark.parametrize("names", [names for names, _ in ALL], ids=" ".join)
def test_help_is_given(names: tuple[str, ...]) -> None:
    command: Any = FrontDoor()
    for name in names:
        command = command.commands[name]
    assert command.help
    if names in DOING:
        assert (command.epilog or "").startswith("Example: ")
        assert " ".join(("hubpulse", *names)) in (command.epilog or "")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    command = FrontDoor().commands[name]
    assert " ".join((command.help or "").split()).startswith(COMMANDS[name][1])


@pytest.mark.parametrize("names", DOING, ids=" ".join)
def test_options_are_explained_in_plain_words(names: tuple[str, ...]) -> None:
    command: Any = FrontDoor()
    for name in names:
        command = command.commands[name]
    explained = [option.help for option in command.params if getattr(option, "help", None)]
    assert [text for text in explained if "so many" in text or "so long" in text] == []


HEAVY = {
    "fastapi",
    "influxdb_client",
    "holidays",
    "apscheduler",
    "numpy",
    "amqtt",
    "paho",
    "rich",
    "pydantic",
}
COLLECTIONS = """
import gc, hubpulse, sys
gc.callbacks.append(lambda phase, _: phase == "start" and print("collected", file=sys.stderr))
hubpulse.main()
"""
IMPORTED = """
import sys, hubpulse
try:
    hubpulse.main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def imported_by(*arguments: str, folder: Path = REPOSITORY, exit_code: int = 0) -> set[str]:
    """The modules and top-level packages that a command has imported at its end."""
    ended = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == exit_code, ended.stderr
    modules = ended.stderr.split()
    return {*modules, *(module.partition(".")[0] for module in modules)}


def test_help_imports_nothing_that_only_commands_use() -> None:
    imported = imported_by("--help")
    assert "typer" in imported
    assert imported & (HEAVY | {"pydantic_settings", "structlog", "yaml", "sqlite3"}) == set()


def test_doctor_without_an_estate_imports_no_client_library_and_no_log(tmp_path: Path) -> None:
    imported = imported_by("doctor", folder=tmp_path, exit_code=1)
    assert {"typer", "ingest", "sqlite3"} <= imported
    assert imported & ((HEAVY - {"pydantic"}) | {"structlog", "yaml", "ssl", "asyncio"}) == set()
    # Nor what only a buffer, an estate file or a wrong setting needs.
    assert imported & {"ingest.buffer", "schemas.readings", "schemas.problems", "sensors.estate_file"} == set()
    assert imported & {"sensors.times", "sensors.macs"} == set()
    # Nor what only whoever writes readings needs.
    assert imported & {"msgspec", "stores.lines", "stores.sqlite_lines", "stores.overwritten"} == set()
    # Nor what only a damaged file or the estate file's alerts need.
    assert imported & {"stores.salvaged_table", "stores.sqlite_pages", "schemas.notices"} == set()


def test_a_short_command_spends_no_time_on_looking_for_garbage(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COLLECTIONS, "doctor"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1, ended.stderr
    # At Python's own pace there are a hundred, and a last one over everything that was imported.
    assert ended.stderr.count("collected") <= 5


@pytest.mark.parametrize("names", [(), ("up",), ("usage", "export")], ids=" ".join)
def test_help_is_printed(names: tuple[str, ...], tmp_path: Path) -> None:
    answer = CommandLine(tmp_path).run(*names, "--help")
    assert (answer.exit_code, answer.err) == (0, "")
    assert "Usage: hubpulse" in answer.out
    assert names not in DOING or "Example: hubpulse" in answer.out
