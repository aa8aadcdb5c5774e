"""The page of share links: managers make, see and end them, and nobody else does."""

import html
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from dashboards.access.accounts import Accounts, Role
from dashboards.access.shares import Shares
from dashboards.reports.desk import ReportFolders
from dashboards.reports.shelf import GivenOut, Shelf
from dashboards.web.board import create_board
from dashboards.web.proxied import BehindProxy
from schemas.localtime import NS_A_SECOND, to_ns
from tests.dashboards.conftest import ESTATE, NOW, Filled
from tests.dashboards.here import browser_of

PASSWORD = "correct horse battery"
ORIGIN = "http://board"
REPORT = {"period": "2026-10", "hub": "armley", "format": "csv", "days": "7"}
PATH = "/reports/shares"


class Desk:
    """A board where reports are shared, and those who come to it."""

    def __init__(self, known: Filled, folder: Path) -> None:
        self.accounts, self.shares = Accounts(folder), Shares(folder)
        for name, role, hubs in (
            ("vera", Role.VIEWER, None),
            ("mia", Role.MANAGER, None),
            ("one", Role.MANAGER, ["armley"]),
            ("ada", Role.ADMIN, None),
        ):
            self.accounts.add(name, PASSWORD, role, hubs)
        self.now_ns = to_ns(NOW)
        self.board = create_board(
            open_store=known.open,
            estate=lambda: ESTATE,
            clock_ns=lambda: self.now_ns,
            accounts=self.accounts,
            reports=ReportFolders(folder, folder),
        )

    def stranger(self, **headers: str) -> TestClient:
        return TestClient(self.board, base_url=ORIGIN, client=("192.0.2.7", 5), headers=headers, follow_redirects=False)

    def visitor(self, name: str) -> TestClient:
        token = self.accounts.add_token(name, f"t{self.now_ns}", self.now_ns // NS_A_SECOND + 3600)
        return self.stranger(Authorization=f"Bearer {token}")


@pytest.fixture
def desk(known: Filled, tmp_path: Path) -> Desk:
    return Desk(known, tmp_path)


def link_of(page: Response) -> str:
    assert page.status_code == 200, page.text
    found = re.search(r'class="secret" href="([^"]+)"', page.text)
    assert found is not None
    return html.unescape(found[1])


@pytest.mark.claim("S-112")
def test_a_manager_makes_a_link_which_is_told_once_and_ends_it(desk: Desk) -> None:
    mia = desk.visitor("mia")
    page = mia.post(PATH, data=REPORT)
    link = link_of(page)
    assert link.startswith(f"{ORIGIN}/share/")
    assert page.headers["cache-control"] == "no-store"
    (share,) = desk.shares.all()
    assert (share.name, share.account, share.expires_s) == (
        "hubpulse-2026-10-armley.csv",
        "mia",
        desk.now_ns // NS_A_SECOND + 7 * 86_400,
    )
    assert desk.stranger().get(link).content == mia.get("/reports/file", params=REPORT).content
    listed = mia.get(PATH)
    assert "hubpulse-2026-10-armley.csv" in listed.text
    assert link.rpartition("/")[2] not in listed.text
    assert mia.post(f"{PATH}/{share.id}/revoke").headers["location"] == PATH
    assert desk.stranger().get(link).status_code == 404
    assert "revoke" not in mia.get(PATH).text
    assert mia.post(f"{PATH}/9/revoke").status_code == 404


@pytest.mark.claim("S-113")
def test_nobody_but_managers_of_every_hub_share_or_see_what_is_shared(desk: Desk) -> None:
    desk.visitor("mia").post(PATH, data=REPORT)
    here = browser_of(desk.board)
    here.follow_redirects = False
    for visitor in (desk.visitor("vera"), desk.visitor("one")):
        assert PATH not in visitor.get("/reports").text
        for answer in (visitor.get(PATH), visitor.post(PATH, data=REPORT), visitor.post(f"{PATH}/1/revoke")):
            assert answer.status_code == 403
            assert "hubpulse-2026-10" not in answer.text
    assert here.get(PATH).status_code == 403
    for nobody in (here, desk.stranger()):
        for path in (PATH, f"{PATH}/1/revoke"):
            assert nobody.post(path, data=REPORT).headers["location"].startswith("/login")
    assert [share.revoked for share in desk.shares.all()] == [False]
    assert PATH in desk.visitor("ada").get("/reports").text


@pytest.mark.claim("S-114")
def test_a_page_of_somebody_else_makes_and_ends_no_link(desk: Desk) -> None:
    desk.visitor("mia").post(PATH, data=REPORT)
    mia = desk.stranger()
    mia.post("/login", data={"name": "mia", "password": PASSWORD}, headers={"Origin": ORIGIN})
    assert mia.get(PATH).status_code == 200
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}):
        for path in (PATH, f"{PATH}/1/revoke"):
            assert mia.post(path, data=REPORT, headers=headers).status_code == 403
    assert [share.revoked for share in desk.shares.all()] == [False]
    assert mia.post(f"{PATH}/1/revoke", headers={"Origin": ORIGIN}).status_code == 303


def test_a_report_is_shared_as_it_was_given_out_whatever_is_known_since(desk: Desk) -> None:
    given = desk.shares.path.parent / "given"
    given.mkdir()
    shelf = Shelf(desk.shares.path.parent)
    for version, content in ((1, b"as it was"), (2, b"as it is")):
        file = given / f"hubpulse-2026-10-v{version}.csv"
        file.write_bytes(content)
        shelf.put(GivenOut("month", "given/", None, "2026-10", version, desk.now_ns, desk.now_ns, (str(file),), {}))
    (given / "secrets.csv").write_text("nobody gave it out")
    mia = desk.visitor("mia")
    offered = re.findall(r'<option value="(hubpulse-[^"]+)">([^<]+)<', mia.get(PATH).text)
    assert [name for name, _words in offered] == ["hubpulse-2026-10-v2.csv", "hubpulse-2026-10-v1.csv"]
    assert offered[-1][1].startswith("October 2026, all hubs, version 1 of ")
    link = link_of(mia.post(PATH, data={"made": offered[-1][0], "days": "7"}))
    (given / "hubpulse-2026-10-v1.csv").write_bytes(b"written over")
    assert desk.stranger().get(link).content == b"as it was"
    for name in ("secrets.csv", "../given/secrets.csv", str(given / "secrets.csv")):
        refused = mia.post(PATH, data={"made": name, "days": "7"})
        assert (refused.status_code, "no report of that name" in refused.text) == (400, True)
    assert len(desk.shares.all()) == 1


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"days": "100000"}, "that are offered"),
        ({"format": "svg"}, "that are offered"),
        ({"period": "2026-13"}, "there is no period 2026-13"),
        ({"hub": "nowhere"}, "nowhere"),
    ],
)
def test_what_can_not_be_shared_is_said_on_the_page(desk: Desk, wrong: dict[str, str], words: str) -> None:
    answer = desk.visitor("mia").post(PATH, data=REPORT | wrong)
    assert answer.status_code == 400
    assert words in answer.text
    assert desk.shares.all() == []


def test_a_link_made_behind_a_proxy_is_one_from_outside(desk: Desk) -> None:
    desk.board.add_middleware(BehindProxy, trusted=["192.0.2.7"])
    said = {"X-Forwarded-Prefix": "/hubpulse", "X-Forwarded-Proto": "https"}
    page = desk.visitor("mia").post(PATH, data=REPORT, headers=said)
    assert link_of(page).startswith("https://board/hubpulse/share/")


def test_a_link_that_expired_is_listed_as_such(desk: Desk) -> None:
    desk.visitor("mia").post(PATH, data=REPORT)
    desk.now_ns += 8 * 86_400 * NS_A_SECOND
    page = desk.visitor("mia").get(PATH).text
    assert ">expired<" in page
    assert "revoke" not in page
