"""Why a text is not YAML, in words for whoever wrote it: the parser's own words name tokens, not the slip."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from schemas.errors import shown

_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ODD_INDENT = re.compile("^[ \t]*[\xa0\u2000-\u200b\u202f\u3000]", re.MULTILINE)
_CONFLICT = re.compile("^(?:<{7} |={7}$|>{7} )", re.MULTILINE)
_KEY_WITHOUT_SPACE = re.compile(r"\s*(?:- )*[\w-]+:[^\s:]")
_DASH_WITHOUT_SPACE = re.compile(r"\s*-\w")
_COMMENT = re.compile(r"\s#")
_BRACKETS = frozenset("[{")
_BREAK = re.compile("\r\n|\n|\r")


class UnreadableError(Exception):
    """The text is not YAML, or more of it than anyone writes."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line, self.sentence = line, sentence


def check_characters(text: str) -> None:
    """Raise UnreadableError for characters that YAML refuses, or that pass for others."""
    if (control := _CONTROL.search(text)) is not None:
        code = f"U+{ord(control[0]):04X}"
        raise UnreadableError(_line_at(text, control.start()), f"the control character {code}: delete it")
    if (odd := _ODD_INDENT.search(text)) is not None:
        code = f"U+{ord(odd[0][-1]):04X}"
        raise UnreadableError(
            _line_at(text, odd.start()),
            f"indented with {code}, which only looks like a space: type spaces",
        )


def _line_at(text: str, position: int) -> int:
    return len(_BREAK.findall(text, 0, position)) + 1


def syntax_fault(text: str, error: yaml.MarkedYAMLError) -> UnreadableError:
    """What the parser stumbled over, and how to fix it."""
    if (conflict := _CONFLICT.search(text)) is not None:
        return UnreadableError(_line_at(text, conflict.start()), "a merge conflict: keep one of the two versions")
    lines = _BREAK.split(text)
    mark, context = error.problem_mark, error.context_mark
    at = (mark.line, mark.column) if mark else (0, 0)
    opened = (context.line, context.column) if context else at
    line, sentence = _explain(lines, str(error.problem), str(error.context), at, opened)
    return UnreadableError(line + 1, sentence)


Position = tuple[int, int]
"""Line and column, from 0."""


def _explain(lines: Sequence[str], problem: str, context: str, at: Position, opened: Position) -> tuple[int, str]:
    """The line at which the slip is, from 0, and the sentence about it."""
    line, start = at[0], _character(lines, opened)
    if _character(lines, at) == "\t":
        sentence = "a tab: indent with spaces"
    elif "mapping values" in problem:
        line, sentence = _stray_colon(lines, at)
    elif "quoted scalar" in context and "end of stream" in problem:
        line, sentence = opened[0], f"the quote {start} that opens here is never closed"
    elif "quoted scalar" in context:
        sentence = r"""a \ in "..." starts an escape: write the value in '...' instead"""
    elif "flow" in context:
        line, sentence = _open_bracket(lines, at, opened)
    elif "start any token" in problem or any(word in context for word in ("alias", "anchor", "tag", "directive")):
        sentence = f"a value can't start with {start}: put it in quotes"
    elif "block mapping" in context or "block collection" in context:
        line, sentence = _misplaced(lines, at)
    else:
        sentence = f"not YAML ({problem}): check indentation, brackets and quotes there"
    return line, sentence


def _open_bracket(lines: Sequence[str], at: Position, opened: Position) -> tuple[int, str]:
    line = opened[0]
    if _character(lines, opened) not in _BRACKETS:
        line = next((number for number in range(at[0], -1, -1) if set(_text(lines, number)) & _BRACKETS), at[0])
    if _COMMENT.search(_text(lines, line)):
        return line, "# starts a comment here: put a value with # in quotes"
    bracket = _character(lines, opened) or "bracket"
    return line, f"the {bracket} that opens here is not closed, or a comma is missing before {_spell(at)}"


def _stray_colon(lines: Sequence[str], at: Position) -> tuple[int, str]:
    here, before = _text(lines, at[0])[: at[1]], _text(lines, at[0] - 1)
    if ": " in here:
        return at[0], 'a value has ": " in it: put the whole value in quotes'
    if _KEY_WITHOUT_SPACE.match(before):
        return at[0] - 1, "write a space after the colon"
    if _DASH_WITHOUT_SPACE.match(before):
        return at[0] - 1, "write a space after the dash"
    if ":" not in before:
        return at[0] - 1, f"{shown(before.strip())} is not `key: value`: add the colon, and a space after it"
    return at[0], "this line is indented deeper than those it belongs with: give them the same indentation"


def _misplaced(lines: Sequence[str], at: Position) -> tuple[int, str]:
    here = _text(lines, at[0])[: at[1]]
    for quote in "\"'":
        if here.count(quote) % 2:
            odd = (line for line in range(at[0] - 1, -1, -1) if _text(lines, line).count(quote) % 2)
            return next(odd, at[0]), f"the quote {quote} that opens here is never closed"
    if here.strip():
        return at[0], "something follows a closing quote: put the whole value in one pair of quotes"
    if _text(lines, at[0]).lstrip().startswith("-"):
        return at[0], "an item (-) where a key is expected: indent it as the items of its list"
    return at[0], "this line is indented differently from those it belongs with: give them the same indentation"


def _spell(at: Position) -> str:
    return f"line {at[0] + 1}, column {at[1] + 1}"


def _text(lines: Sequence[str], number: int) -> str:
    return lines[number] if 0 <= number < len(lines) else ""


def _character(lines: Sequence[str], at: Position) -> str:
    return _text(lines, at[0])[at[1] : at[1] + 1]
