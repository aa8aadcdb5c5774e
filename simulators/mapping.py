"""How the columns of a table become readings: the mapping file of `hubpulse replay --mapping`.

    estate: calit2.estate.yaml         # optional: the estate file, next to this one, that the data needs
    time: {column: date, format: "%m/%d/%y %H:%M:%S", timezone: America/Los_Angeles}
    readings:
      - {topic: hubs/calit2/footfall/door, fields: {entries: in, exits: out}}

Every problem is one line that names the place in the file and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from schemas import KINDS, HubpulseError, Kind
from schemas.ids import Id, is_id
from schemas.time_zones import TimeZone
from sensors.model_file import read_model
from simulators.local_times import ISO, check_format

SHIPPED = Path(__file__).parent / "mappings"
FILE_COLUMN = "file"
"""A column that every table has: the file's name without its endings."""

_COLUMN = re.compile(r"\{([^{}]*)\}")
_LEVELS = 4


class MappingError(HubpulseError):
    """The mapping can't be used, or doesn't fit the table."""


class _MappingPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _formats(value: object) -> object:
    many = _one_or_many(value)
    if isinstance(many, list | tuple):
        for format_ in many:
            check_format(str(format_))
    return many


def _some(value: Sized) -> Sized:
    if not value:
        raise ValueError("is empty: write at least one")
    return value


NotEmpty = AfterValidator(_some)
ColumnOrNumber = Annotated[int | Annotated[float, Field(allow_inf_nan=False)] | str, Field(union_mode="left_to_right")]
"""The number that a text of the file is; any other text is a column."""


class TimeColumns(_MappingPart):
    """Where a row's time stands: one column, or several that are read joined by blanks (a date and an hour)."""

    columns: Annotated[tuple[str, ...], BeforeValidator(_one_or_many), NotEmpty, Field(alias="column")]
    formats: Annotated[tuple[str, ...], BeforeValidator(_formats), NotEmpty, Field(alias="format")] = (ISO,)
    timezone: TimeZone | None = None


class ReadingColumns(_MappingPart):
    """One reading of a row. `{column}` in the topic stands for that column's name of a hub or sensor.

    A field is taken from the column that it names, or is the number itself. `where` keeps the rows whose columns hold
    these texts.
    """

    topic: str
    fields: Annotated[dict[str, ColumnOrNumber], NotEmpty]
    where: dict[str, str] = {}

    @property
    def kind(self) -> Kind:
        return Kind(self.topic.split("/")[2])

    @property
    def topic_columns(self) -> tuple[str, ...]:
        return tuple(_COLUMN.findall(self.topic))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the reading needs."""
        return (*self.topic_columns, *self.where, *(value for value in self.fields.values() if isinstance(value, str)))

    @model_validator(mode="after")
    def _fits_its_kind(self) -> ReadingColumns:
        _check_topic(self.topic)
        known = [field.name for field in KINDS[self.kind].fields]
        unknown = next((name for name in self.fields if name not in known), None)
        if unknown is not None:
            raise ValueError(f"{unknown!r} is not a field of {self.kind}: write {', '.join(known)}")
        return self


def _check_topic(topic: str) -> None:
    levels = topic.split("/")
    if len(levels) != _LEVELS or levels[0] != "hubs":
        raise ValueError(f"{topic!r} is not a native topic: write hubs/<hub>/<kind>/<sensor>")
    _, hub, kind, sensor = levels
    if kind not in list(Kind):
        raise ValueError(f"{kind!r} in {topic!r} is not a kind: write one of {', '.join(Kind)}")
    for level in (hub, sensor):
        if not is_id(_COLUMN.sub("x", level)):
            raise ValueError(f"{level!r} in {topic!r} is not an id: use lower-case letters, digits, - and _")


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as error:
        raise ValueError(f"{name!r} is not an encoding: write for example utf-8 or latin-1") from error
    return name


class TableMapping(_MappingPart):
    """The whole mapping file."""

    estate: str | None = None
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8-sig"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    decimal: str = Field(default=".", min_length=1, max_length=1)
    header: bool = True
    columns: tuple[str, ...] = Field(default=(), validate_default=True)
    blanks: tuple[str, ...] = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
    names: Mapping[str, Mapping[str, Id]] = {}
    time: TimeColumns
    readings: Annotated[tuple[ReadingColumns, ...], NotEmpty]

    @field_validator("columns")
    @classmethod
    def _named(cls, columns: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if info.data.get("header") is False and not columns:
            raise ValueError("is missing: a file without a header needs its column names, as in [date, in, out]")
        return columns


def load_mapping(name: str) -> tuple[TableMapping, Path]:
    """The mapping of a file, or of the name of a shipped one (`calit2`), and the file's path. Raises HubpulseError."""
    path = Path(name)
    if not path.is_file() and (SHIPPED / f"{name}.yaml").is_file():
        path = SHIPPED / f"{name}.yaml"
    try:
        content = path.read_bytes()
    except OSError as error:
        shipped = ", ".join(shipped_names())
        raise MappingError(f"{name}: can't be read ({error}): give a mapping's path, or one of {shipped}") from error
    return parse_mapping(content, name=path.name), path


def shipped_names() -> list[str]:
    """The mappings that come with Hubpulse."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml") if not path.stem.endswith(".estate"))


def parse_mapping(content: bytes | str, *, name: str = "mapping") -> TableMapping:
    """The mapping of a file's content; `name` is what errors call the file. Raises ModelFileError."""
    return read_model(TableMapping, content, name=name, start="time: {column: date}")
