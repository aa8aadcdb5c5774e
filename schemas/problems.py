"""What pydantic finds wrong, as sentences for operators: what is there, and what to write instead.

The sentences draw on the models: a field's example becomes the hint, its neighbours the keys to choose from.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticOmit

from schemas.errors import choices, shown
from schemas.repeats import Place

Model = type[BaseModel]
T = TypeVar("T")

PROBLEMS_KEPT_MAX = 10_000
"""Of a file's problems: nobody reads more, and pydantic takes a kilobyte for each."""
_SHORT_MAX = 40
_BOUNDS = {
    "greater_than_equal": ("ge", "too small: write {} or more"),
    "greater_than": ("gt", "too small: write more than {}"),
    "less_than_equal": ("le", "too large: write {} or less"),
    "less_than": ("lt", "too large: write less than {}"),
}


class ProblemCount:
    """The context of a file's validation, in which its larger parts are looked at while few are wrong."""

    def __init__(self) -> None:
        self._count = 0

    def of(self, validated: Callable[[], T]) -> T:
        """Validate a part; raises PydanticOmit instead, as if it were not there, after PROBLEMS_KEPT_MAX problems."""
        if self._count > PROBLEMS_KEPT_MAX:
            raise PydanticOmit
        try:
            return validated()
        except ValidationError as error:
            self._count += error.error_count()
            raise


def sentence(model: Model, detail: ErrorDetails) -> str:
    """One error of a `model`'s validation in words, without its place."""
    kind, place, given = detail["type"], detail["loc"], detail["input"]
    context: dict[str, Any] = detail.get("ctx", {})
    if kind == "missing":
        text = f"is missing: add `{place[-1]}: ...`"
    elif kind == "extra_forbidden" or _is_ours_alone(model, place):
        text = f"is not a key here: {_one_of(str(place[-1]), list(_keys(part_at(model, place[:-1]))))}"
    elif kind == "value_error":
        text = str(context["error"])
    elif kind in {"literal_error", "enum"}:
        text = f"{shown(given)} is not known: {_one_of(str(given), _names(context['expected']))}"
    elif kind in _BOUNDS:
        bound, hint = _BOUNDS[kind]
        text = f"{shown(given)} is {hint.format(_plain(context[bound]))}"
    elif kind == "string_too_long":
        text = f"{shown(given)} is longer than {context['max_length']} characters: shorten it"
    elif kind in _NOT:
        what, hint_of = _NOT[kind]
        text = f"{shown(given)} is not {what}: {hint_of(model, place, given)}"
    else:
        text = f"{shown(given)} does not fit: {detail['msg'][:1].lower()}{detail['msg'][1:]}"
    return text


def _is_ours_alone(model: Model, place: Place) -> bool:
    """Whether the field at a place is for code to set, not for files."""
    part = part_at(model, place[:-1])
    return part is not None and bool(place) and place[-1] in part.model_fields.keys() - _keys(part).keys()


def _names(expected: str) -> list[str]:
    return [name.strip("'") for name in expected.replace(" or ", ", ").split(", ")]


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _example(model: Model, place: Place, _given: object) -> str:
    field = field_at(model, place)
    examples = field.examples or [field.default] if field else []
    return f"write for example {examples[0]}" if examples and examples[0] is not None else "correct it"


def _as_list(model: Model, place: Place, given: object) -> str:
    if not _is_short(given):
        return 'start each of its items with "- "'
    first = next(iter(_keys(part_at(model, place))), None)
    return f"write [{{{first}: {given}}}]" if first else f"write [{given}]"


def _as_mapping(model: Model, place: Place, given: object) -> str:
    first = next(iter(_keys(part_at(model, place))), "key")
    return f"write {{{first}: {given}}}" if _is_short(given) else f"write its keys, as in `{first}: ...`"


def _as_value(_model: Model, _place: Place, given: object) -> str:
    if isinstance(given, list) and len(given) == 1 and _is_short(given[0]):
        return f"write {given[0]}"
    return "write it without a dash, a colon or brackets"


_Cure = Callable[[Model, Place, object], str]
_WHOLE_NUMBER: tuple[str, _Cure] = ("a whole number", _example)
_NUMBER: tuple[str, _Cure] = ("a number", _example)
_LIST: tuple[str, _Cure] = ("a list", _as_list)
_MAPPING: tuple[str, _Cure] = ("a mapping of keys to values", _as_mapping)
_NOT: Mapping[str, tuple[str, _Cure]] = {
    "int_parsing": _WHOLE_NUMBER,
    "int_type": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing_size": ("a number of this size", _example),
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": _NUMBER,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "string_type": ("one value", _as_value),
    "string_pattern_mismatch": ("of the right form", _example),
}


def _is_short(given: object) -> bool:
    return isinstance(given, str) and len(given) <= _SHORT_MAX and given.isprintable()


def _one_of(name: str, known: Sequence[str]) -> str:
    near = nearest(name, known)
    return f"did you mean {near}?" if near else f"write one of {choices(known)}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that somebody who wrote `name` must have meant."""
    known = list(known)
    plain = name[:64].lower()
    same_start = [near for near in known if len(plain) > 1 and near.lower().startswith(plain)]
    return next(iter(same_start or difflib.get_close_matches(plain, known, n=1)), None)


def _keys(part: Model | None) -> dict[str, FieldInfo]:
    """The keys of a part that a file may have, with their fields."""
    fields = part.model_fields if part else {}
    return {field.alias or name: field for name, field in fields.items() if not field.exclude}


def field_at(model: Model, place: Place) -> FieldInfo | None:
    """The field that stands at a place; list indexes are passed over."""
    keys = [step for step in place if isinstance(step, str)]
    return _keys(part_at(model, tuple(keys[:-1]))).get(keys[-1]) if keys else None


def part_at(model: Model, place: Place) -> Model | None:
    """The model that stands at a place, or None where there is something else."""
    part: Model | None = model
    for step in place:
        if isinstance(step, str):
            field = _keys(part).get(step)
            part = _model_in(field.annotation) if field else None
    return part


def _model_in(annotation: Any) -> Model | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
