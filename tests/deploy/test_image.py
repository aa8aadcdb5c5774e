"""What goes into the image, as far as it can be known without an engine: the Dockerfile and the wheel it installs."""

import re
import zipfile
from pathlib import Path

import pytest

from tests.deploy.compose_file import SERVICES
from tests.project_files import project_files
from tests.real_parts import REPOSITORY
from tests.tidy_rules import ROOMS

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
BUILD, FINAL = DOCKERFILE.split("\nFROM ")[1:]


def test_both_stages_start_from_the_same_exact_version() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert len(set(images)) == 1
    assert re.fullmatch(r"python:3\.12\.\d+-slim-\w+", images[0])


def test_dependencies_are_the_pinned_ones() -> None:
    assert "--constraint constraints.txt" in BUILD


def test_the_final_stage_installs_nothing_and_is_not_root() -> None:
    assert not re.search(r"pip.* install|apt-get", FINAL)
    assert f"USER {SERVICES['ingest']['user']}" in FINAL


@pytest.fixture
def shipped(wheel: Path) -> set[str]:
    """The names of the files in the wheel."""
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_every_file_of_every_room(shipped: set[str]) -> None:
    ours = {str(path) for path in project_files() if path.parts[0] in ROOMS | {"cli", "hubpulse.py"}}

    assert ours - shipped == set()
    assert {f"{room}/py.typed" for room in ROOMS | {"cli"}} <= shipped


def test_the_wheel_holds_nothing_else(shipped: set[str]) -> None:
    tops = {Path(name).parts[0] for name in shipped}

    assert {top for top in tops if not top.endswith(".dist-info")} <= ROOMS | {"cli", "hubpulse.py"}


def test_the_image_is_built_from_what_the_wheel_needs_and_nothing_else() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    taken = {line.removeprefix("!") for line in lines if line.startswith("!")}

    assert "*" in lines
    assert taken == ROOMS | {"cli", "hubpulse.py", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"}
