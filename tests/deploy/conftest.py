import subprocess
from pathlib import Path

import pytest

from tests.real_parts import REPOSITORY


def make_secrets(folder: Path) -> None:
    subprocess.run([REPOSITORY / "deploy/make-secrets.sh", folder], check=True, capture_output=True, text=True)


@pytest.fixture(scope="session")
def secrets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The secrets as deploy/make-secrets.sh makes them."""
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    make_secrets(folder)
    return folder
