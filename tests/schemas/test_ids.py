"""What may be an id, and which id is proposed for a text that may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.ids import ID_PATTERN, Id, is_id, nearest_id

ID: TypeAdapter[str] = TypeAdapter(Id)


@given(text=st.from_regex(ID_PATTERN, fullmatch=True))
def test_what_the_pattern_makes_is_an_id(text: str) -> None:
    assert is_id(text)
    assert ID.validate_python(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "-a", "_a", "Armley", "a b", "a.b", "a/b", "a+", "#", "caf\u00e9", "a" * 65, "a\n", "\u0661", "a:b", "."],
)
def test_what_is_no_id_is_refused_with_one_that_is(text: str) -> None:
    assert not is_id(text)
    with pytest.raises(ValidationError, match=f"is not an id .*: write {nearest_id(text)}"):
        ID.validate_python(text)


@given(text=st.text(max_size=100))
def test_the_proposed_id_is_always_an_id(text: str) -> None:
    assert is_id(nearest_id(text))


@given(text=st.from_regex("[a-z0-9]([_-]?[a-z0-9]){0,31}", fullmatch=True))
def test_a_plain_id_is_its_own_proposal(text: str) -> None:
    assert nearest_id(text) == text


@pytest.mark.parametrize(
    "text, proposed",
    [
        ("Armley Hub", "armley-hub"),
        ("Caf\u00e9 (West)", "cafe-west"),
        ("St James' Hall", "st-james-hall"),
        ("AA:BB:CC", "aa-bb-cc"),
        ("\u6587\u5316", "id-1"),
    ],
)
def test_the_proposed_id_looks_like_the_text(text: str, proposed: str) -> None:
    assert nearest_id(text) == proposed
