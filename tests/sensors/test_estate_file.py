"""The estate file as an operator writes it: golden files, YAML's traps, and files that mean harm."""

import cProfile
import json
import pstats
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas import Estate
from sensors import yaml_text
from sensors.estate_file import ESTATE_BYTES_MAX, load_estate, parse_estate
from sensors.model_file import ModelFileError
from tests.real_parts import REPOSITORY

ESTATES = REPOSITORY / "tests/data/estates"
GOOD = sorted((ESTATES / "good").glob("*.yaml"))
BAD = sorted((ESTATES / "bad").glob("*.yaml"))


def dumped(estate: Estate) -> Any:
    return estate.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def problems(text: str) -> list[str]:
    with pytest.raises(ModelFileError) as caught:
        parse_estate(text)
    return caught.value.problems


def problems_if_any(text: str) -> list[str]:
    try:
        parse_estate(text)
    except ModelFileError as error:
        assert error.problems, "refused without a reason"  # noqa: PT017 - a right estate is fine as well
        return error.problems
    return []


def problems_of_file(path: Path) -> list[str]:
    with pytest.raises(ModelFileError) as caught:
        load_estate(path)
    return [problem.replace(str(path), path.name) for problem in caught.value.problems]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_is_the_estate_that_stands_beside_it(path: Path) -> None:
    assert dumped(load_estate(path)) == json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_has_the_problems_that_stand_beside_it(path: Path) -> None:
    assert problems_of_file(path) == path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()


def test_the_golden_folder_is_whole() -> None:
    assert len(GOOD) >= 8
    assert len(BAD) >= 40
    files = {path.name for path in (*ESTATES.glob("*/*"),)}
    assert files == {p.name for p in (*GOOD, *BAD)} | {p.stem + ".json" for p in GOOD} | {p.stem + ".txt" for p in BAD}


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_problem_is_one_short_line_with_its_place_and_no_control_character(path: Path) -> None:
    for problem in problems_of_file(path):
        assert problem.isprintable()
        assert len(problem) < 400
        line = int(problem.split(":")[1])
        assert 1 <= line <= len(path.read_text(encoding="utf-8").splitlines()) + 1


@pytest.mark.parametrize("name", ["estate.example.yaml", "simulators/estates/leeds.yaml", "deploy/estate/estate.yaml"])
def test_an_estate_that_is_shipped_is_right(name: str) -> None:
    assert load_estate(REPOSITORY / name).hubs


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
def test_any_editor_s_file_is_read_and_its_lines_are_counted_right(start: bytes, end: str, tmp_path: Path) -> None:
    path = tmp_path / "estate.yaml"
    good, bad = (
        text.read_text(encoding="utf-8") for text in (ESTATES / "good/design.yaml", ESTATES / "bad/times.yaml")
    )

    path.write_bytes(start + good.replace("\n", end).encode())
    assert load_estate(path) == parse_estate(good)

    path.write_bytes(start + bad.replace("\n", end).encode())
    expected = (ESTATES / "bad/times.txt").read_text(encoding="utf-8").replace("times.yaml", "estate.yaml")
    assert problems_of_file(path) == expected.splitlines()


@pytest.mark.parametrize(
    "content, said",
    [
        (b"name: a\nhubs:\n  - id: caf\xe9\n", "estate.yaml:3: byte 0xe9 is not UTF-8: save the file as UTF-8"),
        ("name: a\n".encode("utf-16"), "estate.yaml:1: byte 0xff is not UTF-8: save the file as UTF-8"),
        (b"\r\n\r\xfe", "estate.yaml:3: byte 0xfe is not UTF-8: save the file as UTF-8"),
        (b"name: a\n\0", "estate.yaml:2: the control character U+0000: delete it"),
        (b"name: a\r\n\r\0", "estate.yaml:3: the control character U+0000: delete it"),
        (b"name: a\x1b[2J", "estate.yaml:1: the control character U+001B: delete it"),
    ],
)
def test_bytes_that_are_no_text_are_told_by_their_line(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "estate.yaml"
    path.write_bytes(content)

    assert problems_of_file(path) == [said]


def test_a_file_that_is_not_there_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError, match=r"my\.yaml: there is no such file: .* cp estate\.example\.yaml my\.yaml"):
        load_estate(Path("my.yaml"))


def test_a_folder_is_no_estate_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"can't be read \(Is a directory\): check --estate or HUBPULSE_ESTATE"):
        load_estate(tmp_path)


def test_without_a_path_estate_yaml_is_taken_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_estate().open

    Path("estate.yaml").write_text("name: a\n")
    assert not load_estate().open
    assert load_estate().name == "a"


@pytest.mark.parametrize("text", ["true", '"true"', "1", "[x]", "{}"])
def test_no_file_can_declare_itself_open(text: str) -> None:
    [problem] = problems(f"name: a\nopen: {text}\n")

    assert problem.startswith("estate.yaml:2: open: is not a key here")


@given(
    word=st.text(string.ascii_letters + string.digits + "._+~", min_size=1, max_size=12).map(lambda word: f"x{word}")
)
def test_a_name_is_the_text_that_stands_there(word: str) -> None:
    assert parse_estate(f"name: {word}\n").name == word


@pytest.mark.parametrize(
    "text", ["no", "on", "y", "0o17", "0x1F", "1_000", "12:30:45", "1e9", ".inf", "2026-12-25", "=", "nUll", "true"]
)
def test_no_word_turns_into_something_else(text: str) -> None:
    assert parse_estate(f"name: {text}\n").name == text


def laughs(key: str) -> str:
    lines = ["name: &a0 [ha, ha]"]
    lines += [f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join([*lines, f"{key}: *a9"])


TOO_MANY = "more than 500000 items up to here: is this the right file?"
TOO_DEEP = "nested deeper than 20 levels: is this the right file?"

# Each of these once froze or crashed a reader of YAML. The limit is on the calls that it takes.
HOSTILE = {
    "billion laughs": (laughs("hubs"), TOO_MANY),
    "billion laughs as a name": (laughs("timezone"), TOO_MANY),
    "aliases of a large list": ("a: &a [" + "x, " * 2000 + "]\nhubs:\n" + "  - *a\n" * 2000, TOO_MANY),
    "an alias of itself": ("hubs: &a\n  - *a\n", "* starts an alias, and there is no &a above"),
    "deep brackets": ("hubs: " + "[" * 100_000, TOO_DEEP),
    "deep braces": ("hubs: " + "{a: " * 100_000, TOO_DEEP),
    "deep dashes": ("hubs:\n  " + "- " * 100_000 + "x", TOO_DEEP),
    "deep questions": ("? " * 100_000, "a key can't be a list or a mapping"),
    "deep anchors": ("&a " * 100_000, "not YAML"),
    "endless items": ("hubs:\n" + "- a\n" * 600_000, TOO_MANY),
    "endless keys": ("".join(f"k{n}: v\n" for n in range(500_000)), TOO_MANY),
    "as many wrong items as are read": ("hubs:\n" + "- a\n" * 499_000, "hubs[0]: 'a' is not a mapping"),
    "as many wrong keys as are read": ("".join(f"k{n}: v\n" for n in range(249_000)), "k0: is not a key here"),
    "an endless word": ("name: " + "x" * 4_000_000, "name: 'xxx"),
    "an endless quote": ('name: "' + "x\n" * 2_000_000, 'the quote " that opens here is never closed'),
    "endless comments": ("#\n" * 2_000_000, "is empty"),
    "endless documents": ("---\n" * 500_000, "a second document starts here"),
}
MANY = [name for name in HOSTILE if name.startswith(("endless", "as many"))]


T = TypeVar("T")


def counted(read: Callable[[str], T], text: str) -> tuple[T, int]:
    """What reading a text gives, and how many calls it takes: a busy machine stretches seconds."""
    profile = cProfile.Profile()
    found = profile.runcall(read, text)
    return found, int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined] # not in its stub


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_means_harm_is_refused_soon(name: str) -> None:
    text, said = HOSTILE[name]
    found, calls = counted(problems, text)

    assert found[0].partition(" ")[2].startswith(said)
    assert len(found) <= 51
    assert all(len(problem) < 400 for problem in found)
    # Nine for each item that is read at all, and a few for each that is wrong: about 3 s on a free core.
    assert calls < 12 * yaml_text.ITEMS_MAX


HUB = "- {id: hub-%d, sensors: [{id: s-1, every: 10m}, {id: s-2, every: 10m}]}\n"


@pytest.mark.parametrize(
    "name, items_max, hubs_read",
    [("ITEMS_MAX", 100, 20), ("ITEMS_MAX", 10, 0), ("ITEMS_MAX", 40, 18), ("FILE_ITEMS_MAX", 100, 5)],
)
def test_an_estate_may_have_many_hubs_and_a_hub_only_so_much(
    monkeypatch: pytest.MonkeyPatch, name: str, items_max: int, hubs_read: int
) -> None:
    monkeypatch.setattr(yaml_text, name, items_max)
    text = "hubs:\n" + "".join(HUB % number for number in range(20))

    if hubs_read == 20:
        assert len(parse_estate(text).hubs) == 20
    else:
        said = f"estate.yaml:{hubs_read + 2}: more than {items_max} items up to here: is this the right file?"
        assert problems(text) == [said]


WITHIN_A_GIGABYTE = """
import resource, sys
from sensors.estate_file import parse_estate
from sensors.model_file import ModelFileError
text = sys.stdin.read()
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
try:
    parse_estate(text)
except ModelFileError as error:
    sys.stdout.write(error.problems[0])
"""


@pytest.mark.parametrize("name", ["billion laughs", "aliases of a large list", "many wrong sensors in each hub", *MANY])
def test_a_file_that_means_harm_is_refused_in_bounded_memory(name: str) -> None:
    text = HOSTILE[name][0] if name in HOSTILE else "hubs:\n" + f"- sensors: [{'a,' * 1000}]\n" * 2000
    child = subprocess.run(
        [sys.executable, "-c", WITHIN_A_GIGABYTE],
        input=text,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert child.stderr == ""
    assert child.stdout.startswith("estate.yaml:")


def test_a_file_beyond_the_limit_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "estate.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 1024**3)  # sparse: takes no room on the disk

    assert problems_of_file(path) == ["estate.yaml: larger than 32 MB: is this the estate file?"]
    assert ESTATE_BYTES_MAX == 32 * 1024**2


@given(text=st.text(alphabet="ab:-[]{}'\"#&*!|>%@`?, \n\t0\\", max_size=60))
def test_any_text_is_an_estate_or_lines_of_problems(text: str) -> None:
    for problem in problems_if_any(text):
        assert problem.startswith("estate.yaml:")
        assert problem.isprintable()


@given(
    content=st.recursive(
        st.text(max_size=5) | st.none(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["name", "hubs", "id", "sensors", "opening", "closures", "sources", "topic", "holidays", "x"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_shape_is_an_estate_or_lines_of_problems(content: object) -> None:
    for problem in problems_if_any(yaml.safe_dump(content)):
        assert problem.startswith("estate.yaml:")
        assert problem.isprintable()


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_without_libyaml_the_same_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = path.read_text(encoding="utf-8")
    fast = yaml_text.read_yaml(text)
    monkeypatch.setattr(yaml_text, "LOADER", yaml.BaseLoader)

    assert yaml_text.read_yaml(text) == fast


def large(hubs: int) -> str:
    sensor = "      - {{id: s{n}, kinds: [footfall], zone: entrance, every: 5m, device: {device:016x}}}\n"
    lines = ["name: Large\nhubs:\n"]
    for hub in range(hubs):
        lines.append(f'  - id: hub-{hub}\n    opening: {{mon-fri: "09:00-17:00"}}\n    sensors:\n')
        lines += [sensor.format(n=n, device=hub * 10 + n) for n in range(10)]
    return "".join(lines)


def test_loading_grows_with_the_file() -> None:
    (few, calls_few), (many, calls_many) = (counted(parse_estate, large(hubs)) for hubs in (500, 2000))

    assert [sum(len(hub.sensors) for hub in estate.hubs) for estate in (few, many)] == [5_000, 20_000]
    assert calls_many < 4.5 * calls_few  # linear: 4, quadratic: 16
    assert calls_many < 250 * 20_000  # 180 for each sensor: about 1.5 s on a free core


def test_what_is_there_twice_is_found_in_time_that_grows_with_the_file() -> None:
    def calls(hubs: int) -> int:
        found, number = counted(problems, large(hubs).replace("id: hub-", "id: hub-1 # "))
        assert found[-1] == f"estate.yaml: and {hubs - 1 - 50} more: fix these first"
        return number

    assert calls(1600) < 4.5 * calls(400)  # linear: 4, quadratic: 16
