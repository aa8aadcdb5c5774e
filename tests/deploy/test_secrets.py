"""deploy/make-secrets.sh makes each secret once, at random, for the one user that reads it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.deploy.compose_file import SECRETS_FOLDER, SERVICES, mounted_secrets
from tests.deploy.conftest import make_secrets
from tests.real_parts import REPOSITORY


def contents(folder: Path) -> dict[Path, str]:
    return {file.relative_to(folder): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_every_secret_of_compose_is_made(secrets_folder: Path) -> None:
    wanted = {secret.file for secret in mounted_secrets()}

    assert wanted | {Path("sensors/mqtt_password")} == contents(secrets_folder).keys()


def test_nobody_else_can_read_a_secret(secrets_folder: Path) -> None:
    for file in secrets_folder.rglob("*"):
        assert file.stat().st_mode & 0o777 == (0o700 if file.is_dir() else 0o600)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to other users")
def test_every_secret_belongs_to_the_user_of_the_service_that_reads_it(secrets_folder: Path) -> None:
    for secret in mounted_secrets():
        owner = (secrets_folder / secret.file).stat().st_uid
        assert (secret, owner) == (secret, int(SERVICES[secret.service]["user"].split(":")[0]))


def test_secrets_are_long_random_and_unlike_each_other(secrets_folder: Path, tmp_path: Path) -> None:
    make_secrets(tmp_path / "other")
    copies = {Path("grafana/influx_token"), Path("hubpulse/influx_token")}
    ours = {name: text for name, text in contents(secrets_folder).items() if name not in copies}
    others = contents(tmp_path / "other")

    assert len(set(ours.values())) == len(ours)
    assert set(ours.values()) & set(others.values()) == set()
    assert min(len(text) for text in ours.values()) == 64


def test_the_token_is_the_same_for_all_who_share_it(secrets_folder: Path) -> None:
    made = contents(secrets_folder)

    assert made[Path("grafana/influx_token")] == made[Path("influxdb/token")]
    assert made[Path("hubpulse/influx_token")] == made[Path("influxdb/token")]


def test_what_exists_is_never_replaced_and_what_is_missing_is_added(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    before = contents(tmp_path)
    (tmp_path / "grafana/influx_token").unlink()

    make_secrets(tmp_path)

    assert contents(tmp_path) == before


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="not a git checkout")
def test_git_ignores_the_secrets() -> None:
    ignored = subprocess.run(["git", "check-ignore", "-q", SECRETS_FOLDER / "x"], cwd=REPOSITORY, check=False)  # noqa: S607

    assert ignored.returncode == 0
