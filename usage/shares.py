"""What a counter grew by between two readings, shared out over the hours and days that lie between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from schemas.localtime import Span
from usage.counters import Step


class Part(NamedTuple):
    """A stretch of time, and what it weighs where growth is shared out."""

    start_ns: int
    stop_ns: int
    weight: int


_NEVER = Span(2**63, 2**63)
Usual = Callable[[Span], Sequence[Part]]
"""When people usually come within a span."""


def spread(steps: Iterable[Step], cuts: Sequence[Span], gap_ns: int, usual: Usual) -> Iterator[tuple[int, int]]:
    """Yield what the steps, which come in order, add within the spans, as (instant, count).

    A step is split over the spans in proportion to time, one longer than `gap_ns` in proportion to when people usually
    come, as `usual` gives it for a span; rounded so that any division adds up to the same whole. What falls into a span
    is placed where the step ends, or at the span's last nanosecond where it goes on. A step that is not known adds
    nothing but what came last.
    """
    first, begins_ns, ends_ns = -1, 0, 0
    for start_ns, stop_ns, growth, is_known in steps:
        while ends_ns <= start_ns:
            first += 1
            begins_ns, ends_ns = cuts[first] if first < len(cuts) else _NEVER
        if begins_ns <= start_ns and stop_ns <= ends_ns:
            if is_known or growth:
                yield (stop_ns if stop_ns < ends_ns else ends_ns - 1), growth
            continue
        portion: _Portion | None = None
        for span in islice(cuts, first, None):
            if span.start_ns >= stop_ns:
                break
            if not is_known:
                if growth and stop_ns <= span.stop_ns:
                    yield min(stop_ns, span.stop_ns - 1), growth
            else:
                if portion is None:
                    whole = Span(start_ns, stop_ns)
                    parts = usual(whole) if whole.length_ns > gap_ns else ()
                    portion = _Portion(growth, parts or (Part(*whole, whole.length_ns),))
                begin, end = max(span.start_ns, start_ns), min(span.stop_ns, stop_ns)
                yield min(end, span.stop_ns - 1), portion.until(end) - portion.until(begin)


class _Portion:
    """How much of a growth came until an instant, a half rounded up."""

    def __init__(self, growth: int, parts: Sequence[Part]) -> None:
        self._growth, self._parts = growth, parts
        self._whole = sum(part.weight for part in parts)

    def until(self, time_ns: int) -> int:
        if len(self._parts) == 1:
            come = passed(self._parts[0], time_ns)
        else:
            come = sum(passed(part, time_ns) for part in self._parts)
        return (2 * self._growth * come + self._whole) // (2 * self._whole)


def passed(part: Part, time_ns: int) -> int:
    """What the part weighs until an instant."""
    if time_ns >= part.stop_ns:
        return part.weight
    if time_ns <= part.start_ns:
        return 0
    return part.weight * (time_ns - part.start_ns) // (part.stop_ns - part.start_ns)
