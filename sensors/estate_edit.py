"""Adds sensors to the text of an estate file, and leaves every other sign of it as it is: comments, order, spacing.

A line, or an item of a list in brackets, is put in where a hub's sensors end. The result is read again: it must be the
estate before with these sensors, or nothing is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from schemas.errors import HubpulseError, shown
from schemas.estate import Estate, Sensor
from sensors.estate_file import parse_estate
from sensors.estate_text import EstateText, Splice, after_line, end_of, hub_nodes, line_end_of, spliced, value_of

Values = Mapping[str, str | bool | Sequence[str]]
"""A sensor's keys, as the estate file has them."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")


class NewSensor(NamedTuple):
    """A sensor to be added to a hub."""

    hub: str
    values: Values


def with_sensors(text: str, sensors: Sequence[NewSensor], *, name: str = "estate.yaml") -> str:
    """The text of an estate file with more sensors. Raises HubpulseError, ModelFileError."""
    before = parse_estate(text, name=name)
    by_hub: dict[str, list[Values]] = {}
    for sensor in sensors:
        by_hub.setdefault(sensor.hub, []).append(sensor.values)
    if unknown := by_hub.keys() - {hub.id for hub in before.hubs}:
        raise HubpulseError(f"hub {shown(min(unknown))} is not in {name}: add it under `hubs` first")
    splices = list(_splices(text, by_hub))
    changed = spliced(text, splices)
    after = parse_estate(changed, name=name)
    if len(splices) != len(by_hub) or after != _expected(before, by_hub):
        lines = "\n".join(f"  {hub}: {_item(values)}" for hub, listed in by_hub.items() for values in listed)
        raise HubpulseError(f"{name} is written in a way that can't be added to: write these lines yourself\n{lines}")
    return changed


def _expected(before: Estate, by_hub: Mapping[str, Sequence[Values]]) -> Estate:
    hubs = [
        hub.model_copy(
            update={"sensors": (*hub.sensors, *(Sensor.model_validate(values) for values in by_hub.get(hub.id, ())))}
        )
        for hub in before.hubs
    ]
    return before.model_copy(update={"hubs": tuple(hubs)})


def _splices(text: str, by_hub: Mapping[str, Sequence[Values]]) -> Iterator[Splice]:
    line_end = line_end_of(text)
    for name, hub in hub_nodes(text):
        if name not in by_hub:
            continue
        items = [_item(values) for values in by_hub[name]]
        sensors = value_of(hub, "sensors")
        if isinstance(sensors, yaml.SequenceNode) and sensors.flow_style:
            comma = ", " if sensors.value else ""
            at = sensors.end_mark.index - 1
            yield Splice(at, at, comma + ", ".join(items))
        elif isinstance(sensors, yaml.SequenceNode):
            indent = " " * sensors.start_mark.column
            lines = "".join(f"{indent}- {item}{line_end}" for item in items)
            yield after_line(text, end_of(sensors), lines)
        elif sensors is None and hub.flow_style:
            at = hub.end_mark.index - 1
            yield Splice(at, at, f", sensors: [{', '.join(items)}]")
        elif sensors is None:
            indent = " " * hub.start_mark.column
            lines = "".join(f"{indent}  - {item}{line_end}" for item in items)
            yield after_line(text, end_of(hub), f"{indent}sensors:{line_end}{lines}")


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
    file = EstateText.read(path)
    return file.replace(with_sensors(file.text, sensors, name=str(path)))
