"""An estate file is changed at places that libyaml tells, which counts the signs of a text as Python does."""

from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from sensors.yaml_text import LOADER

PARTS = (
    "é",
    "日本",
    "😀",
    "'q ü'",
    '"\\u00e9"',
    "[a, 'ö', {k: v}]",
    "{a: ö}",
    "# ç\n",
    "|\n    ö\n    b",
    "\x85",
    "\u2028",
    "",
)
TEXTS = st.lists(
    st.tuples(
        st.sampled_from(["# ç\n", "\n", ""]), st.sampled_from(["\n  - ", " ", "\n  s: "]), st.sampled_from(PARTS)
    ),
    min_size=1,
    max_size=4,
)


def marks(node: Any) -> Iterator[tuple[int, int, int]]:
    yield node.start_mark.index, node.start_mark.column, node.end_mark.index
    if not isinstance(node, yaml.ScalarNode):
        for part in node.value:
            for each in part if isinstance(part, tuple) else [part]:
                yield from marks(each)


def marks_by(loader: Any, text: str) -> list[tuple[int, int, int]] | None:
    try:
        return [*marks(yaml.compose(text, Loader=loader))]
    except yaml.YAMLError:
        return None


@given(TEXTS, st.sampled_from(["\n", "\r\n"]))
def test_places_are_counted_in_signs(parts: list[tuple[str, str, str]], line_end: str) -> None:
    text = "".join(f"{before}k{n}:{way}{value}\n" for n, (before, way, value) in enumerate(parts))
    text = text.replace("\n", line_end)
    assert marks_by(LOADER, text) == marks_by(yaml.BaseLoader, text)
