"""Adds sensors to the text of an estate file, and leaves every other sign of it as it is: comments, order, spacing.

YAML's own marks say where a hub's sensors end; a line, or an item of a list in brackets, is put in there. The result
is read again: it must be the estate before with these sensors, or nothing is written.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from schemas.errors import HubpulseError, shown
from schemas.estate import Estate, Sensor
from sensors.estate_file import parse_estate
from sensors.model_file import ModelFileError

Values = Mapping[str, str | bool | Sequence[str]]
"""A sensor's keys, as the estate file has them."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")
_LOADER = getattr(yaml, "BaseLoader")  # noqa: B009 - marks count signs of text in this one, bytes in libyaml's


class NewSensor(NamedTuple):
    """A sensor to be added to a hub."""

    hub: str
    values: Values


class _Insertion(NamedTuple):
    at: int
    text: str


def with_sensors(text: str, sensors: Sequence[NewSensor], *, name: str = "estate.yaml") -> str:
    """The text of an estate file with more sensors. Raises HubpulseError, ModelFileError."""
    before = parse_estate(text, name=name)
    by_hub: dict[str, list[Values]] = {}
    for sensor in sensors:
        by_hub.setdefault(sensor.hub, []).append(sensor.values)
    if unknown := by_hub.keys() - {hub.id for hub in before.hubs}:
        raise HubpulseError(f"hub {shown(min(unknown))} is not in {name}: add it under `hubs` first")
    insertions = list(_insertions(text, by_hub))
    for insertion in sorted(insertions, reverse=True):
        text = text[: insertion.at] + insertion.text + text[insertion.at :]
    after = parse_estate(text, name=name)
    if len(insertions) != len(by_hub) or after != _expected(before, by_hub):
        lines = "\n".join(f"  {hub}: {_item(values)}" for hub, listed in by_hub.items() for values in listed)
        raise HubpulseError(f"{name} is written in a way that can't be added to: write these lines yourself\n{lines}")
    return text


def _expected(before: Estate, by_hub: Mapping[str, Sequence[Values]]) -> Estate:
    hubs = [
        hub.model_copy(
            update={"sensors": (*hub.sensors, *(Sensor.model_validate(values) for values in by_hub.get(hub.id, ())))}
        )
        for hub in before.hubs
    ]
    return before.model_copy(update={"hubs": tuple(hubs)})


def _insertions(text: str, by_hub: Mapping[str, Sequence[Values]]) -> Iterator[_Insertion]:
    line_end = "\r\n" if "\r\n" in text else "\n"
    for hub in _items(_value(yaml.compose(text, Loader=_LOADER), "hubs")):
        named = _value(hub, "id")
        if not isinstance(named, yaml.ScalarNode) or named.value not in by_hub:
            continue
        items = [_item(values) for values in by_hub[named.value]]
        sensors = _value(hub, "sensors")
        if isinstance(sensors, yaml.SequenceNode) and sensors.flow_style:
            comma = ", " if sensors.value else ""
            yield _Insertion(sensors.end_mark.index - 1, comma + ", ".join(items))
        elif isinstance(sensors, yaml.SequenceNode):
            indent = " " * sensors.start_mark.column
            lines = "".join(f"{indent}- {item}{line_end}" for item in items)
            yield _after_line(text, _end(sensors), lines, line_end)
        elif sensors is None and hub.flow_style:
            yield _Insertion(hub.end_mark.index - 1, f", sensors: [{', '.join(items)}]")
        elif sensors is None:
            indent = " " * hub.start_mark.column
            lines = "".join(f"{indent}  - {item}{line_end}" for item in items)
            yield _after_line(text, _end(hub), f"{indent}sensors:{line_end}{lines}", line_end)


def _after_line(text: str, at: int, lines: str, line_end: str) -> _Insertion:
    """The lines, put in after the line of a place, where a comment may follow it."""
    end = text.find("\n", at)
    return _Insertion(end + 1, lines) if end >= 0 else _Insertion(len(text), line_end + lines)


def _end(node: yaml.Node) -> int:
    """Where what a node holds ends; a block's own mark is where the next one begins."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        return max(_end(part) for pair in node.value for part in pair)
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        return max(_end(part) for part in node.value)
    return int(node.end_mark.index)


def _items(node: object) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.SequenceNode):
        yield from (item for item in node.value if isinstance(item, yaml.MappingNode))


def _value(node: object, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _item(values: Values) -> str:
    return "{" + ", ".join(f"{key}: {_written(value)}" for key, value in values.items()) + "}"


def _written(value: str | bool | Sequence[str]) -> str:  # noqa: FBT001 - a value, not a switch
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return "[" + ", ".join(map(_written, value)) + "]"
    return value if _PLAIN.fullmatch(value) else json.dumps(value)


def add_sensors(path: Path, sensors: Sequence[NewSensor]) -> Estate:
    """Add sensors to an estate file, all or none; returns the estate that it holds then. Raises HubpulseError."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
        mode = path.stat().st_mode
    except OSError as error:
        raise HubpulseError(f"{path} can't be read ({error.strerror}): name it with --estate") from error
    except UnicodeDecodeError as error:
        raise ModelFileError([f"{path}:1: not UTF-8: save the file as UTF-8"]) from error
    mark = content[: len(content) - len(text.encode())]
    changed = with_sensors(text, sensors, name=str(path))
    real = path.resolve()
    try:
        with tempfile.NamedTemporaryFile(dir=real.parent, prefix=f".{real.name}-", delete=False) as fresh:
            fresh.write(mark + changed.encode())
            fresh.flush()
            os.fsync(fresh.fileno())
        Path(fresh.name).chmod(mode)
        Path(fresh.name).replace(real)
    except OSError as error:
        Path(fresh.name).unlink(missing_ok=True)
        raise HubpulseError(f"{path} can't be written ({error.strerror}): check the folder's rights") from error
    return parse_estate(changed, name=str(path))
