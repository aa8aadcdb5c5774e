"""Reads a YAML file as the operator who wrote it means it: every scalar is the text that stands there.

So `no` is not False, `0012` is not 10 and `2026-12-25` is not a date; the models decide what a text is. Every key and
item knows its line. What YAML lets pass in silence, such as an empty value or a key that is there twice, is collected
as problems, so that an operator sees them all at once, together with what the models find.

The parser's events are read one by one onto a stack of our own, which bounds depth and size: composing the document
with the library crashes the process on deep nesting, and aliases of aliases ("billion laughs") grow without end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from schemas.errors import shown
from schemas.problems import PROBLEMS_KEPT_MAX
from schemas.repeats import Place
from sensors.yaml_faults import UnreadableError, check_characters, syntax_fault

DEPTH_MAX = 20
ITEMS_MAX = 500_000
"""Within each item of a list at the top, such as a hub, and in all that is around these."""
FILE_ITEMS_MAX = 5_000_000
"""Together: 10,000 hubs with 20 sensors each have 3 million."""

# libyaml reads ten times as fast, and every wheel of PyYAML has it.
LOADER: type[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_NAME_MAX = 64
_DEPTH_OF_HUBS = 2
_WORDS_MAX = 10_000
"""So many texts are kept once, however often a file has them."""
_EMPTY = frozenset({"", "~", "null", "Null", "NULL"})


class TextMapping(dict[str, Any]):
    """A mapping of the file; `lines` has the lines of each key, the first and the last: two where it is there again."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, tuple[int, int]] = {}


class TextList(list[Any]):
    """A list of the file; `lines` has the line of each item."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []


Content = TextMapping | TextList | str | None
"""What stands at a place; None where nothing follows the colon or the dash."""


class Problem(NamedTuple):
    """Something to fix at a place of the file."""

    line: int
    place: Place
    sentence: str | Callable[[], str]
    """What takes long to word is only worded where it is shown: a wrong file may have hundreds of thousands."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content, and the problems that are plain before a model looks at it."""

    content: Content
    problems: Sequence[Problem]

    def line_of(self, place: Place) -> int:
        """The line of a place, or of the nearest one around it that the file has."""
        line, content = 1, self.content
        for step in place:
            if isinstance(content, TextMapping) and step in content:
                line, content = content.lines[str(step)][-1], content[str(step)]
            elif isinstance(content, TextList) and isinstance(step, int) and step < len(content):
                line, content = content.lines[step], content[step]
            else:
                break
        return line

    def spell(self, place: Place) -> str:
        """A place in words; an item goes by its id where it has one: `hubs[armley].sensors[2]`."""
        words, content = "", self.content
        for step in place:
            name: object = step
            if isinstance(content, TextMapping):
                content = content.get(str(step))
            elif isinstance(content, TextList) and isinstance(step, int) and step < len(content):
                content = content[step]
                identity = content.get("id") if isinstance(content, TextMapping) else None
                name = identity if isinstance(identity, str) else step
            words += f"[{_printable(name)}]" if isinstance(step, int) else f".{_printable(name)}"
        return words.removeprefix(".")


def _printable(name: object) -> str:
    text = str(name)
    return text if text.isprintable() and len(text) <= _NAME_MAX else shown(name)


def read_yaml(text: str) -> Document:
    """The content of a YAML file. Raises UnreadableError where it is none."""
    check_characters(text)
    reader = _Reader()
    try:
        for event in yaml.parse(text, Loader=LOADER):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        raise syntax_fault(text, error) from error
    return Document(reader.root, reader.problems)


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end is not read yet. `key` waits for its value."""

    container: TextMapping | TextList
    line: int
    anchor: str | None
    items_before: int
    key: str | None = None


class _Reader:
    """Builds the content from the parser's events."""

    def __init__(self) -> None:
        self.root: Content = None
        self.problems: list[Problem] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Content, int]] = {}
        self._words: dict[str, str] = {}
        self._items = 0
        self._items_of_hubs = 0
        self._lines = (0, 0)
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        """Take the parser's next event."""
        line = event.start_mark.line + 1 if event.start_mark else 1
        if line != self._lines[0]:
            # Once for all that stands on a line: a large file has millions of keys.
            self._lines = (line, line)
        self._items += 1
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._start(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor, line)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise UnreadableError(line, "a second document starts here (---): keep one of them")
        for items, items_max in ((self._items - self._items_of_hubs, ITEMS_MAX), (self._items, FILE_ITEMS_MAX)):
            if items > items_max:
                raise UnreadableError(line, f"more than {items_max} items up to here: is this the right file?")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if event.tag is not None:
            self._refuse_tag(event.tag, line)
        word = event.value
        value: Content = self._words[word] if word in self._words else self._new_word(word)
        if not event.style and event.value in _EMPTY and not self._at_key():
            value = None
            self._problem(line, self._empty_hint())
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._add(value, line)

    def _new_word(self, word: str) -> str:
        if len(self._words) < _WORDS_MAX:
            self._words[word] = word
        return word

    def _empty_hint(self) -> str:
        if self._stack and ":" in (self._stack[-1].key or ""):
            return "is empty: write a space after the colon"
        return "is empty: write a value (in quotes if it starts with #), or leave it out"

    def _start(self, event: yaml.CollectionStartEvent, line: int) -> None:
        if self._at_key():
            raise UnreadableError(line, "a key can't be a list or a mapping: put it in quotes if it has brackets")
        if len(self._stack) == DEPTH_MAX:
            raise UnreadableError(line, f"nested deeper than {DEPTH_MAX} levels: is this the right file?")
        if event.tag is not None:
            self._refuse_tag(event.tag, line)
        container = TextMapping() if isinstance(event, yaml.MappingStartEvent) else TextList()
        self._stack.append(_Open(container, line, event.anchor, self._items))

    def _end(self) -> None:
        ended = self._stack.pop()
        if ended.anchor is not None:
            self._anchors[ended.anchor] = (ended.container, self._items - ended.items_before)
        if len(self._stack) == _DEPTH_OF_HUBS and isinstance(self._stack[-1].container, TextList):
            self._items_of_hubs += self._items - ended.items_before
        self._add(ended.container, ended.line)

    def _alias(self, anchor: str | None, line: int) -> None:
        if anchor is None or anchor not in self._anchors:
            raise UnreadableError(line, f"* starts an alias, and there is no &{anchor} above: put the value in quotes")
        value, items = self._anchors[anchor]
        self._items += items
        self._add(value, line)

    def _add(self, value: Content, line: int) -> None:
        """Put a value where it belongs: the next key, the value of the last one, the next item, or the root."""
        if not self._stack:
            self.root = value
            return
        top = self._stack[-1]
        if isinstance(top.container, TextList):
            top.container.append(value)
            top.container.lines.append(line)
        elif top.key is None:
            top.key = self._new_key(value, line, top.container)
        else:
            top.container[top.key] = value
            top.key = None

    def _new_key(self, value: Content, line: int, mapping: TextMapping) -> str:
        key = str(value)
        lines = mapping.lines.setdefault(key, self._lines)
        if key in mapping:
            mapping.lines[key] = (lines[0], line)
            self._problem(line, f"is there twice: keep one of them (the first is on line {lines[0]})", key)
        if key == "<<":
            self._problem(line, "can't be used here: write the keys out; an alias may stand for a whole value", key)
        return key

    def _refuse_tag(self, tag: str, line: int) -> None:
        short = shown(tag.replace("tag:yaml.org,2002:", "!!"))
        self._problem(line, f"{short} is a tag, which means nothing here: leave it out, or put it in quotes")

    def _at_key(self) -> bool:
        return bool(self._stack) and self._stack[-1].key is None and isinstance(self._stack[-1].container, TextMapping)

    def _problem(self, line: int, sentence: str, *key: str) -> None:
        if len(self.problems) == PROBLEMS_KEPT_MAX:
            return
        steps = (len(top.container) if isinstance(top.container, TextList) else top.key for top in self._stack)
        self.problems.append(Problem(line, (*(step for step in steps if step is not None), *key), sentence))
