"""Native messages of a kind to lines, by columns. Nearly all have one reading, with a time, stored as it is.

payloads -> times and values, all within their bounds -> lines
else in parts, and of a part that has something odd each message by itself
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Protocol

from ingest.batches import Batch
from ingest.encode import SeriesEncoder
from ingest.placed import MessageBatch, Placed
from ingest.validate import ClockWindow
from mqtt.messages import Message
from schemas.readings import Rejection
from sensors.formats import Fields
from sensors.formats.native import Columns, NativeParser

_PART_MESSAGES = 64
"""So many messages at most are looked at one by one for the sake of one that is odd."""


class _Accept(Protocol):
    def __call__(self, message: Message, readings: Sequence[Placed | Rejection], batch: Batch) -> None: ...


class _Refuse(Protocol):
    def __call__(self, message: Message, rejection: Rejection, batch: Batch) -> None: ...


class NativeMessages:
    """Takes what native messages hold; `accept` and `refuse` get those that go the way of all formats."""

    def __init__(self, window: ClockWindow, *, accept: _Accept, refuse: _Refuse) -> None:
        self._window, self._accept, self._refuse = window, accept, refuse

    def take(self, together: MessageBatch, parser: NativeParser, today_ns: int, batch: Batch) -> None:
        """Take the messages of a kind; from `today_ns` on it is today at each of their hubs."""
        messages, series = together.messages, together.series
        if self._take_plain(together, messages, series, parser, today_ns, batch):
            return
        for start in range(0, len(messages), _PART_MESSAGES):
            some, theirs = messages[start : start + _PART_MESSAGES], series[start : start + _PART_MESSAGES]
            if not self._take_plain(together, some, theirs, parser, today_ns, batch):
                self._take_any(some, theirs, parser, batch)

    def _take_plain(
        self,
        together: MessageBatch,
        messages: Sequence[Message],
        series: Sequence[SeriesEncoder],
        parser: NativeParser,
        today_ns: int,
        batch: Batch,
    ) -> bool:
        """Take messages of one reading that has a time; False where one is anything else."""
        columns = parser.plain([message.payload for message in messages])
        if columns is None:
            return False
        times_ns, values = columns
        if (
            max(today_ns, self._window.oldest_ns) <= min(times_ns)
            and max(times_ns) <= self._window.latest_ns
            and together.plain_low <= min(values)
            and max(values) <= together.plain_high
        ):
            batch.lines += _plain_lines([each.prefix for each in series], times_ns, values)
            return True
        name = str(parser.single_name)
        for message, its, time_ns, value in zip(messages, series, times_ns, values, strict=True):
            self._take_one(message, its, time_ns, {name: value}, batch)
        return True

    def _take_any(
        self, messages: Sequence[Message], series: Sequence[SeriesEncoder], parser: NativeParser, batch: Batch
    ) -> None:
        arrays = [parser.plain_array(message.payload) for message in messages]
        parsed = iter(parser.parse([m.payload for m, array in zip(messages, arrays, strict=True) if array is None]))
        for message, its, array in zip(messages, series, arrays, strict=True):
            if array is not None:
                self._take_array(message, its, array, str(parser.single_name), batch)
                continue
            samples = next(parsed)
            if isinstance(samples, Rejection):
                self._refuse(message, samples, batch)
            elif len(samples) == 1 and type(samples[0]) is tuple:
                self._take_one(message, its, *samples[0], batch)
            else:
                placed = [sample if isinstance(sample, Rejection) else (its, *sample) for sample in samples]
                self._accept(message, placed, batch)

    def _take_one(
        self, message: Message, series: SeriesEncoder, time_ns: int | None, fields: Fields, batch: Batch
    ) -> None:
        if time_ns is not None and self._window.oldest_ns <= time_ns <= self._window.latest_ns:
            line = series.encode(fields, time_ns)
            if type(line) is str:
                batch.lines.append(line)
                if time_ns < series.days.today_ns:
                    batch.marks.add(series.days.mark(time_ns))
                return
        self._accept(message, [(series, time_ns, fields)], batch)

    def _take_array(self, message: Message, series: SeriesEncoder, readings: Columns, name: str, batch: Batch) -> None:
        """Take a message of several readings: by columns where they are of a day, and each of a time of its own."""
        times_ns, values = readings
        first_ns, last_ns, days = min(times_ns), max(times_ns), series.days
        is_today = days.today_ns <= first_ns
        if (
            (is_today or (last_ns < days.today_ns and days.mark(first_ns) == days.mark(last_ns)))
            and self._window.oldest_ns <= first_ns
            and last_ns <= self._window.latest_ns
            and series.plain_low <= min(values)
            and max(values) <= series.plain_high
            and len(set(times_ns)) == len(times_ns)
        ):
            if len(times_ns) > 1:
                batch.more_readings[message.topic] += len(times_ns) - 1
            batch.lines += _plain_lines(repeat(series.prefix), times_ns, values)
            if not is_today:
                batch.marks.add(days.mark(first_ns))
            return
        placed = [(series, time_ns, {name: value}) for time_ns, value in zip(times_ns, values, strict=True)]
        self._accept(message, placed, batch)


def _plain_lines(prefixes: Iterable[str], times_ns: Sequence[int], values: Sequence[float]) -> list[str]:
    """The lines of readings that are stored as they are, of kinds with one field."""
    parts = zip(prefixes, _texts(values), _texts(times_ns), strict=False)
    return [f"{prefix}{value} {time}" for prefix, value, time in parts]


def _texts(numbers: Sequence[float]) -> Iterable[str]:
    """The shortest text of each; of few different ones each is made once."""
    distinct = set(numbers)
    if 2 * len(distinct) > len(numbers) or 0 in distinct:  # which two texts stand for
        return map(repr, numbers)
    known = {number: repr(number) for number in distinct}
    return map(known.__getitem__, numbers)
