"""Sums over days that nobody counted say what they lack."""

from datetime import timedelta

from schemas.localtime import midnight_ns
from stores.lines import encode
from tests.dashboards.conftest import LONDON, TODAY, Filled
from tests.dashboards.test_pages import Browse, text_of


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
