"""docs/operations.md says of everything that asks something of an operator what to do."""

import ast
import re
from collections.abc import Iterator

import pytest

from dashboards.alerts.rules import RULES
from dashboards.grafana.alerts import GROUPS
from tests.project_files import project_files
from tests.real_parts import REPOSITORY

PAGE = (REPOSITORY / "docs/operations.md").read_text(encoding="utf-8")
ASKS = re.findall(
    r"^\| (.*?) \|", PAGE.partition("## What it means, and what to do")[2].partition("\n## ")[0], re.MULTILINE
)
NAMED = {name for cell in ASKS for name in re.findall(r"`([\w-]+)`", cell)}


def warnings() -> Iterator[str]:
    """Every event that is logged as a warning or an error."""
    for path, text in project_files().items():
        if path.suffix != ".py" or path.parts[0] == "tests":
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                is_log = isinstance(node.func.value, ast.Name) and node.func.value.id == "log"
                place = {"warning": 0, "error": 0, "exception": 0, "log": 1}.get(node.func.attr)
                if is_log and place is not None and isinstance(event := node.args[place], ast.Constant):
                    yield str(event.value)


def test_every_warning_and_error_has_its_row() -> None:
    found = set(warnings())

    assert {"store_holding", "service_stalled", "board_page_failed"} <= found
    assert found - NAMED == set()


def test_every_alert_has_its_row() -> None:
    assert {
        rule.name for rule in [*RULES.values(), *(q.rule for group in GROUPS.values() for q in group)]
    } - NAMED == set()


@pytest.mark.parametrize("part", ["data folder", "broker", "writer", "buffer", "store", "jobs", "stalled"])
def test_every_part_of_readiness_has_its_row(part: str) -> None:
    assert any(f"`{part}`" in cell for cell in ASKS)


@pytest.mark.parametrize(
    "note",
    [
        "broker_restarts",
        "sessions_lost",
        "broker_dropped",
        "maybe_repeated",
        "quarantine_not_kept",
        "quarantine_expired",
        "readings_lost",
    ],
)
def test_the_notes_of_the_ledger_that_ask_something_have_their_row(note: str) -> None:
    assert note in NAMED
