"""What stands beside a hub's figures on its page: the last month like for like, its target, its visits."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

import pytest

from schemas import Estate
from tests.dashboards.conftest import Filled, day_line, hub
from tests.dashboards.test_pages import Browse, text_of
from usage import Queries
from usage.queries.columns import DayColumns

FIRST, LAST = date(2026, 9, 1), date(2026, 11, 19)
GONE = date(2026, 10, 14)
WITH_RULES = {"targets": {"entries_month": 900}, "visits": [{"rule": "staff", "entries_day": 2}]}
ALL_WEEK = {"mon-sun": "09:00-17:00"}
KNOWN = Estate.model_validate(
    {
        "timezone": "Europe/London",
        "hubs": [hub("armley", "Armley", opening=ALL_WEEK, **WITH_RULES), hub("beeston", "Beeston", opening=ALL_WEEK)],
    }
)


def fill(filled: Filled) -> None:
    days = [FIRST + timedelta(days=i) for i in range((LAST - FIRST).days + 1)]
    filled.put(
        *(
            day_line(name, day, None if (name, day) == ("armley", GONE) else 20 + (name == "armley"))
            for name in ("armley", "beeston")
            for day in days
        )
    )


def test_a_hubs_page_compares_its_last_month_and_tells_of_its_target_and_visits(filled: Filled, browse: Browse) -> None:
    fill(filled)
    words = text_of(browse(filled, KNOWN).get("/hubs/armley").text)
    assert "October 2026 against September 2026" in words
    assert "567 against 567" in words, "four of each weekday, less the one that was not counted"
    assert "27 days, 1 not counted" in words
    assert "too little history" in words
    assert "Can't be said: 399 of 900 people of November 2026 counted until yesterday" in words
    assert "From entries to visits in October 2026" in words
    assert "staff: 2 on each of 31 open days, 1 day missing or incomplete" in words


def test_the_estates_page_compares_all_hubs_together_and_has_no_visits(filled: Filled, browse: Browse) -> None:
    fill(filled)
    words = text_of(browse(filled, KNOWN).get("/").text)
    assert "1_127 against 1_127" in words
    assert "55 days, 1 not counted" in words
    assert "visits" not in words


@pytest.mark.parametrize("asked, reads", [("", 1), ("?period=2026-W46", 1), ("?period=2024-06", 2)])
def test_days_that_a_period_reads_are_not_read_again(
    filled: Filled, browse: Browse, monkeypatch: pytest.MonkeyPatch, asked: str, reads: int
) -> None:
    fill(filled)
    spans = []
    read = Queries.stored_columns

    def noting(queries: Queries, fields: Collection[str], *on: tuple[date, date], **how: Any) -> DayColumns:
        spans.append(on)
        return read(queries, fields, *on, **how)

    monkeypatch.setattr(Queries, "stored_columns", noting)
    words = text_of(browse(filled, KNOWN).get(f"/{asked}").text)
    assert "October 2026 against September 2026 1_127 against 1_127" in words
    assert len(spans) == reads
