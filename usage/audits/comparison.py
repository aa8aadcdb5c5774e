"""A door's readings beside the presses of who stood there: the same people, over the door's own samples.

A sample is the time that one reading tells of: an interval, or from one total to the next; those of less than a minute
are put together. Only samples that lie wholly within the time somebody counted are compared. The clocks of phone and
sensor differ: the shift with the least mismatch is taken, and all that mismatch hardly more are believed as well.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from schemas.localtime import NS_A_MINUTE, NS_A_SECOND, Span
from usage.calendar import HubCalendar
from usage.plan import HubPlan
from usage.readings import SensorReadings, Track

OFFSET_MAX_S = 120
"""How far the clocks of phone and sensor may be apart."""
OFFSET_STEP_S = 5
_MISMATCH_MORE = 2
"""An offset is believed with so many people more in a wrong sample than at the best one: each counts twice."""


class Sample(NamedTuple):
    """How many people the door counted in a span, one direction."""

    span: Span
    people: int


class Line(NamedTuple):
    """One line of a comparison: what the hand and what the door counted in a span."""

    span: Span
    by_hand: int
    by_door: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Both counts over the same samples, at one offset of the clocks."""

    offset_s: int
    lines: tuple[Line, ...]

    @property
    def people(self) -> int:
        """How many people were counted by hand."""
        return sum(line.by_hand for line in self.lines)

    def missed_and_extra(self) -> tuple[int, int]:
        """How many people the door missed, and how many it counted that nobody saw.

        One too many beside one too few is somebody who passed at the edge of two samples, and neither.
        """
        left = [line.by_hand - line.by_door for line in self.lines]
        for i, (here, there) in enumerate(pairwise(self.lines)):
            if here.span.stop_ns == there.span.start_ns and left[i] * left[i + 1] < 0:
                moved = min(abs(left[i]), abs(left[i + 1])) * (1 if left[i] > 0 else -1)
                left[i], left[i + 1] = left[i] - moved, left[i + 1] + moved
        return sum(n for n in left if n > 0), -sum(n for n in left if n < 0)


def samples(door: SensorReadings, name: str, plan: HubPlan, calendar: HubCalendar, within: Span) -> list[Sample]:
    """What a door counted in one direction (`entries` or `exits`), sample by sample, in order of time."""
    known = plan.sensor(door.sensor)
    if door.measures(f"{name}_total"):
        grown = door.growth(f"{name}_total", plan.people_rules(door.sensor), calendar.midnight_of)
        return _by_minutes(
            Sample(Span(step.start_ns, step.stop_ns), step.growth) for step in grown.steps if step.is_known
        )
    counts = door.measures(name)
    if known is not None and known.on_change:
        return list(_changes(counts, within))
    every_ns = plan.every_ns(door.sensor) or door.interval_ns(within) or plan.patience_ns(door.sensor)
    return _by_minutes(_intervals(counts, every_ns, stamps_end=plan.stamps_end(door.sensor)))


def compare(
    door: Sequence[Sample], presses_ns: Sequence[int], counted: Iterable[Span], people: int
) -> tuple[int, list[Compared]]:
    """How many people can be compared, and both counts at every believable offset, the likeliest first.

    `presses_ns` come in order. Samples after the one in which the hand reached `people` are left out, whatever the door
    counted: the end is fixed before it is known what comes of it.
    """
    slack_ns = OFFSET_MAX_S * NS_A_SECOND
    inner = [Span(span.start_ns + slack_ns, span.stop_ns - slack_ns) for span in counted]
    usable = [
        sample
        for sample in door
        if any(span.start_ns <= sample.span.start_ns and sample.span.stop_ns <= span.stop_ns for span in inner)
    ]
    seen = list(accumulate(line.by_hand for line in at(0, usable, presses_ns).lines))
    used = bisect_left(seen, people) + 1
    return (seen[:used][-1], _believable(usable[:used], presses_ns)) if usable else (0, [])


def _believable(door: Sequence[Sample], presses_ns: Sequence[int]) -> list[Compared]:
    """The comparison at each believable offset of the clocks, the likeliest first."""
    shifts_s = np.arange(-OFFSET_MAX_S, OFFSET_MAX_S + 1, OFFSET_STEP_S)
    starts, stops = (np.array([sample.span[edge] for sample in door]) for edge in (0, 1))
    until = (np.searchsorted(presses_ns, edges - shifts_s[:, None] * NS_A_SECOND) for edges in (stops, starts))
    by_hand = next(until) - next(until)
    by_door = np.array([sample.people for sample in door])
    # In proportion: a counter that loses people fits best where fewest were pressed, whatever the clocks say.
    share = by_door.sum() / np.maximum(by_hand.sum(axis=1, keepdims=True), 1)
    mismatches = np.abs(by_hand * share - by_door).sum(axis=1)
    found = sorted(zip(mismatches.tolist(), np.abs(shifts_s).tolist(), shifts_s.tolist(), strict=True))
    return [at(shift_s, door, presses_ns) for mismatch, _, shift_s in found if mismatch <= found[0][0] + _MISMATCH_MORE]


def at(offset_s: int, door: Sequence[Sample], presses_ns: Sequence[int]) -> Compared:
    """Both counts over the same samples at one offset of the clocks."""
    shift_ns = offset_s * NS_A_SECOND
    return Compared(
        offset_s,
        tuple(
            Line(
                span,
                bisect_left(presses_ns, span.stop_ns - shift_ns) - bisect_left(presses_ns, span.start_ns - shift_ns),
                number,
            )
            for span, number in door
        ),
    )


def _intervals(counts: Track, every_ns: int, *, stamps_end: bool) -> Iterator[Sample]:
    """Interval counts, each with the time that it tells of: its interval, or less where the next one comes sooner."""
    times_ns = counts.times_ns
    for i, (time_ns, count) in enumerate(zip(times_ns, counts.values, strict=True)):
        if stamps_end:
            before_ns = times_ns[i - 1] if i else time_ns - every_ns
            yield Sample(Span(max(before_ns, time_ns - every_ns), time_ns), int(count))
        else:
            after_ns = times_ns[i + 1] if i + 1 < len(times_ns) else time_ns + every_ns
            yield Sample(Span(time_ns, min(after_ns, time_ns + every_ns)), int(count))


def _changes(counts: Track, within: Span) -> Iterator[Sample]:
    """Minute by minute, what a door tells that is silent while nobody comes."""
    start_ns = within.start_ns - within.start_ns % NS_A_MINUTE
    while start_ns < within.stop_ns:
        minute = Span(start_ns, start_ns + NS_A_MINUTE)
        first, stop = bisect_left(counts.times_ns, minute.start_ns), bisect_right(counts.times_ns, minute.stop_ns - 1)
        yield Sample(minute, sum(int(count) for count in counts.values[first:stop]))
        start_ns = minute.stop_ns


def _by_minutes(found: Iterable[Sample]) -> list[Sample]:
    """The samples, those of less than a minute put together where they follow each other."""
    joined: list[Sample] = []
    for sample in found:
        last = joined[-1] if joined else None
        if last and last.span.stop_ns == sample.span.start_ns and last.span.length_ns < NS_A_MINUTE:
            joined[-1] = Sample(Span(last.span.start_ns, sample.span.stop_ns), last.people + sample.people)
        else:
            joined.append(sample)
    return joined
