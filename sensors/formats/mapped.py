"""Any JSON, by the mapping of its source in the estate file (`schemas.mapping`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mqtt.messages import Message
from schemas.mapping import JsonMapping, MappedField, ValueMapping, ValuePath, parse_path
from schemas.readings import Reason, Rejection
from sensors.formats import READINGS_MAX, Answer, Decoded, Item, NoReading
from sensors.formats.identities import Identity
from sensors.formats.items import Readings, availability_of, json_of, not_read, time_of
from sensors.macs import quoted
from sensors.numbers import as_number

_LINE_MAX = 999


class MappedValues:
    """What a mapping finds in JSON."""

    def __init__(self, mapping: ValueMapping) -> None:
        self._mapping = mapping
        self._time = _parsed(mapping.time)
        self._each = _parsed(mapping.each)
        self._line = _parsed(mapping.line)
        self._fields = [(name, field, _parsed(field.path)) for name, field in mapping.fields.given()]

    def elements(self, sent: Any) -> list[Any]:
        """The elements that are a reading each. Raises ValueError where there is no array of them."""
        if self._each is None:
            return [sent]
        elements = _value(self._each, sent, sent)
        if not isinstance(elements, list):
            raise ValueError(f"there is no array at {self._mapping.each}")  # noqa: TRY004 - one kind of error for the message
        if len(elements) > READINGS_MAX:
            raise ValueError(f"{len(elements)} readings: send at most {READINGS_MAX} in one message")
        return elements

    def items(self, sent: Any, number: int, element: Any, levels: Sequence[str] = ()) -> list[Item | Rejection]:
        """The items of an element; one whose time or line can't be read is refused."""
        try:
            return self._read(levels, sent, element).items()
        except ValueError as error:
            place = f"[{number}]: " if self._each else ""
            return [Rejection(Reason.BAD_SCHEMA, f"{place}{error}")]

    def _read(self, levels: Sequence[str], sent: Any, element: Any) -> Readings:
        def found(path: ValuePath | None) -> Any:
            if path is None:
                return None
            if path.level is not None:
                return levels[path.level] if path.level < len(levels) else None
            return _value(path, sent, element)

        readings = Readings(time_of(found(self._time)))
        line = _line_of(found(self._line))
        values = [(name, field, found(path)) for name, field, path in self._fields]
        is_given = any(value is not None for _, _, value in values)
        for name, field, value in values:
            if field.value is not None and (is_given or not any(path for _, _, path in self._fields)):
                readings.add(name, field.value, unit=field.unit, line=line)
            elif value is not None:
                _add(readings, name, field, value, line)
        return readings


class MappedFormat:
    """Messages of one mapping."""

    def __init__(self, mapping: JsonMapping) -> None:
        self._mapping = mapping
        self._values = MappedValues(mapping)
        self._device = parse_path(mapping.device)
        names = [step for step in self._device.steps if isinstance(step, str)]
        self.identity = Identity(topic=self._device.level is not None, keys=tuple(names[-1:]))

    def decode(self, messages: Sequence[Message]) -> list[Answer]:
        """What each message holds."""
        return [self._decode(message) for message in messages]

    def _decode(self, message: Message) -> Answer:
        levels = message.topic.decode(errors="replace").split("/")
        try:
            if self._device.level is not None and (state := availability_of(message.payload, self._name(levels))):
                return state
            return self._elements(levels, json_of(message.payload))
        except (OverflowError, ValueError) as error:
            return not_read(f"as the mapping of {quoted(message.topic.decode(errors='replace'))} says", error)

    def _elements(self, levels: list[str], sent: Any) -> Answer:
        """What each element of a message holds. Raises ValueError where there is no array of them, or no device."""
        found: list[Decoded] = []
        nameless: list[Rejection] = []
        for number, element in enumerate(self._values.elements(sent)):
            try:
                name = self._name(levels, sent, element)
            except ValueError as error:
                nameless.append(Rejection(Reason.BAD_SCHEMA, f"[{number}]: {error}"))
            else:
                found.append(Decoded(name, self._values.items(sent, number, element, levels)))
        if nameless and not found:
            raise ValueError(f"there is no device at {self._mapping.device}")
        given = [decoded for decoded in found if decoded.items]
        if nameless:
            first = (given or found)[0]
            return [first._replace(items=[*first.items, *nameless]), *given[1:]]
        return given or NoReading("none of the fields of the mapping")

    def _name(self, levels: list[str], sent: Any = None, element: Any = None) -> str:
        path = self._device
        if path.level is not None:
            name: Any = levels[path.level] if path.level < len(levels) else None
        else:
            name = _value(path, sent, element)
        if isinstance(name, int) and not isinstance(name, bool):
            name = str(name)
        if not isinstance(name, str) or not name:
            raise ValueError(f"there is no device at {self._mapping.device}")
        return name


def _add(readings: Readings, name: str, field: MappedField, value: Any, line: int) -> None:
    if field.scale == 1 and field.offset == 0:
        readings.add(name, value, unit=field.unit, line=line)
        return
    number = as_number(value)
    if number is None:
        readings.refuse(f"{name}: {quoted(value)} is not a number")
        return
    try:
        # Scaling leaves 0.1 * 3 a little beside 0.3, and a count a little beside a whole number.
        scaled = round(number * field.scale + field.offset, 9)
    except OverflowError:
        readings.refuse(f"{name}: {quoted(value)} is beyond any measure")
        return
    readings.add(name, scaled, unit=field.unit, line=line)


def _line_of(value: Any) -> int:
    if value is None:
        return 1
    number = as_number(value)
    if number is None or number != number // 1 or not 1 <= number <= _LINE_MAX:
        raise ValueError(f"line {quoted(value)} is not one of 1..{_LINE_MAX}")
    return int(number)


def _parsed(path: str | None) -> ValuePath | None:
    return None if path is None else parse_path(path)


def _value(path: ValuePath, sent: Any, element: Any) -> Any:
    """What is at a path; None where there is nothing."""
    found = sent if path.from_top else element
    for step in path.steps:
        if isinstance(step, str) and isinstance(found, list) and step.isdigit():
            step = int(step)  # noqa: PLW2901 - `counts.0.in` is `counts[0].in`
        if isinstance(step, int):
            found = found[step] if isinstance(found, list) and step < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found
