"""Sums over days that nobody counted say what they lack."""

from datetime import date, timedelta

from schemas.localtime import midnight_ns
from stores.lines import encode
from tests.dashboards.conftest import LONDON, TODAY, Filled
from tests.dashboards.test_pages import Browse, hub_line, text_of
from tests.dashboards.test_states import estate_of


def test_a_sum_over_missing_days_says_how_many_people_it_misses_where_that_can_be_told(
    filled: Filled, browse: Browse
) -> None:
    silent = [TODAY - timedelta(days=back) for back in (3, 4)]
    filled.put_day("beeston", TODAY - timedelta(days=30), 50)
    for day in {TODAY - timedelta(days=back) for back in range(1, 8)} - set(silent):
        filled.put_day("beeston", day, 40)
    for hub in ("armley", "otley"):
        for back in range(1, 8):
            filled.put_day(hub, TODAY - timedelta(days=back), 30)
    for day in silent:
        filled.put_day("beeston", day, None, exits=None, footfall_completeness=0.0)
    filled.put_fresh_readings("beeston")
    told = ": about 112 more people"
    for number, day in enumerate(silent):
        assert told not in browse(filled).get("/").text
        fields = {"entries_estimate": 50 + 12 * number, "entries_low": 40, "entries_high": 80, "method": 3}
        filled.put(encode("usage_estimates", {"hub": "beeston"}, fields, midnight_ns(day, LONDON)))
    words = text_of(browse(filled).get("/").text)
    assert f"2 days no data{told}" in words
    assert f"missing or incomplete{told}" in words


def test_days_before_the_first_count_are_missing_from_a_sum_and_told(filled: Filled, browse: Browse) -> None:
    for back in range(1, 6):
        filled.put_day("beeston", TODAY - timedelta(days=back), 40)
    first, last = TODAY - timedelta(days=10), TODAY - timedelta(days=1)
    hub = text_of(browse(filled).get(f"/hubs/beeston?from={first}&to={last}").text)
    assert "200 people counted at the doors; 5 days not yet measured" in hub
    period = text_of(browse(filled).get(f"/?from={first}&to={last}").text)
    assert "5 days missing or incomplete, counted from Sun 15 Nov on" in period
    assert "all of it" not in period


def test_missing_days_stay_missing_where_the_counter_is_gone(filled: Filled, browse: Browse) -> None:
    """It is in the estate file no more, and was not heard for so long that its sensors are forgotten."""
    silent = [date(2026, 9, day) for day in (15, 16, 17)]
    for day in (date(2026, 9, 14) + timedelta(days=back) for back in range(5)):
        filled.put_day("hub-0", day, None if day in silent else 40)
    filled.put_day("hub-0", TODAY - timedelta(days=1), None)
    air = [{"id": "air-1", "kinds": ["co2"], "every": "10m"}]
    client = browse(filled, estate_of(1, sensors=air))
    period = text_of(client.get("/hubs/hub-0?period=2026-W38").text)
    assert "80 people counted at the doors; 4 days no data" in period
    assert "4 days missing or incomplete" in text_of(client.get("/?period=2026-W38").text)
    for query in ("", "?period=2026"):
        page = text_of(client.get(f"/hubs/hub-0{query}").text)
        assert "People in today no counter" in page, query
    assert "no counter" in hub_line(client.get("/").text, "hub-0")
    filled.put_day("hub-0", TODAY - timedelta(days=30), 40)
    line = hub_line(browse(filled, estate_of(1, sensors=air)).get("/").text, "hub-0")
    assert "no counter" in line, "today"
    assert "6 days no data" in line
