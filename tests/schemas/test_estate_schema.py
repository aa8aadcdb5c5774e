"""The JSON Schema by which editors check the estate file, beside the reader that decides."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from schemas.estate_schema import estate_json_schema
from sensors.estate_file import parse_estate
from sensors.model_file import ModelFileError
from tests.real_parts import REPOSITORY

ESTATES = REPOSITORY / "tests/data/estates"
GOOD = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ESTATES / "good").glob("*.yaml"))}
SCHEMA: dict[str, Any] = json.loads(estate_json_schema())
EDITOR = Draft7Validator(SCHEMA)


class EditorLoader(yaml.SafeLoader):
    """Reads YAML 1.2, as editors do: `no` is a word, and 2026-12-25 is one as well."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc] # the stubs call it an instance's


for tag, pattern, starts in (
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", "true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    EditorLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), starts)
EditorLoader.add_constructor("tag:yaml.org,2002:float", lambda _, node: float(node.value))


def editor_says(text: str) -> list[str]:
    content = yaml.load(text, Loader=EditorLoader)  # noqa: S506 - a SafeLoader with fewer words
    return [error.message for error in EDITOR.iter_errors(content)]


def is_taken(content: object) -> bool:
    """Whether the reader takes a file of this content; JSON is YAML."""
    try:
        parse_estate(json.dumps(content))
    except ModelFileError:
        return False
    return True


@pytest.mark.parametrize("validator", [Draft7Validator, Draft202012Validator])
def test_the_schema_is_one_and_means_the_same_in_either_draft(validator: Any) -> None:
    validator.check_schema(SCHEMA)
    design = yaml.safe_load(GOOD["every_key"].replace("00:00-24:00", '"00:00-24:00"').replace("- 2026-12-25", "- x"))

    assert [error.message for error in validator(SCHEMA).iter_errors(design)] == [
        error.message for error in EDITOR.iter_errors(design)
    ]


@pytest.mark.parametrize("name", sorted(GOOD.keys() - {"digits_stay_text"}))
def test_an_editor_accepts_every_good_file(name: str) -> None:
    assert editor_says(GOOD[name]) == []


def test_an_editor_asks_for_quotes_around_digits_and_for_nothing_else() -> None:
    said = editor_says(GOOD["digits_stay_text"])

    assert said
    assert all(message.endswith("is not of type 'string'") for message in said)


@pytest.mark.parametrize("name", ["estate.example.yaml", "simulators/estates/leeds.yaml", "deploy/estate/estate.yaml"])
def test_an_editor_accepts_what_is_shipped(name: str) -> None:
    assert editor_says((REPOSITORY / name).read_text(encoding="utf-8")) == []


def test_the_example_names_the_schema_for_editors() -> None:
    first = (REPOSITORY / "estate.example.yaml").read_text(encoding="utf-8").splitlines()[0]

    assert first == "# yaml-language-server: $schema=docs/estate.schema.json"
    assert (REPOSITORY / first.partition("=")[2]).is_file()


# Mistakes that an editor can underline. Each stands alone: `edit` makes it in the example of the design.
UNDERLINED = {
    "an unknown key": ("name:", "nmae:"),
    "an unknown key of a hub": ("altitude_m:", "altitude:"),
    "an unknown key of a sensor": ("every: 5m", "interval: 5m"),
    "an unknown key of a source": ("format: native", "kind: native"),
    "an unknown key of the holidays": ("subdivision:", "region:"),
    "a key that only code may set": ("name:", "open: true\nname:"),
    "an id in capitals": ("id: armley", "id: Armley"),
    "no id": ("- id: armley\n    name", "- name"),
    "an unknown kind": ("[footfall]", "[people]"),
    "one kind without brackets": ("[footfall]", "footfall"),
    "an unknown format": ("format: native", "format: json"),
    "a duration without a unit": ("every: 5m", "every: 5"),
    "a duration in words": ("every: 5m", "every: 5min"),
    "an odd width": ("counter_bits: 16", "counter_bits: 12"),
    "an altitude with a unit": ("altitude_m: 60", "altitude_m: 60m"),
    "an altitude in space": ("altitude_m: 60", "altitude_m: 10000"),
    "an unknown day": ("mon-fri:", "weekdays:"),
    "a time of the 25th hour": ("09:00-17:00", "09:00-25:00"),
    "one time only": ("09:00-17:00", "09:00"),
    "times in a list": ('"09:00-17:00"', '["09:00-17:00"]'),
    "a day without times": ('"10:00-13:00"', "~"),
    "no times at all": ('{mon-fri: "09:00-17:00", sat: "10:00-13:00"}', "{}"),
    "a date of another order": ("2026-12-25..2027-01-01", "25.12.2026"),
    "a short device": ("24e124710c401234", "24e124"),
    "a model without its maker": ("milesight/am307", "am307"),
    "an empty value": ("timezone: Europe/London", "timezone:"),
    "hubs by name": ("  - id: armley\n", "  armley:\n"),
    "a country in small letters": ("country: GB", "country: gb"),
    "no country": ("country: GB, ", ""),
    "a very long name": ("name: Leeds", f"name: {'x' * 200}"),
}


@pytest.mark.parametrize("mistake", UNDERLINED)
def test_an_editor_underlines_the_mistake_and_the_reader_refuses_it(mistake: str) -> None:
    before, after = UNDERLINED[mistake]
    assert before in GOOD["design"]
    text = GOOD["design"].replace(before, after, 1)

    assert editor_says(text) != []
    with pytest.raises(ModelFileError):
        parse_estate(text)


def pattern_of(part: str, key: str) -> str:
    return str(SCHEMA["$defs"][part]["properties"][key]["pattern"])


OPENING = SCHEMA["$defs"]["Hub"]["properties"]["opening"]["patternProperties"]
[DAYS], [TIMES] = list(OPENING), [value["pattern"] for value in OPENING.values()]
CLOSURE = SCHEMA["$defs"]["Hub"]["properties"]["closures"]["items"]["pattern"]

# What a place's text must match, a file with the text at that place, and the refusals that no pattern can express.
FORMS: dict[str, tuple[str, Callable[[str], object], str]] = {
    "id": (pattern_of("Hub", "id"), lambda text: {"hubs": [{"id": text}]}, "never"),
    "every": (pattern_of("Sensor", "every"), lambda text: sensor(every=text), "more than a year"),
    "device": (pattern_of("Sensor", "device"), lambda text: sensor(device=text), "never"),
    "model": (pattern_of("Sensor", "model"), lambda text: sensor(model=text), "never"),
    "days": (DAYS, lambda text: hub(opening={text: "09:00-17:00"}), "never"),
    "times": (TIMES, lambda text: hub(opening={"mon": text}), "it starts|overlap"),
    "closure": (CLOSURE, lambda text: hub(closures=[text]), "before it starts|not in the calendar"),
}


def hub(**keys: object) -> dict[str, Any]:
    return {"hubs": [{"id": "a", **keys}]}


def sensor(**keys: object) -> dict[str, Any]:
    return hub(sensors=[{"id": "a", **keys}])


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_a_pattern_of_the_schema_is_the_form_that_the_reader_takes(form: str, data: st.DataObject) -> None:
    pattern, content_with, beyond = FORMS[form]
    right = st.from_regex(pattern.replace("$", r"\Z"), alphabet=st.characters(codec="ascii"))
    texts = right | right.flatmap(one_character_off) | st.text(max_size=12)
    # Python's $ lets a line break pass at the end, that of editors does not.
    text = data.draw(texts.filter(lambda text: not text.endswith("\n")))
    content = content_with(text)

    if EDITOR.is_valid(content):
        refused = problem_of(content)
        assert refused is None or re.search(beyond, refused)
    else:
        assert not is_taken(content)


def one_character_off(text: str) -> st.SearchStrategy[str]:
    return st.tuples(st.integers(0, len(text)), st.sampled_from(["", "0", "-", ":", " ", "A", "\n", "\u0663"])).map(
        lambda change: text[: change[0]] + change[1] + text[change[0] + 1 :]
    )


def problem_of(content: object) -> str | None:
    try:
        parse_estate(json.dumps(content))
    except ModelFileError as error:
        return str(error)
    return None


def places(content: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place, *(found for step, value in inner for found in places(value, (*place, step)))]


DESIGN = yaml.load(GOOD["design"], Loader=EditorLoader)  # noqa: S506 - a SafeLoader with fewer words
WORDS = st.sampled_from(
    ["", "x", "Armley", "armley", "5m", "mon", "09:00-17:00", "2026-12-25", "footfall", "UTC", "a/b"]
)
VALUES = st.recursive(WORDS | st.none(), lambda v: st.lists(v, max_size=2) | st.dictionaries(WORDS, v, max_size=2))


@given(data=st.data(), value=VALUES)
def test_what_an_editor_underlines_the_reader_refuses(data: st.DataObject, value: object) -> None:
    content = copy.deepcopy(DESIGN)
    *path, last = data.draw(st.sampled_from([place for place in places(content) if place]))
    part = content
    for step in path:
        part = part[step]
    if data.draw(st.booleans()):
        part[last] = value
    else:
        del part[last]

    assert EDITOR.is_valid(content) or not is_taken(content)


def test_the_committed_schema_is_up_to_date() -> None:
    assert (REPOSITORY / "docs/estate.schema.json").read_text(encoding="utf-8") == estate_json_schema()


def test_every_key_is_described_for_whoever_hovers_over_it() -> None:
    parts = [SCHEMA, *(part for part in SCHEMA["$defs"].values() if "properties" in part)]

    assert {key for part in parts for key, value in part["properties"].items() if "description" not in value} == set()
