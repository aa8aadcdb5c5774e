"""A hub whose time zone was corrected, and a day that never was."""

from datetime import date

from schemas import Estate, Kind
from schemas.localtime import Span
from stores import Store
from tests.usage.given import DAY_NS, HOUR_NS, MUCH_LATER_NS, at, estate, hub, put
from usage import Queries, RollupWriter
from usage.calendar import dates
from usage.rows import DAILY, HOURLY, read_rows

EVER = Span(0, 2**62)
FIRST, LAST = date(2026, 7, 6), date(2026, 7, 8)


def recompute(store: Store, known: Estate) -> None:
    for _ in RollupWriter(store, known, "armley", now_ns=MUCH_LATER_NS).recompute(dates(FIRST, LAST)):
        pass


def test_a_corrected_time_zone_leaves_no_row_on_a_midnight_that_is_none_any_more(store: Store) -> None:
    start_ns = at("2026-07-05T00:00")
    put(store, Kind.FOOTFALL, [(t, {"entries": 1}) for t in range(start_ns, start_ns + 6 * DAY_NS, HOUR_NS)])
    for timezone in ("Europe/London", "Asia/Kathmandu"):  # an hour and 5 h 45 min ahead of UTC
        known = estate(hub(timezone=timezone))
        recompute(store, known)
        midnights = [at(f"{day}T00:00", timezone) for day in dates(FIRST, LAST)]
        daily = {t: row for t, row in read_rows(store, DAILY, "armley", EVER).items() if midnights[0] <= t}
        assert list(daily) == midnights
        assert [row["entries"] for row in daily.values()] == [24, 24, 24]
        hours = list(read_rows(store, HOURLY, "armley", Span(midnights[0], midnights[-1] + DAY_NS)))
        assert hours == [midnights[0] + i * HOUR_NS for i in range(72)]


def test_a_day_that_a_zone_skipped_has_no_row(store: Store) -> None:
    known = estate(hub(timezone="Pacific/Apia"))
    put(store, Kind.FOOTFALL, [(at("2011-12-29T12:00", "Pacific/Apia"), {"entries": 3})])
    put(store, Kind.FOOTFALL, [(at("2011-12-31T12:00", "Pacific/Apia"), {"entries": 4})])
    days = dates(date(2011, 12, 29), date(2011, 12, 31))
    for _ in RollupWriter(store, known, "armley", now_ns=MUCH_LATER_NS).recompute(days):
        pass
    found = Queries(store, known, now_ns=MUCH_LATER_NS).daily(date(2011, 12, 29), date(2011, 12, 31), hub="armley")
    assert [(day.date.day, day.figures["entries"]) for day in found] == [(29, 3), (31, 4)]
    assert [row["entries"] for row in read_rows(store, DAILY, "armley", EVER).values()] == [3, 4]
