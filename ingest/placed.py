"""Readings of known series, their times and days, and the messages that are decoded together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ingest.encode import SeriesEncoder
from ingest.validate import OLDEST_NS, ClockWindow
from mqtt.messages import Message
from schemas.readings import Rejection
from schemas.sources import Source
from sensors.formats import Fields, Format
from sensors.formats.native import NativeParser
from sensors.times import SinceReceipt

Placed = tuple[SeriesEncoder, int | SinceReceipt | None, Fields]
"""A reading of a known series: its time, if it names one, and its fields."""


@dataclass(slots=True)
class MessageBatch:
    """The messages at hand that are decoded together: native ones of one kind, or all of another format.

    `series` has the series of each message, where its topic names it: only native ones do.
    """

    source: Source
    decoder: NativeParser | Format
    messages: list[Message] = field(default_factory=list)
    series: list[SeriesEncoder] = field(default_factory=list)
    plain_low: float = -math.inf
    plain_high: float = math.inf
    """Between these the value of any of its series is stored as it is."""

    def narrow(self, series: SeriesEncoder) -> None:
        """Take in a series."""
        self.plain_low = max(self.plain_low, series.plain_low)
        self.plain_high = min(self.plain_high, series.plain_high)


class TopicRoute(NamedTuple):
    """What never changes between two messages of a topic; only native topics have a series."""

    together: MessageBatch
    series: SeriesEncoder | None


def past_days(readings: Sequence[Placed | Rejection]) -> int:
    """How many local days of the past a message has readings of."""
    return len(
        {
            series.days.mark(time_ns)
            for series, time_ns, _ in (reading for reading in readings if isinstance(reading, tuple))
            if isinstance(time_ns, int) and OLDEST_NS <= time_ns < series.days.today_ns
        }
    )


def free_time(series: SeriesEncoder, time_ns: int, taken: dict[tuple[SeriesEncoder, int], int]) -> int:
    """The first time from an instant on that no reading of the message has: two people in a second are two readings.

    `taken` has for each time the next one to look at; every look shortens the way, however many share a time.
    """
    passed = [time_ns]
    while (after_ns := taken.get((series, passed[-1]))) is not None:
        passed.append(after_ns)
    free_ns = passed[-1]
    taken.update(((series, passed_ns), free_ns + 1) for passed_ns in passed)
    return free_ns


def frame_lines(placed: Placed | Rejection, window: ClockWindow) -> list[str]:
    """What the radio told of a frame that holds no reading, as a line: its number was not lost. None without a time."""
    if isinstance(placed, Rejection):
        return []
    series, time_ns, radio = placed
    if not radio or not isinstance(time_ns, int) or not window.oldest_ns <= time_ns <= window.latest_ns:
        return []
    line = series.encode(radio, time_ns)
    return [line] if isinstance(line, str) else []
