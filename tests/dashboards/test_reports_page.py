"""The page of reports: what is offered to whom, what comes down, and that asking for many costs little."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboards.access.accounts import Accounts, Role
from dashboards.media_types import MEDIA_TYPES
from dashboards.reports.desk import ReportDesk, ReportFolders
from dashboards.reports.files import Format, ReportFile
from dashboards.reports.job import report_work
from dashboards.web.board import create_board
from schemas.localtime import NS_A_SECOND, to_ns
from schemas.report_plans import ReportPlan
from tests.dashboards.conftest import ESTATE, NOW, Filled
from tests.dashboards.here import browser_of

PLANS = (
    ReportPlan(every="week", format=("csv", "html"), to="given"),
    ReportPlan(every="week", format=("csv",), hub="otley"),
)
PLANNED = ESTATE.model_copy(update={"reports": PLANS})
PASSWORD = "correct horse battery"
ORIGIN = "http://board"


@pytest.fixture
def board(known: Filled, tmp_path: Path) -> FastAPI:
    accounts = Accounts(tmp_path)
    accounts.add("arthur", PASSWORD, Role.VIEWER, ["armley"])
    accounts.add("olga", PASSWORD, Role.VIEWER, ["otley"])
    return create_board(
        open_store=known.open,
        estate=lambda: PLANNED,
        clock_ns=lambda: to_ns(NOW),
        accounts=accounts,
        reports=ReportFolders(tmp_path, tmp_path),
    )


@pytest.fixture
def made(known: Filled, tmp_path: Path) -> None:
    """Two reports that were made by themselves."""
    store = known.open()
    for _ in range(2):
        report_work(tmp_path, tmp_path).run(store, PLANNED, to_ns(NOW))
    store.close()


def sign_in(board: FastAPI, name: str) -> TestClient:
    visitor = TestClient(board, base_url=ORIGIN, client=("192.0.2.7", 50000), follow_redirects=False)
    assert (
        visitor.post("/login", data={"name": name, "password": PASSWORD}, headers={"Origin": ORIGIN}).status_code == 303
    )
    return visitor


@pytest.mark.parametrize("form", list(Format))
def test_a_report_comes_down_as_a_file(board: FastAPI, form: Format) -> None:
    answer = browser_of(board).get(f"/reports/file?period=2026-10&hub=armley&format={form}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MEDIA_TYPES[form]
    assert answer.headers["content-disposition"] == f'attachment; filename="hubpulse-2026-10-armley.{form}"'
    begins = {Format.PDF: b"%PDF", Format.XLSX: b"PK", Format.HTML: b"<!doctype", Format.CSV: b"section,"}
    assert answer.content.startswith(begins[form])


def test_the_page_offers_periods_that_have_a_whole_day(board: FastAPI) -> None:
    page = browser_of(board).get("/reports").text
    offered = re.findall(r'<option value="(20[^"]*)"', page)
    assert {"2026-11", "2026-10", "2026-W47", "2026-Q4", "2026-H2", "2026"} <= {*offered}
    assert '<option value="2026-10" selected>October 2026</option>' in page
    assert 'value="armley" selected' in browser_of(board).get("/reports?hub=armley").text


@pytest.mark.parametrize(
    "query, status, words",
    [
        ("period=2026-13&format=csv", 400, "there is no period 2026-13"),
        ("period=yesterday&format=csv", 400, "is no period"),
        ("period=2027&format=csv", 400, "2027 has no whole day yet"),
        ("period=2026-10&format=doc", 400, "format"),
        ("period=2026-10&format=csv&hub=nowhere", 404, "nowhere"),
        ("format=csv", 400, "period"),
    ],
)
def test_what_can_t_be_made_is_said_plainly(board: FastAPI, query: str, status: int, words: str) -> None:
    answer = browser_of(board).get(f"/reports/file?{query}")
    assert answer.status_code == status
    assert words in answer.text


@pytest.mark.usefixtures("made")
def test_what_was_made_by_itself_is_listed_and_given_as_it_was(board: FastAPI, tmp_path: Path) -> None:
    browser = browser_of(board)
    page = browser.get("/reports").text
    names = re.findall(r'href="/reports/made/([^"]+)"', page)
    assert sorted(names) == ["hubpulse-2026-W46-otley.csv", "hubpulse-2026-W46.csv", "hubpulse-2026-W46.html"]
    assert browser.get(f"/reports/made/{names[-1]}").content == (tmp_path / "given" / names[-1]).read_bytes()
    for name in ("..%2Freports.json", "reports.json", "hubpulse-2026-W45.csv", "store.db"):
        assert browser.get(f"/reports/made/{name}").status_code == 404
    (tmp_path / "given" / "hubpulse-2026-W46.csv").unlink()
    assert browser.get("/reports/made/hubpulse-2026-W46.csv").status_code == 404


def test_a_list_that_can_t_be_read_is_said_and_the_page_stays(board: FastAPI, tmp_path: Path) -> None:
    (tmp_path / "reports.json").write_text("[{")
    browser = browser_of(board)
    page = browser.get("/reports")
    assert page.status_code == 200
    assert "reports.json can&#39;t be read" in page.text
    assert browser.get("/reports/made/hubpulse-2026-W46.csv").status_code == 404


@pytest.mark.usefixtures("made")
def test_an_account_of_some_hubs_gets_reports_of_those_alone(board: FastAPI) -> None:
    arthur, olga = sign_in(board, "arthur"), sign_in(board, "olga")
    page = arthur.get("/reports").text
    assert 'value="armley"' in page
    assert not re.search("otley|All hubs</option>|reports/made", page)
    assert arthur.get("/reports/file?period=2026-10&format=csv").status_code == 403
    assert arthur.get("/reports/file?period=2026-10&format=csv&hub=otley").status_code == 404
    mine = arthur.get("/reports/file?period=2026-10&format=csv&hub=armley").text
    assert "armley" in mine.lower()
    assert not re.search("otley|beeston", mine.lower())
    assert arthur.get("/reports/made/hubpulse-2026-W46-otley.csv").status_code == 404
    assert olga.get("/reports/made/hubpulse-2026-W46-otley.csv").status_code == 200
    assert olga.get("/reports/made/hubpulse-2026-W46.csv").status_code == 404


class CountingDesk(ReportDesk):
    """Counts how often a report is really made, and whether two ever are at once."""

    made, at_once, most = 0, 0, 0

    def _made(self, period: str, hub: str | None, form: Format, now_ns: int) -> ReportFile:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.made += 1
        self.at_once -= 1
        return ReportFile(f"{period}{hub or ''}.{form}", form, str(now_ns).encode())


@pytest.fixture
def clock() -> list[int]:
    return [to_ns(NOW)]


def test_many_who_ask_at_once_get_the_one_that_was_made(known: Filled, clock: list[int]) -> None:
    desk = CountingDesk(known.open, lambda: ESTATE, lambda: clock[0])
    ask: Callable[[int], ReportFile] = lambda _: desk.make("2026-10", None, Format.PDF)  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        assert len({file.content for file in pool.map(ask, range(40))}) == 1
    assert (desk.made, desk.most) == (1, 1)
    clock[0] += 61 * NS_A_SECOND
    desk.make("2026-10", None, Format.PDF)
    assert desk.made == 2


def test_few_files_are_kept(known: Filled, clock: list[int]) -> None:
    desk = CountingDesk(known.open, lambda: ESTATE, lambda: clock[0])
    for week in range(10, 40):
        desk.make(f"2026-W{week}", None, Format.CSV)
    assert len(desk._kept) == 8
