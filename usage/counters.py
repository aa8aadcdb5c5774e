"""What is known of a cumulative counter, and what comes of its totals: steps, corrections, growth.

`usage.totals` judges the totals. What was done about a reading is kept as a `Correction`, so that a figure can be
explained.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from schemas.kinds import FIELDS, STANDARD_INTERVAL_S
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, Span

PLAUSIBLE_PEOPLE = int(FIELDS["entries"].plausible_high)
"""People through one door in `PLAUSIBLE_PEOPLE_NS`; the contract marks interval counts beyond it as suspect."""
PLAUSIBLE_PEOPLE_NS = STANDARD_INTERVAL_S * NS_A_SECOND
GAP_INTERVALS = 2
"""More intervals than these between two readings are a gap."""
GAP_MAX_NS = 31 * 86400 * NS_A_SECOND
"""Growth over a longer silence belongs to no day that anyone could name."""
HOLD_NS = 24 * NS_AN_HOUR
"""How long a total counts nothing because it is a little below its high-water mark; then it stepped back for good."""
GAP_STEPS = 10
"""Over a gap a counter plausibly grows by at most so many times the most that it grows by in an interval."""
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
    UNSETTLED = "unsettled"


class LimitRule(StrEnum):
    """What says how much a counter plausibly grows by."""

    MAX_STEP = "max_step"
    """The estate file, for one interval of the sensor."""
    STANDARD = "standard"
    """`PLAUSIBLE_PEOPLE` where the file says nothing, scaled to the sensor's interval."""
    MAX_STEP_OVER_GAP = "max_step_over_gap"
    """As often as the intervals fit into a longer time, at most ten times."""
    STANDARD_OVER_GAP = "standard_over_gap"


class Limit(NamedTuple):
    """The most that a counter plausibly grows by in some time, and what says so."""

    people: int
    rule: LimitRule


class Step(NamedTuple):
    """What a counter grew by between two readings, after `start_ns` and up to `stop_ns`.

    Where it is not known how much it grew by, `growth` is the part that is known, and it came last.
    """

    start_ns: int
    stop_ns: int
    growth: int
    is_known: bool = True

    @property
    def length_ns(self) -> int:
        return self.stop_ns - self.start_ns


class Correction(NamedTuple):
    """Something done about a counter at a reading: what it read before and then, and what was counted.

    Where the reading was not believed because the counter can't have grown by so much, `limit` says by how much it can.
    """

    cause: Cause
    time_ns: int
    before: int
    after: int
    counted: int
    limit: Limit | None = None


def by_time(correction: Correction) -> tuple[int, str]:
    """The order in which corrections are listed."""
    return correction.time_ns, correction.cause


@dataclass(frozen=True, slots=True)
class CounterRules:
    """What is known of a counter: its width, and the most that it grows by in one interval of `every_ns`.

    `step_max` None knows no limit; `is_standard` where the estate file says none. `resets_daily` is for one that starts
    from 0 at each local midnight.
    """

    bits: int | None = None
    step_max: int | None = PLAUSIBLE_PEOPLE
    every_ns: int = PLAUSIBLE_PEOPLE_NS
    resets_daily: bool = False
    is_standard: bool = True

    @property
    def gap_ns(self) -> int:
        """Two readings farther apart have a gap between them."""
        return GAP_INTERVALS * self.every_ns

    def largest_step(self, elapsed_ns: int) -> int | None:
        """The most that the counter plausibly grows by in that time."""
        if self.step_max is None:
            return None
        return self.step_max * min(max(elapsed_ns, self.every_ns), GAP_STEPS * self.every_ns) // self.every_ns

    def carries_on(self, before: int, now: int, elapsed_ns: int) -> bool:
        """Whether a total is plausibly what another one grew to."""
        if now < before:
            return False
        largest = self.largest_step(elapsed_ns)
        return largest is None or now - before <= largest

    def exceeded(self, grown: int, elapsed_ns: int) -> Limit | None:
        """The limit that a growth in that time is beyond, if it is."""
        largest = self.largest_step(elapsed_ns)
        if largest is None or grown <= largest:
            return None
        if elapsed_ns > self.every_ns:
            return Limit(largest, LimitRule.STANDARD_OVER_GAP if self.is_standard else LimitRule.MAX_STEP_OVER_GAP)
        return Limit(largest, LimitRule.STANDARD if self.is_standard else LimitRule.MAX_STEP)

    def rolled_over(self, before: int, now: int, elapsed_ns: int) -> int | None:
        """The growth through the counter's top, where that is plausible."""
        bits = self.bits or next((width for width in _USUAL_WIDTHS if before < 1 << width), None)
        if bits is None or before >= 1 << bits or (self.bits is None and self.step_max is None):
            return None
        modulus = 1 << bits
        grown = (now - before) % modulus
        largest = self.largest_step(elapsed_ns)
        if largest is None or self.step_max is None:
            return grown if grown < modulus // 2 else None
        # A long silence allows a large step, but then nearly every reset would look like a rollover.
        plausible = min(max(self.step_max, min(largest, modulus // 16)), modulus // 2)
        return grown if grown <= plausible else None


@dataclass(frozen=True, slots=True)
class Growth:
    """A counter's steps in order of time, what was corrected on the way, and whether its last reading is settled."""

    steps: tuple[Step, ...]
    corrections: tuple[Correction, ...]
    is_settled: bool

    def touching(self, span: Span) -> tuple[Step, ...]:
        """The steps that lie at least in part within the span."""
        first = bisect_right(self.steps, span.start_ns, key=lambda step: step.stop_ns)
        stop = bisect_left(self.steps, span.stop_ns, key=lambda step: step.start_ns)
        return self.steps[first:stop]
