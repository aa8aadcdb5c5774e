"""What is usual at each door and hour of the week: how it is made and frozen, and what figures take from it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import pytest

from schemas import Estate, Kind
from schemas.measures import PeopleState
from stores import SeriesChunk, Store
from tests.usage.given import DAY_NS, HOUR_NS, Reading, at, estate, figures_of, hub, put, run_jobs
from usage import Queries
from usage.calendar import dates
from usage.jobs import Jobs
from usage.rollup import Figures
from usage.rollup_writer import RollupWriter

MONDAY = date(2026, 5, 4)
FRONT: dict[str, Any] = {"id": "front", "kinds": ["footfall"], "every": "1h"}
SIDE: dict[str, Any] = {"id": "side", "kinds": ["footfall"], "every": "1h"}
OPENING = {"mon-fri": "09:00-17:00"}
COUNTED, PARTIAL = PeopleState.COUNTED, PeopleState.PARTIAL

Rate = Callable[[date, int], int]


def known(*sensors: Mapping[str, Any], **rest: Any) -> Estate:
    return estate(hub(sensors=list(sensors), **({"opening": OPENING} | rest)))


def hourly(first: date, last: date, people: Rate) -> Iterator[Reading]:
    """A count for each hour of the days."""
    for day in dates(first, last):
        midnight_ns = at(f"{day}T00:00", "Europe/London")
        for hour in range(24):
            count = people(day, hour)
            yield midnight_ns + hour * HOUR_NS, {"entries": count, "exits": count}


def open_for(count: int) -> Rate:
    return lambda day, hour: count if 9 <= hour < 17 and day.weekday() < 5 else 0


def after(day: date) -> int:
    return at(f"{day}T00:00", "Europe/London") + 4 * DAY_NS


def roll_up_until(store: Store, in_estate: Estate, last: date, *, since: date = MONDAY, refreeze: bool = False) -> None:
    writer = RollupWriter(store, in_estate, "armley", now_ns=after(last), refreeze=refreeze)
    for _ in writer.recompute(dates(since, last)):
        pass


def weeks(count: float) -> date:
    return MONDAY + timedelta(days=int(7 * count))


def day_of(store: Store, in_estate: Estate, day: date) -> Figures:
    return figures_of(store, in_estate, str(day), now_ns=after(day))


def points(store: Store, measurement: str) -> dict[str, SeriesChunk]:
    found = store.read(measurement, start_ns=0, stop_ns=at("2100-01-01T00:00"))
    return {chunk.tags.get("sensor", ""): chunk for chunk in found}


def test_a_dead_door_takes_its_usual_share_and_not_half(store: Store) -> None:
    two = known(FRONT, SIDE)
    dead = weeks(6)
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead, open_for(9)), sensor="front")
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead - timedelta(days=1), open_for(1)), sensor="side")
    found = day_of(store, two, dead)  # nothing rolled up before: from the readings alone
    assert (found["footfall_completeness"], found["people_state"]) == (0.9, PARTIAL)
    roll_up_until(store, two, dead)
    found = day_of(store, two, dead)
    assert (found["footfall_completeness"], found["people_state"]) == (0.9, PARTIAL)
    by_door = points(store, "usage_daily_door")
    assert [by_door[door].columns["footfall_completeness"][-1] for door in ("front", "side")] == [1.0, 0.0]
    assert [by_door[door].columns["entries"][-1] for door in ("front", "side")] == [72, None]


def jobs_at_noon(store: Store, in_estate: Estate, today: date) -> int:
    """Have jobs work at noon of a day, until which nothing is missing."""
    now_ns = at(f"{today}T12:00", "Europe/London")
    told = (reading for reading in hourly(MONDAY, today, open_for(9)) if reading[0] < now_ns)
    put(store, Kind.FOOTFALL, told, sensor="front")
    run_jobs(Jobs(lambda: store, lambda: in_estate, lambda: now_ns), now_ns)
    return now_ns


def test_jobs_freeze_what_is_usual_this_week_where_nothing_is_missing(store: Store) -> None:
    one = known(FRONT)
    now_ns = jobs_at_noon(store, one, weeks(6))
    assert Queries(store, one, now_ns=now_ns).usual_so_far()["armley"].by_now == 27


def test_jobs_freeze_no_profile_of_a_week_before_enough_is_known(store: Store) -> None:
    jobs_at_noon(store, known(FRONT), weeks(2))
    assert not points(store, "usage_profile")


def test_days_computed_together_know_what_was_usual_before_any_is_stored(store: Store) -> None:
    two = known(FRONT, SIDE)
    dead = weeks(6)
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead, open_for(9)), sensor="front")
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead - timedelta(days=1), open_for(1)), sensor="side")
    *_, last = Queries(store, two, now_ns=after(dead)).daily(MONDAY, dead)
    assert last.figures["footfall_completeness"] == 0.9


@pytest.mark.parametrize("history", [3, 6])
def test_doors_weigh_alike_until_each_hour_was_seen_four_times(store: Store, history: int) -> None:
    two = known(FRONT, SIDE)
    dead = weeks(history)
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead, open_for(9)), sensor="front")
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead - timedelta(days=1), open_for(1)), sensor="side")
    roll_up_until(store, two, dead)
    assert day_of(store, two, dead)["footfall_completeness"] == (0.5 if history == 3 else 0.9)


def test_a_hub_of_a_few_people_has_no_profile(store: Store) -> None:
    two = known(FRONT, SIDE)
    dead = weeks(6)
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead, open_for(2)), sensor="front")
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead - timedelta(days=1), open_for(0)), sensor="side")
    roll_up_until(store, two, dead)
    assert day_of(store, two, dead)["footfall_completeness"] == 0.5  # 80 people a week


def test_a_door_that_is_dead_for_seventy_days_lowers_each_of_them_by_its_share(store: Store) -> None:
    two = known(FRONT, SIDE)
    last = weeks(16)
    put(store, Kind.FOOTFALL, hourly(MONDAY, last, open_for(9)), sensor="front")
    put(store, Kind.FOOTFALL, hourly(MONDAY, weeks(6) - timedelta(days=1), open_for(1)), sensor="side")
    roll_up_until(store, two, last)
    days = list(Queries(store, two, now_ns=after(last)).daily(weeks(6), last))
    assert len(days) == 71
    assert {day.figures["footfall_completeness"] for day in days if day.date.weekday() < 5} == {0.9}


def test_a_door_that_is_dead_for_longer_than_a_year_keeps_its_share_until_it_is_retired(store: Store) -> None:
    two = known(FRONT, SIDE)
    put(store, Kind.FOOTFALL, hourly(MONDAY, weeks(6) - timedelta(days=1), open_for(1)), sensor="side")
    for first, last in ((MONDAY, weeks(7)), (weeks(48), weeks(70))):
        put(store, Kind.FOOTFALL, hourly(first, last, open_for(9)), sensor="front")
        roll_up_until(store, two, last, since=first)
    assert day_of(store, two, weeks(70))["footfall_completeness"] == 0.9
    retired = known(FRONT, SIDE | {"until": str(weeks(6))})
    roll_up_until(store, retired, weeks(70), since=weeks(69))
    assert day_of(store, retired, weeks(70))["footfall_completeness"] == 1.0


def test_a_new_saturday_opening_and_a_summer_closure_flip_nothing(store: Store) -> None:
    saturday = weeks(6) + timedelta(days=5)
    opening = [OPENING | {"mon-fri": "09:00-17:00"}, {"mon-sat": "09:00-17:00"}]
    before, afterwards = (known(FRONT, SIDE, opening=each) for each in opening)

    def people(count: int) -> Rate:
        return lambda day, hour: count if 9 <= hour < 17 and (day.weekday() < 5 or day == saturday) else 0

    put(store, Kind.FOOTFALL, hourly(MONDAY, saturday, people(9)), sensor="front")
    put(store, Kind.FOOTFALL, hourly(MONDAY, saturday, people(1)), sensor="side")
    roll_up_until(store, before, weeks(5))
    roll_up_until(store, afterwards, saturday, since=weeks(5))
    found = day_of(store, afterwards, saturday)
    assert (found["people_state"], found["footfall_completeness"], found["entries"]) == (COUNTED, 1.0, 80)
    shut = known(FRONT, SIDE, closures=[f"{weeks(6)}..{weeks(10)}"])
    put(store, Kind.FOOTFALL, hourly(weeks(7), weeks(12), open_for(9)), sensor="front")
    put(store, Kind.FOOTFALL, hourly(weeks(7), weeks(12), open_for(1)), sensor="side")
    roll_up_until(store, shut, weeks(12), since=weeks(6))
    assert day_of(store, shut, weeks(8))["people_state"] == PeopleState.CLOSED
    assert day_of(store, shut, weeks(12))["people_state"] == COUNTED


def mornings(day: date, hour: int) -> int:
    """Thirty people an hour in the first two hours, then one."""
    return (30 if hour < 11 else 1) if 9 <= hour < 17 and day.weekday() < 5 else 0


def totals(counts: Iterable[Reading], lost: Callable[[int], bool]) -> Iterator[Reading]:
    total = 1000
    for time_ns, fields in counts:
        total += int(fields["entries"])
        if not lost(time_ns + HOUR_NS):
            yield time_ns + HOUR_NS, {"entries_total": total}


def test_what_came_in_a_gap_is_shared_out_by_what_is_usual(store: Store) -> None:
    door = known(FRONT)
    quiet = weeks(6)
    nine_ns = at(f"{quiet}T09:00", "Europe/London")
    counts = hourly(MONDAY, quiet, mornings)
    put(store, Kind.FOOTFALL, totals(counts, lambda t: nine_ns < t < nine_ns + 8 * HOUR_NS), sensor="front")
    roll_up_until(store, door, quiet)
    hours = list(Queries(store, door, now_ns=after(quiet)).hourly(quiet, quiet))
    assert [hour.figures["entries"] for hour in hours[9:17]] == [30, 30, 1, 1, 1, 1, 1, 1]
    assert day_of(store, door, quiet)["people_state"] == COUNTED
    direct = points(store, "usage_hourly_door")["front"].columns["direct"]
    assert list(direct[-8:]) == [False] * 8
    assert all(direct[:-8])


def test_what_was_shared_out_over_midnights_is_told_and_makes_no_counted_day(store: Store) -> None:
    door = known(FRONT)
    first, last = weeks(6) + timedelta(days=1), weeks(6) + timedelta(days=3)
    lost = (at(f"{first}T11:00", "Europe/London"), at(f"{last}T16:00", "Europe/London"))
    counts = hourly(MONDAY, weeks(7), mornings)
    put(store, Kind.FOOTFALL, totals(counts, lambda t: lost[0] < t < lost[1]), sensor="front")
    roll_up_until(store, door, weeks(7))
    days = [day_of(store, door, day) for day in dates(first, last)]
    assert [day["entries"] for day in days] == [66, 66, 66]
    assert [day["entries_shared"] for day in days] == [6, 66, 65]
    assert [day["people_state"] for day in days] == [PARTIAL, PARTIAL, PARTIAL]


def test_a_gap_over_a_weekend_that_is_closed_belongs_to_its_friday(store: Store) -> None:
    door = known(FRONT)
    friday = weeks(6) + timedelta(days=4)
    lost = (at(f"{friday}T11:00", "Europe/London"), at(f"{weeks(7)}T03:00", "Europe/London"))
    put(
        store,
        Kind.FOOTFALL,
        totals(hourly(MONDAY, weeks(7), mornings), lambda t: lost[0] < t < lost[1]),
        sensor="front",
    )
    found = day_of(store, door, friday)
    assert (found["entries"], found["entries_shared"], found["people_state"]) == (66, 0, COUNTED)
    assert found["footfall_completeness"] == 1.0


def test_a_frozen_profile_stays_until_it_is_asked_to_be_made_anew(store: Store) -> None:
    two = known(FRONT, SIDE)
    dead = weeks(6)
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead, open_for(9)), sensor="front")
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead - timedelta(days=1), open_for(1)), sensor="side")
    roll_up_until(store, two, dead)
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead - timedelta(days=1), open_for(6)), sensor="side")
    roll_up_until(store, two, dead)
    assert day_of(store, two, dead)["footfall_completeness"] == 0.9
    roll_up_until(store, two, dead, refreeze=True)
    assert day_of(store, two, dead)["footfall_completeness"] == 0.6
    assert {int(version or 0) for version in points(store, "usage_profile")["side"].columns["version"]} == {2}
    roll_up_until(store, two, dead, refreeze=True)
    assert {int(version or 0) for version in points(store, "usage_profile")["side"].columns["version"]} == {2}


def test_a_profile_is_of_the_latest_eight_values_that_were_final_when_the_week_began(store: Store) -> None:
    two = known(FRONT, SIDE)
    dead = weeks(10)

    def growing(day: date, hour: int) -> int:
        return (100 if day >= weeks(2) else 900) * open_for(1)(day, hour) + 100 * int(
            day == weeks(9) + timedelta(days=5)
        )

    put(store, Kind.FOOTFALL, hourly(MONDAY, dead, growing), sensor="front")
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead - timedelta(days=1), open_for(1)), sensor="side")
    roll_up_until(store, two, dead)
    profile = points(store, "usage_profile")["front"]
    assert set(profile.columns["people_per_hour"]) == {None, 100.0}
    hours = sum(rate is not None for rate in profile.columns["people_per_hour"])
    first = [profile.columns[name][0] for name in ("people_per_week", "hours_known")]
    assert (first, hours > 0) == ([100.0 * hours, hours], True)
    assert set(profile.columns["people_per_week"][1:]) == {None}


def test_a_door_on_change_without_heartbeat_is_dead_once_five_people_should_have_come(store: Store) -> None:
    door = known({"id": "front", "kinds": ["footfall"], "every": "change"})
    last = weeks(6)
    nine_ns = at(f"{last}T09:00", "Europe/London")
    history = [t for t, fields in hourly(MONDAY, last - timedelta(days=1), open_for(10)) if fields["entries"]]
    came = [t + i * HOUR_NS // 10 for t in history for i in range(10)]
    put(store, Kind.FOOTFALL, [(time_ns, {"entries": 1}) for time_ns in [*came, nine_ns]], sensor="front")
    roll_up_until(store, door, last)
    found = day_of(store, door, last)
    assert (found["people_state"], found["footfall_completeness"]) == (PARTIAL, 0.062)
    assert day_of(store, door, last - timedelta(days=3))["people_state"] == COUNTED


def test_a_door_on_change_whose_first_visitor_comes_late_in_the_hour_is_alive(store: Store) -> None:
    door = known({"id": "front", "kinds": ["footfall"], "every": "change"})
    last = weeks(6)
    hours = [t for t, fields in hourly(MONDAY, last, open_for(10)) if fields["entries"]]
    nine = {at(f"{day}T09:00", "Europe/London") for day in dates(MONDAY, last)}
    came = [t + i * HOUR_NS // 10 for t in hours for i in range(10) if t not in nine or i > 6]
    put(store, Kind.FOOTFALL, [(time_ns, {"entries": 1}) for time_ns in came], sensor="front")
    roll_up_until(store, door, last)
    assert day_of(store, door, last)["people_state"] == COUNTED


def test_a_day_is_not_final_while_a_total_may_still_tell_of_it(store: Store) -> None:
    door = known(FRONT)
    last = weeks(1)
    put(store, Kind.FOOTFALL, totals(hourly(MONDAY, last, mornings), lambda _: False), sensor="front")
    quiet = last + timedelta(days=2)

    def is_final(now_ns: int) -> object:
        return figures_of(store, door, str(quiet), now_ns=now_ns)["final"]

    midnight_ns = at(f"{last + timedelta(days=1)}T00:00", "Europe/London")
    assert is_final(midnight_ns + 10 * DAY_NS) is False
    assert is_final(midnight_ns + 31 * DAY_NS + HOUR_NS) is True
    put(store, Kind.FOOTFALL, [(midnight_ns + 5 * DAY_NS, {"entries_total": 5000})], sensor="front")
    assert is_final(midnight_ns + 10 * DAY_NS) is True


def test_nothing_that_comes_later_tells_of_a_day_of_a_total_that_restarts_at_midnight(store: Store) -> None:
    door = known(FRONT | {"resets": "daily"})
    midnight_ns = at(f"{MONDAY}T00:00", "Europe/London")
    put(store, Kind.FOOTFALL, [(midnight_ns + h * HOUR_NS, {"entries_total": h}) for h in range(1, 17)], sensor="front")
    now_ns = midnight_ns + 4 * DAY_NS
    days = Queries(store, door, now_ns=now_ns).daily(MONDAY, MONDAY + timedelta(days=1))
    assert [day.figures["final"] for day in days] == [True, True]


def test_a_day_is_final_whatever_range_asks_where_totals_stop_and_interval_counts_go_on(store: Store) -> None:
    door = known(FRONT)
    midnight_ns = at(f"{MONDAY}T00:00", "Europe/London")
    both = {"entries": 1, "entries_total": 7}
    readings = [(midnight_ns + h * HOUR_NS, both if h < 20 else {"entries": 1}) for h in range(96)]
    put(store, Kind.FOOTFALL, readings, sensor="front")
    queries = Queries(store, door, now_ns=midnight_ns + 9 * DAY_NS)
    days = list(dates(MONDAY, MONDAY + timedelta(days=2)))
    assert [day.figures["final"] for day in queries.daily(days[0], days[-1])] == [True] * 3
    assert [day.figures["final"] for each in days for day in queries.daily(each, each)] == [True] * 3


def test_a_row_that_was_made_while_its_day_ran_is_no_whole_day_of_what_is_usual(store: Store) -> None:
    two = known(FRONT, SIDE)
    running, dead = weeks(5) + timedelta(days=2), weeks(6)

    def crowded(day: date, hour: int) -> int:
        return open_for(90 if day == running else 9)(day, hour)

    put(store, Kind.FOOTFALL, hourly(MONDAY, dead, crowded), sensor="front")
    put(store, Kind.FOOTFALL, hourly(MONDAY, dead - timedelta(days=1), open_for(1)), sensor="side")
    noon_ns = at(f"{running}T12:00", "Europe/London")
    for _ in RollupWriter(store, two, "armley", now_ns=noon_ns).recompute(dates(MONDAY, running)):
        pass
    roll_up_until(store, two, dead, since=dead)
    rates = points(store, "usage_profile")["front"]
    start_ns = at(f"{dead}T00:00", "Europe/London")
    by_hour = dict(zip(rates.times_ns, rates.columns["people_per_hour"], strict=True))
    assert by_hour[start_ns + 2 * 24 + 15] == (5 * 9 + 90) / 6


def test_nothing_is_read_of_the_weeks_before_a_hub_had_doors(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    two = known(FRONT, SIDE)
    last = MONDAY + timedelta(days=2)
    put(store, Kind.FOOTFALL, hourly(MONDAY, last, open_for(9)), sensor="front")
    put(store, Kind.FOOTFALL, hourly(MONDAY, MONDAY, open_for(1)), sensor="side")
    starts_ns = []
    read = store.read

    def watched(measurement: str, *, start_ns: int, **how: Any) -> Any:
        if measurement == Kind.FOOTFALL:
            starts_ns.append(start_ns)
        return read(measurement, start_ns=start_ns, **how)

    monkeypatch.setattr(store, "read", watched)
    assert day_of(store, two, last)["footfall_completeness"] == 0.5
    assert min(starts_ns) > at(f"{MONDAY}T00:00", "Europe/London") - 2 * DAY_NS


def test_a_further_line_of_a_door_keeps_its_share_as_a_door_does(store: Store) -> None:
    door = known(FRONT)
    put(store, Kind.FOOTFALL, hourly(MONDAY, weeks(6) - timedelta(days=1), open_for(1)), sensor="front-line2")
    for first, last in ((MONDAY, weeks(7)), (weeks(48), weeks(70))):
        put(store, Kind.FOOTFALL, hourly(first, last, open_for(9)), sensor="front")
        roll_up_until(store, door, last, since=first)
    assert day_of(store, door, weeks(70))["footfall_completeness"] == 0.9


def test_intervals_that_go_on_while_totals_pause_count_alone_whichever_days_are_asked(store: Store) -> None:
    door = known(FRONT, opening={"mon-sun": "09:00-17:00"})
    first, last = MONDAY, MONDAY + timedelta(days=8)
    total = 0
    for time_ns, fields in hourly(first, last, lambda _day, hour: 3 * (9 <= hour < 17)):
        total += int(fields["entries"])
        pauses = at(f"{first + timedelta(days=1)}T12:00") < time_ns < at(f"{first + timedelta(days=6)}T12:00")
        totals_too = dict(fields) if pauses else {**fields, "entries_total": total}
        put(store, Kind.FOOTFALL, [(time_ns, totals_too)], sensor="front")
    together = list(Queries(store, door, now_ns=after(last)).daily(first, last))
    alone = [day_of(store, door, day) for day in dates(first, last)]
    for name in ("entries", "entries_shared", "people_state"):
        assert [day.figures[name] for day in together] == [day[name] for day in alone], name
    assert [day["entries"] for day in alone][1:] == [24] * 8
    assert {day["people_state"] for day in alone[1:]} == {COUNTED}


def test_the_days_of_a_door_that_is_no_more_go_with_it(store: Store) -> None:
    two = known(FRONT, SIDE)
    put(store, Kind.FOOTFALL, hourly(MONDAY, MONDAY, open_for(3)), sensor="front")
    put(store, Kind.FOOTFALL, hourly(MONDAY, MONDAY, open_for(1)), sensor="side")
    roll_up_until(store, two, MONDAY)
    assert set(points(store, "usage_daily_door")) == {"front", "side"}
    store.delete("footfall", start_ns=0, stop_ns=after(MONDAY), where={"hub": "armley", "sensor": "side"})
    roll_up_until(store, known(FRONT), MONDAY)
    assert set(points(store, "usage_daily_door")) == {"front"}
