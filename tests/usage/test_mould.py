"""The mould index: what the paper says, and the same from a second hand."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulators.truth.mould import Mould
from usage.mould import NO_MOULD, MouldState, after

HOURS_A_WEEK = 168
DRY_C, DRY_PCT = 21.0, 45.0


def lived(state: MouldState, hours: int, celsius: float, percent: float) -> MouldState:
    for _ in range(hours):
        state = after(state, 1, celsius, percent)
    return state


@pytest.mark.parametrize("celsius, percent", [(5.0, 97.0), (20.0, 90.0), (20.0, 97.0), (30.0, 100.0)])
def test_mould_begins_after_the_time_that_was_measured(celsius: float, percent: float) -> None:
    # Response time to index 1 in constant air (Viitanen 1997), in weeks; growth slows a little on the way.
    weeks = math.exp(-0.68 * math.log(celsius) - 13.9 * math.log(percent) + 66.02)
    assert lived(NO_MOULD, math.ceil(weeks * HOURS_A_WEEK), celsius, percent).index == pytest.approx(1, abs=0.03)


def test_it_grows_no_further_than_the_air_is_wet() -> None:
    # At 20 degrees and 90 %: 1 + 7 x - 2 x^2 with x = 0.5, but for the critical humidity of 80.04 %.
    assert lived(NO_MOULD, 5 * 52 * HOURS_A_WEEK, 20.0, 90.0).index == pytest.approx(3.99, abs=0.02)
    assert lived(NO_MOULD, 5 * 52 * HOURS_A_WEEK, 20.0, 100.0).index == pytest.approx(6, abs=0.01)


def test_it_falls_fast_for_six_hours_then_rests_and_falls_slowly_after_a_day() -> None:
    grown = MouldState(2.0, 0.0)
    fallen = [2 - lived(grown, hours, DRY_C, DRY_PCT).index for hours in (6, 24, 48)]
    assert fallen == pytest.approx([0.032 / 4, 0.032 / 4, 0.032 / 4 + 0.016])


def test_a_wet_hour_begins_the_dry_time_again() -> None:
    rested = lived(MouldState(2.0, 0.0), 20, DRY_C, DRY_PCT)
    wet = after(rested, 1, 20.0, 95.0)
    assert wet.index > rested.index
    assert wet.dry_hours == 0
    assert after(wet, 1, DRY_C, DRY_PCT).index == pytest.approx(wet.index - 0.032 / 24)


def test_frost_grows_nothing_and_no_mould_is_no_mould() -> None:
    assert lived(NO_MOULD, 100, -5.0, 100.0) == lived(NO_MOULD, 100, 0.0, 100.0) == NO_MOULD
    assert lived(MouldState(0.001, 0.0), 6, DRY_C, DRY_PCT) == NO_MOULD


@given(
    st.lists(
        st.tuples(st.sampled_from([0.5, 1.0]), st.floats(-20, 49), st.floats(0, 100), st.integers(1, 60)), max_size=30
    )
)
@example([(1.0, 5e-324, 100.0, 1)])
def test_a_second_hand_wrote_down_the_same(spells: list[tuple[float, float, float, int]]) -> None:
    state, other = NO_MOULD, Mould()
    for hours, celsius, percent, times in spells:
        for _ in range(times):
            state = after(state, hours, celsius, percent)
            other.live(hours, celsius, percent)
    assert state.index == pytest.approx(other.index, abs=1e-9)
