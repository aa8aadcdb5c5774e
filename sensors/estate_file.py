"""Reads the estate file. Every problem is one line: file, line, place, what is wrong and what to write instead."""

from __future__ import annotations

import difflib
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from schemas.errors import HubpulseError
from schemas.estate import Estate, Holidays, Hub, Sensor, Source

DEFAULT_PATH = Path("estate.yaml")
ESTATE_BYTES_MAX = 8 * 1024**2

_PARTS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Estate,
    ("holidays",): Holidays,
    ("sources",): Source,
    ("hubs",): Hub,
    ("hubs", "sensors"): Sensor,
}

Place = tuple[int | str, ...]


class EstateError(HubpulseError):
    """The estate file can't be used; `problems` has a line for each thing to mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_estate(path: Path | None = None) -> Estate:
    """The estate of a file. Without a path: estate.yaml where it exists, else an estate that accepts every hub.

    Raises EstateError.
    """
    if path is None and not DEFAULT_PATH.exists():
        return Estate(open=True)
    path = path or DEFAULT_PATH
    try:
        if path.stat().st_size > ESTATE_BYTES_MAX:
            raise EstateError([f"{path}: larger than {ESTATE_BYTES_MAX // 1024**2} MB: is this the estate file?"])
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise EstateError([f"{path}: can't be read ({error.strerror}): check --estate or HUBPULSE_ESTATE"]) from error
    except UnicodeDecodeError as error:
        raise EstateError([f"{path}: byte {error.start} is not UTF-8: save the file as UTF-8"]) from error
    return parse_estate(text, name=str(path))


def parse_estate(text: str, *, name: str = "estate.yaml") -> Estate:
    """The estate of a file's text; `name` is what the problems call the file. Raises EstateError."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = _lines(root) if root is not None else {}
        content = yaml.safe_load(text)
    except _DuplicateKeyError as error:
        raise EstateError([f"{name}:{error.line}: {error.key!r} is there twice: keep one of them"]) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        cure = "check indentation, brackets and quotes there"
        raise EstateError([f"{name}:{line}: not YAML ({error.problem}): {cure}"]) from error
    except yaml.YAMLError as error:
        raise EstateError([f"{name}: not YAML ({error}): save the file as plain text"]) from error
    if not isinstance(content, dict):
        raise EstateError([f"{name}:1: not a mapping: start with for example `name: My hubs`"])
    if "open" in content:
        raise EstateError([f"{name}:{lines.get(('open',), 1)}: 'open' is not a key of the estate: leave it out"])
    try:
        return Estate.model_validate(content)
    except ValidationError as error:
        raise EstateError([_problem(name, lines, detail) for detail in error.errors()]) from error


class _DuplicateKeyError(Exception):
    def __init__(self, key: str, line: int) -> None:
        super().__init__(key)
        self.key, self.line = key, line


def _lines(root: yaml.Node) -> dict[Place, int]:
    """The line, from 1, at which each place of the document starts."""
    found: dict[Place, int] = {(): root.start_mark.line + 1}
    waiting: list[tuple[Place, yaml.Node]] = [((), root)]
    while waiting:
        place, node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*place, str(key.value))
                if inner in found:
                    raise _DuplicateKeyError(str(key.value), key.start_mark.line + 1)
                found[inner] = key.start_mark.line + 1
                waiting.append((inner, value))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                found[(*place, index)] = value.start_mark.line + 1
                waiting.append(((*place, index), value))
    return found


def _problem(name: str, lines: dict[Place, int], detail: ErrorDetails) -> str:
    place = detail["loc"]
    known = next(place[:size] for size in range(len(place), -1, -1) if place[:size] in lines or not size)
    where = _spell(place) or "the file"
    return f"{name}:{lines.get(known, 1)}: {where}: {_sentence(place, detail)}"


def _spell(place: Place) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(parts).removeprefix(".")


def _sentence(place: Place, detail: ErrorDetails) -> str:
    given, sentence = detail["input"], detail["msg"][:1].lower() + detail["msg"][1:]
    match detail["type"]:
        case "missing":
            sentence = f"is missing: add `{place[-1]}: ...`"
        case "extra_forbidden":
            sentence = f"unknown key; {_known_keys(place)}"
        case "literal_error" | "enum":
            sentence = f"{given!r} is not known: write one of {detail['ctx']['expected']}"
        case "value_error":
            sentence = str(detail["ctx"]["error"])
        case "string_type":
            sentence = f'{given!r} is not text: put it in quotes, "{given}"'
        case "string_pattern_mismatch":
            sentence = f"{given!r} has another form than {detail['ctx']['pattern']}: correct it"
        case _:
            sentence = f"{given!r}: {sentence}"
    return sentence


def _known_keys(place: Place) -> str:
    part = _PARTS.get(tuple(str(step) for step in place[:-1] if isinstance(step, str)))
    known: list[str] = [] if part is None else [_alias(n, f) for n, f in part.model_fields.items() if n != "open"]
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"


def _alias(name: str, field: FieldInfo) -> str:
    return field.alias or name


class EstateFile:
    """The estate file under watch: `changed` gives a new estate once for each good edit.

    A bad edit leaves the old estate in force and is told once through `problem`.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen = self._signature()
        self.estate = load_estate(path)
        self.problem: str | None = None

    def changed(self) -> bool:
        """Look at the file; True where `estate` or `problem` is new."""
        signature = self._signature()
        if signature == self._seen:
            return False
        self._seen = signature
        try:
            self.estate = load_estate(self._path)
            self.problem = None
        except EstateError as error:
            self.problem = str(error)
        return True

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            stat = (self._path or DEFAULT_PATH).stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
