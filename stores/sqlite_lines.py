"""Line protocol to rows of a table, quickly: what the embedded store does with a batch before SQLite sees it.

Lines of one series share their text up to the first space, so a series is looked up once; lines of one sensor nearly
always name the same fields, so a compiled pattern (a `Shape`) both validates and splits the rest of the line.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping

from schemas import MEASUREMENTS, FieldType, Measurement
from schemas.ids import is_id
from schemas.kinds import INT64_MAX

SERIES_CACHED_MAX = 50_000
SHAPES_CACHED_MAX = 500

Cell = int | float | bool
Row = tuple[Cell, ...]

SeriesId = Callable[[str, str], int]
"""(measurement, the tags of a line in sorted order: `hub=a,sensor=b`) -> the series' number in the database."""


def _int64(text: str) -> int:
    value = int(text)
    if not -INT64_MAX - 1 <= value <= INT64_MAX:
        raise ValueError(f"{text} does not fit 64 bits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise ValueError(f"{text} is too large a number")
    return value


def _is_true(text: str) -> bool:
    return text == "true"


_FLOAT = r"(-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_FIELD: Mapping[FieldType, tuple[str, Callable[[str], Cell], str]] = {
    FieldType.INTEGER: (r"(-?\d{1,19})i", _int64, "an integer such as 3i"),
    FieldType.FLOAT: (_FLOAT, _finite, "a float such as 21.5"),
    FieldType.BOOLEAN: (r"(true|false)", _is_true, "true or false"),
}
_TIME = r"(-?\d{1,19})"


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
        fields = [(name, *_FIELD[measurement.fields[name]]) for name in names]
        self.match = re.compile(
            ",".join(f"{name}={pattern}" for name, pattern, _, _ in fields) + " " + _TIME, re.ASCII
        ).fullmatch
        self.convert = (*(convert for _, _, convert, _ in fields), _int64)
        self.wanted = ", ".join(f"{name} as {wanted}" for name, _, _, wanted in fields)
        columns = ", ".join(f'"{name}"' for name in names)
        updates = ", ".join(f'"{name}" = excluded."{name}"' for name in names)
        self.upsert = (
            f'INSERT INTO "{measurement.name}" (series, {columns}, time_ns) VALUES (?, {"?, " * len(names)}?) '  # noqa: S608 - names are the schema's
            f"ON CONFLICT (series, time_ns) DO UPDATE SET {updates}"
        )


class _Series:
    """A series that lines were seen of. `rows` is where its rows go while `flush` is the current one."""

    __slots__ = ("flush", "id", "measurement", "rows", "shape")

    def __init__(self, series_id: int, measurement: Measurement) -> None:
        self.id = series_id
        self.measurement = measurement
        self.shape: Shape | None = None
        self.flush = 0
        self.rows: list[Row] = []


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

        `series_id` names a series that was not seen before. Raises ValueError naming the first line that is not ours.
        """
        pending: dict[Shape, list[Row]] = {}
        flush = next(self._flushes)
        series_known = self._series
        if len(series_known) > SERIES_CACHED_MAX:
            series_known.clear()
        # Bytes that are no ASCII become characters that no line of ours has, and are refused with their line.
        for line in lines.decode("ascii", errors="replace").split("\n"):
            if not line:
                continue
            key, _, rest = line.partition(" ")
            try:
                series = series_known.get(key) or self._learn(key, series_id)
                shape = series.shape
                match = shape.match(rest) if shape else None
                if shape is None or match is None:
                    if series.flush == flush:
                        # This series now names other fields: what came before must be stored before.
                        yield from ((shape.upsert, rows) for shape, rows in pending.items())
                        pending.clear()
                        flush = next(self._flushes)
                    series.shape = shape = self._shape(series.measurement, rest)
                    match = shape.match(rest)
                    if match is None:
                        raise ValueError(f"its fields and time must be: {shape.wanted}, then nanoseconds")  # noqa: TRY301
                if series.flush != flush:
                    series.flush = flush
                    series.rows = pending.setdefault(shape, [])
                values = [convert(text) for convert, text in zip(shape.convert, match.groups(), strict=True)]
                series.rows.append((series.id, *values))
            except ValueError as error:
                raise ValueError(f"not a line of ours: {line[:200]!r} ({error})") from error
        yield from ((shape.upsert, rows) for shape, rows in pending.items())

    def _learn(self, key: str, series_id: SeriesId) -> _Series:
        name, *pairs = key.split(",")
        measurement = MEASUREMENTS.get(name)
        if measurement is None:
            raise ValueError(f"{name!r} is not a measurement of ours")
        tags = dict(pair.partition("=")[::2] for pair in pairs)
        unknown = set(tags) - set(measurement.tags)
        if unknown or len(tags) < len(pairs) or not all(map(is_id, tags.values())):
            raise ValueError(f"the tags of {name} are {', '.join(measurement.tags)}, each an id and there once")
        text = ",".join(f"{tag}={tags[tag]}" for tag in measurement.tags if tag in tags)
        # Tags in another order are the same series, and must share its state.
        canonical = f"{name},{text}"
        series = self._series.get(canonical)
        if series is None:
            series = self._series[canonical] = _Series(series_id(name, text), measurement)
        self._series[key] = series
        return series

    def _shape(self, measurement: Measurement, rest: str) -> Shape:
        names = tuple(part.partition("=")[0] for part in rest.partition(" ")[0].split(","))
        shape = self._shapes.get((measurement.name, names))
        if shape is None:
            if len(self._shapes) >= SHAPES_CACHED_MAX:
                self._shapes.clear()
            shape = self._shapes[measurement.name, names] = Shape(measurement, names)
        return shape
