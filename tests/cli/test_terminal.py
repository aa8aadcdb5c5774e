"""What strangers wrote is shown at the terminal and never obeyed by it."""

import ast
from pathlib import Path

import pytest

from cli.context import out
from ingest.buffer import Buffer
from mqtt.messages import Message
from tests.cli.command import CommandLine
from tests.ingest.given import NOW_NS, make_decoder
from tests.real_parts import REPOSITORY

ESCAPES = b"\x1b]0;owned\x07\x1b[2J\xc2\x9b5m\xe2\x80\xae[red]\r"


@pytest.mark.claim("S-73")
@pytest.mark.parametrize("command", ["list", "show 1", "list --json", "show 1 --json", "redrive --all"])
def test_a_refused_message_reaches_the_terminal_without_its_escape_sequences(tmp_path: Path, command: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    buffer = Buffer(folder, clock_ns=lambda: NOW_NS)
    message = Message(b"hubs/" + ESCAPES + b"\nreason    accepted", b'{"' + ESCAPES + b'": 1}')
    buffer.commit(make_decoder().decode([message]))
    buffer.close()

    answer = CommandLine(tmp_path).run("quarantine", *command.split(), "--data", folder)

    assert not set("\x1b\x07\x9b\u202e\r") & set(answer.out + answer.err)
    assert "owned" in answer.out
    assert "\nreason    accepted" not in answer.out


def test_what_a_command_prints_is_made_safe(capsys: pytest.CaptureFixture[str]) -> None:
    out.print("\x1b[2Jone\ntwo")
    assert capsys.readouterr().out == "\\x1b[2Jone\ntwo\n"


def test_commands_print_by_that_one_way_alone_or_as_json() -> None:
    """JSON has escapes of its own."""
    for path in sorted((REPOSITORY / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                first = ast.unparse(node.args[0])
                assert first.startswith("json.dumps(") or path.name in {"context.py", "probe.py"}, (
                    f"{path.name}: {first}"
                )
