"""Which estate file is in force: the one that is named, else that of the data folder."""

from pathlib import Path

import pytest

from cli.context import load_settings


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
