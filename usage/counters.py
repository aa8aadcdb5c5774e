"""Cumulative counters: from totals in order of time to what each pair of readings adds.

Totals only grow, except where the counter rolls over, is reset, steps back a little or is swapped for another device,
and where a reading is plain wrong. What was done about each of these is kept as a `Correction`, so that a figure can
be explained. Every rule looks at a reading and its direct neighbours only, so a day's figures never depend on how
much history was at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice, pairwise
from typing import NamedTuple

from schemas.localtime import NS_A_SECOND, Span

PLAUSIBLE_PEOPLE = 2000
"""People through one door in `PLAUSIBLE_PEOPLE_NS`; the contract marks interval counts beyond it as suspect."""
PLAUSIBLE_PEOPLE_NS = 600 * NS_A_SECOND
STEP_BACK_SHARE = 10
"""A decrease of at most a tenth is a step back, not a reset (the rule of Home Assistant's total_increasing)."""
GAP_MAX_NS = 31 * 86400 * NS_A_SECOND
"""Growth over a longer silence belongs to no day that anyone could name."""
_USUAL_WIDTHS = (16, 24, 32)


class Cause(StrEnum):
    """Why a pair of totals does not simply count their difference."""

    ROLLOVER = "rollover"
    RESET = "reset"
    SWAPPED = "swapped"
    STEP_BACK = "step_back"
    GLITCH = "glitch"
    SPLIT = "split"
    TOO_LONG = "too_long"


class Step(NamedTuple):
    """What a counter grew by between two readings, after `start_ns` and up to `stop_ns`."""

    start_ns: int
    stop_ns: int
    growth: int


class Correction(NamedTuple):
    """Something done about a counter at a reading: what it read before and then, and what was counted."""

    cause: Cause
    time_ns: int
    before: int
    after: int
    counted: int


def by_time(correction: Correction) -> tuple[int, str]:
    """The order in which corrections are listed."""
    return correction.time_ns, correction.cause


@dataclass(frozen=True, slots=True)
class CounterRules:
    """What is known of a counter: its width, and the most that it grows by from one reading to the next.

    `step_max` is for readings `step_every_ns` apart and grows with the time between them; None knows no limit. More
    than `gap_ns` between two readings is a gap.
    """

    bits: int | None = None
    step_max: int | None = PLAUSIBLE_PEOPLE
    step_every_ns: int = PLAUSIBLE_PEOPLE_NS
    gap_ns: int = 2 * PLAUSIBLE_PEOPLE_NS

    def largest_step(self, elapsed_ns: int) -> int | None:
        """The most that the counter plausibly grows by in that time."""
        if self.step_max is None:
            return None
        return max(self.step_max, self.step_max * elapsed_ns // self.step_every_ns)


@dataclass(frozen=True, slots=True)
class Growth:
    """The steps of a counter in order of time, and what was corrected on the way."""

    steps: tuple[Step, ...]
    corrections: tuple[Correction, ...]


def growth(times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules) -> Growth:
    """Difference a counter's totals, which come in order of time, each time once."""
    believed, corrections = _without_glitches(times_ns, totals, rules)
    steps: list[Step] = []
    for before, now in pairwise(believed):
        grown, cause = _grown(totals[before], totals[now], times_ns[now] - times_ns[before], rules)
        steps.append(Step(times_ns[before], times_ns[now], grown))
        if cause is not None:
            corrections.append(Correction(cause, times_ns[now], totals[before], totals[now], grown))
    return Growth(tuple(steps), tuple(sorted(corrections, key=by_time)))


def _grown(before: int, now: int, elapsed_ns: int, rules: CounterRules) -> tuple[int, Cause | None]:
    """What a counter grew by, and why that is not simply the difference."""
    if elapsed_ns > GAP_MAX_NS:
        return 0, Cause.TOO_LONG
    if now >= before and (rules.step_max is None or now - before <= rules.step_max):
        return now - before, None
    largest = rules.largest_step(elapsed_ns)
    grown, cause = (now - before, None) if now >= before else _fallen(before, now, largest, rules)
    return (0, Cause.SWAPPED) if largest is not None and grown > largest else (grown, cause)


def _fallen(before: int, now: int, largest: int | None, rules: CounterRules) -> tuple[int, Cause]:
    rolled = _rolled_over(before, now, largest, rules)
    if rolled is not None:
        return rolled, Cause.ROLLOVER
    return (0, Cause.STEP_BACK) if _is_step_back(before, now) else (now, Cause.RESET)


def _rolled_over(before: int, now: int, largest: int | None, rules: CounterRules) -> int | None:
    """The growth through the counter's top, where that is plausible."""
    bits = rules.bits or next((width for width in _USUAL_WIDTHS if before < 1 << width), None)
    if bits is None or before >= 1 << bits or (rules.bits is None and rules.step_max is None):
        return None
    modulus = 1 << bits
    grown = (now - before) % modulus
    if largest is None or rules.step_max is None:
        return grown if grown < modulus // 2 else None
    # A long silence allows a large step, but then nearly every reset would look like a rollover.
    plausible = min(max(rules.step_max, min(largest, modulus // 16)), modulus // 2)
    return grown if grown <= plausible else None


def _is_step_back(before: int, now: int) -> bool:
    return (before - now) * STEP_BACK_SHARE <= before


def _without_glitches(
    times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules
) -> tuple[list[int], list[Correction]]:
    """The indices of the readings to believe, and a correction for each of the others."""
    believed = list(range(len(totals)))
    if all(earlier <= later for earlier, later in pairwise(totals)):
        return believed, []
    glitches = {
        i
        for i in range(1, len(totals) - 1)
        if _is_glitch(totals[i - 1], totals[i], totals[i + 1], times_ns[i + 1] - times_ns[i - 1], rules)
    }
    corrections = [Correction(Cause.GLITCH, times_ns[i], totals[i - 1], totals[i], 0) for i in sorted(glitches)]
    return [i for i in believed if i not in glitches], corrections


def _is_glitch(before: int, here: int, after: int, elapsed_ns: int, rules: CounterRules) -> bool:
    """Whether one reading is off while its neighbours carry on as if it had never been there."""
    largest = rules.largest_step(elapsed_ns)
    if not before <= after or (largest is not None and after - before > largest):
        return False
    if here < before:
        # A counter that was reset and by chance came back to its old height climbed about as far as it does anyway.
        dropped_out = after - here > STEP_BACK_SHARE * max(1, after - before)
        return _is_step_back(before, here) or dropped_out
    if here > after:
        return _is_step_back(here, after) or (largest is not None and here - before > largest)
    return False


def spread(steps: Iterable[Step], cuts: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Yield what the steps, which come in order, add within the spans, as (instant, count).

    A step is split over the spans in proportion to time, rounded so that any division adds up to the same whole. What
    falls into a span is placed where the step ends, or at the span's last nanosecond where it goes on.
    """
    first = 0
    for step in steps:
        while first < len(cuts) and cuts[first].stop_ns <= step.start_ns:
            first += 1
        for span in islice(cuts, first, None):
            if span.start_ns >= step.stop_ns:
                break
            if span.start_ns <= step.start_ns and step.stop_ns < span.stop_ns:
                yield step.stop_ns, step.growth
                break
            begin, end = max(span.start_ns, step.start_ns), min(span.stop_ns, step.stop_ns)
            yield min(end, span.stop_ns - 1), _portion(step, end) - _portion(step, begin)


def _portion(step: Step, until_ns: int) -> int:
    """The growth from the step's start until an instant in it, a half rounded up."""
    elapsed_ns = step.stop_ns - step.start_ns
    return (2 * step.growth * (until_ns - step.start_ns) + elapsed_ns) // (2 * elapsed_ns)
