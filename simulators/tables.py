"""A table (CSV, also gzipped) as native messages, by way of a mapping.

    row -> time -> for each reading: where? -> topic -> instant -> values -> seen before? -> message

Rows are streamed; whatever is left out is counted with its reason.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas import KINDS, HubpulseError
from schemas.ids import is_id
from schemas.localtime import rfc3339
from simulators.duplicates import DuplicateIndex
from simulators.local_times import RowOrder, RowTime, time_reader
from simulators.mapping import FILE_COLUMN, MappingError, ReadingColumns, TableMapping
from simulators.messages import TimedMessage
from simulators.source import MessageSource

TOPICS_MAX = 100_000
_NO_ID = re.compile(r"[^a-z0-9_-]+")
_ID_MAX = 64

DUPLICATE = "duplicate: same sensor, time and values as before"
CONFLICT = "conflict: same sensor and time as before with other values, the first were kept"
BLANK = "blank: no value in the columns of a reading"
NO_TIME = "time blank or in no known format"
NO_NUMBER = "not a number, or a count that is not whole"
NO_NAME = "no hub or sensor name"
WRONG_WIDTH = "wrong number of fields in the row"
SKIPPED_LOCAL_TIME = "local time that the clock change skips, kept just after the change"

_rfc3339 = lru_cache(maxsize=1024)(rfc3339)


class _Skip(Exception):  # noqa: N818 - no error: a reading that is left out
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class Table(MessageSource):
    """The messages of a table: one for each reading, or arrays of up to `readings_per_message` of the same topic."""

    def __init__(self, path: Path, mapping: TableMapping, *, readings_per_message: int = 1) -> None:
        super().__init__(path)
        self._mapping = mapping
        self._readings_per_message = readings_per_message

    @property
    def fingerprint(self) -> str:
        return f"{self._mapping.model_dump_json()} {self._readings_per_message}"

    def _messages(self) -> Generator[TimedMessage]:
        readings = self._readings()
        return readings if self._readings_per_message == 1 else _arrays(readings, self._readings_per_message)

    def _readings(self) -> Generator[TimedMessage]:
        mapping = self._mapping
        time_of = time_reader(mapping.time.formats, ZoneInfo(mapping.time.timezone) if mapping.time.timezone else None)
        topics = Topics(mapping.names)
        with closing(self._rows()) as rows, closing(DuplicateIndex()) as duplicates:
            columns = self._positions(next(rows)[1])
            time_at = [columns[name] for name in mapping.time.columns]
            plans = [_ReadingMaker(reading, columns, mapping, topics) for reading in mapping.readings]
            for line, row in rows:
                try:
                    moment = time_of(" ".join([row[at] for at in time_at]))
                except ValueError as error:
                    self.skipped.add(NO_TIME, f"line {line}, {error}", len(plans))
                    continue
                if moment.skipped:
                    self.notes.add(SKIPPED_LOCAL_TIME, f"line {line}")
                for plan in plans:
                    try:
                        message = plan.message(row, moment, duplicates)
                    except _Skip as skip:
                        self.skipped.add(skip.reason, f"line {line}{skip.detail}")
                        continue
                    if message is not None:
                        yield message

    def _rows(self) -> Generator[tuple[int, list[str]]]:
        """(0, column names), then (line, cells) of every row of the right width, the file's own name the last cell."""
        mapping, name, stem = self._mapping, self.path.name, self.stem
        with self._opened() as stream:
            text = io.TextIOWrapper(stream, encoding=mapping.encoding, newline="")
            reader = csv.reader(text, delimiter=mapping.delimiter)
            try:
                named = next(reader, []) if mapping.header else []
                columns = list(mapping.columns) or [cell.strip() for cell in named]
                yield 0, [*columns, FILE_COLUMN]
                width = len(columns)
                started = False
                for row in reader:
                    if len(row) == width:
                        started = True
                        row.append(stem)
                        yield reader.line_num, row
                    elif row and not started:
                        raise MappingError(
                            f"{name}:{reader.line_num}: {len(row)} fields, but {width} columns ({', '.join(columns)}): "
                            "name the columns in the mapping, `columns: [...]`, or fix its `delimiter`"
                        )
                    elif row:
                        self.skipped.add(WRONG_WIDTH, f"line {reader.line_num}: {len(row)} instead of {width}")
            except UnicodeDecodeError as error:
                raise MappingError(
                    f"{name}:{reader.line_num + 1}: not {mapping.encoding}: "
                    "write for example `encoding: latin-1` in the mapping"
                ) from error
            except csv.Error as error:
                raise HubpulseError(f"{name}:{reader.line_num}: {error}: is a quote left open there?") from error

    def _positions(self, columns: Sequence[str]) -> Mapping[str, int]:
        """The position of each column by its name, having checked that the mapping's are all there, once."""
        needed = [*self._mapping.time.columns, *(name for r in self._mapping.readings for name in r.columns)]
        for name in needed:
            if columns.count(name) != 1:
                what = "is not in the table" if name not in columns else "is there twice"
                raise MappingError(
                    f"{self.path.name}: column {name!r} {what}; it has {', '.join(columns[:-1])}: "
                    "correct the mapping, or name the columns there with `columns: [...]`"
                )
        return {name: at for at, name in enumerate(columns)}


class TopicTarget(NamedTuple):
    """Where readings of the same cells go: the topic, and the order of what went there before."""

    topic: str
    number: int
    order: RowOrder


class Topics:
    """The topics of a whole table. A cell becomes an id by the mapping's `names`, or by its letters and digits."""

    def __init__(self, names: Mapping[str, Mapping[str, str]]) -> None:
        self._names = names
        self._by_cells: dict[tuple[str, ...], TopicTarget] = {}
        self._by_topic: dict[str, TopicTarget] = {}
        self._sources: dict[tuple[str, str], str] = {}

    def target(self, reading: ReadingColumns, cells: Sequence[str]) -> TopicTarget:
        """The target of a reading whose topic columns have these cells.

        Raises ValueError for a cell that gives no id, HubpulseError for two that give the same.
        """
        key = (reading.topic, *cells)
        target = self._by_cells.get(key)
        if target is None:
            if len(self._by_cells) >= TOPICS_MAX:
                raise HubpulseError(f"{reading.topic} gives more than {TOPICS_MAX} topics: take a column of few names")
            target = self._by_cells[key] = self._new_target(reading, cells)
        return target

    def _new_target(self, reading: ReadingColumns, cells: Sequence[str]) -> TopicTarget:
        topic = reading.topic
        for column, cell in zip(reading.topic_columns, cells, strict=True):
            topic = topic.replace(f"{{{column}}}", self._id(column, cell))
        for level in topic.split("/"):
            if not is_id(level):
                raise ValueError(f"{level!r} is not an id: name it under `names` in the mapping")
        return self._by_topic.setdefault(topic, TopicTarget(topic, len(self._by_topic), RowOrder()))

    def _id(self, column: str, cell: str) -> str:
        text = cell.strip()
        named = self._names.get(column, {}).get(text)
        if named is not None:
            return named
        slug = _NO_ID.sub("-", text.lower()).strip("-_")[:_ID_MAX]
        other = self._sources.setdefault((column, slug), text)
        if other != text:
            raise HubpulseError(
                f"{column}: {other!r} and {text!r} both become {slug!r}: name them under `names` in the mapping"
            )
        return slug


class _ReadingMaker:
    """How one reading is made of a row."""

    def __init__(
        self, reading: ReadingColumns, columns: Mapping[str, int], mapping: TableMapping, topics: Topics
    ) -> None:
        self._reading = reading
        self._topics = topics
        self._where = [(columns[name], text) for name, text in reading.where.items()]
        self._topic_at = [columns[name] for name in reading.topic_columns]
        self._blanks = frozenset(mapping.blanks)
        self._decimal = mapping.decimal
        whole = {field.name for field in KINDS[reading.kind].fields if field.number is int}
        self._cells = [
            (f'"{name}":', columns[value], name in whole)
            for name, value in reading.fields.items()
            if isinstance(value, str)
        ]
        self._constants = [f'"{name}":{value}' for name, value in reading.fields.items() if not isinstance(value, str)]

    def message(self, row: Sequence[str], moment: RowTime, duplicates: DuplicateIndex) -> TimedMessage | None:
        """The row's reading; None where `where` leaves it out. Raises _Skip."""
        for at, text in self._where:
            if row[at].strip() != text:
                return None
        try:
            target = self._topics.target(self._reading, [row[at] for at in self._topic_at])
        except ValueError as error:
            raise _Skip(NO_NAME, f": {error}") from error
        time_ns = target.order.place(moment)
        values = self._values(row)
        value = hash(values)
        before = duplicates.note(target.number, time_ns, value)
        if before is not None:
            raise _Skip(DUPLICATE if before == value else CONFLICT, "")
        return TimedMessage(time_ns, target.topic, f'{{"time":"{_rfc3339(time_ns)}",{values}}}'.encode())

    def _values(self, row: Sequence[str]) -> str:
        """The fields as JSON without the braces."""
        parts = []
        for head, at, whole in self._cells:
            text = row[at].strip()
            if text in self._blanks:
                continue
            try:
                parts.append(head + _number(text.replace(self._decimal, "."), whole=whole))
            except ValueError as error:
                raise _Skip(NO_NUMBER, f": {text[:40]!r}") from error
        if self._cells and not parts:
            raise _Skip(BLANK, "")
        return ",".join(parts + self._constants)


def _number(text: str, *, whole: bool) -> str:
    """A cell's number as JSON. Raises ValueError."""
    if whole and text.isdecimal() and text.isascii():
        return str(int(text))
    number = float(text)
    if "_" in text or not math.isfinite(number) or (whole and not number.is_integer()):
        raise ValueError(text)
    return str(int(number)) if whole else repr(number)


def _arrays(readings: Iterator[TimedMessage], readings_max: int) -> Generator[TimedMessage]:
    """Arrays of readings of the same topic; the time of a message is that of its last reading."""
    waiting: dict[str, list[TimedMessage]] = {}
    for reading in readings:
        group = waiting.setdefault(reading.topic, [])
        group.append(reading)
        if len(group) == readings_max:
            yield _array(waiting.pop(reading.topic))
    yield from map(_array, waiting.values())


def _array(group: Sequence[TimedMessage]) -> TimedMessage:
    return TimedMessage(
        group[-1].time_ns, group[-1].topic, b"[" + b",".join(message.payload for message in group) + b"]"
    )
