"""Which estate file is in force: the one that is named, else that of the data folder."""

import signal
from pathlib import Path

import pytest

from cli.context import load_settings, make_data_dir
from schemas import Settings
from tests.cli.command import CommandLine
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUBPULSE_ESTATE", raising=False)
    Path("simulated").mkdir()
    Path("simulated/estate.yaml").touch()


def test_figures_follow_the_estate_beside_the_data() -> None:
    assert load_settings(data=Path("simulated")).estate == Path("simulated/estate.yaml")
    assert load_settings(data=Path("elsewhere")).estate is None


def test_an_estate_that_is_named_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(data=Path("simulated"), estate=Path("own.yaml")).estate == Path("own.yaml")
    monkeypatch.setenv("HUBPULSE_ESTATE", "set.yaml")
    assert load_settings(data=Path("simulated")).estate == Path("set.yaml")


@pytest.mark.claim("S-50")
def test_a_data_folder_is_for_nobody_else_to_read() -> None:
    new, old, foreign = Path("new/data"), Path("old"), Path("foreign")
    old.mkdir(mode=0o755)
    (old / "buffer.db").touch()
    foreign.mkdir(mode=0o755)
    for folder in (new, old, foreign):
        make_data_dir(Settings(data_dir=folder))

    assert [folder.stat().st_mode & 0o777 for folder in (new, old, foreign)] == [0o700, 0o700, 0o755]


@pytest.mark.claim("S-51")
def test_what_a_service_leaves_in_its_folder_is_for_nobody_else_to_read(tmp_path: Path) -> None:
    with CommandLine(tmp_path).start("jobs", "--data", "kept") as running:
        wait_until((tmp_path / "kept/jobs.alive").exists, 30, "a sign of life")
        running.signal(signal.SIGTERM)
        running.wait()

    modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "kept", *(tmp_path / "kept").iterdir())}
    assert modes.keys() >= {"kept", "jobs.alive", "store.db"}
    assert set(modes.values()) == {0}
