"""A hub whose time zone was corrected, and a day that never was."""

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.usage import app
from dashboards.web.attention import notices
from dashboards.web.snapshot import take
from schemas import Estate, Kind
from schemas.localtime import Span
from stores import Store
from stores.sqlite_store import SqliteStore
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


OTHER = "timezone: Asia/Kathmandu\nhubs: [{id: armley}]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with three days of London, the estate file that they follow, and another one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "london.yaml").write_text("timezone: Europe/London\nhubs: [{id: armley}]\n")
    (tmp_path / "other.yaml").write_text(OTHER)
    store = SqliteStore(tmp_path / "store.db")
    start_ns = at("2026-07-05T00:00")
    put(store, Kind.FOOTFALL, [(t, {"entries": 1}) for t in range(start_ns, start_ns + 6 * DAY_NS, HOUR_NS)])
    recompute(store, estate(hub()))
    store.close()
    (tmp_path / "estate.path").write_text(str(tmp_path / "london.yaml"))
    return tmp_path


RANGE = ["--from", str(FIRST), "--to", str(LAST)]
COMMANDS = [["export", *RANGE], ["why", "--hub", "armley", "--date", str(FIRST)], ["recompute", *RANGE]]


def call(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data", str(folder)], catch_exceptions=False)


def stored(folder: Path) -> list[int]:
    store = SqliteStore(folder / "store.db")
    rows = read_rows(store, DAILY, "armley", EVER)
    store.close()
    return sorted(rows)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
@pytest.mark.parametrize("other", [OTHER, "hubs: [{id: armley}]\n"], ids=["Kathmandu", "UTC"])
def test_a_command_with_an_estate_of_other_midnights_says_so_and_prints_no_day(
    folder: Path, words: list[str], other: str
) -> None:
    (folder / "other.yaml").write_text(other)
    before = stored(folder)
    result = call(folder, *words, "--estate", "other.yaml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "error: stored days of armley begin at other midnights than those of" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert stored(folder) == before


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_with_the_estate_in_force_every_command_answers(folder: Path, words: list[str]) -> None:
    result = call(folder, *words)
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_time_zone_that_was_corrected_in_the_estate_in_force_is_recomputed(folder: Path) -> None:
    (folder / "london.yaml").write_text(OTHER)
    assert call(folder, "export", *RANGE).exit_code == 2
    assert call(folder, "recompute", "--from", "2026-07-04", "--to", "2026-07-10").exit_code == 0
    assert call(folder, "export", *RANGE).exit_code == 0


def test_the_board_says_so_too(folder: Path) -> None:
    store = SqliteStore(folder / "store.db")
    for known, words in ((estate(hub()), []), (estate(hub(), timezone="UTC"), ["UTC"])):
        found = notices(take(store, known, at("2026-07-10T12:00")))
        told = [notice.text for notice in found if "other midnights" in notice.text]
        assert len(told) == len(words)
        assert all(f"than those of {word}" in text for word, text in zip(words, told, strict=True))
    store.close()
