"""Native messages of a kind to lines, by columns: of one reading with a time, or arrays of such.

payloads -> times and values, all within their bounds -> lines
else in parts, and of a part that has something odd each message by itself
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, pairwise, repeat
from typing import Protocol

from ingest.batches import Batch
from ingest.encode import SeriesEncoder
from ingest.placed import MessageBatch, Placed
from ingest.validate import ClockWindow
from mqtt.messages import Message
from schemas.readings import Rejection
from sensors.formats import Fields
from sensors.formats.native import NativeParser

_PART_MESSAGES = 64
"""So many messages at most are looked at one by one for the sake of one that is odd."""


class _Accept(Protocol):
    def __call__(self, message: Message, readings: Sequence[Placed | Rejection], batch: Batch) -> None: ...


class _Refuse(Protocol):
    def __call__(self, message: Message, rejection: Rejection, batch: Batch) -> None: ...


class NativeMessages:
    """Takes what native messages hold; `accept` and `refuse` get those that go the way of all formats."""

    def __init__(self, window: ClockWindow, past_days_max: int, *, accept: _Accept, refuse: _Refuse) -> None:
        self._window, self._past_days_max = window, past_days_max
        self._accept, self._refuse = accept, refuse

    def take(self, together: MessageBatch, parser: NativeParser, today_ns: int, batch: Batch) -> None:
        """Take the messages of a kind; from `today_ns` on it is today at each of their hubs."""
        messages, series = together.messages, together.series
        if self._take_plain(together, messages, series, parser, today_ns, batch):
            return
        for start in range(0, len(messages), _PART_MESSAGES):
            some, theirs = messages[start : start + _PART_MESSAGES], series[start : start + _PART_MESSAGES]
            if not (
                self._take_plain(together, some, theirs, parser, today_ns, batch)
                or self._take_arrays(together, some, theirs, parser, today_ns, batch)
            ):
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
        if self._are_of_today(times_ns, today_ns) and _are_within(together, values):
            batch.lines += _plain_lines([each.prefix for each in series], times_ns, values)
            return True
        name = str(parser.single_name)
        for message, its, time_ns, value in zip(messages, series, times_ns, values, strict=True):
            self._take_one(message, its, time_ns, {name: value}, batch)
        return True

    def _take_arrays(
        self,
        together: MessageBatch,
        messages: Sequence[Message],
        series: Sequence[SeriesEncoder],
        parser: NativeParser,
        today_ns: int,
        batch: Batch,
    ) -> bool:
        """Take messages that are arrays of readings that have a time; False where one is anything else."""
        columns = parser.plain_arrays([message.payload for message in messages])
        if columns is None:
            return False
        times_ns, values, stops = columns
        parts = list(pairwise([0, *stops]))
        if (
            self._are_of_today(times_ns, today_ns)
            and _are_within(together, values)
            and all(_are_different(times_ns[start:stop]) for start, stop in parts)
        ):
            prefixes = (repeat(its.prefix, stop - start) for its, (start, stop) in zip(series, parts, strict=True))
            batch.lines += _plain_lines(chain.from_iterable(prefixes), times_ns, values)
            for message, (start, stop) in zip(messages, parts, strict=True):
                _count_more(message, stop - start, batch)
            return True
        name = str(parser.single_name)
        for message, its, (start, stop) in zip(messages, series, parts, strict=True):
            self._take_array(message, its, times_ns[start:stop], values[start:stop], name, batch)
        return True

    def _are_of_today(self, times_ns: Sequence[int], today_ns: int) -> bool:
        return max(today_ns, self._window.oldest_ns) <= min(times_ns) and max(times_ns) <= self._window.latest_ns

    def _take_any(
        self, messages: Sequence[Message], series: Sequence[SeriesEncoder], parser: NativeParser, batch: Batch
    ) -> None:
        arrays = [parser.plain_arrays([message.payload]) for message in messages]
        parsed = iter(parser.parse([m.payload for m, array in zip(messages, arrays, strict=True) if array is None]))
        for message, its, array in zip(messages, series, arrays, strict=True):
            if array is not None:
                times_ns, values, _ = array
                self._take_array(message, its, times_ns, values, str(parser.single_name), batch)
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

    def _take_array(
        self,
        message: Message,
        series: SeriesEncoder,
        times_ns: Sequence[int],
        values: Sequence[float],
        name: str,
        batch: Batch,
    ) -> None:
        """Take a message of several readings: by columns where each has a time of its own and is stored as it is."""
        if (
            self._window.oldest_ns <= min(times_ns)
            and max(times_ns) <= self._window.latest_ns
            and _are_within(series, values)
            and _are_different(times_ns)
            and len(marks := series.days.past_marks(times_ns)) <= self._past_days_max
        ):
            batch.lines += _plain_lines(repeat(series.prefix), times_ns, values)
            batch.marks |= marks
            _count_more(message, len(times_ns), batch)
            return
        placed = [(series, time_ns, {name: value}) for time_ns, value in zip(times_ns, values, strict=True)]
        self._accept(message, placed, batch)


def _are_within(limits: MessageBatch | SeriesEncoder, values: Sequence[float]) -> bool:
    """Whether each is stored as it is."""
    return limits.plain_low <= min(values) and max(values) <= limits.plain_high


def _are_different(times_ns: Sequence[int]) -> bool:
    return len(set(times_ns)) == len(times_ns)


def _count_more(message: Message, readings: int, batch: Batch) -> None:
    """Count the readings of a message beyond its first."""
    if readings > 1:
        batch.more_readings[message.topic] += readings - 1


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
