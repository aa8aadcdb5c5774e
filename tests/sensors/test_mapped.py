"""Any JSON by a mapping: whatever is sent, it becomes readings in their types, nothing, or refusals of a known kind."""

import json
import re
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.explain import explain
from ingest.validate import typed_fields
from mqtt.messages import Message
from schemas.mapping import JsonMapping, parse_path
from schemas.readings import Rejection
from schemas.settings import Settings
from sensors.estate_file import parse_estate
from sensors.formats import OTHERS, Item
from sensors.formats.mapped import MappedFormat
from sensors.registry import Registry
from sensors.times import text_ns
from tests.real_parts import REPOSITORY

MAPPINGS = [
    {"device": "id", "time": "at", "fields": {"temperature_c": {"path": "a.t", "unit": "degF"}, "entries": "b[0]"}},
    {"device": "/1", "each": "a", "line": "n", "fields": {"entries": {"path": "b", "scale": 0.1}, "co2_ppm": "$.c"}},
    {"device": "$.id", "fields": {"exits": {"value": 1}, "pressure_hpa": {"path": "a", "scale": 1e300, "offset": 1}}},
]
NAMES = st.sampled_from(["id", "at", "a", "b", "c", "n", "t", "x"])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), st.just("21.5"),
    st.just(10**400), st.just("2026-05-12T12:00:00"), st.just("9" * 300),
)  # fmt: skip
SENT = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5))


@given(mapping=st.sampled_from(MAPPINGS), sent=SENT)
def test_whatever_is_sent_becomes_readings_in_their_types_or_refusals(mapping: dict[str, Any], sent: Any) -> None:
    format_ = MappedFormat(JsonMapping.model_validate(mapping))
    [answer] = format_.decode([Message(b"gates/g-1/data", json.dumps(sent).encode())])

    for decoded in () if isinstance(answer, OTHERS) else answer:
        for item in decoded.items:
            assert isinstance(item, Item | Rejection)
            if isinstance(item, Item):
                assert typed_fields(item.kind, item.fields) == item.fields


@pytest.mark.parametrize(
    "text, steps",
    [
        ("a.b", ("a", "b")),
        ("counts[0].in", ("counts", 0, "in")),
        ("['a.b'].c", ("a.b", "c")),
        ("$.a", ("a",)),
        ('a["x y"]', ("a", "x y")),
    ],
)
def test_a_path_is_steps(text: str, steps: tuple[str | int, ...]) -> None:
    assert parse_path(text).steps == steps
    assert parse_path(text).from_top == text.startswith("$")


@pytest.mark.parametrize("text", ["", "a..b", "a[", "a[-1]", "[x]", ".a", "a.", "/x"])
def test_what_is_no_path_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write for example"):
        parse_path(text)


def test_the_example_of_the_docs_is_true() -> None:
    text = (REPOSITORY / "docs" / "adding-a-device.md").read_text(encoding="utf-8")
    part = text.partition("## By mapping")[2].partition("\n## ")[0]
    found = {name: dedent(block) for name, block in re.findall(r"( *```\w+)\n(.*?)\n *```", part, re.DOTALL)}
    blocks = {name.strip().strip("`"): block for name, block in found.items()}
    readings, rejected, _ = explain(
        "acme/gates/gate-17/data",
        blocks["json"].encode(),
        registry=Registry(parse_estate(blocks["yaml"])),
        settings=Settings(),
        clock_ns=lambda: text_ns("2026-05-12T12:00:00Z"),
    )

    assert rejected == []
    assert [(reading.sensor, reading.time, reading.fields) for reading in readings] == [
        ("gate", "2026-05-12T11:30:00Z", {"entries": 3, "exits": 2}),
        ("gate-line2", "2026-05-12T11:30:00Z", {"entries": 0, "exits": 1}),
    ]
