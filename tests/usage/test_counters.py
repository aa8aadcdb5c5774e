"""Cumulative counters, pair by pair. `data/counters.json` holds known answers; its SOURCE.md says from where."""

import pytest

from schemas.localtime import Span
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS
from usage.counters import Cause, CounterRules, Growth, Step
from usage.shares import Part, spread
from usage.totals import growth

EVERY_NS = 10 * MINUTE_NS
HOURLY = CounterRules(every_ns=HOUR_NS)


def grown(totals: list[int], rules: CounterRules | None = None, every_ns: int = EVERY_NS) -> Growth:
    return growth([i * every_ns for i in range(len(totals))], totals, rules or CounterRules())


def steps(totals: list[int], rules: CounterRules | None = None, every_ns: int = EVERY_NS) -> list[int]:
    return [step.growth for step in grown(totals, rules, every_ns).steps]


def shared(whole: list[Step], cuts: list[Span]) -> list[tuple[int, int]]:
    return list(spread(whole, cuts, 2 * EVERY_NS, lambda span: (Part(*span, span.length_ns),)))


def causes(totals: list[int], rules: CounterRules | None = None) -> list[tuple[Cause, int]]:
    return [(c.cause, c.time_ns // EVERY_NS) for c in grown(totals, rules).corrections]


def test_a_total_counts_what_it_grows_by() -> None:
    assert steps([100, 103, 103, 110]) == [3, 0, 7]
    assert causes([100, 103, 103, 110]) == []


def test_what_stands_for_no_value_settles_nothing_by_a_step_back() -> None:
    rules = CounterRules(bits=32, step_max=6000, every_ns=3 * EVERY_NS)
    rolls = [4_294_967_242, 4_294_967_247, 4_374_217_295, 4_294_967_295, 0, 1, 2]
    assert sum(steps(rolls, rules, every_ns=3 * EVERY_NS)) == 56


def test_one_total_alone_says_nothing() -> None:
    assert steps([100]) == []


def test_a_counter_of_known_width_rolls_over() -> None:
    rules = CounterRules(bits=16, step_max=500, every_ns=EVERY_NS)
    assert steps([65_530, 65_534, 4], rules) == [4, 6]
    assert causes([65_530, 65_534, 4], rules) == [(Cause.ROLLOVER, 2)]


def test_a_counter_of_unknown_width_rolls_over_at_a_usual_one() -> None:
    assert steps([65_530, 4]) == [10]
    assert steps([2**32 - 3, 2]) == [5]


def test_a_decrease_that_would_be_too_large_a_step_is_a_reset() -> None:
    rules = CounterRules(bits=16, step_max=500, every_ns=EVERY_NS)
    assert steps([1200, 1210, 4, 9], rules) == [10, 4, 5]
    assert causes([1200, 1210, 4, 9], rules) == [(Cause.RESET, 2)]


def test_a_narrow_counter_that_is_reset_did_not_go_all_the_way_round() -> None:
    assert steps([100, 3, 4], CounterRules(bits=8)) == [3, 1]


def test_a_reset_during_a_long_silence_is_no_rollover() -> None:
    assert steps([40_000, 10, 11], CounterRules(bits=16), every_ns=6 * HOUR_NS) == [10, 1]


def test_a_small_step_back_adds_nothing_until_the_high_water_mark() -> None:
    assert steps([1000, 1010, 1020, 1005, 1006, 1022]) == [10, 10, 0, 0, 2]
    assert causes([1000, 1010, 1020, 1005, 1006, 1022]) == [(Cause.STEP_BACK, 3)]


def test_a_counter_that_climbs_below_its_high_water_mark_stepped_back() -> None:
    assert steps([1000, 1003, 950, 951, 951, 955, 957, 960]) == [3, 0, 1, 0, 4, 2, 3]
    assert causes([1000, 1003, 950, 951, 951, 955, 957, 960]) == [(Cause.STEP_BACK, 2)]
    assert [step.is_known for step in grown([1000, 950, 951, 952, 953, 953]).steps] == [False, True, True, True, True]


def test_a_counter_that_stepped_back_further_counts_from_its_lowest() -> None:
    assert steps([1000, 990, 995, 950, 951, 950, 952, 954, 990]) == [0, 0, 0, 1, 0, 1, 2, 36]


def test_a_counter_that_stays_below_its_mark_for_a_day_or_over_a_gap_counts_what_it_rose_by() -> None:
    assert steps([1000, 950, *[951] * 25, 960], every_ns=HOUR_NS, rules=HOURLY) == [0, 1, *[0] * 24, 9]
    found = growth([0, HOUR_NS, 2 * HOUR_NS, 8 * HOUR_NS], [1000, 950, 952, 970], HOURLY)
    assert [step.growth for step in found.steps] == [0, 2, 18]


def test_nothing_is_told_while_a_counter_rises_below_its_mark() -> None:
    assert steps([1000, 998, 999, 999]) == []
    assert steps([1000, 998, 998]) == [0, 0]
    assert not grown([1000, 998, 998]).is_settled
    assert steps([1000, 998, 999, 1001]) == [0, 0, 1]


def test_a_reading_that_flickers_back_is_left_out() -> None:
    assert sum(steps([100, 101, 100, 101, 100, 101, 102])) == 2


def test_a_single_zero_among_high_totals_is_a_glitch_and_not_two_crowds() -> None:
    assert steps([1200, 0, 1203]) == [3]
    assert causes([1200, 0, 1203]) == [(Cause.GLITCH, 1)]


def test_a_single_wild_total_is_a_glitch() -> None:
    assert steps([1200, 999_999, 1203]) == [3]


def test_a_counter_that_starts_anew_every_day_is_reset_and_not_a_glitch() -> None:
    assert steps([0, 3, 0, 1, 4]) == [3, 0, 1, 3]
    assert steps([0, 10, 0, 5]) == [10, 0, 5]


def test_another_device_in_its_place_starts_from_its_own_total() -> None:
    assert steps([1200, 1203, 50_000, 50_004]) == [3, 0, 4]
    assert causes([1200, 1203, 50_000, 50_004]) == [(Cause.SWAPPED, 2)]


def test_a_used_device_with_a_lower_total_does_not_count_its_past() -> None:
    rules = CounterRules(bits=32, step_max=200, every_ns=EVERY_NS)
    assert steps([50_000, 50_003, 9_000, 9_004], rules) == [3, 0, 4]


def test_a_long_silence_may_hide_many_people() -> None:
    rules = CounterRules(step_max=200, every_ns=EVERY_NS)
    assert steps([0, 2000], rules, every_ns=DAY_NS) == [2000]
    assert steps([0, 2001, 2002], rules, every_ns=DAY_NS) == [0, 1]


def test_growth_over_more_than_a_month_belongs_to_no_day() -> None:
    assert steps([0, 3000], every_ns=32 * DAY_NS) == [0]


def test_two_silences_of_a_month_hide_no_rollover_from_the_reading_between_them() -> None:
    assert steps([65_509, 12, 12, 13], every_ns=30 * DAY_NS) == [39, 0, 1]
    assert steps([65_509, 0, 12, 13], every_ns=30 * DAY_NS) == [0, 1]


def test_a_step_is_split_in_proportion_to_time() -> None:
    midnight = DAY_NS
    step = Step(midnight - 20 * MINUTE_NS, midnight + 20 * MINUTE_NS, 40)
    days = [Span(0, midnight), Span(midnight, 2 * DAY_NS)]
    assert (shared([step], days)) == [(midnight - 1, 20), (midnight + 20 * MINUTE_NS, 20)]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 1000])
def test_any_division_of_a_step_adds_up_to_the_whole(count: int) -> None:
    step = Step(17, 10_000, count)
    for parts in (1, 2, 3, 7, 24):
        cuts = [Span(10_500 * i // parts, 10_500 * (i + 1) // parts) for i in range(parts)]
        assert sum(counted for _, counted in shared([step], cuts)) == count


def test_a_step_that_ends_at_midnight_belongs_to_the_day_before() -> None:
    days = [Span(0, 100), Span(100, 200)]
    assert (shared([Step(50, 100, 4)], days)) == [(99, 4)]
    assert (shared([Step(100, 150, 4)], days)) == [(150, 4)]


def test_what_came_through_the_top_before_a_month_of_silence_is_told_alike_by_who_reads_no_further() -> None:
    rules = CounterRules(bits=16)
    times_ns, totals = [0, EVERY_NS, 33 * DAY_NS, 33 * DAY_NS + EVERY_NS], [65_519, 20, 80, 81]
    whole, part = growth(times_ns, totals, rules), growth(times_ns[:2], totals[:2], rules)
    assert [step.growth for step in part.steps] == [37]
    assert [step.growth for step in whole.steps] == [37, 0, 1]
    assert whole.corrections[: len(part.corrections)] == part.corrections


def test_jitter_before_a_month_of_silence_is_told_alike_by_who_reads_no_further() -> None:
    times_ns, totals = [0, EVERY_NS, 2 * EVERY_NS, 33 * DAY_NS, 33 * DAY_NS + EVERY_NS], [500, 498, 499, 900, 901]
    whole, part = growth(times_ns, totals, CounterRules()), growth(times_ns[:3], totals[:3], CounterRules())
    assert whole.steps[: len(part.steps)] == part.steps
    assert [step.growth for step in whole.steps[len(part.steps) :]] == [0, 1]
