"""How any JSON becomes readings: the `mapping` of a source of format `json`.

A path names a value in a message: `data.temperature`, `counts[0].in`, `['a.b'].c`. Within `each`, a path begins at the
element, and one that begins with `$.` at the top. `/1` is a level of the topic, the first being 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from schemas.errors import shown
from schemas.kinds import FIELDS

_STEP = re.compile(r"""(?:^|\.)([A-Za-z_$\u0080-\uffff][^.\[\]'"]*|[0-9]+)|\[(\d{1,4})\]|\['([^']*)'\]|\["([^"]*)"\]""")
_LEVEL = re.compile(r"/(\d{1,2})")


class ValuePath(NamedTuple):
    """Where a value is: a level of the topic, or the steps to it from the top of a message or from an element."""

    level: int | None
    from_top: bool
    steps: tuple[str | int, ...]


@lru_cache(maxsize=1024)
def parse_path(text: str) -> ValuePath:
    """A path of the estate file. Raises ValueError."""
    level = _LEVEL.fullmatch(text)
    if level is not None:
        return ValuePath(int(level[1]), from_top=True, steps=())
    steps: list[str | int] = []
    position = 0
    while position < len(text):
        found = (
            _STEP.match(text, position) if (position == 0) != (text[position] == ".") or text[position] == "[" else None
        )
        if found is None or found.end() == position:
            raise ValueError(f"{shown(text)} is not a path: write for example data.temperature, counts[0].in or /1")
        name, index, single, double = found.groups()
        steps.append(int(index) if index is not None else next(t for t in (name, single, double) if t is not None))
        position = found.end()
    if not steps:
        raise ValueError("no path: write for example data.temperature")
    from_top = steps[0] == "$"
    return ValuePath(None, from_top, tuple(steps[1:] if from_top else steps))


def _path(text: str) -> str:
    parse_path(text)
    return text


Path = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_path)]


class _MappingPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class MappedField(_MappingPart):
    """Where a field's value is, and how it is written there."""

    path: Path | None = Field(default=None, examples=["data.temperature"])
    """Where it is."""

    value: float | None = None
    """A constant, instead of a path: a gate that reports each person is `entries: {value: 1}`."""

    unit: str | None = Field(default=None, examples=["degF"])
    """What it is written in, where that is not the field's unit."""

    scale: float = 1.0
    """What it is multiplied by, before the offset is added; both before the unit is converted."""

    offset: float = 0.0
    """What is added."""

    @model_validator(mode="after")
    def _one_source(self) -> MappedField:
        if (self.path is None) == (self.value is None):
            raise ValueError("write either path or value")
        return self


def _field(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


_OneField = Annotated[MappedField, BeforeValidator(_field, json_schema_input_type=str | MappedField)]


class _MappedFields(_MappingPart):
    """A path, or a path and more, for each field of docs/formats.md that the messages have."""

    def given(self) -> Iterator[tuple[str, MappedField]]:
        """The fields that there are."""
        yield from ((name, value) for name in FIELDS if (value := getattr(self, name, None)) is not None)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not any(True for _ in self.given()):
            raise ValueError("no field: write for example co2_ppm: data.co2")
        return self


_FIELD_DEFINITIONS: dict[str, Any] = {
    name: (
        _OneField | None,
        Field(default=None, description=f"Where its value is, and how it is written: {field.unit}."),
    )
    for name, field in FIELDS.items()
}
MappedFields = create_model("MappedFields", __base__=_MappedFields, **_FIELD_DEFINITIONS)


class ValueMapping(_MappingPart):
    """Where time and fields are in a message, or in what a codec returns."""

    time: Path | None = Field(default=None, examples=["meta.time"])
    """The time: RFC 3339, or a Unix time. One without an offset is of the hub's time zone; without it: the receipt."""

    each: Path | None = Field(default=None, examples=["readings"])
    """An array each element of which is a reading."""

    line: Path | None = Field(default=None, examples=["line"])
    """The number of the line of a people counter with several."""

    fields: MappedFields
    """A path, or a path and more, for each field of docs/formats.md that the messages have."""


class JsonMapping(ValueMapping):
    """Where in a message, or in its topic, device, time and fields are."""

    device: Path = Field(examples=["meta.id", "/1"])
    """What names the device, as its `device:` has it."""
