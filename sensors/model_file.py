"""A YAML file as a model, or every problem of it at once: the line, the place, what is wrong, what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import HubpulseError
from schemas.problems import PROBLEMS_KEPT_MAX, ProblemCount, sentence
from schemas.repeats import Place
from sensors.yaml_faults import UnreadableError
from sensors.yaml_text import Document, Problem, TextMapping, read_yaml

M = TypeVar("M", bound=BaseModel)

PROBLEMS_MAX = 50
_BREAK = re.compile(rb"\r\n|\n|\r")
_KEY_MARK = "[key]"
"""What pydantic adds to the place of an error that is in a key, not in its value."""


class ModelFileError(HubpulseError):
    """The file can't be used; `problems` has a line of text for each thing to fix, in the file's order."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _decode(content: bytes, *, name: str) -> str:
    try:
        # Editors on Windows start a file with a byte order mark.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(_BREAK.findall(content[: error.start])) + 1
        byte = content[error.start]
        raise ModelFileError([f"{name}:{line}: byte 0x{byte:02x} is not UTF-8: save the file as UTF-8"]) from error


def read_model(model: type[M], content: bytes | str, *, name: str, start: str) -> M:
    """The model of a file's content. `name` is what the problems call the file, `start` a line that it may start with.

    Raises ModelFileError.
    """
    try:
        document = read_yaml(content if isinstance(content, str) else _decode(content, name=name))
    except UnreadableError as error:
        raise ModelFileError([f"{name}:{error.line}: {error.sentence}"]) from error
    if not isinstance(document.content, TextMapping):
        what = "is empty" if document.content is None else "holds no `key: value` at its top"
        raise ModelFileError([f"{name}:1: {what}: start with for example `{start}`"])
    found: M | None = None
    details: list[ErrorDetails] = []
    try:
        found = model.model_validate(document.content, context=ProblemCount())
    except ValidationError as error:
        details = error.errors(include_url=False)
    if found is None or document.problems:
        raise ModelFileError(_lines(name, document, model, details))
    return found


def _lines(name: str, document: Document, model: type[BaseModel], details: list[ErrorDetails]) -> list[str]:
    problems = sorted(_problems(document, model, details), key=lambda problem: problem.line)
    found = len(problems) + len(details[PROBLEMS_KEPT_MAX:])
    lines = [f"{name}:{p.line}: {document.spell(p.place)}: {_worded(p)}" for p in problems[:PROBLEMS_MAX]]
    if found > PROBLEMS_MAX:
        more = "thousands" if found >= PROBLEMS_KEPT_MAX else found - PROBLEMS_MAX
        lines.append(f"{name}: and {more} more: fix these first")
    return lines


def _worded(problem: Problem) -> str:
    return problem.sentence if isinstance(problem.sentence, str) else problem.sentence()


def _problems(document: Document, model: type[BaseModel], details: list[ErrorDetails]) -> Iterator[Problem]:
    yield from document.problems
    reported = {problem.place for problem in document.problems}
    for detail in details[:PROBLEMS_KEPT_MAX]:
        place: Place = tuple(step for step in detail["loc"] if step != _KEY_MARK)
        if detail["type"] == "repeated":
            for repeat in detail["ctx"]["repeats"]:
                again, first = place + repeat.place, document.line_of(place + repeat.first)
                text = f"{repeat.sentence} (the first is on line {first})"
                yield Problem(document.line_of(again), again, text)
        elif place not in reported:
            yield Problem(document.line_of(place), place, partial(sentence, model, detail))
