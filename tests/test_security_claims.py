"""docs/security.md claims nothing that no test shows: each claim has an id, and one test that carries it."""

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tests.project_files import project_files
from tests.real_parts import REPOSITORY

CLAIM = re.compile(r"^\| (S-\d+) \| (.+) \|$", re.MULTILINE)


def claims() -> list[str]:
    return [claim for claim, _ in CLAIM.findall((REPOSITORY / "docs/security.md").read_text())]


def marked_tests() -> Iterator[tuple[str, str]]:
    """(claim, test) of every test that carries one."""
    for path, text in project_files().items():
        if path.parts[0] != "tests" or path.suffix != ".py" or ".claim(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for decorator in map(ast.unparse, node.decorator_list):
                    if found := re.fullmatch(r"pytest\.mark\.claim\('(.+)'\)", decorator):
                        yield found[1], f"{path}::{node.name}"


def test_each_claim_has_one_test_and_each_such_test_its_claim() -> None:
    carried = list(marked_tests())

    assert len(claims()) > 40
    assert Counter(claims()) == Counter(claim for claim, _ in carried)
    assert max(Counter(claims()).values()) == 1
    assert max(Counter(test for _, test in carried).values()) == 1


def test_every_id_stands_before_its_claim_in_a_line_of_a_table() -> None:
    text = (REPOSITORY / "docs/security.md").read_text()

    assert set(re.findall(r"S-\d+", text)) == set(claims())
