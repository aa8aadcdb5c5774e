"""What is wrong with the parameters of a request, each in a sentence that says what may be asked instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from schemas.texts import _

_CHOICES_MAX = 20
_NAME_CHARACTERS_MAX = 64


def refusal(errors: Sequence[Mapping[str, Any]], known: Sequence[Mapping[str, Any]] = ()) -> str:
    """What FastAPI's errors come to; `known` are the route's parameters as OpenAPI describes them, where it does."""
    found = sorted({(str(error["loc"][-1]), _sentence(error, known)) for error in errors})
    return "; ".join(sentence for _name, sentence in found)


def _sentence(error: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> str:
    name, kind, context = str(error["loc"][-1])[:_NAME_CHARACTERS_MAX], error["type"], error.get("ctx", {})
    names = [parameter["name"] for parameter in known]
    if kind == "extra_forbidden" and names:
        return _("{name} is not known here, choose from: {choices}").format(name=name, choices=", ".join(names))
    if kind in {"enum", "literal_error"}:
        choices = ", ".join(re.findall(r"'([^']*)'", context["expected"])[:_CHOICES_MAX])
        return _("{name} can't be that, choose from: {choices}").format(name=name, choices=choices)
    if kind == "missing":
        return _("{name} is missing").format(name=name)
    for start, words in _WORDS.items():
        if kind.startswith(start):
            return words().format(name=name, **context)
    return _("{name} is not known here, or can't be read").format(name=name)


_WORDS: Mapping[str, Callable[[], str]] = {
    "date_": lambda: _("{name}: write a day as 2026-11-03"),
    "datetime_": lambda: _("{name}: write a time as 2026-11-03T14:00:00Z"),
    "timezone_aware": lambda: _("{name}: write a time as 2026-11-03T14:00:00Z"),
    "greater_than_equal": lambda: _("{name}: at least {ge}"),
    "less_than_equal": lambda: _("{name}: at most {le}"),
    "int_": lambda: _("{name}: write a whole number"),
    "bool_": lambda: _("{name}: write true or false"),
    "string_pattern": lambda: _("{name}: hubs and sensors go by their id, such as armley"),
}
"""By how the kind of an error begins."""


def described(schema: Mapping[str, Any], path: str) -> Iterator[Mapping[str, Any]]:
    """The parameters of a route that OpenAPI describes; none where it does not."""
    for method in schema["paths"].get(path, {}).values():
        yield from method.get("parameters", ())
