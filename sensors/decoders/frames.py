"""What decoders of frames share: values at fixed places, and the items that they become."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from schemas.kinds import KINDS, Field, Kind
from schemas.readings import Reason, Rejection
from sensors.formats import Fields, Item, NoReading

Answer = list[Item | Rejection] | NoReading

_BATTERY = "battery_pct"
_FIELDS = {field.name: (spec.kind, field) for spec in KINDS.values() for field in spec.fields}


class Value(NamedTuple):
    """A number of a frame: the field it is for, how it is packed (`struct`, without byte order), what divides it."""

    field: str
    packed: str
    divisor: int = 1
    line: int = 1
    absent: int | None = None
    """What the device packs where it has no value."""


class Layout:
    """Values one after the other; a number stands for so many bytes that measure nothing of ours."""

    __slots__ = ("_pairs", "_struct", "_values", "length")

    def __init__(self, parts: Iterable[Value | int], *, order: str) -> None:
        parts = tuple(parts)
        self._struct = struct.Struct(
            order + "".join(part.packed if isinstance(part, Value) else f"{part}x" for part in parts)
        )
        self._values = tuple(
            (*_FIELDS[part.field], part.divisor, part.line, part.absent) for part in parts if isinstance(part, Value)
        )
        names = [(kind, line) for kind, _, _, line, _ in self._values]
        self._pairs = {name for name in names if names.count(name) > 1}
        self.length = self._struct.size
        """In bytes."""

    def read(self, frame: bytes, start: int, found: FrameItems, time_ns: int | None = None) -> None:
        """Add the values that begin at a byte of the frame; all of their bytes are there."""
        values = list(zip(self._values, self._struct.unpack_from(frame, start), strict=True))
        broken = {(v[0], v[3]) for v, number in values if number < v[1].low} & self._pairs if self._pairs else ()
        for (kind, field, divisor, line, absent), number in values:
            if number == absent:
                found.refuse(Reason.OUT_OF_RANGE, f"{field.name}: {number:#x} stands for no value")
            elif broken and (kind, line) in broken and number >= field.low:
                # Counted in one go with one that can't be: nobody knows what it is worth.
                found.refuse(Reason.OUT_OF_RANGE, f"{field.name} {number} came with a count that is no count")
            else:
                found.add(kind, field, number if divisor == 1 else number / divisor, line, time_ns)


class FrameItems:
    """Collects a frame's values: those of one kind, line and time are one item. A bad one is refused by itself."""

    __slots__ = ("_faults", "_fields", "_items")

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._fields: dict[tuple[Kind, int, int | None], Fields] = {}
        self._faults: list[Rejection] = []

    def add(self, kind: Kind, field: Field, value: float, line: int = 1, time_ns: int | None = None) -> None:
        """Add a value. A battery outside 0..100 is none; the same field of the same time again is another reading."""
        if not field.low <= value <= field.high:
            limits = f"{field.low:g}..{field.high:g} {field.unit}"
            self.refuse(Reason.OUT_OF_RANGE, f"{field.name} {value:g} is outside {limits}")
            return
        if field.name == _BATTERY and not field.plausible_low <= value <= field.plausible_high:
            return
        key = kind, line, time_ns
        fields = self._fields.get(key)
        if fields is None or field.name in fields:
            fields = self._fields[key] = {}
            self._items.append(Item(kind, line, time_ns, fields))
        fields[field.name] = field.number(value)

    def refuse(self, reason: Reason, problem: str) -> None:
        """Note a part of the frame that can't be taken."""
        self._faults.append(Rejection(reason, problem))

    def refuse_rest(self, frame: bytes, start: int, head: int, needed: int) -> None:
        """Note that a frame ends within what begins at a byte: `head` bytes of name, and `needed` ones after them."""
        name, there = frame[start : start + head].hex(" ").upper(), max(len(frame) - start - head, 0)
        problem = f"the frame ends within {name} at byte {start}: {there} of {needed} bytes are there"
        self.refuse(Reason.BAD_PAYLOAD, f"{problem}; what is before it is kept")

    def refuse_unknown(self, frame: bytes, start: int, head: int, maker: str) -> None:
        """Note what has no known length, so that nothing after it can be read."""
        name, left = frame[start : start + head].hex(" ").upper(), len(frame) - start
        problem = f"{name} at byte {start} is not known of {maker}: it and what follows ({left} bytes) can't be read"
        self.refuse(Reason.BAD_SCHEMA, f"{problem}; is `model:` the right one?")

    def answer(self, otherwise: str) -> Answer:
        """The items, then what was refused; `otherwise` is what the frame is where it has neither."""
        return [*self._items, *self._faults] or NoReading(otherwise)
