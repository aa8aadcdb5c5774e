"""A missing real part is skipped in words, counted at the end, and a failure where CI=true."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real_parts import REPOSITORY

TESTS = """
import pytest

@pytest.mark.needs("docker-compose")
def test_one():
    pass

@pytest.mark.needs("docker-compose")
def test_two():
    pass

def test_three(chromium):
    pass

def test_four(data_set):
    data_set("no_such_set")

def test_five():
    pass
"""


@pytest.fixture
def bare_machine(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH holds no program at all."""
    (tmp_path / "test_parts.py").write_text(TESTS)
    return {"PATH": str(tmp_path), "PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path)}


def run(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    options = [
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-o",
        "markers=needs(part): x",
        "--rootdir",
        str(folder),
    ]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, folder],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_part_is_skipped_and_counted_in_words(tmp_path: Path, bare_machine: dict[str, str]) -> None:
    result = run(tmp_path, bare_machine)

    said = result.stdout
    compose = "docker-compose is not installed (Debian package docker-compose)"
    assert f"Not everything ran: {compose}, so 2 tests did not run." in said
    assert "Not everything ran: chromium is not installed (Debian package chromium), so 1 test did not run." in said
    assert "the data set no_such_set is not there (looked for ../shared/data/no_such_set)" in said
    assert "1 passed, 4 skipped" in said
    assert result.returncode == 0


def test_a_missing_part_is_a_failure_in_continuous_integration(tmp_path: Path, bare_machine: dict[str, str]) -> None:
    result = run(tmp_path, bare_machine | {"CI": "true"})

    assert "so 2 tests did not run" in result.stdout
    assert "1 passed, 1 skipped, 3 errors" in result.stdout
    assert result.returncode == 1


def test_nothing_is_said_when_nothing_is_missing(tmp_path: Path) -> None:
    (tmp_path / "test_parts.py").write_text("def test_nothing_needed(): pass\n")

    result = run(tmp_path, {"PATH": os.defpath, "PYTHONPATH": str(REPOSITORY)})

    assert "Not everything ran" not in result.stdout
    assert result.returncode == 0
