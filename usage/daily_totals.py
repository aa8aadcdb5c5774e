"""Counters whose totals start from 0 at each local midnight (`resets: daily` of the estate file)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from schemas.localtime import instant_ns
from usage.counters import Correction, CounterRules, Growth, Step, growth


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
