"""What a counter grew by between two readings, shared out over the hours and days that lie between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from schemas.localtime import Span
from usage.counters import Step


def spread(
    steps: Iterable[Step], cuts: Sequence[Span], gap_ns: int, opening: Callable[[Span], Sequence[Span]]
) -> Iterator[tuple[int, int]]:
    """Yield what the steps, which come in order, add within the spans, as (instant, count).

    A step is split over the spans in proportion to time, one longer than `gap_ns` in proportion to its opening time
    where it has any, as `opening` gives it for a span; rounded so that any division adds up to the same whole. What
    falls into a span is placed where the step ends, or at the span's last nanosecond where it goes on. A step that is
    not known adds nothing but what came last.
    """
    first = 0
    for step in steps:
        while first < len(cuts) and cuts[first].stop_ns <= step.start_ns:
            first += 1
        portion: _Portion | None = None
        for span in islice(cuts, first, None):
            if span.start_ns >= step.stop_ns:
                break
            if not step.is_known:
                if step.growth and step.stop_ns <= span.stop_ns:
                    yield min(step.stop_ns, span.stop_ns - 1), step.growth
            elif span.start_ns <= step.start_ns and step.stop_ns < span.stop_ns:
                yield step.stop_ns, step.growth
            else:
                if portion is None:
                    open_spans = opening(Span(step.start_ns, step.stop_ns)) if step.length_ns > gap_ns else ()
                    portion = _Portion(step, open_spans or (Span(step.start_ns, step.stop_ns),))
                begin, end = max(span.start_ns, step.start_ns), min(span.stop_ns, step.stop_ns)
                yield min(end, span.stop_ns - 1), portion.until(end) - portion.until(begin)


class _Portion:
    """How much of a step's growth came until an instant in it, a half rounded up."""

    def __init__(self, step: Step, spans: Sequence[Span]) -> None:
        self._growth, self._spans = step.growth, spans
        self._whole_ns = sum(span.length_ns for span in spans)

    def until(self, time_ns: int) -> int:
        passed_ns = sum(min(span.stop_ns, time_ns) - span.start_ns for span in self._spans if span.start_ns < time_ns)
        return (2 * self._growth * passed_ns + self._whole_ns) // (2 * self._whole_ns)
