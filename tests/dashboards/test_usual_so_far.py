"""What today, and the last week, is held against on the estate's page: what is like it."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from schemas import Estate
from schemas.localtime import midnight_ns
from schemas.measures import PeopleState
from stores.lines import encode
from tests.dashboards.conftest import LONDON, TODAY, Filled, day_line, fresh_readings, hub, reading_line
from tests.dashboards.test_pages import Browse, hub_line, text_of

MONDAY = date(2026, 11, 16)
ALL_WEEK = {"mon-sun": "09:00-17:00"}


def profile_lines(hub_id: str, rate: float, hours: range = range(7 * 24)) -> Iterator[str]:
    """The stored profile of the week: people an hour by a door."""
    start_ns = midnight_ns(MONDAY, LONDON)
    for hour in hours:
        fields = {"people_per_hour": rate, "version": 1}
        yield encode("usage_profile", {"hub": hub_id, "sensor": "door-1"}, fields, start_ns + hour)


def test_today_stands_against_what_is_usual_until_the_doors_last_readings(known: Filled, browse: Browse) -> None:
    """The door was last read at 14:03, after five hours and three minutes of opening time: at 20 an hour, 101 people.

    Those who came before the hub opened are in no usual figure, and are not held against it.
    """
    known.put_day("armley", TODAY, 250, entries_open=130, final=False)
    assert "usually" not in text_of(browse(known).get("/").text)
    known.put(*profile_lines("armley", 20.0))
    words = text_of(browse(known).get("/").text)
    assert "+29 %: 130 while open, usually 101" in hub_line(browse(known).get("/").text, "armley")
    assert (
        "+29 % against the usual: 130 while open, usually 101 by the doors' last readings, "
        "at 1 hub of which all is known" in words
    )


@pytest.mark.parametrize(
    "age, counts, usual",
    [
        # What the interval of 13:53 counted is in; the one of 13:58 is still to come.
        (timedelta(minutes=12), {"entries": 1}, "+31 %: 130 while open, usually 99"),
        (timedelta(minutes=12), {"entries_total": 900}, "+33 %: 130 while open, usually 98"),
        (timedelta(minutes=2), {"entries_total": 900}, "+29 %: 130 while open, usually 101"),
    ],
)
def test_a_day_is_held_against_the_usual_as_far_as_it_was_counted(
    filled: Filled, browse: Browse, age: timedelta, counts: dict[str, int], usual: str
) -> None:
    filled.put(*profile_lines("armley", 20.0), reading_line("armley", "footfall", "door-1", age, **counts))
    filled.put(day_line("armley", TODAY, 130, entries_open=130, final=False))
    assert usual in hub_line(browse(filled).get("/").text, "armley")


@pytest.mark.parametrize("more", [{"footfall_completeness": 0.9}, {"entries_open": None}])
def test_a_day_that_was_counted_in_part_so_far_is_not_held_against_the_usual(
    known: Filled, browse: Browse, more: dict[str, float | None]
) -> None:
    known.path.unlink()
    known.put(*profile_lines("armley", 20.0), *fresh_readings("armley"))
    known.put(day_line("armley", TODAY, 130, **({"entries_open": 130, "final": False} | more)))
    line = hub_line(browse(known).get("/").text, "armley")
    assert "usually 102 by now while open" in line
    assert "while open, usually" not in line


def test_a_door_of_which_nothing_is_usual_is_held_against_nothing(known: Filled, browse: Browse) -> None:
    known.put_day("armley", TODAY, 250, entries_open=130, final=False)
    known.put(*profile_lines("armley", 20.0), reading_line("armley", "footfall", "door-2", timedelta(0), entries=1))
    assert "while open, usually" not in hub_line(browse(known).get("/").text, "armley")


def test_where_all_hubs_are_closed_the_estate_is_and_not_empty(filled: Filled, browse: Browse) -> None:
    closed = Estate.model_validate(
        {
            "timezone": "Europe/London",
            "hubs": [hub(name, name, closures=["2026-11-20"]) for name in ("armley", "otley")],
        }
    )
    for name in ("armley", "otley"):
        filled.put_day(name, TODAY - timedelta(days=1), 50)
        filled.put_day(name, TODAY, 0, people_state=int(PeopleState.CLOSED), open_minutes=0.0, final=False)
    client = browse(filled, closed)
    shown = [re.search(r'id="today">([^<]*)<', client.get(page).text) for page in ("/", "/hubs/armley")]
    assert [found and found[1] for found in shown] == ["closed", "closed"]
    assert "so far" not in text_of(client.get("/").text).split("Last 7 days")[0]


def test_weeks_are_compared_on_the_days_that_were_counted_in_both(filled: Filled, browse: Browse) -> None:
    """Half of the hub's last week is missing, and twice as many came on each day that is not."""
    known = Estate.model_validate({"timezone": "Europe/London", "hubs": [hub("armley", "Armley", opening=ALL_WEEK)]})
    filled.put(*fresh_readings("armley"))
    for back in range(1, 15):
        filled.put_day("armley", TODAY - timedelta(days=back), None if back in (1, 2, 3) else 20 if back < 8 else 10)
    filled.put_day("armley", TODAY, 3, final=False)
    week = re.search(r'id="week">.*?</div>', browse(filled, known).get("/").text, re.DOTALL)
    assert week is not None
    assert "100 % more than the 7 days before, over 4 hub days counted in both. 3 hub days missing" in text_of(week[0])


def test_a_profile_that_lacks_an_hour_of_today_is_no_usual_figure(known: Filled, browse: Browse) -> None:
    friday_noon = 4 * 24 + 12
    known.put(*profile_lines("armley", 20.0, range(friday_noon)))
    assert "usually" not in text_of(browse(known).get("/").text)


def test_a_count_that_is_not_whole_is_not_held_against_the_usual(known: Filled, browse: Browse) -> None:
    known.path.unlink()
    known.put(*profile_lines("armley", 20.0), day_line("armley", TODAY, 40, final=False))
    known.put_reading("armley", "footfall", "door-1", timedelta(hours=5), entries=1)
    line = hub_line(browse(known).get("/").text, "armley")
    assert "usually 102 by now while open" in line
    assert "%:" not in line
