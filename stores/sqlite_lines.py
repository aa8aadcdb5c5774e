"""Line protocol to rows of a table: what the embedded store does with a batch before SQLite sees it.

A batch is split, checked and converted by the column, in a few calls for all of its lines. What names a series is
looked up once for each series, what names the fields once for each combination of them (a `Shape`). Only when
something does not fit are lines looked at one by one, to name the one at fault.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import methodcaller

from schemas import MEASUREMENTS, FieldType, Measurement
from schemas.ids import is_encoded, is_id
from schemas.kinds import INT64_MAX

FLOAT_MAX = sys.float_info.max
LINE_SHOWN_MAX = 200
SERIES_CACHED_MAX = 50_000
SHAPES_CACHED_MAX = 500
INTEGER_DIGITS_MAX = 19

Cell = int | float | bool
Row = tuple[Cell, ...]

SeriesId = Callable[[str, str], int]
"""(measurement, the tags of a line in sorted order: `hub=a,sensor=b`) -> the series' number in the database."""

_count_spaces = methodcaller("count", b" ")
_VALUE_CHARACTERS = b"0123456789.-i"

_WANTED = {
    FieldType.INTEGER: "an integer such as 3i",
    FieldType.FLOAT: "a float such as 21.5",
    FieldType.BOOLEAN: "true or false",
}


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
        columns = ", ".join(f'"{name}"' for name in names)
        updates = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
        self.upsert = (
            f'INSERT INTO "{measurement.name}" (series, {columns}, time_ns) VALUES (?, {"?, " * len(names)}?) '  # noqa: S608 - names are the schema's
            f"ON CONFLICT (series, time_ns) DO UPDATE SET {updates}"
        )

    def rows(self, numbers: Sequence[int], times_ns: Sequence[int], fields: Sequence[bytes]) -> list[Row]:
        """Convert lines by the column; `numbers` are those of their series. Raises ValueError where one is not ours."""
        parts = b",".join(fields).split(b",")
        width = len(self.fields)
        columns = [
            _column(b"," + b",".join(parts[place::width]), name, kind) for place, (name, kind) in enumerate(self.fields)
        ]
        return list(zip(numbers, *columns, times_ns, strict=True))

    def require_fit(self, line: bytes) -> None:
        """Raise ValueError naming the line where it does not fit."""
        _, fields, time = line.split(b" ")
        wanted = "a time in nanoseconds at its end"
        try:
            _integers([time])
            for text, (name, kind) in zip(fields.split(b","), self.fields, strict=True):
                wanted = f"{name.decode()[:-1]} {_WANTED[kind]}"
                _column(b"," + text, name, kind)
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
    """Turns batches into rows. What it learned of the series must be forgotten when their transaction is undone."""

    def __init__(self) -> None:
        self._series: dict[bytes, _Series] = {}
        self._shapes: dict[str, dict[bytes, Shape]] = {}
        self._flushes = itertools.count(1)

    def forget(self) -> None:
        """Look every series up again."""
        self._series.clear()

    def read(self, lines: bytes, series_id: SeriesId) -> Iterator[tuple[str, list[Row]]]:
        """Yield statements with their rows; run in order, the last line of a point wins, as in InfluxDB.

        `series_id` names a series that was not seen before. Raises ValueError naming a line that is not ours.
        """
        if len(self._series) > SERIES_CACHED_MAX:
            self._series.clear()
        whole = [line for line in lines.split(b"\n") if line]
        if not whole:
            return
        if set(map(_count_spaces, whole)) != {2}:
            bad = next(line for line in whole if _count_spaces(line) != 2)  # noqa: PLR2004 - as the sentence says
            raise _not_ours(bad, "wanted: a series, its fields and a time in nanoseconds, with a space between")
        parts = b" ".join(whole).split(b" ")
        keys, fields, times = parts[0::3], parts[1::3], parts[2::3]
        # Lines that name the same fields nearly always have the same text but for their digits.
        texts = b"\n".join(fields).translate(None, _VALUE_CHARACTERS).split(b"\n")
        known = self._series.get
        of_line = [known(key) or self._learn(line, key, series_id) for line, key in zip(whole, keys, strict=True)]
        numbers = [series.number for series in of_line]
        try:
            times_ns = _integers(times)
            for shape, places in self._groups(whole, of_line, texts, numbers, times_ns):
                yield (
                    shape.upsert,
                    shape.rows(
                        [numbers[place] for place in places],
                        [times_ns[place] for place in places],
                        [fields[place] for place in places],
                    ),
                )
        except ValueError:
            self._require_fit(whole)
            raise

    def _groups(
        self,
        whole: Sequence[bytes],
        of_line: Sequence[_Series],
        texts: Sequence[bytes],
        numbers: Sequence[int],
        times_ns: Sequence[int],
    ) -> Iterator[tuple[Shape, list[int]]]:
        """The places of the lines of each shape, in an order that the last line of a point wins."""
        groups: dict[Shape, list[int]] = {}
        flush = next(self._flushes)
        is_each_once: bool | None = None
        for place, (series, text) in enumerate(zip(of_line, texts, strict=True)):
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


def _column(values: bytes, name: bytes, kind: FieldType) -> Sequence[Cell]:
    """The values of `,name=value,name=value`. Raises ValueError where one is of another name or type."""
    first, *texts = values.split(b"," + name)
    if first:
        raise ValueError("another field")
    match kind:
        case FieldType.INTEGER:
            # `3i,4i,`: what lacks its `i` stays together with the next and is no integer.
            *numbers, rest = (b",".join(texts) + b",").split(b"i,")
            if rest:
                raise ValueError(f"{rest!r} has no i at its end")
            return _integers(numbers)
        case FieldType.FLOAT:
            joined = b",".join(texts)
            if joined.translate(None, b"0123456789.-+eE,") or b",+" in b"," + joined:
                raise ValueError("not written as a float")
            floats = list(map(float, texts))
            if min(floats) < -FLOAT_MAX or max(floats) > FLOAT_MAX:
                raise ValueError("it does not fit 64 bits")
            return floats
        case FieldType.BOOLEAN:
            if not set(texts) <= {b"true", b"false"}:
                raise ValueError("neither of them")
            return [text == b"true" for text in texts]


def _integers(texts: Sequence[bytes]) -> list[int]:
    if b"".join(texts).translate(None, b"0123456789-"):
        raise ValueError("not written as an integer")
    if max(map(len, texts)) > INTEGER_DIGITS_MAX and any(len(t.lstrip(b"-")) > INTEGER_DIGITS_MAX for t in texts):
        raise ValueError("it does not fit 64 bits")
    numbers = list(map(int, texts))
    if min(numbers) < -INT64_MAX - 1 or max(numbers) > INT64_MAX:
        raise ValueError("it does not fit 64 bits")
    return numbers


def _not_ours(line: bytes, why: str) -> ValueError:
    return ValueError(f"not a line of ours: {line.decode(errors='replace')[:LINE_SHOWN_MAX]!r} ({why})")
