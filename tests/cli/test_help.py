"""Every command explains itself, with an example."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli.app import app
from tests.cli.command import CommandLine


def commands(command: Any, *names: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The names of every command below one, and whether it does something itself."""
    below = getattr(command, "commands", {})
    yield names, not below
    for name, child in below.items():
        yield from commands(child, *names, name)


ALL = sorted(commands(typer.main.get_command(app)))
DOING = [names for names, does in ALL if does]


def test_the_commands_of_the_contract_are_there() -> None:
    contract = {"up", "demo", "ingest", "jobs", "board", "explain", "ledger", "doctor", "record", "replay", "simulate"}
    assert contract <= {names[0] for names, _ in ALL if names}
    assert {("usage", "export"), ("usage", "recompute"), ("dashboards", "render")} <= set(DOING)
    assert {("quarantine", name) for name in ("list", "show", "redrive", "purge")} <= set(DOING)


@pytest.mark.parametrize("names", [names for names, _ in ALL], ids=" ".join)
def test_help_is_given(names: tuple[str, ...]) -> None:
    command = typer.main.get_command(app)
    for name in names:
        command = command.commands[name]  # type: ignore[attr-defined] # groups have them
    assert command.help
    if names in DOING:
        assert (command.epilog or "").startswith("Example: ")
        assert " ".join(("hubpulse", *names)) in (command.epilog or "")


@pytest.mark.parametrize("names", [(), ("up",), ("usage", "export")], ids=" ".join)
def test_help_is_printed(names: tuple[str, ...], tmp_path: Path) -> None:
    answer = CommandLine(tmp_path).run(*names, "--help")
    assert (answer.exit_code, answer.err) == (0, "")
    assert "Usage: hubpulse" in answer.out
    assert names not in DOING or "Example: hubpulse" in answer.out
