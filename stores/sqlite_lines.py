"""Line protocol to rows of a table, quickly: what the embedded store does with a batch before SQLite sees it.

Lines of one series share their text up to the first space, so a series is looked up once; lines of one sensor nearly
always name the same fields, so one compiled pattern (of a `Shape`) both validates and splits the rest of the line.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from schemas import MEASUREMENTS, FieldType, Measurement
from schemas.ids import is_id
from schemas.kinds import INT64_MAX
from stores.lines import FLOAT_PATTERN, INTEGER_PATTERN

FLOAT_MAX = sys.float_info.max
LINE_SHOWN_MAX = 200
SERIES_CACHED_MAX = 50_000
SHAPES_CACHED_MAX = 500

Cell = int | float | bool
Row = tuple[Cell, ...]

SeriesId = Callable[[str, str], int]
"""(measurement, the tags of a line in sorted order: `hub=a,sensor=b`) -> the series' number in the database."""


def _is_true(text: str) -> bool:
    return text == "true"


class _Reading(NamedTuple):
    """How the values of one type are written, made of their text, and limited."""

    pattern: str
    convert: Callable[[str], Cell]
    wanted: str
    low: float
    high: float


_READINGS: Mapping[FieldType, _Reading] = {
    FieldType.INTEGER: _Reading(f"({INTEGER_PATTERN})i", int, "an integer such as 3i", -INT64_MAX - 1, INT64_MAX),
    FieldType.FLOAT: _Reading(f"({FLOAT_PATTERN})", float, "a float such as 21.5", -FLOAT_MAX, FLOAT_MAX),
    FieldType.BOOLEAN: _Reading(r"(true|false)", _is_true, "true or false", 0, 1),
}
_TIME = _Reading(f"({INTEGER_PATTERN})", int, "nanoseconds", -INT64_MAX - 1, INT64_MAX)


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
        fields = {name: _READINGS[measurement.fields[name]] for name in names}
        self._readings = (*fields.values(), _TIME)
        text = ",".join(f"{name}={reading.pattern}" for name, reading in fields.items())
        self.match = re.compile(f"{text} {_TIME.pattern}", re.ASCII).fullmatch
        self.wanted = ", ".join(f"{name} {reading.wanted}" for name, reading in fields.items())
        columns = ", ".join(f'"{name}"' for name in names)
        updates = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
        self.upsert = (
            f'INSERT INTO "{measurement.name}" (series, {columns}, time_ns) VALUES (?, {"?, " * len(names)}?) '  # noqa: S608 - names are the schema's
            f"ON CONFLICT (series, time_ns) DO UPDATE SET {updates}"
        )

    def rows(self, lines: _Lines) -> list[Row]:
        """Convert the lines column by column, which is twice as fast as line by line."""
        columns: list[Iterable[Cell]] = [lines.series]
        texts = zip(*(match.groups() for match in lines.matches), strict=True)
        for reading, column in zip(self._readings, texts, strict=True):
            values = list(map(reading.convert, column))
            if min(values) < reading.low or max(values) > reading.high:
                at = next(i for i, value in enumerate(values) if not reading.low <= value <= reading.high)
                raise _not_ours(lines.matches[at].string, f"{column[at]} does not fit 64 bits")
            columns.append(values)
        return list(zip(*columns, strict=True))


class _Lines:
    """Lines of one shape: the number of each one's series, and what its pattern found."""

    __slots__ = ("matches", "series")

    def __init__(self) -> None:
        self.series: list[int] = []
        self.matches: list[re.Match[str]] = []


class _Series:
    """A series that was seen. Its lines go to `lines` as long as `flush` is the current one."""

    __slots__ = ("flush", "lines", "measurement", "number", "shape")

    def __init__(self, number: int, measurement: Measurement) -> None:
        self.number = number
        self.measurement = measurement
        self.shape: Shape | None = None
        self.flush = 0
        self.lines = _Lines()


class LineReader:
    """Turns batches into rows. What it learned of the series must be forgotten when their transaction is undone."""

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}
        self._shapes: dict[tuple[str, tuple[str, ...]], Shape] = {}
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
        pending: dict[Shape, _Lines] = {}
        flush = next(self._flushes)
        # Bytes that are no ASCII become characters that no line of ours has, and are refused with their line.
        for line in lines.decode("ascii", errors="replace").split("\n"):
            if not line:
                continue
            space = line.find(" ")
            series = self._series.get(line[:space]) or self._learn(line, series_id)
            shape = series.shape
            match = shape.match(line, space + 1) if shape else None
            if shape is None or match is None:
                if series.flush == flush:
                    # This series names other fields now: its lines before this one must be stored before it.
                    yield from ((shape.upsert, shape.rows(found)) for shape, found in pending.items())
                    pending.clear()
                    flush = next(self._flushes)
                series.shape = shape = self._shape(series.measurement, line)
                match = shape.match(line, space + 1)
                if match is None:
                    raise _not_ours(line, f"wanted: {shape.wanted}, then a time in nanoseconds")
            if series.flush != flush:
                series.flush = flush
                series.lines = pending.setdefault(shape, _Lines())
            series.lines.series.append(series.number)
            series.lines.matches.append(match)
        yield from ((shape.upsert, shape.rows(found)) for shape, found in pending.items())

    def _learn(self, line: str, series_id: SeriesId) -> _Series:
        key = line.partition(" ")[0]
        name, *pairs = key.split(",")
        measurement = MEASUREMENTS.get(name)
        if measurement is None:
            raise _not_ours(line, f"{name!r} is not a measurement of ours")
        tags = dict(pair.partition("=")[::2] for pair in pairs)
        unknown = set(tags) - set(measurement.tags)
        if unknown or len(tags) < len(pairs) or not all(map(is_id, tags.values())):
            raise _not_ours(line, f"the tags of {name} are {', '.join(measurement.tags)}, each an id and there once")
        text = ",".join(f"{tag}={tags[tag]}" for tag in measurement.tags if tag in tags)
        # Tags in another order are the same series, and must share its state.
        canonical = f"{name},{text}"
        series = self._series.get(canonical)
        if series is None:
            series = self._series[canonical] = _Series(series_id(name, text), measurement)
        self._series[key] = series
        return series

    def _shape(self, measurement: Measurement, line: str) -> Shape:
        fields = line.split(" ")[1] if " " in line else ""
        names = tuple(field.partition("=")[0] for field in fields.split(","))
        shape = self._shapes.get((measurement.name, names))
        if shape is None:
            if len(self._shapes) >= SHAPES_CACHED_MAX:
                self._shapes.clear()
            try:
                shape = self._shapes[measurement.name, names] = Shape(measurement, names)
            except ValueError as error:
                raise _not_ours(line, str(error)) from error
        return shape


def _not_ours(line: str, why: str) -> ValueError:
    return ValueError(f"not a line of ours: {line[:LINE_SHOWN_MAX]!r} ({why})")
