"""Line protocol to rows of a table: what the embedded store does with a batch before SQLite sees it.

A batch is split, checked and converted by the column, in a few calls for all of its lines. What names a series is
looked up once for each series, what names the fields once for each combination of them (a `Shape`). Only when
something does not fit are lines looked at one by one, to name the one at fault.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated

from msgspec import Meta, MsgspecError
from msgspec.json import Decoder

from schemas import MEASUREMENTS, FieldType, Measurement
from schemas.ids import is_encoded, is_id
from schemas.kinds import INT64_MAX

FLOAT_MAX = sys.float_info.max
LINE_SHOWN_MAX = 200
SERIES_CACHED_MAX = 50_000
SHAPES_CACHED_MAX = 500
INTEGER_DIGITS_MAX = 19

Cell = int | float | bool
Columns = tuple[Sequence[Cell], ...]
"""The number of the series, the fields and the time of each line."""

SeriesId = Callable[[str, str], int]
"""(measurement, the tags of a line in sorted order: `hub=a,sensor=b`) -> the series' number in the database."""

_VALUE_CHARACTERS = b"0123456789.-i"
_TEXT = bytes(set(range(256)) - set(b" \n"))
_INTEGERS = Decoder(list[Annotated[int, Meta(ge=-INT64_MAX - 1, le=INT64_MAX)]])
_FLOATS = Decoder(list[float])
"""Both read what JSON writes as we do, which is nearly everything, in half the time of `int` and `float`."""

_VALUE = re.compile(rb"(?<==)[^,]*")
_NAMED_ALIKE = frozenset(
    known.name
    for known in MEASUREMENTS.values()
    if len({name.encode().translate(None, _VALUE_CHARACTERS) for name in known.fields}) < len(known.fields)
)
"""Measurements with fields whose names differ by digits alone, `over_800` and `over_1500`."""

_WANTED = {
    FieldType.INTEGER: "an integer such as 3i",
    FieldType.FLOAT: "a float such as 21.5",
    FieldType.BOOLEAN: "true or false",
}


class _OtherFieldError(ValueError):
    """A line names another field than the first."""


class Shape:
    """The fields of a line, in their order: how to read them, and the statement that stores them.

    A repeated point overwrites the fields that it names and leaves the others.
    """

    def __init__(self, measurement: Measurement, names: tuple[str, ...]) -> None:
        if len(set(names)) < len(names):
            raise ValueError("a field is there twice")
        for name in names:
            if name not in measurement.fields:
                raise ValueError(f"{measurement.name} has no field {name!r}")
        self.fields = [(f"{name}=".encode(), measurement.fields[name]) for name in names]
        self._names = [name.encode() for name in names]
        columns = ", ".join(f'"{name}"' for name in names)
        updates = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
        self.upsert = (
            f'INSERT INTO "{measurement.name}" (series, {columns}, time_ns) VALUES (?, {"?, " * len(names)}?) '  # noqa: S608 - names are the schema's
            f"ON CONFLICT (series, time_ns) DO UPDATE SET {updates}"
        )

    def columns(self, numbers: Sequence[int], times_ns: Sequence[int], fields: Sequence[bytes]) -> Columns:
        """Convert lines by the column; `numbers` are those of their series. Raises ValueError where one is not ours.

        Where one names another field that is an _OtherFieldError.
        """
        joined, count, width = b",".join(fields), len(fields), len(self.fields)
        if width == 1:
            [(name, kind)] = self.fields
            return (numbers, _column(b"," + joined, name, kind, count), times_ns)
        named = b"," + joined
        if any(named.count(b"," + name) != count for name, _ in self.fields):
            raise _OtherFieldError("another field")
        cells = joined.replace(b"=", b",").split(b",")
        if cells[0::2] != self._names * count:
            raise _OtherFieldError("another field")
        columns = (
            _values(b",".join(cells[place :: 2 * width]), kind, count)
            for place, (_, kind) in zip(range(1, 2 * width, 2), self.fields, strict=True)
        )
        return (numbers, *columns, times_ns)

    def require_fit(self, line: bytes) -> None:
        """Raise ValueError naming the line where it does not fit."""
        _, fields, time = line.split(b" ")
        wanted = "a time in nanoseconds at its end"
        try:
            _integers(time, 1)
            for text, (name, kind) in zip(fields.split(b","), self.fields, strict=True):
                wanted = f"{name.decode()[:-1]} {_WANTED[kind]}"
                _column(b"," + text, name, kind, 1)
        except ValueError as error:
            raise _not_ours(line, f"wanted: {wanted}; {error}") from error


class _Series:
    """A series that was seen. The places of its lines go to `places`, where those of `shape` are, in this `flush`."""

    __slots__ = ("flush", "measurement", "number", "places", "shape", "shapes")

    def __init__(self, number: int, measurement: Measurement, shapes: dict[bytes, Shape]) -> None:
        self.number = number
        self.measurement = measurement
        self.shapes = shapes
        self.shape: Shape | None = None
        self.places: list[int] = []
        self.flush = 0


class LineReader:
    """Turns batches into rows. What it learned of the series is wrong once a transaction is undone: take a new one."""

    def __init__(self) -> None:
        self._series: dict[bytes, _Series] = {}
        self._shapes: dict[str, dict[bytes, Shape]] = {}
        self._flushes = itertools.count(1)

    def read(self, lines: bytes, series_id: SeriesId) -> Iterator[tuple[str, Columns]]:
        """Yield statements with the columns of their rows; run in order, the last line of a point wins, as in InfluxDB.

        `series_id` names a series that was not seen before. Raises ValueError naming a line that is not ours.
        """
        if len(self._series) > SERIES_CACHED_MAX:
            self._series.clear()
        lines = _well_spaced(lines)
        if not lines:
            return
        parts = lines.replace(b"\n", b" ").split(b" ")
        keys, fields, times = parts[0::3], parts[1::3], parts[2::3]
        del parts
        distinct = set(keys)
        self._learn_new(distinct, keys, lines, series_id)
        number_of = {key: self._series[key].number for key in distinct}
        numbers = list(map(number_of.__getitem__, keys))
        try:
            times_ns = _integers(b",".join(times), len(times))
            del times
            alike = self._alike(lines, distinct, numbers, times_ns, fields)
            if alike is not None:
                # What is stored now needs none of them, and they are more than all else.
                del keys, fields
                yield alike
                return
            for shape, places in self._groups(lines.split(b"\n"), keys, fields, numbers, times_ns):
                yield (
                    shape.upsert,
                    shape.columns(
                        [numbers[place] for place in places],
                        [times_ns[place] for place in places],
                        [fields[place] for place in places],
                    ),
                )
        except ValueError:
            self._require_fit(lines.split(b"\n"))
            raise

    def _learn_new(self, distinct: set[bytes], keys: Sequence[bytes], lines: bytes, series_id: SeriesId) -> None:
        """Learn the series that were not seen before, in the order of their first lines."""
        if self._series.keys() >= distinct:
            return
        whole = lines.split(b"\n")
        places = dict(zip(reversed(keys), reversed(range(len(keys))), strict=True))
        for key in dict.fromkeys(keys):
            if key not in self._series:
                self._learn(whole[places[key]], key, series_id)

    def _alike(
        self,
        lines: bytes,
        distinct: Iterable[bytes],
        numbers: Sequence[int],
        times_ns: Sequence[int],
        fields: Sequence[bytes],
    ) -> tuple[str, Columns] | None:
        """The statement and columns of lines that all name the same fields of a measurement; None where they do not."""
        [first, *others] = {self._series[key] for key in distinct}
        if any(series.measurement is not first.measurement for series in others):
            return None
        text = fields[0].translate(None, _VALUE_CHARACTERS)
        shape = first.shapes.get(text) or self._learn_shape(lines.partition(b"\n")[0], first, text)
        try:
            return shape.upsert, shape.columns(numbers, times_ns, fields)
        except _OtherFieldError:
            return None

    def _groups(
        self,
        whole: Sequence[bytes],
        keys: Sequence[bytes],
        fields: Sequence[bytes],
        numbers: Sequence[int],
        times_ns: Sequence[int],
    ) -> Iterator[tuple[Shape, list[int]]]:
        """The places of the lines of each shape, in an order that the last line of a point wins."""
        # Lines that name the same fields nearly always have the same text but for their digits.
        texts = b"\n".join(fields).translate(None, _VALUE_CHARACTERS).split(b"\n")
        groups: dict[Shape, list[int]] = {}
        flush = next(self._flushes)
        is_each_once: bool | None = None
        for place, (key, text) in enumerate(zip(keys, texts, strict=True)):
            series = self._series[key]
            if series.measurement.name in _NAMED_ALIKE:
                text = _VALUE.sub(b"", fields[place])  # noqa: PLW2901 - the names as they are
            shape = series.shapes.get(text) or self._learn_shape(whole[place], series, text)
            if series.flush != flush or series.shape is not shape:
                if series.flush == flush:
                    # This series names other fields now.
                    if is_each_once is None:
                        is_each_once = len({*zip(numbers, times_ns, strict=True)}) == len(whole)
                    if not is_each_once:
                        # Its lines before this one must be stored before it.
                        yield from groups.items()
                        groups = {}
                        flush = next(self._flushes)
                series.flush, series.shape = flush, shape
                series.places = groups.setdefault(shape, [])
            series.places.append(place)
        yield from groups.items()

    def _require_fit(self, lines: Iterable[bytes]) -> None:
        """Raise ValueError naming the line that does not fit."""
        for line in lines:
            key, fields, _ = line.split(b" ")
            series = self._series.get(key)
            if series is not None:
                self._shape(line, series, fields).require_fit(line)

    def _learn(self, line: bytes, key: bytes, series_id: SeriesId) -> _Series:
        # Bytes that are no ASCII become characters that no id has.
        name, *pairs = key.decode("ascii", errors="replace").split(",")
        measurement = MEASUREMENTS.get(name)
        if measurement is None:
            raise _not_ours(line, f"{name!r} is not a measurement of ours")
        tags = dict(pair.partition("=")[::2] for pair in pairs)
        unknown = set(tags) - set(measurement.tags)
        fits = all(is_id(value) or (tag in measurement.texts and is_encoded(value)) for tag, value in tags.items())
        if unknown or len(tags) < len(pairs) or not fits:
            raise _not_ours(line, f"the tags of {name} are {', '.join(measurement.tags)}, each an id and there once")
        text = ",".join(f"{tag}={tags[tag]}" for tag in measurement.tags if tag in tags)
        # Tags in another order are the same series, and must share its state.
        canonical = f"{name},{text}".encode()
        series = self._series.get(canonical)
        if series is None:
            shapes = self._shapes.setdefault(name, {})
            series = self._series[canonical] = _Series(series_id(name, text), measurement, shapes)
        self._series[key] = series
        return series

    def _learn_shape(self, line: bytes, series: _Series, text: bytes) -> Shape:
        if len(series.shapes) >= SHAPES_CACHED_MAX:
            series.shapes.clear()
        shape = self._shape(line, series, line.split(b" ")[1])
        # Shapes that are the same must be one, or lines of a series could be stored out of their order.
        shape = next((known for known in series.shapes.values() if known.fields == shape.fields), shape)
        series.shapes[text] = shape
        return shape

    def _shape(self, line: bytes, series: _Series, fields: bytes) -> Shape:
        names = (field.partition("=")[0] for field in fields.decode("ascii", errors="replace").split(","))
        try:
            return Shape(series.measurement, tuple(names))
        except ValueError as error:
            raise _not_ours(line, str(error)) from error


def _well_spaced(lines: bytes) -> bytes:
    """The lines without empty ones. Raises ValueError naming one that has not two spaces."""
    between = lines.translate(None, _TEXT)
    if between == b"  \n" * (len(between) // 3) + b"  ":
        return lines
    whole = [line for line in lines.split(b"\n") if line]
    bad = next((line for line in whole if line.count(b" ") != 2), None)  # noqa: PLR2004 - as the sentence says
    if bad is not None:
        raise _not_ours(bad, "wanted: a series, its fields and a time in nanoseconds, with a space between")
    return b"\n".join(whole)


def _column(values: bytes, name: bytes, kind: FieldType, count: int) -> Sequence[Cell]:
    """The values of so many `,name=value`. Raises ValueError where one is of another name or type."""
    if not values.count(b",") == values.count(b"," + name) == count:
        raise _OtherFieldError("another field")
    return _values(values.replace(b"," + name, b",")[1:], kind, count)


def _values(texts: bytes, kind: FieldType, count: int) -> Sequence[Cell]:
    """So many values with commas between. Raises ValueError where one is of another type."""
    match kind:
        case FieldType.INTEGER:
            # `3i,4i,`: one that lacks its `i` is no integer.
            texts += b","
            if texts.count(b"i,") != count:
                raise ValueError("no i at its end")
            return _integers(texts.replace(b"i,", b",")[:-1], count)
        case FieldType.FLOAT:
            return _floats(texts, count)
        case FieldType.BOOLEAN:
            flags = texts.split(b",")
            if not set(flags) <= {b"true", b"false"}:
                raise ValueError("neither of them")
            return [flag == b"true" for flag in flags]


def _integers(texts: bytes, count: int) -> list[int]:
    """So many integers with commas between."""
    if texts.translate(None, b"0123456789-,"):
        raise ValueError("not written as an integer")
    try:
        numbers = _INTEGERS.decode(b"[%b]" % texts)
    except MsgspecError:
        digits = texts.replace(b"-", b"").split(b",")
        if max(map(len, digits)) > INTEGER_DIGITS_MAX:
            raise ValueError("it does not fit 64 bits") from None
        numbers = list(map(int, texts.split(b",")))
        if min(numbers) < -INT64_MAX - 1 or max(numbers) > INT64_MAX:
            raise ValueError("it does not fit 64 bits") from None
    if len(numbers) != count:
        raise ValueError("not one integer in each")
    return numbers


def _floats(texts: bytes, count: int) -> list[float]:
    """So many floats with commas between."""
    if texts.translate(None, b"0123456789.-+eE,") or b",+" in b"," + texts:
        raise ValueError("not written as a float")
    try:
        numbers = _FLOATS.decode(b"[%b]" % texts)
    except MsgspecError:
        numbers = list(map(float, texts.split(b",")))
        if min(numbers) < -FLOAT_MAX or max(numbers) > FLOAT_MAX:
            raise ValueError("it does not fit 64 bits") from None
    if len(numbers) != count:
        raise ValueError("not one float in each")
    return numbers


def _not_ours(line: bytes, why: str) -> ValueError:
    return ValueError(f"not a line of ours: {line.decode(errors='replace')[:LINE_SHOWN_MAX]!r} ({why})")
