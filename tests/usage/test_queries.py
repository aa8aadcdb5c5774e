"""Figures from a store: settled days from the roll-ups, the others from the readings, always up to date."""

from datetime import date, timedelta

import pytest

from schemas import Estate, Kind
from stores import Store
from tests.usage.given import DAY_NS, HOUR_NS, MINUTE_NS, at, estate, figures_of, hub, mark, put
from usage import Queries, UnknownHubError
from usage.calendar import HubCalendar
from usage.rollup_writer import RollupWriter

DAY = date(2026, 10, 20)
NOON_NS = at("2026-10-20T12:00", "Europe/London")
MIDNIGHT_NS = at("2026-10-20T00:00", "Europe/London")


def keep(store: Store, known: Estate, *days: date, now_ns: int) -> None:
    for _ in RollupWriter(store, known, "armley", now_ns=now_ns).recompute(days):
        pass


def test_an_export_right_after_a_replay_needs_no_jobs(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3, "exits": 2})])
    found = figures_of(store, estate(), DAY.isoformat(), now_ns=NOON_NS + HOUR_NS)
    assert (found["entries"], found["exits"], found["final"], found["revision"]) == (3, 2, False, 0)


@pytest.mark.parametrize(
    "zone, first, last",
    [
        ("Europe/London", "2026-03-27", "2026-03-31"),
        ("Europe/London", "2026-10-23", "2026-10-27"),
        ("America/Los_Angeles", "2005-10-28", "2005-11-01"),
    ],
)
def test_a_reading_a_second_before_midnight_and_one_at_midnight_are_on_different_days(
    store: Store, zone: str, first: str, last: str
) -> None:
    known = estate(timezone=zone)
    calendar = HubCalendar(known, "armley")
    days = [date.fromisoformat(first) + timedelta(days=step) for step in range(5)]
    assert days[-1].isoformat() == last
    for number, day in enumerate(days, start=1):
        span = calendar.day(day).span
        edge = span.stop_ns - 1_000_000_000
        put(store, Kind.FOOTFALL, [(span.start_ns, {"entries": number}), (edge, {"entries": 100 * number})])
    found = Queries(store, known, now_ns=at("2027-01-01T00:00")).daily(days[0], days[-1])
    assert [day.figures["entries"] for day in found] == [101 * number for number in range(1, 6)]


def test_every_local_day_has_a_row_even_where_no_sensor_told(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3})])
    known = estate(hub("armley"), hub("beeston", opening={"mon-fri": "09:00-17:00"}))
    found = list(Queries(store, known, now_ns=NOON_NS + 5 * DAY_NS).daily(date(2026, 10, 18), DAY))
    assert [(day.hub, day.date.day) for day in found] == [(h, d) for h in ("armley", "beeston") for d in (18, 19, 20)]
    sunday, monday = found[3].figures, found[4].figures
    assert (sunday["entries"], sunday["open_minutes"]) == (None, 0)
    assert (monday["entries"], monday["open_minutes"]) == (None, 480)


def test_days_to_come_have_no_row(store: Store) -> None:
    known = estate(hub())
    found = Queries(store, known, now_ns=NOON_NS).daily(DAY, date(2030, 1, 1))
    assert [day.date for day in found] == [DAY]


def test_an_unknown_hub_is_refused_with_the_known_ones(store: Store) -> None:
    with pytest.raises(UnknownHubError, match=r"no hub 'leeds'.*armley"):
        list(Queries(store, estate(hub()), now_ns=NOON_NS).daily(DAY, DAY, hub="leeds"))


def test_without_an_estate_file_the_hubs_are_those_heard_of(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3})], hub="door")
    assert [day.hub for day in Queries(store, estate(), now_ns=NOON_NS + 1).daily(DAY, DAY)] == ["door"]


def test_a_settled_day_is_read_from_its_rollup(store: Store) -> None:
    now_ns = NOON_NS + 5 * DAY_NS
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3, "exits": 3})])
    keep(store, estate(), DAY, now_ns=now_ns)
    # Written behind the back of ingest: without a mark, the settled figure stands.
    put(store, Kind.FOOTFALL, [(NOON_NS + 1, {"entries": 4, "exits": 0})])
    assert figures_of(store, estate(), DAY.isoformat(), now_ns=now_ns)["entries"] == 3


def test_a_marked_day_is_computed_and_its_revision_raised(store: Store) -> None:
    now_ns = NOON_NS + 5 * DAY_NS
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3, "exits": 3})])
    keep(store, estate(), DAY, now_ns=now_ns)
    put(store, Kind.FOOTFALL, [(NOON_NS + 1, {"entries": 4, "exits": 0})])
    mark(store, MIDNIGHT_NS, now_ns)
    found = figures_of(store, estate(), DAY.isoformat(), now_ns=now_ns)
    assert (found["entries"], found["final"], found["revision"]) == (7, True, 2)


def test_a_day_is_final_two_days_after_it_ended(store: Store) -> None:
    known = estate(hub())
    ends_ns = MIDNIGHT_NS + DAY_NS
    grace_ns = 48 * HOUR_NS
    states = [
        figures_of(store, known, DAY.isoformat(), now_ns=now_ns)["final"]
        for now_ns in (ends_ns - 1, ends_ns, ends_ns + grace_ns - 1, ends_ns + grace_ns)
    ]
    assert states == [False, False, False, True]


def test_stored_rows_as_they_stand_serve_a_page_that_shows_many_hubs(store: Store) -> None:
    now_ns = NOON_NS
    put(store, Kind.FOOTFALL, [(NOON_NS - HOUR_NS, {"entries": 3})])
    keep(store, estate(), DAY, now_ns=now_ns)
    put(store, Kind.FOOTFALL, [(NOON_NS - MINUTE_NS, {"entries": 4})])
    queries = Queries(store, estate(), now_ns=now_ns)
    assert [d.figures["entries"] for d in queries.stored_daily(DAY, DAY)] == [3]
    assert [d.figures["entries"] for d in queries.daily(DAY, DAY)] == [7]
    # Yesterday's row was written while the day ran: it does not stand for the whole day, and is not said to be final.
    yesterday = Queries(store, estate(), now_ns=now_ns + DAY_NS)
    assert [d.figures["entries"] for d in yesterday.daily(DAY, DAY)] == [7]
    assert [d.figures["final"] for d in yesterday.stored_daily(DAY, DAY)] == [False]


def test_stored_rows_of_some_figures_say_the_same_of_them_as_whole_rows(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS - HOUR_NS, {"entries": 3})])
    keep(store, estate(), DAY, now_ns=NOON_NS)
    queries, asked = Queries(store, estate(), now_ns=NOON_NS), ("entries", "people_state", "open_minutes")
    (whole,) = queries.stored_daily(DAY, DAY)
    (part,) = queries.stored_daily(DAY, DAY, fields=asked)
    assert part.figures == {name: whole.figures[name] for name in asked}


def test_hours_are_told_in_the_hubs_own_time_and_twice_in_autumn(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(at("2026-10-25T01:30+01:00"), {"entries": 3})])
    put(store, Kind.FOOTFALL, [(at("2026-10-25T01:30+00:00"), {"entries": 4})])
    sunday = date(2026, 10, 25)
    now_ns = at("2026-11-20T00:00")
    computed = list(Queries(store, estate(), now_ns=now_ns).hourly(sunday, sunday))
    assert [hour.time.isoformat() for hour in computed[1:3]] == [
        "2026-10-25T01:00:00+01:00",
        "2026-10-25T01:00:00+00:00",
    ]
    assert [hour.figures["entries"] for hour in computed[:4]] == [None, 3, 4, None]
    keep(store, estate(), sunday, now_ns=now_ns)
    assert list(Queries(store, estate(), now_ns=now_ns).hourly(sunday, sunday)) == computed


def test_a_gap_across_midnight_is_split_in_proportion(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(at("2024-06-01T22:40"), {"entries_total": 500})])
    put(store, Kind.FOOTFALL, [(at("2024-06-01T23:20"), {"entries_total": 540})])
    found = Queries(store, estate(), now_ns=NOON_NS).daily(date(2024, 6, 1), date(2024, 6, 2))
    assert [day.figures["entries"] for day in found] == [20, 20]


@pytest.mark.parametrize("silent_days", [1, 3, 6, 9, 30])
def test_a_counter_that_was_silent_for_days_shares_its_growth_over_them(store: Store, silent_days: int) -> None:
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS, {"entries_total": 0})])
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + silent_days * DAY_NS, {"entries_total": 24 * silent_days})])
    known = estate(timezone="UTC")
    first = DAY - timedelta(days=1)
    last = DAY + timedelta(days=silent_days)
    found = [d.figures["entries"] or 0 for d in Queries(store, known, now_ns=NOON_NS + 90 * DAY_NS).daily(first, last)]
    alone = [
        figures_of(store, known, (first + timedelta(days=step)).isoformat())["entries"] or 0
        for step in range(silent_days + 2)
    ]
    assert sum(found) == 24 * silent_days
    assert found == alone


def test_a_day_that_is_closed_afterwards_has_no_mean_left_over(store: Store) -> None:
    now_ns = NOON_NS + 5 * DAY_NS
    put(store, Kind.CO2, [(NOON_NS, {"co2_ppm": 900.0})])
    keep(store, estate(hub()), DAY, now_ns=now_ns)
    closed = estate(hub(closures=[DAY.isoformat()]))
    for _ in range(2):
        keep(store, closed, DAY, now_ns=now_ns)
    found = figures_of(store, closed, DAY.isoformat(), now_ns=now_ns)
    assert (found["co2_mean_ppm"], found["co2_minutes_over_800"], found["co2_max_ppm"]) == (None, None, 900)
    assert found["revision"] == 2


def test_totals_go_on_across_midnight_though_something_else_was_read_in_between(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS - 6 * HOUR_NS, {"entries_total": 100})])
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS - 5 * HOUR_NS, {"people": 2}), (MIDNIGHT_NS + 3 * HOUR_NS, {"people": 1})])
    put(store, Kind.FOOTFALL, [(MIDNIGHT_NS + 6 * HOUR_NS, {"entries_total": 112})])
    days = [DAY - timedelta(days=1), DAY]
    alone = [figures_of(store, estate(), day.isoformat())["entries"] for day in days]
    together = Queries(store, estate(), now_ns=NOON_NS + 9 * DAY_NS).daily(days[0], days[1])
    assert [day.figures["entries"] for day in together] == alone == [6, 6]


def test_a_roll_up_of_the_zone_before_is_no_day_s_figures(store: Store) -> None:
    put(store, Kind.FOOTFALL, [(NOON_NS, {"entries": 3}), (NOON_NS + DAY_NS, {"entries": 70})])
    after = estate(timezone="America/New_York")
    for known in (estate(), after):
        keep(store, known, DAY, DAY + timedelta(days=1), now_ns=NOON_NS + 9 * DAY_NS)
    queries = Queries(store, after, now_ns=NOON_NS + 9 * DAY_NS)
    span = (DAY - timedelta(days=1), DAY + timedelta(days=1))
    computed = {day.date: day.figures["entries"] for day in queries.daily(*span)}
    stored = {day.date: day.figures["entries"] for day in queries.stored_daily(*span)}
    assert stored == {DAY: 3, DAY + timedelta(days=1): 70}
    assert stored.items() <= computed.items()
