"""The data folder remembers which estate file its readings were taken in with, and commands that name none use it."""

import csv
import io
from pathlib import Path

import pytest

from cli.context import load_settings, remember_estate
from schemas import Kind, Settings
from stores.sqlite_store import SqliteStore
from tests.cli.command import Answer, CommandLine
from tests.usage.given import at, put

AUCKLAND = "timezone: Pacific/Auckland\nhubs: [{id: armley}]\n"


def served(tmp_path: Path) -> Path:
    """A data folder that a service took readings in with an estate file elsewhere."""
    file, data = tmp_path / "ours.yaml", tmp_path / "data"
    file.write_text(AUCKLAND)
    remember_estate(Settings(data_dir=data, estate=file))
    store = SqliteStore(data / "store.db")
    store.prepare()
    put(store, Kind.FOOTFALL, [(at("2026-10-20T23:30"), {"entries": 3})])
    store.close()
    return data


def export(data: Path, *more: str) -> Answer:
    """What an export says in a folder that has nothing to do with it."""
    asked = ("usage", "export", "--data", str(data), "--from", "2026-10-20", "--to", "2026-10-21")
    return CommandLine(data.parent / "elsewhere").run(*asked, *more)


def exported(data: Path, *more: str) -> list[str]:
    rows = csv.DictReader(io.StringIO(export(data, *more).out))
    return [f"{row['date']} {row['entries']}" for row in rows]


def test_a_command_that_names_no_estate_file_uses_the_one_in_force(tmp_path: Path) -> None:
    data = served(tmp_path)
    assert exported(data) == ["2026-10-20 ", "2026-10-21 3"]
    assert export(data).err == ""


def test_one_that_names_a_file_uses_that(tmp_path: Path) -> None:
    data, other = served(tmp_path), tmp_path / "other.yaml"
    other.write_text("timezone: America/New_York\nhubs: [{id: armley}]\n")
    assert exported(data, "--estate", str(other)) == ["2026-10-20 3", "2026-10-21 "]


def test_where_none_is_known_it_says_so(tmp_path: Path) -> None:
    data = served(tmp_path)
    (data / "estate.path").unlink()
    assert exported(data) == ["2026-10-20 3", "2026-10-21 "]
    place = f"no estate file is known for {data}"
    assert export(data).err == f"{place}: days are UTC and open all day; name it with --estate\n"


def test_an_estate_file_in_the_data_folder_goes_before(tmp_path: Path) -> None:
    data = served(tmp_path)
    (data / "estate.yaml").write_text(AUCKLAND)
    assert load_settings(data=data).estate == data / "estate.yaml"


def test_a_file_in_force_that_is_gone_is_named(tmp_path: Path) -> None:
    data = served(tmp_path)
    (tmp_path / "ours.yaml").unlink()
    answer = export(data)
    assert answer.exit_code == 1
    assert f"{tmp_path / 'ours.yaml'}: there is no such file" in answer.err


def test_where_it_cannot_be_noted_the_service_goes_on_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data" / "estate.new").mkdir(parents=True)
    remember_estate(Settings(data_dir=tmp_path / "data", estate=tmp_path / "ours.yaml"))
    assert "estate.path can't be written" in " ".join(capsys.readouterr().err.split())
