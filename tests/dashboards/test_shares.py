"""Share links: one frozen file for whoever has the link, for a while."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboards.access.sessions import TRIES_FREE
from dashboards.access.shares import BYTES_MAX, Shares
from dashboards.reports.desk import ReportFolders
from dashboards.web.board import create_board
from schemas import HubpulseError
from schemas.localtime import NS_A_SECOND
from tests.cli.command import CommandLine
from tests.dashboards.conftest import ESTATE, Filled

DAY_S = 86_400
REPORT = b"<!doctype html><script>fetch('/api/v1/hubs')</script><p>130 people"


class Shared:
    """A board that shares, and its clock."""

    def __init__(self, filled: Filled, folder: Path) -> None:
        self.now_s = 1_000_000
        self.shares = Shares(folder)
        self.board: FastAPI = create_board(
            open_store=filled.open,
            estate=lambda: ESTATE,
            clock_ns=lambda: self.now_s * NS_A_SECOND,
            reports=ReportFolders(folder, folder),
        )
        self.reader = TestClient(self.board, base_url="http://board", client=("192.0.2.7", 5), follow_redirects=False)

    def add(self, name: str = "october.html", content: bytes = REPORT, days: int = 7) -> str:
        return self.shares.add(content, name, account="mia", now_s=self.now_s, expires_s=self.now_s + days * DAY_S)


@pytest.fixture
def shared(filled: Filled, tmp_path: Path) -> Shared:
    return Shared(filled, tmp_path)


@pytest.mark.claim("S-106")
def test_a_link_shows_one_frozen_file_until_it_expires_or_is_revoked(shared: Shared) -> None:
    secret, other = shared.add(), shared.add("other.pdf", b"%PDF-1.7")
    answer = shared.reader.get(f"/share/{secret}")
    assert (answer.status_code, answer.content) == (200, REPORT)
    assert answer.headers["cache-control"] == "no-store"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    assert shared.reader.head(f"/share/{secret}").content == b""
    assert shared.reader.get("/").status_code == 303, "the link is no way to the board"
    assert secret.encode() not in b"".join(path.read_bytes() for path in shared.shares.path.parent.glob("shares.db*"))
    assert len(secret) >= 43
    first, second = shared.shares.all()
    shared.shares.revoke(first.id)
    assert REPORT not in b"".join(path.read_bytes() for path in [shared.shares.path])
    gone = shared.reader.get(f"/share/{secret}")
    assert gone.status_code == 404
    assert "noindex" in gone.headers["x-robots-tag"]
    assert shared.reader.get(f"/share/{other}").content == b"%PDF-1.7"
    shared.now_s = second.expires_s
    assert shared.reader.get(f"/share/{other}").status_code == 404
    for wrong in ("x", "x" * 5000, "%00"):
        assert shared.reader.get(f"/share/{wrong}").status_code in (404, 429)
    shared.now_s += 3600
    assert [shared.reader.get("/share/x").status_code for _ in range(TRIES_FREE + 2)][-1] == 429


@pytest.mark.claim("S-107")
def test_what_is_shared_can_not_act(shared: Shared) -> None:
    policy = shared.reader.get(f"/share/{shared.add()}").headers["content-security-policy"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["form-action"] == rules["base-uri"] == "'none'"
    assert "script-src" not in rules
    assert "allow-scripts" not in rules["sandbox"]
    assert "allow-same-origin" not in rules["sandbox"]
    table = shared.reader.get(f"/share/{shared.add('a.csv', b'=1+1')}")
    assert table.headers["content-disposition"].startswith("attachment")
    assert table.headers["x-content-type-options"] == "nosniff"


def test_what_can_not_be_shared_is_said(shared: Shared) -> None:
    for name, content in (("report.svg", b""), ("report", b""), ("report.pdf", bytes(BYTES_MAX + 1))):
        with pytest.raises(HubpulseError, match=name):
            shared.add(name, content)
    with pytest.raises(HubpulseError, match="no link 9"):
        shared.shares.revoke(9)
    named = shared.reader.get(f"/share/{shared.add(chr(34) + chr(13) + 'x.html')}").headers["content-disposition"]
    assert named == "inline; filename*=UTF-8''%22%0Dx.html"


def test_links_are_made_listed_and_revoked_from_the_command_line(tmp_path: Path) -> None:
    hubpulse = CommandLine(tmp_path)
    (tmp_path / "october.pdf").write_bytes(b"%PDF-1.7")
    made = hubpulse.run("shares", "add", "october.pdf", "--days", "3", "--board", "https://example.org/hubpulse/")
    assert made.out.startswith("https://example.org/hubpulse/share/"), made.err
    (row,) = hubpulse.run("shares", "list", "--json").json
    assert (row["name"], row["good"]) == ("october.pdf", True)
    assert made.out.strip().rpartition("/")[2] not in hubpulse.run("shares", "list").out
    assert hubpulse.run("shares", "revoke", "1").exit_code == 0
    assert "revoked" in hubpulse.run("shares", "list").out
