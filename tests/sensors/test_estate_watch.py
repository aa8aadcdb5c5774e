"""The estate file under watch: what becomes of edits, good and bad, whole and half."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sensors.estate_file import EstateFile
from sensors.model_file import ModelFileError

Write = Callable[[Path, str], None]


def write_in_place(path: Path, text: str) -> None:
    path.write_text(text)


def replace_by_rename(path: Path, text: str) -> None:
    path.with_name("estate.yaml.new").write_text(text)
    path.with_name("estate.yaml.new").replace(path)


def swap_a_link(path: Path, text: str) -> None:
    """As a mounted configuration is renewed: the name stays, what it leads to changes."""
    target = path.with_name(f"version-{len(list(path.parent.iterdir()))}")
    target.write_text(text)
    link = path.with_name("link.new")
    link.symlink_to(target)
    link.replace(path)


def write_with_the_old_time(path: Path, text: str) -> None:
    """As `cp -p` or a clock of whole seconds leaves it: the same time, and the same length where the text has it."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def looks(file: EstateFile, times: int) -> list[bool]:
    return [file.changed() for _ in range(times)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "estate.yaml"
    path.write_text("name: old\n")
    return path


@pytest.fixture
def file(path: Path) -> EstateFile:
    return EstateFile(path)


def test_a_file_that_nobody_edits_never_changes(file: EstateFile) -> None:
    assert looks(file, 5) == [False] * 5
    assert file.estate.name == "old"
    assert file.problem is None


@pytest.mark.parametrize("write", [write_in_place, replace_by_rename, swap_a_link, write_with_the_old_time])
def test_a_good_edit_is_taken_once_it_is_seen_at_rest(write: Write, path: Path, file: EstateFile) -> None:
    write(path, "name: new\n")

    assert looks(file, 4) == [False, True, False, False]
    assert (file.estate.name, file.problem) == ("new", None)


@pytest.mark.parametrize("write", [write_in_place, replace_by_rename, swap_a_link, write_with_the_old_time])
def test_a_bad_edit_leaves_the_old_estate_in_force_and_is_seen_good_once(
    write: Write, path: Path, file: EstateFile
) -> None:
    write(path, "name: {}\n")

    assert looks(file, 4) == [False, True, False, False]
    assert file.estate.name == "old"
    assert file.problem is not None
    assert file.problem.startswith(f"{path}:1: name: ")


def test_each_further_bad_edit_is_seen_good_and_a_good_one_ends_it(path: Path, file: EstateFile) -> None:
    seen_good = []
    for text in ("name: {}\n", "nam: x\n", "name: new\n"):
        path.write_text(text)
        looks(file, 2)
        seen_good.append(file.problem is None)

    assert seen_good == [False, False, True]
    assert file.estate.name == "new"


def test_taking_back_a_bad_edit_clears_the_problem(path: Path, file: EstateFile) -> None:
    path.write_text("name: {}\n")
    looks(file, 2)
    path.write_text("name: old\n")

    assert looks(file, 3) == [False, True, False]
    assert (file.estate.name, file.problem) == ("old", None)


def test_a_file_that_is_gone_leaves_the_old_estate_in_force_and_is_seen_good_once(path: Path, file: EstateFile) -> None:
    path.unlink()

    assert looks(file, 4) == [False, True, False, False]
    assert (file.estate.name, file.estate.open) == ("old", False)
    assert file.problem is not None
    assert "there is no such file" in file.problem


def test_a_file_that_comes_back_is_taken(path: Path, file: EstateFile) -> None:
    path.unlink()
    looks(file, 2)
    path.write_text("name: back\n")

    assert looks(file, 3) == [False, True, False]
    assert (file.estate.name, file.problem) == ("back", None)


def test_a_file_that_is_away_for_one_look_is_no_news(path: Path, file: EstateFile) -> None:
    path.rename(path.with_suffix(".away"))
    assert not file.changed()
    path.with_suffix(".away").rename(path)

    assert looks(file, 3) == [False, False, False]
    assert file.problem is None


def test_a_file_that_is_still_being_written_is_never_put_in_force_by_halves(path: Path, file: EstateFile) -> None:
    whole = "name: new\nhubs:\n" + "".join(f"  - id: hub-{n}\n" for n in range(50))
    for cut in range(10, len(whole), 40):
        path.write_text(whole[:cut])
        assert not file.changed()
        assert file.estate.name == "old"
    path.write_text(whole)

    assert looks(file, 2) == [False, True]
    assert len(file.estate.hubs) == 50


def test_two_edits_between_two_looks_are_one(path: Path, file: EstateFile) -> None:
    path.write_text("name: {}\n")
    path.write_text("name: new\n")

    assert looks(file, 3) == [False, True, False]
    assert (file.estate.name, file.problem) == ("new", None)


def test_a_file_of_the_wrong_bytes_leaves_the_old_estate_in_force(path: Path, file: EstateFile) -> None:
    path.write_bytes(b"name: caf\xe9\n")
    looks(file, 2)

    assert file.estate.name == "old"
    assert file.problem == f"{path}:1: byte 0xe9 is not UTF-8: save the file as UTF-8"


def test_without_a_file_every_hub_is_accepted_until_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = EstateFile(None)
    assert looks(file, 2) == [False, False]
    assert (file.estate.open, file.problem) == (True, None)

    Path("estate.yaml").write_text("name: first\n")
    assert looks(file, 2) == [False, True]
    assert (file.estate.open, file.estate.name) == (False, "first")

    Path("estate.yaml").unlink()
    assert looks(file, 2) == [False, True]
    assert (file.estate.open, file.estate.name) == (False, "first"), "a lost file must not open the door to every hub"


@pytest.mark.parametrize("text", [None, "name: {}\n"])
def test_a_file_that_is_bad_from_the_start_is_an_error(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ModelFileError):
        EstateFile(path)
