"""Which days an address asks for."""

import re
from collections.abc import Callable
from datetime import date

import pytest
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException

from dashboards.web.ranges import Steps, asked_range, label, query_of
from tests.dashboards.conftest import Filled
from usage.queries import DateRange, Period

TODAY = date(2026, 11, 20)
DEFAULT = DateRange.of(Period.WEEK, date(2026, 11, 13))


def asked(**query: str) -> DateRange:
    return asked_range({name.rstrip("_"): value for name, value in query.items()}, TODAY, DEFAULT)


@pytest.mark.parametrize(
    "period, first, last, words",
    [
        ("2026-10", (2026, 10, 1), (2026, 10, 31), "October 2026"),
        ("2026-W44", (2026, 10, 26), (2026, 11, 1), "week 44 (Mon 26 Oct to Sun 1 Nov)"),
        ("2026-Q3", (2026, 7, 1), (2026, 9, 30), "July to September 2026"),
        ("2026-H1", (2026, 1, 1), (2026, 6, 30), "January to June 2026"),
        ("2025", (2025, 1, 1), (2025, 12, 31), "2025"),
    ],
)
def test_a_period_is_asked_for_by_its_name(
    period: str, first: tuple[int, int, int], last: tuple[int, int, int], words: str
) -> None:
    found = asked(period=period)
    assert (found.first, found.last) == (date(*first), date(*last))
    assert label(found, TODAY) == words
    assert query_of(found) == f"period={period}"
    assert asked(period=Steps.of(found, TODAY).before.name).after() == found


def test_any_days_are_asked_for_by_both_ends_and_until_today_without_the_second() -> None:
    found = asked(from_="2026-11-02", to="2026-11-08")
    assert query_of(found) == "from=2026-11-02&to=2026-11-08"
    assert label(found, TODAY) == "Mon 2 Nov to Sun 8 Nov"
    assert asked(from_="2026-11-02").last == TODAY
    assert label(asked(from_="2026-11-20"), TODAY) == "Fri 20 Nov"
    assert asked() == DEFAULT == asked(period="", from_=" ")


def test_steps_go_to_the_neighbours_and_never_beyond_today() -> None:
    week = Steps.of(asked(from_="2026-11-02", to="2026-11-08"), TODAY)
    assert week.before.first == date(2026, 10, 26)
    assert week.after is not None
    assert week.after.first == date(2026, 11, 9)
    assert week.year_before.first == date(2025, 11, 3)
    assert Steps.of(asked(period="2026-11"), TODAY).after is None
    assert Steps.of(asked(period="2026-Q3"), TODAY).year_before.name == "2025-Q3"


@pytest.mark.parametrize(
    "query, words",
    [
        ({"period": "2026-13"}, "no such part"),
        ({"period": "last week"}, "write 2026, 2026-H1"),
        ({"period": "2026-10", "from": "2026-10-01"}, "not for both"),
        ({"to": "2026-10-01"}, "from which day on"),
        ({"from": "2026-10-02", "to": "2026-10-01"}, "begin before it ends"),
        ({"from": "2024-10-02"}, "366 days or fewer"),
        ({"from": "2026-02-30"}, "not in the calendar"),
        ({"from": "<script>"}, "is no period"),
        ({"period": "2027"}, "still to come"),
    ],
)
def test_what_is_no_range_is_refused_in_a_sentence(query: dict[str, str], words: str) -> None:
    with pytest.raises(HTTPException) as refused:
        asked_range(query, TODAY, DEFAULT)
    assert refused.value.status_code == 400
    assert words in refused.value.detail


def test_a_refusal_repeats_no_more_than_a_line_of_what_was_asked() -> None:
    for query in ({"period": "x" * 10_000}, {"from": "x" * 10_000}, {"from": "2026-11-01", "to": "x" * 10_000}):
        with pytest.raises(HTTPException) as refused:
            asked_range(query, TODAY, DEFAULT)
        assert len(refused.value.detail) < 300


@pytest.mark.parametrize("path", ["/", "/hubs/armley", "/quality"])
@pytest.mark.parametrize("period", ["period=1990", "period=1990-W01", "from=1990-01-01&to=1990-01-05"])
def test_no_link_leads_to_days_that_are_refused(
    known: Filled, browse: Callable[..., TestClient], path: str, period: str
) -> None:
    page = browse(known).get(f"{path}?{period}").text
    offered = {match.replace("&amp;", "&") for match in re.findall(r'href="(?:/[^"?]*)?\?([^"#]*)', page)}
    assert any("1991" in query or "1990" in query for query in offered)
    assert [query for query in offered if "1989" in query or "1988" in query] == []


def test_the_earliest_ranges_have_neighbours_too(known: Filled, browse: Callable[..., TestClient]) -> None:
    """They can't be asked for by name; the pages of these ranges name and compare with them all the same."""
    visitor = browse(known)
    for path in ("/", "/estate.csv", "/hubs/armley", "/quality", "/reports/file?format=csv"):
        address = f"{path}{'&' if '?' in path else '?'}period=1990-W01"
        assert visitor.get(address).status_code == 200, address
    assert DateRange.parse("1990-W01").year_before().name == "1989-W01"
    assert DateRange.parse("1990-H1").before() == DateRange(
        "1989-H2", date(1989, 7, 1), date(1989, 12, 31), Period.HALF
    )
