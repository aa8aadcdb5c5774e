"""Text of strangers is shown, never obeyed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.printable import printable


@given(st.text())
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    shown = printable(text)

    assert all(char.isprintable() or char.isspace() for char in shown)
    assert shown.isascii() or shown.encode()
    assert not {"\n", "\r", "\t", "\x1b", "\x9b", "\x7f"} & set(shown)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("two\nlines", "two\\nlines"),
        ("\ud800", "\\ud800"),
        ("Café \u2013 21.4\u202f°C, 1\u00a0204, \u65e5", "Café \u2013 21.4\u202f°C, 1\u00a0204, \u65e5"),
    ],
)
def test_what_does_more_than_stand_there_is_written_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_stay_lines_where_they_are_shown_as_such() -> None:
    assert printable("a\nb\rc", keep="\n") == "a\nb\\rc"
