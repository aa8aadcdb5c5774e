import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.installation import Installation
from tests.deploy.shipped_broker import ShippedMosquitto
from tests.real_parts import REPOSITORY


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An installation of this test's own, with nothing made yet."""
    return Installation(tmp_path / "installation")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation with everything made, to look at and not to change."""
    installation = Installation(tmp_path_factory.mktemp("installed"))
    installation.init("--host", "mqtt.example.org")
    return installation


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip would install."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (file,) = folder.glob("hubpulse-*.whl")
    return file


@pytest.fixture
def broker(tmp_path: Path, installed: Installation) -> Iterator[ShippedMosquitto]:
    with ShippedMosquitto(tmp_path / "mosquitto", installed.secrets) as server:
        yield server
