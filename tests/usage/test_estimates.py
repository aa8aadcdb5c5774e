"""What is estimated for people whom nobody counted, and how often the truth lies within its bounds."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.estimates import leeds, measure
from cli.usage_views import why_as_json, why_as_text
from schemas.measurements import USAGE_FIELDS
from schemas.measures import PeopleState
from stores import Store
from stores.sqlite_store import SqliteStore
from tests.usage.given import DAY_NS, at, estate, hub, put_lines
from usage import Queries
from usage.estimates import Estimate
from usage.estimates.estimator import Estimator
from usage.estimates.stored import write_estimates
from usage.jobs import Jobs
from usage.queries import DayFigures, Period
from usage.rollup import Figures
from usage.rows import DAILY, row_line

FIRST = date(2025, 1, 6)  # a Monday
WEEKS = 60
DAYS = [FIRST + timedelta(days=i) for i in range(7 * WEEKS)]
GAP = FIRST + timedelta(weeks=56, days=2)
HUBS = ("armley", "beeston", "chapeltown", "dewsbury")
WEEKDAYS = (100, 120, 140, 160, 180, 60, 0)

Counts = Callable[[str, date], int | None]


def usual(name: str, day: date) -> int:
    return WEEKDAYS[day.weekday()] * (1 + HUBS.index(name))


def figures(entries: int | None, state: PeopleState, completeness: float | None = None) -> Figures:
    covered = {PeopleState.COUNTED: 1.0, PeopleState.NONE: 0.0}.get(state) if completeness is None else completeness
    given: Figures = {
        "entries": entries,
        "people_state": state,
        "footfall_completeness": covered,
        "open_minutes": 480.0,
    }
    return {**dict.fromkeys(USAGE_FIELDS), "final": True, "revision": 1, **given}


def counted(name: str, day: date, entries: int | None) -> DayFigures:
    if entries is None:
        return DayFigures(name, day, figures(None, PeopleState.NONE))
    closed = day.weekday() == 6
    return DayFigures(name, day, figures(entries, PeopleState.CLOSED if closed else PeopleState.COUNTED))


def days_of(count: Counts, hubs: Iterable[str] = HUBS, days: Iterable[date] = DAYS) -> list[DayFigures]:
    days = list(days)
    return [counted(name, day, count(name, day)) for name in hubs for day in days]


def without(*gaps: date, hubs: Iterable[str] = ("armley",)) -> Counts:
    return lambda name, day: None if name in hubs and day in gaps else usual(name, day)


def put_rows(store: Store, days: Iterable[DayFigures]) -> None:
    put_lines(store, [row_line(DAILY, day.hub, at(f"{day.date}T00:00", "UTC"), day.figures) for day in days])


def test_what_was_counted_whole_needs_no_estimate() -> None:
    assert Estimator(days_of(usual)).of("armley", DAYS) == Estimate()


def test_a_missing_day_is_what_is_usual_on_its_weekday() -> None:
    found = Estimator(days_of(without(GAP))).of("armley", [GAP])
    assert found == Estimate(140, 140, 140, "weekday_sister", 1.0)


def test_a_day_on_which_all_others_had_twice_their_people_is_estimated_so() -> None:
    def fair(name: str, day: date) -> int | None:
        return None if (name, day) == ("armley", GAP) else usual(name, day) * (2 if day == GAP else 1)

    assert Estimator(days_of(fair)).of("armley", [GAP]).people == 280


def test_an_outage_of_all_hubs_goes_by_the_weekday_alone() -> None:
    found = Estimator(days_of(without(GAP, hubs=HUBS))).of("beeston", [GAP])
    assert (found.people, found.method) == (280, "weekday")


def test_a_closed_day_is_zero_and_never_estimated() -> None:
    sunday = GAP + timedelta(days=4)
    found = Estimator(days_of(without(*(GAP + timedelta(days=i) for i in range(4))))).of("armley", [GAP, sunday])
    assert (sunday.weekday(), found.people) == (6, 140)


def test_a_sum_takes_its_own_days_and_no_others() -> None:
    gaps = [GAP, GAP + timedelta(days=1), GAP + timedelta(days=9)]
    estimator = Estimator(days_of(without(*gaps)))
    assert estimator.of("armley", gaps).people == 140 + 160 + 180
    assert [estimator.of("armley", [gap]).people for gap in gaps] == [140, 160, 180]
    assert estimator.of("beeston", gaps) == Estimate()


def test_days_of_the_gap_itself_tell_nothing_however_long_it_is() -> None:
    gap = [day for day in (GAP - timedelta(days=i) for i in range(40)) if usual("armley", day)]
    expected = sum(usual("armley", day) for day in gap)
    assert Estimator(days_of(without(*gap))).of("armley", gap).people == expected


@pytest.mark.parametrize("share, seen, expected", [(0.8, 100, 25), (0.5, 70, 70), (0.1, 14, 126)])
def test_the_rest_of_a_day_goes_by_what_was_counted_of_it(share: float, seen: int, expected: int) -> None:
    days = days_of(without(GAP))
    days = [day for day in days if (day.hub, day.date) != ("armley", GAP)]
    days.append(DayFigures("armley", GAP, figures(seen, PeopleState.PARTIAL, share)))
    found = Estimator(days).of("armley", [GAP])
    assert found.people == pytest.approx(expected, abs=expected * 0.1)
    assert found.method == ("hours" if share >= 0.5 else "weekday_sister")


@pytest.mark.parametrize("share, method", [(0.5, "hours+transfer?"), (0.3, "transfer?+weekday_sister")])
def test_who_may_have_used_another_door_is_not_sure_to_be_missing(share: float, method: str) -> None:
    days = [day for day in days_of(usual) if (day.hub, day.date) != ("armley", GAP)]
    row = figures(70, PeopleState.PARTIAL, share) | {"transfer_share": 1 - share}
    found = Estimator([*days, DayFigures("armley", GAP, row)]).of("armley", [GAP])
    without_doors = Estimator([*days, DayFigures("armley", GAP, row | {"transfer_share": 0.0})]).of("armley", [GAP])
    assert (found.low, found.method) == (0, method)
    assert (found.people, found.high) == (without_doors.people, without_doors.high)
    assert without_doors.low


def test_low_adds_days_that_nobody_counted_to_those_with_another_door() -> None:
    other = GAP + timedelta(days=1)
    days = [day for day in days_of(without(GAP)) if (day.hub, day.date) != ("armley", other)]
    row = figures(80, PeopleState.PARTIAL, 0.5) | {"transfer_share": 0.5}
    found = Estimator([*days, DayFigures("armley", other, row)]).of("armley", [GAP, other])
    assert (found.people, found.low, found.high) == (220, 140, 220)
    assert found.method == "hours+transfer?+weekday_sister"


def test_a_share_that_is_not_covered_is_estimated_on_counted_days_too() -> None:
    days = [day for day in days_of(usual) if (day.hub, day.date) != ("armley", GAP)]
    days.append(DayFigures("armley", GAP, figures(133, PeopleState.COUNTED, 0.95)))
    assert Estimator(days).of("armley", [GAP]).people == 7


@pytest.mark.parametrize("weeks", [1, 2])
def test_too_little_history_gives_no_estimate(weeks: int) -> None:
    days = [day for day in DAYS if abs((day - GAP).days) < 7 * weeks]
    found = Estimator(days_of(without(GAP), days=days)).of("armley", [GAP])
    assert found == Estimate(None, None, None)


def test_a_hub_that_was_never_counted_gets_no_estimate() -> None:
    found = Estimator(days_of(lambda name, day: None if name == "armley" else usual(name, day))).of("armley", [GAP])
    assert found.people is None


def noisy(seed: int) -> Counts:
    """A year and more of hubs with seasons, days that are busy everywhere, and chance."""
    random = np.random.default_rng(seed)
    effect = np.exp(random.normal(0, 0.1, len(DAYS)))
    season = 1 + 0.2 * np.sin(np.arange(len(DAYS)) / 365 * 2 * np.pi)
    mean = {name: np.array([usual(name, day) for day in DAYS]) * effect * season for name in HUBS}
    counts = {name: random.poisson(mean[name] * np.exp(random.normal(0, 0.06, len(DAYS)))) for name in HUBS}
    return lambda name, day: int(counts[name][(day - FIRST).days])


@pytest.mark.parametrize("length, error_max", [(1, 0.12), (3, 0.08), (7, 0.06), (14, 0.06)])
def test_nine_of_ten_truths_lie_within_the_bounds(length: int, error_max: float) -> None:
    """Fifty outages of each length: 0.9 of them, within what fifty tries allow; what is off stays within bounds."""
    random = np.random.default_rng(length)
    held, errors = 0, []
    for seed in range(50):
        truth = noisy(seed)
        name = HUBS[seed % len(HUBS)]
        start = GAP - timedelta(days=int(random.integers(0, 20)))
        gap = {start + timedelta(days=i) for i in range(length)}
        seen: Counts = lambda of, day, gap=gap, name=name, truth=truth: (  # type: ignore[misc] # noqa: E731
            None if of == name and day in gap and day.weekday() != 6 else truth(of, day)
        )
        found = Estimator(days_of(seen)).of(name, sorted(gap))
        people = sum(truth(name, day) or 0 for day in gap if day.weekday() != 6)
        assert found.people is not None
        assert found.low is not None
        assert found.high is not None
        if people:
            held += found.low <= people <= found.high
            errors.append(abs(found.people - people) / people)
    assert 0.8 <= held / len(errors) <= 0.98
    assert np.mean(errors) <= error_max


def test_a_period_says_what_was_added_its_bounds_and_how(store: Store) -> None:
    put_rows(store, days_of(without(GAP)))
    known = estate(*(hub(name) for name in HUBS), timezone="UTC")
    queries = Queries(store, known, now_ns=at("2026-03-01T12:00", "UTC"))
    month = f"{GAP:%Y-%m}"
    found = {period.period: period for period in queries.periods(Period.MONTH, DAYS[-60], DAYS[-1], hub="armley")}
    entries = int(found[month].figures["entries"] or 0)
    assert found[month].estimated() == (140, entries + 140, entries + 140, "weekday_sister")
    assert [period.estimated()[0] for name, period in found.items() if name != month] == [0] * (len(found) - 1)


def test_today_is_not_estimated_before_it_is_over(store: Store) -> None:
    put_rows(store, days_of(without(GAP), days=[day for day in DAYS if day <= GAP]))
    known = estate(*(hub(name) for name in HUBS), timezone="UTC")
    (found,) = Queries(store, known, now_ns=at(f"{GAP}T12:00", "UTC")).periods(Period.WEEK, GAP, GAP, hub="armley")
    assert found.estimate == Estimate()


def stored_estimates(store: Store) -> dict[tuple[str, int], dict[str, object]]:
    return {
        (run.tags["hub"], time_ns): {name: column[i] for name, column in run.columns.items()}
        for run in store.read("usage_estimates", start_ns=0, stop_ns=2**62)
        for i, time_ns in enumerate(run.times_ns)
    }


def test_each_missed_day_has_its_estimate_stored_beside_it_until_it_is_counted(store: Store) -> None:
    put_rows(store, days_of(without(GAP, GAP + timedelta(days=1))))
    known = estate(*(hub(name) for name in HUBS), timezone="UTC")
    now_ns, midnight_ns = at("2026-03-10T12:00", "UTC"), at(f"{GAP}T00:00", "UTC")
    assert write_estimates(store, known, GAP, DAYS[-1], now_ns=now_ns) == 2
    estimate = {"entries_estimate": 140, "entries_low": 140, "entries_high": 140, "method": 3}
    assert stored_estimates(store)["armley", midnight_ns] == estimate
    assert write_estimates(store, known, GAP, DAYS[-1], now_ns=now_ns) == 0
    put_rows(store, [counted("armley", GAP, 139)])
    assert write_estimates(store, known, GAP, DAYS[-1], now_ns=now_ns) == 1
    assert [time_ns for _, time_ns in stored_estimates(store)] == [midnight_ns + DAY_NS]


def test_a_day_with_another_door_is_stored_with_both_methods_and_why_says_so(store: Store) -> None:
    days = [day for day in days_of(usual) if (day.hub, day.date) != ("armley", GAP)]
    row = figures(70, PeopleState.PARTIAL, 0.5) | {"transfer_share": 0.5}
    put_rows(store, [*days, DayFigures("armley", GAP, row)])
    known = estate(*(hub(name) for name in HUBS), timezone="UTC")
    now_ns = at("2026-03-10T12:00", "UTC")
    assert write_estimates(store, known, GAP, GAP, now_ns=now_ns) == 1
    (stored,) = stored_estimates(store).values()
    assert stored == {"entries_estimate": 70, "entries_low": 70, "entries_high": 140, "method": 5}
    found = Queries(store, known, now_ns=now_ns).why("armley", GAP)
    assert found is not None
    assert any(
        "about 70 people, 0 to 70 in nine of ten cases, by the other hours of the day; some may have used a door"
        in line
        for line in why_as_text(found)
    )


def test_jobs_estimates_the_days_of_the_last_weeks(store: Store, tmp_path: Path) -> None:
    put_rows(store, days_of(without(GAP)))
    known = estate(*(hub(name) for name in HUBS), timezone="UTC")
    Jobs(lambda: SqliteStore(tmp_path / "store.db"), lambda: known, lambda: 0).estimate_missed(
        at("2026-03-10T12:00", "UTC")
    )
    assert [name for name, _ in stored_estimates(store)] == ["armley"]


def test_why_tells_how_many_were_missed_and_by_what_that_is_known(store: Store) -> None:
    put_rows(store, days_of(without(GAP)))
    known = estate(*(hub(name) for name in HUBS), timezone="UTC")
    queries = Queries(store, known, now_ns=at("2026-03-10T12:00", "UTC"))
    found = queries.why("armley", GAP)
    assert found is not None
    assert (
        "  not counted: about 140 people, 140 to 140 in nine of ten cases, by the same weekday in the weeks around and "
        "what the other hubs counted on the day"
    ) in list(why_as_text(found))
    assert why_as_json(found)["missed"]["people"] == 140
    whole = queries.why("beeston", GAP)
    assert whole is not None
    assert not any("not counted" in line for line in why_as_text(whole))


@pytest.mark.parametrize("length, error_max", [(1, 0.004), (7, 0.014)])
def test_leeds_is_estimated_within_the_errors_that_were_measured(
    data_set: Callable[[str], Path], length: int, error_max: float
) -> None:
    """A sample of what `benchmarks/estimates.py` measures whole: the error of a month's total, and what bounds hold."""
    found = measure(leeds(data_set("leeds_footfall")), length, tries=40, seed=1)
    assert found.tried >= 30
    assert found.error <= error_max * 1.25
    assert 0.8 <= found.held <= 0.98
