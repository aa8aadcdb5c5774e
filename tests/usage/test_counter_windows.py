"""A total is judged once: whichever part of a series is at hand, its readings mean the same."""

from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.localtime import Span
from tests.usage.given import HOUR_NS
from usage.counters import CounterRules
from usage.totals import growth, is_anchored

FOREVER_NS = 2**62
RULES = CounterRules(bits=16, step_max=400, every_ns=HOUR_NS)

_pauses_h = st.sampled_from([1, 1, 1, 1, 2, 2, 3, 5, 8, 13, 23, 24, 25, 60, 32 * 24])
_changes = st.one_of(
    st.integers(0, 30).map(lambda people: ("people", people)),
    st.integers(0, 2).map(lambda people: ("people", people)),
    st.just(("people", 0)),
    st.sampled_from([("show", 0), ("show", 65_535), ("show", 7), ("reset", 0), ("reset", 3), ("swap", 40_000)]),
    st.integers(1, 9).map(lambda lost: ("back", lost)),
    st.integers(1, 9).map(lambda lost: ("flicker", lost)),
)


@st.composite
def series(draw: st.DrawFn) -> list[tuple[int, int]]:
    """The totals of a counter with faults, as (time, total)."""
    time_ns, total = 0, draw(st.sampled_from([0, 2, 90, 1500, 65_400]))
    readings = [(time_ns, total)]
    for pause_h, (what, number) in draw(st.lists(st.tuples(_pauses_h, _changes), min_size=10, max_size=60)):
        time_ns += pause_h * HOUR_NS
        shown = None
        if what == "people":
            total = (total + number) % 65_536
        elif what == "back":
            total = max(0, total - number)
        elif what in {"reset", "swap"}:
            total = number
        else:
            shown = number if what == "show" else max(0, total - number)
        readings.append((time_ns, total if shown is None else shown))
    return readings


ALTERNATING = [0, 0, 40_000, 0, 40_000, 0, 0, 40_000, 0, 40_000, 40_000]
"""Which of the two is the glitch, only two in a row tell."""


@given(series())
@example(
    [
        (hour * HOUR_NS, total)
        for hour, total in zip([0, 2, 3, 11, 12, 13, 37, 39, 64, 66, 69], ALTERNATING, strict=True)
    ]
)
@settings(max_examples=200, deadline=None)
def test_what_came_before_an_anchor_changes_no_verdict_after_it(readings: list[tuple[int, int]]) -> None:
    times_ns, totals = zip(*readings, strict=True)
    whole = growth(times_ns, totals, RULES)
    for cut in range(1, len(readings)):
        part_ns, part = times_ns[cut:], totals[cut:]
        anchored_ns = next((t for t in part_ns if is_anchored(part_ns, part, RULES, t + 1)), None)
        if anchored_ns is not None:
            later = Span(anchored_ns, FOREVER_NS)
            assert growth(part_ns, part, RULES).touching(later) == whole.touching(later)


@given(series(), st.data())
@settings(max_examples=400, deadline=None)
def test_what_comes_after_a_settled_reading_changes_no_verdict_before_it(
    readings: list[tuple[int, int]], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(1, len(readings)))
    times_ns, totals = zip(*readings, strict=True)
    part = growth(times_ns[:cut], totals[:cut], RULES)
    if part.is_settled:
        whole = growth(times_ns, totals, RULES)
        assert part.steps == whole.steps[: len(part.steps)]
        assert all(step.start_ns >= times_ns[cut - 1] for step in whole.steps[len(part.steps) :])


BEFORE_A_MONTH = [(hour * HOUR_NS, total) for hour, total in [(0, 90), (1, 90), (2, 88), (3, 89), (771, 89)]]
"""A total that had not settled when a month of silence began."""


@given(series())
@example(BEFORE_A_MONTH)
@settings(max_examples=200, deadline=None)
def test_steps_follow_each_other_and_count_no_less_than_nobody(readings: list[tuple[int, int]]) -> None:
    times_ns, totals = zip(*readings, strict=True)
    steps = growth(times_ns, totals, RULES).steps
    assert all(step.growth >= 0 and step.length_ns > 0 for step in steps)
    assert all(before.stop_ns == after.start_ns for before, after in pairwise(steps))
