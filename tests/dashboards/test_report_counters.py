"""Reports of an estate in which people are not counted everywhere."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from dashboards.reports.findings import doubtful
from dashboards.reports.gather import gather
from dashboards.reports.model import NOT_COUNTED
from dashboards.reports.sections import document
from stores.sqlite_store import SqliteStore
from tests.usage.given import at, estate, hub
from tests.usage.test_estimates import DAYS, days_of, put_rows, usual, without
from tests.usage.test_overview import KNOWN as FOUR_HUBS
from tests.usage.test_overview import part_of_the_first
from usage import Queries
from usage.comparing.overview import overview
from usage.queries import DateRange

OPEN = {"mon-sat": "09:00-17:00"}
MONTH = DateRange.parse("2026-02")
NOW_NS = at("2026-03-20T12:00")
KNOWN = estate(
    hub("armley", [{"id": "door", "kinds": ["footfall"]}], opening=OPEN),
    hub("hall", [{"id": "air", "kinds": ["co2"]}], opening=OPEN, name="Hall"),
    timezone="UTC",
)


def test_nobody_is_missed_at_a_hub_without_a_counter(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        store.prepare()
        put_rows(store, days_of(usual, ["armley"]))
        queries = Queries(store, KNOWN, now_ns=NOW_NS)
        found = gather(queries, KNOWN, MONTH.name, now_ns=NOW_NS)
        beside = overview(queries, KNOWN, MONTH).total
    counted = sum(usual("armley", day) for day in DAYS if MONTH.first <= day <= MONTH.last)
    total = found.total
    assert (total.counted, total.estimated, total.low, total.high) == (counted, 0, counted, counted)
    assert (total.days, total.days_missing, found.untold) == (28, 0, ())
    assert (beside.counted, beside.days, beside.days_missing) == (counted, 28, 0)
    assert {day.hubs_missing for day in found.days} == {0}
    assert [part.people for part in found.hubs if part.hub == "hall"] == [NOT_COUNTED]
    assert "Nothing counts people at Hall: no sum has them." in list(doubtful(found))
    assert document(found).sections


def test_a_report_of_a_hub_without_a_counter_says_so(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        store.prepare()
        put_rows(store, days_of(usual, ["armley"]))
        found = gather(Queries(store, KNOWN, now_ns=NOW_NS), KNOWN, MONTH.name, hub="hall", now_ns=NOW_NS)
    assert (found.total.counted, found.total.estimated, found.total.days_missing) == (None, None, 0)
    assert "Nothing counts people at Hall: no sum has them." in list(doubtful(found))
    assert document(found).sections


def test_a_report_says_since_when_a_hub_is_counted_as_the_board_does(tmp_path: Path) -> None:
    third = MONTH.first + timedelta(days=2)
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        store.prepare()
        put_rows(store, [*days_of(without(third, hubs=["beeston"]), ["beeston"]), *part_of_the_first("armley")])
        queries = Queries(store, FOUR_HUBS, now_ns=NOW_NS)
        found = gather(queries, FOUR_HUBS, MONTH.name, now_ns=NOW_NS)
        beside = overview(queries, FOUR_HUBS, MONTH)
    since = {"armley": third, "beeston": None, "chapeltown": None, "dewsbury": None}
    assert {part.hub: part.counted_from for part in found.hubs} == since
    assert {each.people.hub: each.counted_from for each in beside.hubs} == since
