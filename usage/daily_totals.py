"""Counters whose totals start from 0 at each local midnight: as the estate file says (`resets: daily`), or by habit."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence

from schemas.kinds import NO_VALUES
from schemas.localtime import NS_AN_HOUR, instant_ns
from usage.counters import Cause, Correction, CounterRules, Growth, Step, by_time
from usage.totals import growth, is_step_back

HABIT_DAYS = 8
"""The midnights before a silence that tell whether a counter restarts at midnight."""
HABIT_NS = (HABIT_DAYS + 1) * 24 * NS_AN_HOUR
"""How far before a silence readings are needed for that."""
SILENCE_NS = 6 * NS_AN_HOUR
"""A counter that restarts at midnight seldom stands higher again after a shorter silence."""
_RESTARTS_MIN = 3


def daily_growth(
    times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules, midnight_of: Callable[[int], int]
) -> Growth:
    """Judge the totals of a counter that starts from 0 at each local midnight, day by day.

    `midnight_of` gives the local midnight at or before an instant. What came between a day's last reading and the
    midnight after it is not known.
    """
    steps: list[Step] = []
    corrections: list[Correction] = []
    is_settled = True
    days = list(_days(times_ns, totals, rules, midnight_of))
    for midnight_ns, first, stop in days:
        if steps and steps[-1].stop_ns < midnight_ns:
            steps.append(Step(steps[-1].stop_ns, midnight_ns, 0, is_known=False))
        found = growth([midnight_ns, *times_ns[first:stop]], [0, *totals[first:stop]], rules)
        steps += found.steps
        corrections += found.corrections
        is_settled = found.is_settled
    if days and times_ns[-1] - midnight_of(instant_ns(times_ns[-1])) <= rules.gap_ns:
        is_settled = False  # the next reading tells whether this one is still of the day before
    return Growth(tuple(steps), tuple(corrections), is_settled)


def _days(
    times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules, midnight_of: Callable[[int], int]
) -> Iterator[tuple[int, int, int]]:
    """Each local day's midnight and its readings, by index. One at midnight ends the day before."""
    first, day_ns = 0, 0
    for i, time_ns in enumerate(times_ns):
        midnight_ns = midnight_of(instant_ns(time_ns) - 1)
        yesterday_ns = midnight_of(midnight_ns - 1)
        if i and midnight_ns > day_ns and _is_reset_late(i, midnight_ns, times_ns, totals, rules):
            midnight_ns = max(day_ns, yesterday_ns)
        if i == 0:
            day_ns = midnight_ns
        elif midnight_ns > day_ns:
            yield day_ns, first, i
            first, day_ns = i, midnight_ns
    if times_ns:
        yield day_ns, first, len(times_ns)


def _is_reset_late(
    i: int, midnight_ns: int, times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules
) -> bool:
    """Whether a reading just after midnight still shows yesterday's total: it falls soon, or that is to come."""
    if times_ns[i] - midnight_ns > rules.gap_ns or not rules.carries_on(totals[i - 1], totals[i], 0):
        return False
    while i + 1 < len(totals) and times_ns[i + 1] - midnight_ns <= rules.gap_ns and totals[i + 1] >= totals[i]:
        i += 1
    return i + 1 == len(totals) or totals[i + 1] < totals[i]


def is_doubtful(step: Step, gap_ns: int, midnight_of: Callable[[int], int]) -> bool:
    """Whether a counter may have restarted at a midnight in a silence, and look as if it had grown."""
    is_long = step.stop_ns - step.start_ns > max(gap_ns, SILENCE_NS) and step.growth > 0
    return is_long and midnight_of(step.stop_ns - 1) > step.start_ns


def without_restarts(
    found: Growth,
    times_ns: Sequence[int],
    totals: Sequence[int],
    rules: CounterRules,
    midnight_of: Callable[[int], int],
) -> Growth:
    """A counter's growth, where a silence over a midnight tells no more than the new total if it restarts then.

    So it does where it fell at most of the midnights in the `HABIT_DAYS` before the silence, three at least. Zeros
    after such a midnight are its count, and none that it comes back from.
    """
    restarts = {
        step: _restarted(step, times_ns, totals, rules, midnight_of)
        for step in found.steps
        if step.is_known and is_doubtful(step, rules.gap_ns, midnight_of)
        if _restarts_daily(times_ns, totals, step.start_ns, midnight_of)
    }
    if not restarts:
        return found
    steps = [new for step in found.steps for new in (restarts[step][0] if step in restarts else (step,))]
    corrections = [
        c for c in found.corrections if not any(step.start_ns < c.time_ns < step.stop_ns for step in restarts)
    ]
    corrections += [correction for _, made in restarts.values() for correction in made]
    return Growth(tuple(steps), tuple(sorted(corrections, key=by_time)), found.is_settled)


def _restarted(
    step: Step, times_ns: Sequence[int], totals: Sequence[int], rules: CounterRules, midnight_of: Callable[[int], int]
) -> tuple[list[Step], list[Correction]]:
    """What a step is instead, and why, where its counter restarted at a midnight in it."""
    start_ns, stop_ns, growth, _ = step
    first, stop = bisect_right(times_ns, start_ns), bisect_left(times_ns, stop_ns)
    total = totals[stop]
    high = total - growth
    zeros_ns = [
        time_ns
        for time_ns, shown in zip(times_ns[first:stop], totals[first:stop], strict=True)
        if shown == 0 and midnight_of(time_ns - 1) > start_ns
    ]
    if not zeros_ns:
        return [Step(start_ns, stop_ns, total, is_known=False)], [Correction(Cause.RESET, stop_ns, high, total, total)]
    since_ns, until_ns = zeros_ns[0], zeros_ns[-1]
    steps = [Step(start_ns, since_ns, 0, since_ns - start_ns <= rules.gap_ns), Step(since_ns, until_ns, 0)]
    corrections = [Correction(Cause.RESET, since_ns, high, 0, 0)]
    limit = rules.exceeded(total, stop_ns - until_ns)
    steps.append(Step(until_ns, stop_ns, 0 if limit else total, is_known=limit is None))
    if limit:
        corrections.append(Correction(Cause.SWAPPED, stop_ns, 0, total, 0, limit))
    return [each for each in steps if each.length_ns], corrections


def _restarts_daily(
    times_ns: Sequence[int], totals: Sequence[int], until_ns: int, midnight_of: Callable[[int], int]
) -> bool:
    stop, fell, carried_on = bisect_left(times_ns, until_ns) + 1, 0, 0
    midnight_ns = midnight_of(until_ns)
    for _ in range(HABIT_DAYS):
        before_ns, after_ns = midnight_of(midnight_ns - 1), midnight_of(midnight_ns + 25 * NS_AN_HOUR)
        first, at = bisect_left(times_ns, before_ns), bisect_left(times_ns, midnight_ns)
        last = min(stop, bisect_left(times_ns, after_ns))
        before = next((total for total in reversed(totals[first:at]) if total and total not in NO_VALUES), None)
        after = next((total for total in totals[at:last] if total and total not in NO_VALUES), None)
        if before is not None and after is not None:
            fell += after < before and not is_step_back(before, after)
            carried_on += after >= before
        midnight_ns = before_ns
    return fell >= _RESTARTS_MIN and fell > 2 * carried_on
