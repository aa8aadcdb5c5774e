"""Times and values over a day, against what a look at every tick finds."""

from collections.abc import Sequence
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.localtime import Span
from usage.curves import Curve, Piece, Times, average, both

DAY = range(60)
_bounds = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    """Values between some of the edges, in order and apart."""
    edges = sorted(draw(st.sets(st.integers(0, 60), max_size=10)))
    values = [draw(st.none() | st.integers(-20, 40)) for _ in edges]
    found = zip(edges[:-1], edges[1:], values, strict=False)
    return [(start, stop, value) for start, stop, value in found if value is not None]


def at(of: Sequence[Piece], tick: int) -> float | None:
    return next((value for start, stop, value in of if start <= tick < stop), None)


@given(_bounds, _bounds)
def test_time_that_stretches_share_counts_once(bounds: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    stretches, spans = ([Span(min(pair), max(pair)) for pair in each] for each in (bounds, asked))
    covered = {tick for start, stop in stretches for tick in range(start, stop)}
    assert Times(stretches).length_ns(spans) == sum(tick in covered for a, b in spans for tick in range(a, b))


@given(st.lists(pieces(), max_size=4), st.integers(0, 60), st.integers(0, 60))
def test_curves_are_averaged_moment_by_moment(curves: list[list[Piece]], first: int, last: int) -> None:
    curve = Curve(average(curves))
    span = Span(min(first, last), max(first, last))
    known = [[value for each in curves if (value := at(each, tick)) is not None] for tick in range(*span)]
    means = [fmean(values) for values in known if values]
    assert curve.is_known([span]) == bool(means)
    assert curve.mean([span]) == (pytest.approx(fmean(means), abs=1e-9) if means else None)


@given(pieces(), pieces())
def test_two_are_known_at_once_where_each_is(first: list[Piece], second: list[Piece]) -> None:
    found = {tick: (one, other) for a, b, one, other in both(first, second) for tick in range(a, b)}
    pairs = {tick: (at(first, tick), at(second, tick)) for tick in DAY}
    assert found == {tick: pair for tick, pair in pairs.items() if None not in pair}
