"""Cases of building health: they open, stay through gaps, close by good days alone, and are noted."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Estate, Kind
from schemas.localtime import Span
from stores import Store
from tests.usage.given import HOUR_NS, MINUTE_NS, at, estate, hub, put, rolled_up, run_of
from usage import Queries, RollupWriter
from usage.health import CaseKind, cases_within, find_cases, open_cases
from usage.health.cases import Judged
from usage.health.judging import judge_zone
from usage.health.overheating import excess_k, limit_c, running_mean_c, season_of
from usage.health.rules import RULES, Row
from usage.health.stored import CaseNoteError, note_case, write_cases
from usage.plan import HubPlan
from usage.rows import read_hot_hours

FIRST = date(2026, 11, 2)
"""A Monday."""
OFFICE = {"mon-fri": "09:00-17:00"}
PLAN = HubPlan({}, None)
EVER = Span(0, 2**62)


def days_of(rows: Iterable[Row | None], first: date = FIRST) -> Iterator[tuple[date, Row]]:
    """Consecutive days; None is one without a row."""
    for n, row in enumerate(rows):
        if row is not None:
            yield first + timedelta(days=n), row


def cold(minutes: float | None, covered: float = 1.0) -> Row:
    return {"cold_minutes": minutes, "temperature_mean_c": 14.0, "environment_completeness": covered}


def judged(kind: CaseKind, rows: Sequence[Row | None], *, today: date = date(2027, 1, 1)) -> list[Judged]:
    return list(judge_zone(RULES[kind], "armley", "hall", days_of(rows), PLAN, today))


def spans(cases: Iterable[Judged]) -> list[tuple[int, int | None]]:
    return [((case.since - FIRST).days, None if case.until is None else (case.until - FIRST).days) for case in cases]


# ------------------------------------------------------------------------------------------------------- hysteresis


def test_a_case_opens_at_one_figure_and_closes_at_another() -> None:
    found = judged(CaseKind.COLD, [cold(59), cold(60), cold(16), cold(59), cold(15), cold(59), cold(60)])
    assert spans(found) == [(1, 4), (6, None)]


def test_neither_a_gap_nor_a_day_in_part_nor_today_closes_a_case() -> None:
    rows = [cold(120), None, {"cold_minutes": None}, cold(0, covered=0.69), cold(0)]
    today = FIRST + timedelta(days=4)
    (case,) = judged(CaseKind.COLD, rows, today=today)
    assert (case.until, case.latest, case.last_data) == (None, FIRST, today)
    assert spans(judged(CaseKind.COLD, rows, today=today + timedelta(days=1))) == [(0, 4)]


def test_a_case_keeps_its_worst_day_the_earliest_of_equals() -> None:
    def row(minutes: float, celsius: float) -> Row:
        return {"cold_minutes": minutes, "temperature_mean_c": celsius, "environment_completeness": 1.0}

    rows = [row(90, 15.0), row(300, 12.5), None, row(300, 11.0), row(60, 14.0), row(0, 18.0), row(70, 14.5)]
    ended, still = judged(CaseKind.COLD, rows)
    assert (ended.worst_on, ended.worst_value, ended.worst_minutes) == (FIRST + timedelta(days=1), 12.5, 300)
    assert (ended.latest, ended.value, ended.minutes) == (FIRST + timedelta(days=4), 14.0, 60)
    assert (still.worst_on, still.worst_minutes) == (still.latest, 70)


def test_mould_that_is_only_held_over_a_gap_is_not_measured() -> None:
    wet: Row = {"mould_index": 2.6, "damp_minutes": 400.0, "environment_completeness": 1.0}
    held: Row = {"mould_index": 1.9, "environment_completeness": 1.0}
    dry: Row = {"mould_index": 2.0, "damp_minutes": 0.0, "environment_completeness": 1.0}
    assert spans(judged(CaseKind.MOULD, [wet, held, held])) == [(0, None)]
    assert spans(judged(CaseKind.MOULD, [wet, {**dry, "mould_index": 2.1}, dry])) == [(0, 2)]


ROWS = st.lists(
    st.one_of(
        st.none(), st.builds(cold, st.sampled_from([None, 0.0, 15.0, 30.0, 60.0, 400.0]), st.sampled_from([0.5, 1.0]))
    ),
    max_size=12,
)


@given(ROWS, st.integers(0, 12), st.integers(1, 4))
def test_days_without_data_change_no_case(rows: list[Row | None], place: int, length: int) -> None:
    gap: list[Row | None] = [None, {"cold_minutes": None, "environment_completeness": 0.0}, None, None]
    told = [row for row in rows if row is not None and row["cold_minutes"] is not None]
    widened = [*told[:place], *gap[:length], *told[place:]]
    as_told, with_gap = judged(CaseKind.COLD, told), judged(CaseKind.COLD, widened)
    assert [case.until is None for case in with_gap] == [case.until is None for case in as_told]
    assert [case.minutes for case in with_gap] == [case.minutes for case in as_told]


@given(ROWS)
def test_the_worst_day_of_a_case_is_the_worst_of_its_days(rows: list[Row | None]) -> None:
    days = {day: row["cold_minutes"] for day, row in days_of(rows)}
    for case in judged(CaseKind.COLD, rows):
        own = {
            day: minutes for day, minutes in days.items() if case.since <= day <= case.latest and minutes is not None
        }
        assert case.worst_minutes == max(own.values())
        assert case.worst_on == min(day for day, minutes in own.items() if minutes == case.worst_minutes)


@given(ROWS)
def test_a_longer_cold_never_makes_fewer_days_of_it(rows: list[Row | None]) -> None:
    def days_open(found: list[Judged]) -> set[int]:
        return {n for a, b in spans(found) for n in range(a, len(rows) if b is None else b)}

    def colder(row: Row | None) -> Row | None:
        minutes = None if row is None else row["cold_minutes"]
        return row if row is None or minutes is None else {**row, "cold_minutes": minutes + 30}

    assert days_open(judged(CaseKind.COLD, rows)) <= days_open(judged(CaseKind.COLD, [colder(row) for row in rows]))


# --------------------------------------------------------------------------------------------------------- overheating

SUMMER = date(2026, 7, 6)
OUTDOOR = {SUMMER - timedelta(days=back): 15.0 + back for back in range(1, 8)}


def by_hand(hours: Sequence[tuple[date, float]], occupied: float) -> tuple[float, float, int]:
    """TM52 once more, from its text: share of hours, worst day, hottest hour, with the mean of OUTDOOR on each day."""
    mean = (16 + 0.8 * 17 + 0.6 * 18 + 0.5 * 19 + 0.4 * 20 + 0.3 * 21 + 0.2 * 22) / 3.8
    delta = [(day, math.floor(celsius - (0.33 * mean + 21.8) + 0.5)) for day, celsius in hours]
    worst = max(sum(d for on, d in delta if on == day and d > 0) for day, _ in hours)
    return sum(d >= 1 for _, d in delta) / occupied, worst, max(0, *(d for _, d in delta))


def test_the_running_mean_and_the_limit_are_those_of_the_standard() -> None:
    mean = running_mean_c(OUTDOOR, SUMMER)
    assert mean == pytest.approx(68.6 / 3.8)
    assert limit_c(18.0) == pytest.approx(27.74)
    assert limit_c(4.0) == limit_c(10.0) == pytest.approx(25.1)
    assert running_mean_c({SUMMER - timedelta(days=1): 20.0, SUMMER - timedelta(days=3): 20.0}, SUMMER) is None
    assert [excess_k(celsius, 18.0) for celsius in (27.0, 28.23, 28.25, 29.3, 31.74)] == [0, 0, 1, 2, 4]


@given(st.lists(st.floats(25.6, 36), min_size=1, max_size=9))
def test_a_season_is_what_it_is_by_hand(temperatures: list[float]) -> None:
    hours = [(SUMMER, celsius) for celsius in temperatures]
    season = season_of([(day, celsius, 1.0) for day, celsius in hours], OUTDOOR, 200.0, SUMMER)
    share, worst, most = by_hand(hours, 200.0)
    assert (season.share, season.weighted_max, season.excess_max_k) == pytest.approx((share, worst, most))
    failed = [share > 0.03, worst > 6, most > 4]
    assert season.failed == tuple(n for n, fails in enumerate(failed, 1) if fails)
    assert season.since == (SUMMER if sum(failed) >= 2 else None)


@given(st.lists(st.floats(25.6, 36), max_size=9), st.lists(st.floats(25.6, 36), max_size=9))
def test_more_hot_hours_never_fail_fewer_criteria(some: list[float], more: list[float]) -> None:
    def failed(temperatures: list[float]) -> set[int]:
        return set(season_of([(SUMMER, each, 1.0) for each in temperatures], OUTDOOR, 300.0, SUMMER).failed)

    assert failed(some) <= failed([*some, *more])


def test_without_weather_hours_are_not_judged() -> None:
    season = season_of([(SUMMER, 35.0, 0.5)], {}, 200.0, SUMMER)
    assert (season.hours, season.unjudged_hours, season.since) == (0, 0.5, None)


# ----------------------------------------------------------------------------------------------- from readings to cases


def constant(field: str, value: Callable[[int], float]) -> list[tuple[int, dict[str, float]]]:
    """Readings of a day, each ten minutes, by the hour."""
    start_ns = at("2026-11-10")
    return [(start_ns + n * 10 * MINUTE_NS, {field: value(n // 6)}) for n in range(144)]


def warmth(value: Callable[[int], float]) -> list[tuple[int, dict[str, float]]]:
    return constant("temperature_c", value)


def test_a_hub_has_limits_of_its_own() -> None:
    runs = {
        Kind.TEMPERATURE: [run_of(warmth(lambda _: 17.0), zone="hall")],
        Kind.CO2: [run_of(constant("co2_ppm", lambda hour: 1300.0 if hour < 12 else 900.0), zone="hall")],
    }
    own = estate(hub(opening=OFFICE, limits={"co2_ppm": 1200, "temperature_min_c": 18}))
    found = rolled_up(runs, "2026-11-10", own).figures
    usual = rolled_up(runs, "2026-11-10", estate(hub(opening=OFFICE))).figures
    assert (found["cold_minutes"], found["co2_minutes_over_limit"]) == (480, 180)
    assert (usual["cold_minutes"], usual["co2_minutes_over_limit"]) == (0, 0)
    assert found["person_hours_over_limit"] is None, "nobody counted the people"


def test_the_weather_is_no_part_of_the_building() -> None:
    runs = {
        Kind.TEMPERATURE: [
            run_of(warmth(lambda _: 20.0), sensor="in", zone="hall"),
            run_of(warmth(lambda hour: 0.0 if hour < 12 else 8.0), sensor="out", zone="outdoor"),
        ]
    }
    rollup = rolled_up(runs, "2026-11-10", estate(hub(opening=OFFICE)))
    names = (
        "temperature_mean_c",
        "temperature_coldest_zone_c",
        "temperature_min_c",
        "cold_minutes",
        "frost_minutes_closed",
    )
    assert [rollup.figures[name] for name in names] == [20, 20, 20, 0, 0]
    outside = rollup.environment.rows({})["outdoor"]
    assert (outside["temperature_mean_c"], outside["mould_index"]) == (4.0, None)


SENSORS = [
    {"id": "hall", "kinds": ["temperature", "humidity"], "zone": "hall", "every": "1h"},
    {"id": "outside", "kinds": ["temperature"], "zone": "outdoor", "every": "1h"},
]


def put_days(store: Store, first: date, values: Sequence[tuple[float, float | None]], percent: float = 50.0) -> None:
    """Days of the hall's temperature and humidity and of the weather; the weather may be unknown."""
    for n, (inside, outside) in enumerate(values):
        start_ns = at((first + timedelta(days=n)).isoformat(), "Europe/London")
        times_ns = [start_ns + hour * HOUR_NS for hour in range(24)]
        put(store, Kind.TEMPERATURE, [(t, {"temperature_c": inside}) for t in times_ns], sensor="hall", zone="hall")
        put(
            store,
            Kind.HUMIDITY,
            [(t, {"relative_humidity_pct": percent}) for t in times_ns],
            sensor="hall",
            zone="hall",
        )
        if outside is not None:
            weather = [(t, {"temperature_c": outside}) for t in times_ns]
            put(store, Kind.TEMPERATURE, weather, sensor="outside", zone="outdoor")


def recompute(store: Store, known: Estate, first: date, days: int, now_ns: int, hub_id: str = "armley") -> None:
    for _ in RollupWriter(store, known, hub_id, now_ns=now_ns).recompute(
        first + timedelta(days=n) for n in range(days)
    ):
        pass


def test_a_hot_week_is_overheating_by_the_weather_before_it(store: Store) -> None:
    known = estate(hub(opening=OFFICE, sensors=SENSORS))
    first, now_ns = date(2026, 6, 22), at("2026-07-11T12:00")
    put_days(store, first, [(22.0, 18.0)] * 14 + [(32.5, 18.0)] * 5)
    recompute(store, known, first, 19, now_ns)
    queries = Queries(store, known, now_ns=now_ns)
    (case,) = [case for case in find_cases(queries, known, fresh=True) if case.kind is CaseKind.OVERHEATING]
    # 0.33 * 18 + 21.8 = 27.74; 32.5 is 5 K above it, eight hours a day.
    assert (case.zone, case.since, case.value, case.limit) == ("hall", date(2026, 7, 6), 40.0, 6)
    assert case.is_open
    after_summer = find_cases(Queries(store, known, now_ns=at("2026-11-01T12:00")), known, fresh=True)
    assert [(c.until, c.since) for c in after_summer if c.kind is CaseKind.OVERHEATING] == [
        (date(2026, 10, 1), date(2026, 7, 6))
    ]
    # In a later summer as it was told then.
    later = Queries(store, known, now_ns=at("2028-07-01T12:00"))
    months = [(date(2026, 6, 1), date(2026, 6, 30)), (date(2026, 7, 1), date(2026, 7, 31))]
    told = [
        [(c.since, c.until, c.value) for c in cases_within(later, known, *days) if c.kind is CaseKind.OVERHEATING]
        for days in months
    ]
    assert told == [[], [(date(2026, 7, 6), None, 40.0)]]


def test_an_hour_that_was_not_hot_after_all_is_taken_back(store: Store) -> None:
    known = estate(hub(opening=OFFICE, sensors=SENSORS))
    day, now_ns = date(2026, 7, 6), at("2026-07-11T12:00")
    put_days(store, day, [(30.0, 18.0)])
    recompute(store, known, day, 1, now_ns)
    assert len(list(read_hot_hours(store, EVER))) == 8
    put_days(store, day, [(20.0, 18.0)])
    recompute(store, known, day, 1, now_ns)
    assert list(read_hot_hours(store, EVER)) == []


@pytest.fixture
def cold_hall(store: Store) -> tuple[Store, Estate]:
    """A hall that is cold from Wednesday on, as jobs leave it on Friday."""
    known = estate(hub(opening=OFFICE, sensors=SENSORS), holidays={"country": "GB", "subdivision": "ENG"})
    put_days(store, FIRST, [(20.0, 5.0), (20.0, 5.0), (12.0, 5.0), (12.0, 5.0), (13.0, 5.0)])
    recompute(store, known, FIRST, 5, NOW_NS)
    write_cases(store, known, now_ns=NOW_NS)
    return store, known


NOW = datetime(2026, 11, 6, 8, 0, tzinfo=UTC)
NOW_NS = at("2026-11-06T08:00")


def test_jobs_keep_what_is_found_afresh(cold_hall: tuple[Store, Estate]) -> None:
    store, known = cold_hall
    queries = Queries(store, known, now_ns=NOW_NS)
    (case,) = find_cases(queries, known)
    assert find_cases(queries, known, fresh=True) == [case]
    # Friday is not open yet: what is known is of Thursday.
    assert (case.kind, case.since, case.latest, case.value, case.limit) == (
        "cold",
        date(2026, 11, 4),
        date(2026, 11, 5),
        12.0,
        16,
    )
    assert (case.minutes, case.has_data, case.until) == (480, True, None)
    assert "HSE" in case.source
    assert case.advice


def test_days_that_are_computed_anew_have_the_same_cases(cold_hall: tuple[Store, Estate]) -> None:
    store, known = cold_hall
    before = find_cases(Queries(store, known, now_ns=NOW_NS), known)
    recompute(store, known, FIRST, 5, NOW_NS)
    write_cases(store, known, now_ns=NOW_NS)
    assert find_cases(Queries(store, known, now_ns=NOW_NS), known) == before


def test_a_series_that_vanished_says_since_when_there_is_no_data(cold_hall: tuple[Store, Estate]) -> None:
    store, known = cold_hall
    later_ns = at("2026-11-20T08:00")
    recompute(store, known, FIRST, 19, later_ns)
    write_cases(store, known, now_ns=later_ns)
    (case,) = open_cases(Queries(store, known, now_ns=later_ns), known)
    assert (case.kind, case.has_data, case.last_data) == ("cold", False, date(2026, 11, 6))


def test_a_case_is_noted_closed_by_hand_and_comes_back_where_it_goes_on(cold_hall: tuple[Store, Estate]) -> None:
    store, known = cold_hall
    (case,) = find_cases(Queries(store, known, now_ns=NOW_NS), known)
    note_case(store, case, " boiler   ordered ", by="ann", at=NOW)
    note_case(store, case, "boiler repaired", by="bob", at=NOW + timedelta(hours=1), closes=True)
    (closed,) = find_cases(Queries(store, known, now_ns=NOW_NS + 2 * HOUR_NS), known)
    assert [(note.by, note.text, note.closes) for note in closed.notes] == [
        ("ann", "boiler ordered", False),
        ("bob", "boiler repaired", True),
    ]
    assert (closed.until, closed.closed_by) == (date(2026, 11, 6), "bob")
    # The next week is as cold as this one: it was not the boiler.
    put_days(store, date(2026, 11, 9), [(12.0, 5.0)])
    later_ns = at("2026-11-10T08:00")
    recompute(store, known, FIRST, 9, later_ns)
    write_cases(store, known, now_ns=later_ns)
    (again,) = find_cases(Queries(store, known, now_ns=later_ns), known)
    assert (again.is_open, again.since, len(again.notes)) == (True, date(2026, 11, 4), 2)


@pytest.mark.parametrize("text", ["", "  \n", "x" * 201])
def test_a_note_has_words(cold_hall: tuple[Store, Estate], text: str) -> None:
    store, known = cold_hall
    (case,) = find_cases(Queries(store, known, now_ns=NOW_NS), known)
    with pytest.raises(CaseNoteError, match="note"):
        note_case(store, case, text, by="ann", at=NOW)


def test_damp_has_the_clock_of_the_law(store: Store) -> None:
    known = estate(hub(opening=OFFICE, sensors=SENSORS), holidays={"country": "GB", "subdivision": "ENG"})
    first, now_ns = date(2026, 12, 21), at("2026-12-22T08:00")
    put_days(store, first, [(18.0, 5.0)], percent=95.0)
    recompute(store, known, first, 1, now_ns)
    (case,) = [
        c for c in find_cases(Queries(store, known, now_ns=now_ns), known, fresh=True) if c.kind is CaseKind.DAMP
    ]
    # Ten working days without Christmas, the substitute for Boxing Day and New Year.
    assert case.investigate_by == date(2027, 1, 7)


def test_cases_rest_in_any_store(any_store: Store) -> None:
    known = estate(hub(opening=OFFICE, sensors=SENSORS))
    put_days(any_store, FIRST, [(12.0, None), (4.0, None)])
    recompute(any_store, known, FIRST, 2, NOW_NS)
    write_cases(any_store, known, now_ns=NOW_NS)
    queries = Queries(any_store, known, now_ns=NOW_NS)
    found = find_cases(queries, known)
    assert [case.kind for case in found] == [CaseKind.FROST, CaseKind.COLD]
    note_case(any_store, found[0], "pipes: checked, 50 % \\ ok", by="ann", at=NOW)
    assert [note.text for note in find_cases(queries, known)[0].notes] == ["pipes: checked, 50 % \\ ok"]
    assert find_cases(queries, known, fresh=True) == find_cases(queries, known)
