"""The board below a path of a reverse proxy, and what is heard of whom."""

import html
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx2 import Client

from dashboards.access.accounts import Accounts, Role
from dashboards.web.board import create_board
from dashboards.web.proxied import BehindProxy
from dashboards.web.server import BoardServer
from schemas import Settings
from tests.dashboards.conftest import ESTATE, NOW, Filled
from tests.dashboards.reverse_proxy import reverse_proxy

PASSWORD = "correct horse battery"
PREFIX = "/figures/hubs"
"""Below the board's own /hubs there are pages: what is taken off is the proxy's business."""


def test_every_link_redirect_cookie_and_file_is_below_the_proxys_path(known: Filled, tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "accounts")
    accounts.add("ada", PASSWORD, Role.ADMIN)
    board = create_board(
        open_store=known.open, estate=lambda: ESTATE, clock_ns=lambda: int(NOW.timestamp()) * 10**9, accounts=accounts
    )
    board.add_middleware(BehindProxy, trusted=("127.0.0.1",))
    with (
        BoardServer(board, port=0) as server,
        reverse_proxy(int(server.url.rsplit(":", 1)[1]), PREFIX) as outside,
        Client(base_url=outside, timeout=60) as visitor,
    ):
        asked = visitor.get(f"{PREFIX}/hubs/armley")
        assert asked.headers["location"] == f"{PREFIX}/login?next=/hubs/armley"
        form = {"name": "ada", "password": PASSWORD, "next": "/hubs/armley"}
        moved = visitor.post(f"{PREFIX}/login", data=form, headers={"Origin": outside})
        assert (moved.status_code, moved.headers["location"]) == (303, f"{PREFIX}/hubs/armley")
        assert f"path={PREFIX};" in moved.headers["set-cookie"].lower() + ";"
        seen: set[str] = set()
        waiting = {moved.headers["location"], f"{PREFIX}/api/v1/usage/daily?limit=1"}
        while waiting:
            path = waiting.pop()
            seen.add(path)
            page = visitor.get(path)
            assert page.status_code == 200, path
            assert "unsafe" not in page.headers["content-security-policy"]
            if page.headers["content-type"].startswith("text/html"):
                links = re.findall(r'\s(href|src|action)="([^"#]+)', page.text)
                inside = {(what, urljoin(path, html.unescape(link))) for what, link in links}
                assert all(link.startswith(f"{PREFIX}/") for _, link in inside), (path, inside)
                known_paths = {urlsplit(each).path for each in seen | waiting}
                # Where a form leads needs its fields.
                waiting |= {
                    link for what, link in inside if what != "action" and urlsplit(link).path not in known_paths
                }
        assert {f"{PREFIX}/", f"{PREFIX}/hubs/otley", f"{PREFIX}/logout"} <= {urlsplit(link).path for link in seen}
        table = visitor.get(f"{PREFIX}/api/v1/usage/daily?limit=1").json()
        assert urlsplit(table["next"]).path == f"{PREFIX}/api/v1/usage/daily"
        assert visitor.get(table["next"]).status_code == 200


@pytest.mark.claim("S-108")
def test_what_others_say_of_a_proxy_is_not_heard(known: Filled, tmp_path: Path) -> None:
    board = create_board(open_store=known.open, estate=lambda: ESTATE, accounts=Accounts(tmp_path))
    board.add_middleware(BehindProxy, trusted=("10.0.0.0/24",))
    said = {"X-Forwarded-Prefix": "/evil", "X-Forwarded-Host": "evil.example", "X-Forwarded-For": "127.0.0.1"}
    for address, believed in (("192.0.2.7", False), ("10.0.0.9", True), ("127.0.0.1", False)):
        client = TestClient(board, base_url="http://board", client=(address, 5), headers=said, follow_redirects=False)
        answer = client.get("/hubs/armley")
        if believed:
            assert answer.status_code == 421  # the name that it passes on is none of the board's
            del client.headers["X-Forwarded-Host"]
            assert client.get("/hubs/armley").headers["location"].startswith("/evil/login")
        else:
            assert answer.headers["location"].startswith("/login")
            assert "/evil" not in client.get("/login").text
    for wrong in ("//evil.example", "/a b", '/"><script>', "/..", "evil", "/" + "a" * 1000):
        client = TestClient(board, base_url="http://board", client=("10.0.0.9", 5), follow_redirects=False)
        assert client.get("/", headers={"X-Forwarded-Prefix": wrong}).headers["location"].startswith("/login")


def test_a_proxy_is_named_by_address_or_network() -> None:
    given = Settings.model_validate({"board": {"trusted_proxies": "10.0.0.7, fd00::/8"}})
    assert given.board.trusted_proxies == ("10.0.0.7/32", "fd00::/8")
    with pytest.raises(ValueError, match="is no address or network"):
        Settings.model_validate({"board": {"trusted_proxies": "proxy.example"}})
