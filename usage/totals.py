"""From a counter's totals in order of time to what it grew by, each reading judged once.

Totals only grow, except where the counter rolls over, is reset, steps back a little or is swapped for another device,
and where a reading is plain wrong. A reading that carries on from the last believed one is believed; any other waits
until a later reading settles it: one that carries on from before makes all that waited glitches, one that carries on
from what waited makes it a rollover, a reset or another device. So a verdict depends on the stored readings around it
and on nothing else; `is_anchored` and `Growth.is_settled` tell who reads a part of a series whether it is enough.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, repeat, takewhile
from operator import sub

from schemas.kinds import NO_VALUES
from usage.counters import GAP_MAX_NS, HOLD_NS, Cause, Correction, CounterRules, Growth, Limit, Step, by_time

_STEP_BACK_SHARE = 10
"""A fall of at most a tenth is a step back, not a reset (the rule of Home Assistant's total_increasing)."""
_CLIMB = 3
"""A total that rises to new heights so often below its high-water mark does not jitter: it stepped back for good."""


def growth(times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules) -> Growth:
    """Judge a counter's totals, which come in order of time, each time once."""
    if _is_plain(times_ns, totals, rules):
        steps = zip(times_ns, times_ns[1:], map(sub, totals[1:], totals), repeat(True), strict=False)  # noqa: FBT003
        # As Step(...) would, without a call of Python for each: most readings of most counters come by here.
        return Growth(tuple(map(partial(tuple.__new__, Step), steps)), (), is_settled=True)
    first = _first_believed(times_ns, totals, rules)
    if first is None:
        return Growth((), (), is_settled=False)
    judge = _Judge(rules, times_ns[first], totals[first])
    for time_ns, total in zip(times_ns[first + 1 :], totals[first + 1 :], strict=True):
        judge.take(time_ns, total)
    return judge.verdict()


def _is_plain(times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules) -> bool:
    """Whether every total carries on from the one before."""
    if not totals or not NO_VALUES.isdisjoint(totals):
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
    first = next((i for i, total in enumerate(totals) if total not in NO_VALUES), None)
    if not first:
        return first
    pair = totals[first - 1], totals[first], times_ns[first] - times_ns[first - 1]
    is_real = rules.carries_on(*pair) or (rules.bits is not None and rules.rolled_over(*pair) is not None)
    return first - 1 if is_real else first


def _zeros_end_ns(times_ns: Sequence[int], totals: Sequence[int]) -> int:
    """When the zeros end that the totals begin with."""
    return times_ns[bisect_right(totals, 0)] if totals[-1] else times_ns[0]


@dataclass(slots=True)
class _Fall:
    """A total below its high-water mark: the step that ends at the lowest reading, and how high it was since then."""

    first: int
    heights: list[int]
    rises: int = 0

    def rise_to(self, total: int) -> None:
        self.rises += total > self.heights[-1]
        self.heights.append(max(total, self.heights[-1]))


class _Judge:
    """Judges totals one by one. What does not carry on from the last believed reading waits for one that settles it."""

    def __init__(self, rules: CounterRules, time_ns: int, total: int) -> None:
        self._rules = rules
        self._since_ns = self._raised_ns = time_ns  # the last believed reading, and the last at the high-water mark
        self._high = self._last_total = total
        self._zero_since_ns = None if total else time_ns
        self._waiting: list[tuple[int, int]] = []
        self._fall: _Fall | None = None
        self._steps: list[Step] = []
        self._corrections: list[Correction] = []

    def take(self, time_ns: int, total: int) -> None:
        """The next reading."""
        if total in NO_VALUES:
            self._settle(time_ns, total)
        elif self._is_forgotten(time_ns, total) and not self._went_on_anew(time_ns, total):
            zeros_ns = self._zeros_wait_since(time_ns)
            if time_ns - (self._waiting[-1][0] if self._waiting else self._since_ns) > GAP_MAX_NS:
                self._end(Cause.GLITCH)  # as for who reads no further
            self._drop_waiting()
            self._step(time_ns, total, 0, Cause.TOO_LONG, is_known=False)
            self._zero_since_ns = None if total else zeros_ns
        elif time_ns - self._since_ns <= GAP_MAX_NS and self._carries_on(time_ns, total):
            self._believe_waiting(total)
            self._carry_on(time_ns, total)
        else:
            self._settle(time_ns, total)

    def verdict(self) -> Growth:
        """What came of all the readings."""
        is_settled = not self._waiting and self._fall is None
        self._end(Cause.UNSETTLED)
        return Growth(tuple(self._steps), tuple(sorted(self._corrections, key=by_time)), is_settled)

    # ------------------------------------------------------------------------------------------------------ verdicts

    def _end(self, cause: Cause) -> None:
        """Judge those that wait, which no later reading settles."""
        rolled = self._rolled_over(*self._waiting[0]) if len(self._waiting) == 1 else None
        if rolled is not None and self._waiting[0][1]:
            self._step(*self._waiting[0], rolled, Cause.ROLLOVER)
        else:
            self._correct_waiting(cause)
        self._waiting = []
        if self._fall is not None and self._fall.rises:
            self._since_ns = self._steps[self._fall.first].start_ns
            del self._steps[self._fall.first :]  # jitter, or people

    def _is_forgotten(self, time_ns: int, total: int) -> bool:
        """Whether nobody can know any more what the counter grew by: after a long silence, or after zeros as long."""
        zero_since_ns = time_ns if self._zero_since_ns is None or total == 0 else self._zero_since_ns
        return time_ns - min(self._since_ns, zero_since_ns) > GAP_MAX_NS

    def _went_on_anew(self, time_ns: int, total: int) -> bool:
        """Whether a reading shows that a counter went on from one that waits, with no long silence on the way."""
        first = self._first_of_run(time_ns, total)
        if first is None or not all(waited for _, waited in self._waiting[first:]):
            return False
        times_ns = [self._since_ns, *(waited_ns for waited_ns, _ in self._waiting[first:]), time_ns]
        return all(later_ns - then_ns <= GAP_MAX_NS for then_ns, later_ns in pairwise(times_ns))

    def _carries_on(self, time_ns: int, total: int) -> bool:
        """Whether a reading goes on, upwards or a little back, from the last believed one."""
        since_ns, before = self._since_ns, self._high
        if not (self._rules.carries_on(before, total, time_ns - since_ns) or is_step_back(before, total)):
            return False
        waiting = self._waiting[-1][1] if self._waiting else 0
        if waiting in NO_VALUES or not before < waiting <= total:
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
        elif self._fall is None and time_ns - since_ns > self._rules.gap_ns:
            self._step(time_ns, total, 0, Cause.STEP_BACK, is_known=False)
        else:
            self._stay_below(time_ns, total)

    def _stay_below(self, time_ns: int, total: int) -> None:
        """A reading below the high-water mark counts nothing, unless it is settled that the counter stepped back."""
        is_over = time_ns - self._since_ns > self._rules.gap_ns or time_ns - self._raised_ns > HOLD_NS
        if total < self._last_total:
            self._corrections.append(Correction(Cause.STEP_BACK, time_ns, self._last_total, total, 0))
        if self._fall is None or total < self._fall.heights[0]:
            self._fall = _Fall(len(self._steps), [total])
        else:
            self._fall.rise_to(total)
        self._steps.append(Step(self._since_ns, time_ns, 0))
        self._since_ns, self._last_total = time_ns, total
        if is_over or self._fall.rises == _CLIMB:
            self._step_back(self._fall)

    def _step_back(self, fall: _Fall) -> None:
        """Count what the counter rose by since its lowest reading, and go on from where it is."""
        self._steps[fall.first] = self._steps[fall.first]._replace(is_known=False)
        for i, (before, now) in enumerate(pairwise(fall.heights), fall.first + 1):
            self._steps[i] = self._steps[i]._replace(growth=now - before)
        self._believe(self._since_ns, self._last_total)

    def _settle(self, time_ns: int, total: int) -> None:
        """A reading that does not carry on from before: it settles those that wait, or waits with them."""
        first = self._first_of_run(time_ns, total)
        if first is None:
            self._waiting.append((time_ns, total))
            return
        run, self._waiting = self._waiting[first:], self._waiting[:first]
        was_zero = bool(self._waiting) and self._waiting[-1][1] == 0
        self._settle_before(*run[0])
        self._start_anew(*run[0], was_zero=was_zero)
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
        """From which of those that wait on, they carry on up to this reading; None where it settles nothing."""
        if not self._waiting or total == 0 or (total in NO_VALUES and total == self._waiting[-1][1]):
            return None
        first, passed_over = None, False
        later_ns, later = time_ns, total
        for i in range(len(self._waiting) - 1, -1, -1):
            then_ns, then = self._waiting[i]
            is_none = not then or then in NO_VALUES
            is_back = later not in NO_VALUES and is_step_back(then, later)
            links = self._rules.carries_on(then, later, later_ns - then_ns) or is_back
            if links and not (is_none and passed_over):
                first, later_ns, later, passed_over = i, then_ns, then, False
            elif is_none and total not in NO_VALUES:
                passed_over = True  # the counter may have come back from it
            else:
                break
        return first

    def _start_anew(self, time_ns: int, total: int, *, was_zero: bool) -> None:
        """The counter went on from another total: through its top, from zero, or it is another one.

        One that read 0 just before did not rise to the total from there, else it would have gone on from the 0.
        """
        elapsed_ns = time_ns - self._since_ns
        rolled = self._rolled_over(time_ns, total)
        if rolled is not None:
            self._step(time_ns, total, rolled, Cause.ROLLOVER)
        elif total < self._high and not was_zero and self._rules.carries_on(0, total, elapsed_ns):
            self._step(time_ns, total, total, Cause.RESET, is_known=elapsed_ns <= self._rules.gap_ns)
        else:
            grown = total - self._high if total > self._high else total
            limit = self._rules.exceeded(grown, elapsed_ns)
            self._step(time_ns, total, 0, Cause.SWAPPED, is_known=False, limit=limit)

    def _rolled_over(self, time_ns: int, total: int) -> int | None:
        if total >= self._high:
            return None
        return self._rules.rolled_over(self._high, total, time_ns - self._since_ns)

    # ---------------------------------------------------------------------------------------------------- bookkeeping

    def _step(
        self,
        time_ns: int,
        total: int,
        grown: int,
        cause: Cause | None = None,
        *,
        is_known: bool = True,
        limit: Limit | None = None,
    ) -> None:
        """Believe a reading, and count what the counter grew by until then."""
        since_ns, before = self._since_ns, self._high
        self._steps.append(Step(since_ns, time_ns, grown, is_known))
        if cause is not None:
            self._corrections.append(Correction(cause, time_ns, before, total, grown, limit))
        self._believe(time_ns, total)

    def _believe(self, time_ns: int, total: int) -> None:
        self._since_ns = self._raised_ns = time_ns
        self._high = self._last_total = total
        self._fall = None
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
        for time_ns, total in self._waiting:
            limit = self._rules.exceeded(total - self._high, time_ns - self._since_ns)
            self._corrections.append(
                Correction(cause, time_ns, self._high, total, 0, None if total in NO_VALUES else limit)
            )


def is_step_back(before: int, now: int) -> bool:
    """Whether a total fell by so little that it is no reset."""
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
        if total == 0 or total in NO_VALUES:
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
