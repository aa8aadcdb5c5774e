"""Who came and went: interval counts summed, totals differenced.

Direction by direction a sensor is counted by its totals, and by interval counts only where no total tells, so that a
device with both is counted once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain

from schemas.localtime import NS_A_MICROSECOND, NS_AN_HOUR, Span, instant_ns
from usage.calendar import Day, cut_at_opening
from usage.counters import Cause, Correction, CounterRules, Growth, Step, by_time
from usage.readings import SensorReadings, Track, places
from usage.shares import Usual, spread

PAUSE_MAX_NS = 24 * NS_AN_HOUR
"""How long totals may pause and still tell of interval counts that came meanwhile."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one sensor counted in one direction on one day: the instants, what each adds, and how it came about."""

    sensor: str
    field: str
    events: tuple[tuple[int, int], ...]
    corrections: tuple[Correction, ...] = ()
    steps: tuple[Step, ...] = ()
    shared: int = 0
    """What of it was shared out, after a gap, over one of the day's midnights."""
    intervals_ns: tuple[int, ...] = ()
    """When interval counts were taken that no total counts too."""


@dataclass(frozen=True, slots=True)
class Count:
    """A hub's count in one direction over a day, to be asked for any part of it."""

    times_ns: Sequence[int]
    sums: Sequence[int]

    @classmethod
    def of(cls, tallies: Iterable[Tally]) -> Count:
        """All sensors together."""
        events = sorted(chain.from_iterable(tally.events for tally in tallies))
        times_ns, counts = zip(*events, strict=True) if events else ((), ())
        return cls(times_ns, [0, *accumulate(counts)])

    def within(self, span: Span) -> int | None:
        """The count of the span; None where no sensor counted in it, which is not zero."""
        first, stop = bisect_left(self.times_ns, span.start_ns), bisect_left(self.times_ns, span.stop_ns)
        return self.sums[stop] - self.sums[first] if stop > first else None

    def each(self, spans: Iterable[Span]) -> list[int | None]:
        """As `within`, of each of the spans."""
        sums = self.sums
        return [sums[stop] - sums[first] if stop > first else None for first, stop in places(self.times_ns, spans)]

    def within_all(self, spans: Iterable[Span]) -> int | None:
        """The count of several spans together."""
        counts = [count for span in spans if (count := self.within(span)) is not None]
        return sum(counts) if counts else None

    def until(self, stop_ns: int) -> int:
        """The count from the day's start until an instant."""
        return self.sums[bisect_left(self.times_ns, stop_ns)]


def tallies(
    sensors: Iterable[SensorReadings],
    name: str,
    day: Day,
    rules: Callable[[str], CounterRules],
    stamps_end: Callable[[str], bool],
    midnight_of: Callable[[int], int],
    usual: Callable[[str], Usual],
) -> list[Tally]:
    """One direction (`entries`, `rx_bytes`...) of every sensor that counted it on the day.

    `name` is the interval count's field; the total's is `<name>_total`. `usual` gives for each sensor how growth over a
    gap is shared out.
    """
    cuts = cut_at_opening(day)
    found = (
        _tally(
            sensor,
            sensor.growth(f"{name}_total", rules(sensor.sensor), midnight_of),
            name,
            day,
            cuts,
            rules(sensor.sensor).gap_ns,
            usual(sensor.sensor),
            stamps_end=stamps_end(sensor.sensor),
        )
        for sensor in sensors
    )
    return [tally for tally in found if tally is not None]


def with_quiet(found: Sequence[Tally], name: str, quiet: Iterable[tuple[str, Sequence[int]]]) -> list[Tally]:
    """The tallies, where doors that report on change counted nobody at those times."""
    by_sensor = {tally.sensor: tally for tally in found}
    for sensor, times_ns in quiet:
        if times_ns:
            tally = by_sensor.get(sensor, Tally(sensor, name, ()))
            events = sorted([*tally.events, *((time_ns, 0) for time_ns in times_ns)])
            by_sensor[sensor] = replace(tally, events=tuple(events))
    return [by_sensor[sensor] for sensor in sorted(by_sensor)]


def _tally(
    sensor: SensorReadings,
    judged: Growth,
    name: str,
    day: Day,
    cuts: Sequence[Span],
    gap_ns: int,
    usual: Usual,
    *,
    stamps_end: bool,
) -> Tally | None:
    totals = sensor.measures(f"{name}_total")
    steps = _without_intervals(judged.touching(day.span), sensor.measures(name))
    intervals = list(_intervals(sensor.measures(name), totals, steps, day.span, stamps_end=stamps_end))
    events = [*spread(steps, cuts, gap_ns, usual), *intervals]
    reach = (
        Span(min(steps[0].start_ns + 1, day.span.start_ns), max(steps[-1].stop_ns + 1, day.span.stop_ns))
        if steps
        else day.span
    )
    corrections = [c for c in judged.corrections if reach.start_ns <= c.time_ns < reach.stop_ns]
    across = [step for step in (*steps[:1], *steps[1:][-1:]) if _is_across(step, day.span)]
    gaps = [step for step in across if step.length_ns > gap_ns]
    corrections += _splits(gaps, totals)
    if not events and not corrections:
        return None
    field = f"{name}_total" if steps or corrections else name
    shared = sum(_part(step, day.span, gap_ns, usual) for step in gaps)
    return Tally(
        sensor.sensor,
        field,
        tuple(events),
        tuple(sorted(corrections, key=by_time)),
        steps,
        shared,
        tuple(at_ns for at_ns, _ in intervals),
    )


def _part(step: Step, day: Span, gap_ns: int, usual: Usual) -> int:
    """What a day has of a step that other days share, too; 0 where it has the whole."""
    count = sum(count for _, count in spread([step], [day], gap_ns, usual))
    return count if count < step.growth else 0


def _is_across(step: Step, day: Span) -> bool:
    """Whether other days share what a step counted."""
    return step.is_known and (step.start_ns < day.start_ns or step.stop_ns > day.stop_ns)


def _intervals(
    counts: Track, totals: Track, steps: Sequence[Step], day: Span, *, stamps_end: bool
) -> Iterator[tuple[int, int]]:
    """The interval counts of the day that no total counts too, each at an instant of its interval."""
    own = counts.within(Span(day.start_ns, day.stop_ns + NS_A_MICROSECOND)) if stamps_end else counts.within(day)
    for time_ns, count in zip(own.times_ns, own.values, strict=True):
        at_ns = instant_ns(time_ns) - 1 if stamps_end else time_ns
        is_of_day = day.start_ns <= at_ns < day.stop_ns
        if is_of_day and not (totals and _is_counted(steps, totals, counts, time_ns, at_ns)):
            yield at_ns, int(count)


def _is_counted(steps: Sequence[Step], totals: Track, counts: Track, time_ns: int, at_ns: int) -> bool:
    """Whether totals tell of an interval, which lies at `at_ns` and was read at `time_ns`.

    With a total in the same reading it belongs to the step that ends there, the first one to the step that begins.
    """
    has_total = totals.has(time_ns)
    i = bisect_left(steps, time_ns if has_total else at_ns, key=lambda step: step.stop_ns)
    if i == len(steps) or steps[i].start_ns - has_total >= at_ns:
        return False
    step = steps[i]
    if not step.is_known:
        # What came last of it is the whole total of this reading; else this total says nothing of what came.
        return has_total and step.stop_ns == time_ns and step.growth > 0
    # A total that stands at 0 while somebody was counted is none.
    is_none = totals.at(step.start_ns) == totals.at(step.stop_ns) == 0 < counts.at(step.stop_ns)
    return step.growth > 0 or not is_none


def _without_intervals(steps: Sequence[Step], counts: Track) -> tuple[Step, ...]:
    """Steps without what interval counts in them tell: of one that is not known, what came last is so much less.

    Where totals paused for longer than `PAUSE_MAX_NS` and interval counts went on, these count alone: whoever asks for
    a day in between sees no total.
    """

    def less(step: Step) -> Step:
        told = counts.within(Span(step.start_ns + 1, step.stop_ns))
        if step.is_known:
            return step._replace(growth=0, is_known=False) if told and step.length_ns > PAUSE_MAX_NS else step
        return step._replace(growth=max(0, step.growth - sum(map(int, told.values))))

    if not counts:
        return tuple(steps)
    return tuple(less(step) if step.length_ns > PAUSE_MAX_NS or not step.is_known else step for step in steps)


def _splits(gaps: Iterable[Step], totals: Track) -> Iterator[Correction]:
    """The gaps whose growth is shared with another day."""
    for step in gaps:
        if step.growth:
            before, after = int(totals.at(step.start_ns)), int(totals.at(step.stop_ns))
            yield Correction(Cause.SPLIT, step.stop_ns, before, after, step.growth)
