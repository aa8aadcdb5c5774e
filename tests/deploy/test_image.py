"""What goes into the image, as far as it can be known without an engine: the Dockerfile and the wheel it installs."""

import re
import subprocess
import sys
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in the wheel that pip would install."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    (file,) = folder.glob("hubpulse-*.whl")
    return set(zipfile.ZipFile(file).namelist())


def test_the_wheel_holds_every_file_of_every_room(wheel: set[str]) -> None:
    shipped = {str(path) for path in project_files() if path.parts[0] in ROOMS | {"cli", "hubpulse.py"}}

    assert shipped - wheel == set()


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    tops = {Path(name).parts[0] for name in wheel}

    assert {top for top in tops if not top.endswith(".dist-info")} <= ROOMS | {"cli", "hubpulse.py"}


def test_the_image_is_built_from_what_the_wheel_needs_and_nothing_else() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    taken = {line.removeprefix("!") for line in lines if line.startswith("!")}

    assert "*" in lines
    assert taken == ROOMS | {"cli", "hubpulse.py", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"}
