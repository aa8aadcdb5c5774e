"""The wheel in an environment that holds nothing else of ours: templates, estates and styles must be in it."""

import os
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
import requests

from tests.cli.command import Running
from tests.e2e.test_stopping import assert_clean_end
from tests.servers import free_port

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.timeout(300)]


@pytest.fixture
def environment(tmp_path: Path, wheel: Path) -> Path:
    """A virtual environment with the wheel; its dependencies are those of the tests, so that nothing is downloaded."""
    folder = tmp_path / "venv"
    venv.create(folder)
    python = folder / "bin/python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # Only the folder: what installs a checkout there (a .pth file) counts for the tests' own environment alone.
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_demo_runs_from_the_wheel(environment: Path, tmp_path: Path) -> None:
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("HUBPULSE_", "PYTHON"))}
    where = [str(environment / "python"), "-c", "import hubpulse, schemas; print(hubpulse.__file__, schemas.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=settings, check=True, capture_output=True, text=True).stdout
    assert [Path(file).is_relative_to(tmp_path) for file in found.split()] == [True, True]

    port, mqtt_port = free_port(), free_port()
    arguments = ("--days", "1", "--port", str(port), "--mqtt-port", str(mqtt_port), "--data", "demo")
    with Running([environment / "hubpulse", "demo", *arguments], tmp_path, settings) as demo:
        demo.wait_for("Ctrl-C stops everything", 200)
        page = requests.get(f"http://127.0.0.1:{port}/", timeout=30)
        hub = requests.get(f"http://127.0.0.1:{port}/hubs/armley", timeout=30)
        parts = demo.children
        demo.signal(signal.SIGINT, group=True)
        assert_clean_end(demo, parts, port, mqtt_port)

    assert (page.status_code, hub.status_code) == (200, 200)
    assert "Armley" in page.text
