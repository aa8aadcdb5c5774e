"""Messages with known answers: add a file to tests/sensors/golden/<format>, or tests/data/native, and gain a test."""

from pathlib import Path

import pytest

from sensors.formats import BUILT_IN
from tests.golden import GOLDEN, NATIVE, check

FILES = sorted(GOLDEN.glob("*/*.json"))
NATIVE_FILES = sorted(NATIVE.glob("*.json"))


def test_every_format_has_golden_files() -> None:
    assert {file.parent.name for file in FILES} >= (BUILT_IN.keys() - {"native"}) | {"json"}
    assert len(NATIVE_FILES) > 100


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_message_becomes_what_its_file_says(file: Path) -> None:
    check(file)


@pytest.mark.parametrize("file", NATIVE_FILES, ids=lambda file: file.stem)
def test_a_native_message_becomes_what_its_file_says(file: Path) -> None:
    check(file)
