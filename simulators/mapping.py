"""How the columns of a table become readings: the mapping file of `hubpulse replay --mapping`.

    estate: calit2.estate.yaml         # optional: the estate file, beside this one, that the data needs
    time: {column: date, format: "%m/%d/%y %H:%M:%S", timezone: America/Los_Angeles}
    readings:
      - {topic: hubs/calit2/footfall/door, fields: {entries: in, exits: out}}

Every problem is one line that names the place in the file and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from schemas import KINDS, HubpulseError, Kind
from schemas.estate import TimeZone
from schemas.ids import Id, is_id
from simulators.local_times import ISO, check_format

SHIPPED = Path(__file__).parent / "mappings"
FILE_COLUMN = "file"
"""A column that every table has: the file's name without its endings."""

_COLUMN = re.compile(r"\{([^{}]*)\}")
_LEVELS = 4


class MappingError(HubpulseError):
    """The mapping can't be used, or doesn't fit the table."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _formats(value: object) -> object:
    many = _one_or_many(value)
    if isinstance(many, list | tuple):
        for format_ in many:
            check_format(str(format_))
    return many


def _column_or_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        sentence = f'{value!r} is neither a column nor a number: put a column\'s name in quotes, "{value}"'
        raise ValueError(sentence)  # noqa: TRY004 - pydantic reports ValueError
    return value


def _some(value: Sized) -> Sized:
    if not value:
        raise ValueError("is empty: write at least one")
    return value


NotEmpty = AfterValidator(_some)


class TimeColumns(_Part):
    """Where a row's time stands: one column, or several that are read joined by blanks (a date and an hour)."""

    columns: Annotated[tuple[str, ...], BeforeValidator(_one_or_many), NotEmpty, Field(alias="column")]
    formats: Annotated[tuple[str, ...], BeforeValidator(_formats), NotEmpty, Field(alias="format")] = (ISO,)
    timezone: TimeZone | None = None


class ReadingColumns(_Part):
    """One reading of a row. `{column}` in the topic stands for that column's name of a hub or sensor.

    A field is taken from the column that it names, or is the number itself. `where` keeps the rows whose columns hold
    these texts.
    """

    topic: str
    fields: Annotated[dict[str, Annotated[str | int | float, BeforeValidator(_column_or_number)]], NotEmpty]
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


class TableMapping(_Part):
    """The whole mapping file."""

    estate: str | None = None
    encoding: str = "utf-8-sig"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    decimal: str = Field(default=".", min_length=1, max_length=1)
    header: bool = True
    columns: tuple[str, ...] = ()
    blanks: tuple[str, ...] = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
    names: Mapping[str, Mapping[str, Id]] = {}
    time: TimeColumns
    readings: Annotated[tuple[ReadingColumns, ...], NotEmpty]

    @model_validator(mode="after")
    def _whole(self) -> TableMapping:
        if not self.header and not self.columns:
            raise ValueError("a file without a header needs its column names: write columns: [date, in, out]")
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ValueError(f"{self.encoding!r} is not an encoding: write for example utf-8 or latin-1") from error
        return self


def load_mapping(name: str) -> tuple[TableMapping, Path]:
    """The mapping of a file, or of the name of a shipped one (`calit2`), and the file's path. Raises MappingError."""
    path = Path(name)
    if not path.is_file() and (SHIPPED / f"{name}.yaml").is_file():
        path = SHIPPED / f"{name}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        shipped = ", ".join(shipped_names())
        raise MappingError(f"{name}: can't be read ({error}): give a mapping's path, or one of {shipped}") from error
    return parse_mapping(text, name=path.name), path


def shipped_names() -> list[str]:
    """The mappings that come with Hubpulse."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml") if not path.stem.endswith(".estate"))


def parse_mapping(text: str, *, name: str = "mapping") -> TableMapping:
    """The mapping of a file's text; `name` is what errors call the file. Raises MappingError with a line a problem."""
    try:
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MappingError(f"{name}:{line}: not YAML ({error.problem}): check indentation and quotes there") from error
    except yaml.YAMLError as error:
        raise MappingError(f"{name}: not YAML ({error}): save the file as plain text") from error
    if not isinstance(content, dict):
        raise MappingError(f"{name}: not a mapping: start with `time:` and `readings:`")
    try:
        return TableMapping.model_validate(content)
    except ValidationError as error:
        raise MappingError("\n".join(_problem(name, detail) for detail in error.errors())) from error


def _problem(name: str, detail: ErrorDetails) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]]
    place = "".join(parts).removeprefix(".") or "the file"
    return f"{name}: {place}: {_sentence(detail)}"


def _sentence(detail: ErrorDetails) -> str:
    given: Any = detail["input"]
    match detail["type"]:
        case "missing":
            return f"is missing: add `{detail['loc'][-1]}: ...`"
        case "extra_forbidden":
            return "unknown key: see docs/replay.md for those of a mapping"
        case "value_error":
            return str(detail["ctx"]["error"])
        case "string_type":
            return f'{given!r} is not text: put it in quotes, "{given}"'
        case _:
            return f"{given!r}: {detail['msg'][:1].lower()}{detail['msg'][1:]}"
