"""Cumulative counters: from totals in order of time to what the counter grew by, each reading judged once.

Totals only grow, except where the counter rolls over, is reset, steps back a little or is swapped for another device,
and where a reading is plain wrong. A reading that carries on from the last believed one is believed; any other waits
until a later reading settles it: one that carries on from before makes all that waited glitches, one that carries on
from what waited makes it a rollover, a reset or another device. So a verdict depends on the stored readings around it
and on nothing else; `is_anchored` and `Growth.is_settled` tell who reads a part of a series whether it is enough.
What was done is kept as a `Correction`, so that a figure can be explained.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise, takewhile
from typing import NamedTuple

from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, Span

PLAUSIBLE_PEOPLE = 2000
"""People through one door in `PLAUSIBLE_PEOPLE_NS`; the contract marks interval counts beyond it as suspect."""
PLAUSIBLE_PEOPLE_NS = 600 * NS_A_SECOND
GAP_INTERVALS = 2
"""More intervals than these between two readings are a gap."""
GAP_MAX_NS = 31 * 86400 * NS_A_SECOND
"""Growth over a longer silence belongs to no day that anyone could name."""
HOLD_NS = 24 * NS_AN_HOUR
"""How long a total counts nothing because it is a little below its high-water mark; then it goes on from there."""
_STEP_BACK_SHARE = 10
"""A fall of at most a tenth is a step back, not a reset (the rule of Home Assistant's total_increasing)."""
_GAP_STEPS = 10
"""Over a gap a counter plausibly grows by at most so many times the most that it grows by in an interval."""
_NO_VALUES = frozenset({32_767, 65_535, 2**32 - 1})
"""What devices send for a total that they do not have; real where the readings around it agree."""
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
    """What is known of a counter: its width, and the most that it grows by in one interval of `every_ns`.

    `step_max` None knows no limit. `resets_daily` is for one that starts from 0 at each local midnight.
    """

    bits: int | None = None
    step_max: int | None = PLAUSIBLE_PEOPLE
    every_ns: int = PLAUSIBLE_PEOPLE_NS
    resets_daily: bool = False

    @property
    def gap_ns(self) -> int:
        """Two readings farther apart have a gap between them."""
        return GAP_INTERVALS * self.every_ns

    def largest_step(self, elapsed_ns: int) -> int | None:
        """The most that the counter plausibly grows by in that time."""
        if self.step_max is None:
            return None
        return self.step_max * min(max(elapsed_ns, self.every_ns), _GAP_STEPS * self.every_ns) // self.every_ns

    def carries_on(self, before: int, now: int, elapsed_ns: int) -> bool:
        """Whether a total is plausibly what another one grew to."""
        if now < before:
            return False
        largest = self.largest_step(elapsed_ns)
        return largest is None or now - before <= largest

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


def growth(times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules) -> Growth:
    """Judge a counter's totals, which come in order of time, each time once."""
    if _is_plain(times_ns, totals, rules):
        pairs = pairwise(zip(times_ns, totals, strict=True))
        return Growth(tuple(Step(start, stop, now - then) for (start, then), (stop, now) in pairs), (), is_settled=True)
    first = _first_believed(times_ns, totals, rules)
    if first is None:
        return Growth((), (), is_settled=False)
    judge = _Judge(rules, times_ns[first], totals[first])
    for time_ns, total in zip(times_ns[first + 1 :], totals[first + 1 :], strict=True):
        judge.take(time_ns, total)
    return judge.verdict()


def _is_plain(times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules) -> bool:
    """Whether every total carries on from the one before."""
    if not totals or not _NO_VALUES.isdisjoint(totals):
        return not totals
    if totals[0] == 0 and _zeros_end_ns(times_ns, totals) - times_ns[0] > GAP_MAX_NS:
        return False
    limit = rules.step_max
    for (start, then), (stop, now) in pairwise(zip(times_ns, totals, strict=True)):
        if now < then or stop - start > GAP_MAX_NS:
            return False
        if limit is not None and now - then > limit and not rules.carries_on(then, now, stop - start):
            return False
    return True


def _first_believed(times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules) -> int | None:
    """The first total, unless it stands for no value and the next one does not carry on from it."""
    first = next((i for i, total in enumerate(totals) if total not in _NO_VALUES), None)
    if not first:
        return first
    pair = totals[first - 1], totals[first], times_ns[first] - times_ns[first - 1]
    is_real = rules.carries_on(*pair) or (rules.bits is not None and rules.rolled_over(*pair) is not None)
    return first - 1 if is_real else first


def _zeros_end_ns(times_ns: Sequence[int], totals: Sequence[int]) -> int:
    """When the zeros end that the totals begin with."""
    return times_ns[bisect_right(totals, 0)] if totals[-1] else times_ns[0]


class _Judge:
    """Judges totals one by one. What does not carry on from the last believed reading waits for one that settles it."""

    def __init__(self, rules: CounterRules, time_ns: int, total: int) -> None:
        self._rules = rules
        self._since_ns = self._raised_ns = time_ns  # the last believed reading, and the last at the high-water mark
        self._high = self._last_total = total
        self._zero_since_ns = None if total else time_ns
        self._waiting: list[tuple[int, int]] = []
        self._steps: list[Step] = []
        self._corrections: list[Correction] = []

    def take(self, time_ns: int, total: int) -> None:
        """The next reading."""
        if total in _NO_VALUES:
            self._settle(time_ns, total)
        elif self._is_forgotten(time_ns, total):
            zeros_ns = self._zeros_wait_since(time_ns)
            self._drop_waiting()
            self._step(time_ns, total, 0, Cause.TOO_LONG, is_known=False)
            self._zero_since_ns = None if total else zeros_ns
        elif self._carries_on(time_ns, total):
            self._believe_waiting(total)
            self._carry_on(time_ns, total)
        else:
            self._settle(time_ns, total)

    def verdict(self) -> Growth:
        """What came of all the readings."""
        is_settled = not self._waiting
        rolled = self._rolled_over(*self._waiting[0]) if len(self._waiting) == 1 else None
        if rolled is not None and self._waiting[0][1]:
            self._step(*self._waiting[0], rolled, Cause.ROLLOVER)
        else:
            self._correct_waiting(Cause.UNSETTLED)
        return Growth(tuple(self._steps), tuple(sorted(self._corrections, key=by_time)), is_settled)

    # ------------------------------------------------------------------------------------------------------ verdicts

    def _is_forgotten(self, time_ns: int, total: int) -> bool:
        """Whether nobody can know any more what the counter grew by: after a long silence, or after zeros as long."""
        zero_since_ns = time_ns if self._zero_since_ns is None or total == 0 else self._zero_since_ns
        return time_ns - min(self._since_ns, zero_since_ns) > GAP_MAX_NS

    def _carries_on(self, time_ns: int, total: int) -> bool:
        """Whether a reading goes on, upwards or a little back, from the last believed one."""
        since_ns, before = self._since_ns, self._high
        if not (self._rules.carries_on(before, total, time_ns - since_ns) or _is_step_back(before, total)):
            return False
        waiting = self._waiting[-1][1] if self._waiting else 0
        if waiting in _NO_VALUES or not before < waiting <= total:
            return True
        return self._first_of_run(time_ns, total) is None  # else it went on from what waits

    def _zeros_wait_since(self, time_ns: int) -> int:
        """Since when those that wait have been zeros, up to now."""
        zeros = takewhile(lambda waiting: waiting[1] == 0, reversed(self._waiting))
        return min((since_ns for since_ns, _ in zeros), default=time_ns)

    def _carry_on(self, time_ns: int, total: int) -> None:
        since_ns, high = self._since_ns, self._high
        if total >= high:
            self._step(time_ns, total, total - high)
        elif time_ns - since_ns > self._rules.gap_ns or time_ns - self._raised_ns > HOLD_NS:
            self._step(time_ns, total, 0, Cause.STEP_BACK, is_known=False)
        else:
            if total < self._last_total:
                self._corrections.append(Correction(Cause.STEP_BACK, time_ns, self._last_total, total, 0))
            self._steps.append(Step(since_ns, time_ns, 0))
            self._since_ns, self._last_total = time_ns, total

    def _settle(self, time_ns: int, total: int) -> None:
        """A reading that does not carry on from before: it settles those that wait, or waits with them."""
        first = self._first_of_run(time_ns, total)
        if first is None:
            self._waiting.append((time_ns, total))
            return
        run, self._waiting = self._waiting[first:], self._waiting[:first]
        self._settle_before(*run[0])
        self._start_anew(*run[0])
        for waited_ns, waited in run[1:]:
            self.take(waited_ns, waited)
        self.take(time_ns, total)

    def _settle_before(self, time_ns: int, total: int) -> None:
        """Those that wait before a counter started anew are glitches, unless it rolled over from their height."""
        if self._waiting:
            last_ns, last = self._waiting[-1]
            rolled = total < last and self._rules.rolled_over(last, total, time_ns - last_ns) is not None
            near = self._rules.carries_on(self._high, last, last_ns - self._since_ns)
            if rolled and near and self._rules.bits is not None:
                self._believe_waiting(last)
        self._drop_waiting()

    def _first_of_run(self, time_ns: int, total: int) -> int | None:
        """From which of those that wait on, all carry on up to this reading; None where it settles nothing."""
        if not self._waiting or total == 0 or (total in _NO_VALUES and total == self._waiting[-1][1]):
            return None
        first = None
        later_ns, later = time_ns, total
        for i in range(len(self._waiting) - 1, -1, -1):
            then_ns, then = self._waiting[i]
            is_back = later not in _NO_VALUES and _is_step_back(then, later)
            if not (self._rules.carries_on(then, later, later_ns - then_ns) or is_back):
                break
            first, later_ns, later = i, then_ns, then
        return first

    def _start_anew(self, time_ns: int, total: int) -> None:
        """The counter went on from another total: through its top, from zero, or it is another one."""
        elapsed_ns = time_ns - self._since_ns
        rolled = self._rolled_over(time_ns, total)
        if rolled is not None:
            self._step(time_ns, total, rolled, Cause.ROLLOVER)
        elif total < self._high and self._rules.carries_on(0, total, elapsed_ns):
            self._step(time_ns, total, total, Cause.RESET, is_known=elapsed_ns <= self._rules.gap_ns)
        else:
            self._step(time_ns, total, 0, Cause.SWAPPED, is_known=False)

    def _rolled_over(self, time_ns: int, total: int) -> int | None:
        if total >= self._high:
            return None
        return self._rules.rolled_over(self._high, total, time_ns - self._since_ns)

    # ---------------------------------------------------------------------------------------------------- bookkeeping

    def _step(self, time_ns: int, total: int, grown: int, cause: Cause | None = None, *, is_known: bool = True) -> None:
        """Believe a reading, and count what the counter grew by until then."""
        since_ns, before = self._since_ns, self._high
        self._steps.append(Step(since_ns, time_ns, grown, is_known))
        if cause is not None:
            self._corrections.append(Correction(cause, time_ns, before, total, grown))
        self._believe(time_ns, total)

    def _believe(self, time_ns: int, total: int) -> None:
        self._since_ns = self._raised_ns = time_ns
        self._high = self._last_total = total
        if total:
            self._zero_since_ns = None
        elif self._zero_since_ns is None:
            self._zero_since_ns = time_ns

    def _believe_waiting(self, total: int) -> None:
        """Those that wait are glitches, but for what stands for no value where it lies between those around it."""
        if self._lie_between(total):
            for time_ns, waited in self._waiting:
                self._step(time_ns, waited, waited - self._high)
            self._waiting = []
        self._drop_waiting()

    def _lie_between(self, total: int) -> bool:
        """Whether those that wait rise from the last believed one to a total."""
        rise = [self._high, *(waited for _, waited in self._waiting), total]
        return all(before <= after for before, after in pairwise(rise))

    def _drop_waiting(self) -> None:
        self._correct_waiting(Cause.GLITCH)
        self._waiting = []

    def _correct_waiting(self, cause: Cause) -> None:
        self._corrections += [Correction(cause, time_ns, self._high, total, 0) for time_ns, total in self._waiting]


def _is_step_back(before: int, now: int) -> bool:
    return 0 <= (before - now) * _STEP_BACK_SHARE <= before


def is_anchored(times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules, until_ns: int) -> bool:
    """Whether the verdict on what follows an instant would be the same with any readings before these.

    So it is after a silence over which nothing is known, and once the totals before the instant rose for longer than a
    high-water mark is held: from two in a row on, which settle what the counter is, zeros and what stands for no value
    passed over.
    """
    then: tuple[int, int] | None = None
    risen_since_ns: int | None = None
    in_a_row = False
    for time_ns, total in zip(times_ns, totals, strict=True):
        if time_ns >= until_ns:
            break
        if total == 0 or total in _NO_VALUES:
            in_a_row = False
            continue
        if in_a_row and then is not None and time_ns - then[0] > GAP_MAX_NS:
            return True
        if then is None or not rules.carries_on(then[1], total, time_ns - then[0]):
            risen_since_ns = None
        elif risen_since_ns is not None and time_ns - risen_since_ns > HOLD_NS:
            return True
        elif risen_since_ns is None and in_a_row:
            risen_since_ns = time_ns
        then, in_a_row = (time_ns, total), True
    return False
