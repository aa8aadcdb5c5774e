"""Who sees what: on this machine, from elsewhere, with an account, of some hubs, with a token."""

import asyncio
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx2 import ASGITransport, AsyncClient

from dashboards.access.accounts import Accounts, Role, hasher
from dashboards.access.sessions import SESSION_S, SESSIONS_MAX, TRIES_FREE, Sessions, Throttle
from dashboards.web.board import create_board
from dashboards.web.server import BoardServer
from schemas.localtime import NS_A_SECOND, to_ns
from tests.dashboards.conftest import ESTATE, NOW, Filled
from tests.dashboards.here import browser_of

PASSWORD = "correct horse battery"
ELSEWHERE = ("192.0.2.7", 50000)
ORIGIN = "http://board"


class Door:
    """A board with accounts, and visitors who come to it; its clock can be moved on."""

    def __init__(self, known: Filled, folder: Path, *, admin_password: str | None = None) -> None:
        self.accounts = Accounts(folder, admin_password=admin_password)
        self.now_ns = to_ns(NOW)
        self.board: FastAPI = create_board(
            open_store=known.open,
            estate=lambda: ESTATE,
            clock_ns=lambda: self.now_ns,
            accounts=self.accounts,
            max_age_s=0,
        )

    def stranger(self, **headers: str) -> TestClient:
        """Somebody on the network."""
        return TestClient(self.board, base_url=ORIGIN, client=ELSEWHERE, headers=headers, follow_redirects=False)

    def sign_in(self, name: str, password: str = PASSWORD, *, visitor: TestClient | None = None) -> TestClient:
        visitor = visitor or self.stranger()
        answer = visitor.post("/login", data={"name": name, "password": password}, headers={"Origin": ORIGIN})
        assert answer.status_code == 303, answer.text
        return visitor

    def with_token(self, name: str, days: float = 1) -> TestClient:
        expires_s = self.now_ns // NS_A_SECOND + int(days * 86400)
        return self.stranger(Authorization=f"Bearer {self.accounts.add_token(name, 'test', expires_s)}")


@pytest.fixture
def door(known: Filled, tmp_path: Path) -> Door:
    made = Door(known, tmp_path / "accounts")
    made.accounts.add("vera", PASSWORD, Role.VIEWER)
    made.accounts.add("arthur", PASSWORD, Role.VIEWER, ["armley"])
    made.accounts.add("mia", PASSWORD, Role.MANAGER)
    made.accounts.add("ada", PASSWORD, Role.ADMIN)
    return made


def test_a_browser_on_this_machine_sees_everything_without_an_account(door: Door) -> None:
    assert browser_of(door.board).get("/").status_code == 200


@pytest.mark.claim("S-90")
@pytest.mark.parametrize(
    "peer, host, headers",
    [
        ("192.0.2.7", "localhost", {}),
        ("127.0.0.1", "board", {}),
        ("127.0.0.1", "127.0.0.2", {}),
        *(
            ("127.0.0.1", "localhost", {name: "x"})
            for name in (
                *("Forwarded", "X-Forwarded-For", "X-Forwarded-Prefix", "X-Real-IP", "Via", "X-Script-Name"),
                *("CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "X-Original-Host", "X_Forwarded_For"),
            )
        ),
    ],
)
def test_from_elsewhere_nobody_sees_a_figure_without_an_account(
    door: Door, peer: str, host: str, headers: dict[str, str]
) -> None:
    stranger = TestClient(
        door.board, base_url=f"http://{host}", client=(peer, 50000), headers=headers, follow_redirects=False
    )
    for path in paths(door.board):
        answer = stranger.get(path)
        if path.startswith("/api/"):
            assert answer.status_code == 401
            assert set(answer.json()) == {"error"}
        elif path in ("/healthz", "/readyz", "/static/board.css", "/login", "/logout"):
            assert answer.status_code == 200
        else:
            assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
        assert "130" not in answer.text


def paths(board: FastAPI) -> list[str]:
    """Every address of the board, with a hub and a file that are there."""
    found = {route.path for route in board.routes if isinstance(route, APIRoute) and "GET" in (route.methods or ())}
    assert len(found) > 12
    return [
        path.replace("{hub_id}", "armley")
        .replace("{name}", "board.css")
        .replace("{chart_file}", "entries.csv")
        .replace("{form}", "csv")
        for path in sorted(found)
    ]


@pytest.mark.claim("S-91")
def test_an_account_of_one_hub_sees_nothing_of_the_others(door: Door) -> None:
    for arthur in (door.sign_in("arthur"), door.with_token("arthur")):
        for path in ("/", "/hubs/armley", "/api/v1/hubs", "/api/v1/sensors", "/api/v1/usage/daily", "/api/v1/changes"):
            answer = arthur.get(path)
            assert answer.status_code == 200
            assert "rmley" in answer.text or path.endswith("changes")
            assert not re.search("beeston|otley|230", answer.text.lower())
        for hidden in ("/hubs/beeston", "/api/v1/usage/daily?hub=beeston", "/api/v1/readings?hub=beeston&kind=co2"):
            assert arthur.get(hidden).status_code == 404


@pytest.mark.claim("S-111")
def test_a_hash_costs_whoever_guesses_what_rfc_9106_recommends() -> None:
    hashed = hasher().hash(PASSWORD)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert hasher().verify(hashed, PASSWORD)


@pytest.mark.claim("S-92")
def test_no_secret_can_be_read_out_of_the_file_or_the_memory(door: Door) -> None:
    token = door.with_token("ada").headers["authorization"].removeprefix("Bearer ")
    session = door.sign_in("ada").cookies["hubpulse_session"]
    stored = b"".join(path.read_bytes() for path in door.accounts.path.parent.iterdir())
    for secret in (PASSWORD, token, session):
        assert secret.encode() not in stored
    assert b"$argon2id$" in stored
    assert door.accounts.path.stat().st_mode & 0o077 == 0
    sessions = Sessions(lambda: 0.0)
    assert sessions.begin("ada", "") not in repr(vars(sessions))


@pytest.mark.claim("S-93")
def test_guessing_is_slowed_down_for_names_that_are_there_and_that_are_not(door: Door) -> None:
    for name in ("ada", "nobody"):
        visitor = door.stranger()

        def guess(name: str = name, visitor: TestClient = visitor) -> int:
            form = {"name": name, "password": "a wrong password"}
            return visitor.post("/login", data=form, headers={"Origin": ORIGIN}).status_code

        waits = 0
        for _ in range(TRIES_FREE):
            status = guess()
            assert status in (401, 429)
            waits += status == 429
        assert guess() == 429
        door.now_ns += 3600 * NS_A_SECOND
    # The address has guessed often enough: who signs in from it has to wait, too, and then may.
    assert door.sign_in("ada").get("/").status_code == 200


def test_a_wait_doubles_and_ends(door: Door) -> None:
    def guess() -> int:
        form = {"name": "ada", "password": "a wrong password"}
        return door.stranger().post("/login", data=form, headers={"Origin": ORIGIN}).status_code

    assert [guess() for _ in range(TRIES_FREE)] == [401] * TRIES_FREE
    for wait_s in (1, 2, 4):
        assert guess() == 429
        door.now_ns += wait_s * NS_A_SECOND
        assert guess() == 401


def test_many_guesses_at_once_are_slowed_down_like_one_after_the_other(door: Door) -> None:
    async def guess_at_once() -> list[int]:
        transport = ASGITransport(door.board, client=ELSEWHERE)
        async with AsyncClient(transport=transport, base_url=ORIGIN) as visitor:
            form, own = {"name": "ada", "password": "a wrong password"}, {"Origin": ORIGIN}
            answers = await asyncio.gather(*(visitor.post("/login", data=form, headers=own) for _ in range(20)))
            return [answer.status_code for answer in answers]

    statuses = asyncio.run(guess_at_once())
    assert statuses.count(401) <= TRIES_FREE
    assert statuses.count(429) >= 20 - TRIES_FREE


def test_nobody_is_locked_out_by_what_others_try_from_elsewhere() -> None:
    throttle = Throttle(lambda: 0.0)
    for _ in range(2_000):
        throttle.failed("account ada from 192.0.2.66")
    assert throttle.wait_s("account ada from 192.0.2.66") == 900
    assert throttle.wait_s("account ada from 198.51.100.9", "address 198.51.100.9") == 0


def test_a_proxy_that_says_nothing_is_told_by_its_http(door: Door) -> None:
    with BoardServer(door.board, port=0) as server:
        port = int(server.url.rsplit(":", 1)[1])
        for version, status in (("1.0", b"401"), ("1.1", b"200")):
            asked = f"GET /api/v1/hubs HTTP/{version}\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
            with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                connection.sendall(asked.encode())
                assert connection.recv(4096).split(b" ")[1] == status


def test_a_form_with_too_many_fields_is_refused(door: Door) -> None:
    form = {f"field-{number}": "x" for number in range(20)}
    assert door.stranger().post("/login", data=form, headers={"Origin": ORIGIN}).status_code == 400


@pytest.mark.claim("S-94")
def test_a_page_of_somebody_else_signs_nobody_in_or_out_and_sends_nobody_elsewhere(door: Door) -> None:
    form = {"name": "ada", "password": PASSWORD}
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}):
        assert door.stranger().post("/login", data=form, headers=headers).status_code == 403
        signed_in = door.sign_in("ada")
        assert signed_in.post("/logout", headers=headers).status_code == 403
        assert signed_in.get("/").status_code == 200
    for target in ("//evil.example", "/\\evil.example", "http://evil.example", "evil", "/a\r\nSet-Cookie: a=b"):
        moved = door.stranger().post("/login", data=form | {"next": target}, headers={"Origin": ORIGIN})
        assert moved.headers["location"] == "/"
        assert not urlsplit(moved.headers["location"]).netloc
    cookie = door.stranger().post("/login", data=form, headers={"Origin": ORIGIN}).headers["set-cookie"].lower()
    assert {"httponly", "samesite=strict"} <= set(cookie.split("; "))
    behind_tls = {"Origin": ORIGIN, "X-Forwarded-Proto": "https"}
    assert "secure" in door.stranger().post("/login", data=form, headers=behind_tls).headers["set-cookie"].lower()


@pytest.mark.claim("S-95")
def test_what_changes_about_an_account_holds_at_once(door: Door) -> None:
    vera, token = door.sign_in("vera"), door.with_token("vera", days=1)
    assert vera.get("/api/v1/hubs").status_code == token.get("/api/v1/hubs").status_code == 200
    door.accounts.add("vera", PASSWORD, Role.VIEWER, ["otley"])
    assert vera.get("/api/v1/hubs").status_code == 401  # another password ends the sessions begun with the one before
    vera = door.sign_in("vera")
    for visitor in (vera, token):
        assert [row["hub"] for row in visitor.get("/api/v1/hubs").json()["rows"]] == ["otley"]
    door.now_ns += 2 * 86400 * NS_A_SECOND
    assert token.get("/api/v1/hubs").status_code == 401
    assert vera.get("/api/v1/hubs").status_code == 401  # sessions end by themselves
    vera = door.sign_in("vera")
    door.accounts.remove("vera")
    assert vera.get("/api/v1/hubs").status_code == 401


def test_signing_out_ends_the_session_itself(door: Door) -> None:
    ada = door.sign_in("ada")
    secret = ada.cookies["hubpulse_session"]
    assert "ada" in ada.get("/").text
    assert ada.post("/logout", headers={"Origin": ORIGIN}).status_code == 303
    again = door.stranger(Cookie=f"hubpulse_session={secret}")
    assert again.get("/").status_code == 303


def test_after_signing_in_one_is_where_one_wanted_to_be(door: Door) -> None:
    visitor = door.stranger()
    asked = visitor.get("/hubs/armley?x=1").headers["location"]
    assert asked == "/login?next=/hubs/armley%3Fx%3D1"
    assert 'value="/hubs/armley?x=1"' in visitor.get(asked).text
    form = {"name": "ada", "password": PASSWORD, "next": "/hubs/armley?x=1"}
    moved = visitor.post("/login", data=form, headers={"Origin": ORIGIN})
    assert moved.headers["location"] == "/hubs/armley?x=1"


def test_without_any_account_the_page_says_how_to_make_one(known: Filled) -> None:
    board = create_board(open_store=known.open, estate=lambda: ESTATE)
    page = TestClient(board, base_url=ORIGIN, client=ELSEWHERE).get("/")
    assert "hubpulse users add NAME --role admin" in page.text


def test_the_admin_of_the_settings_needs_no_file(known: Filled, tmp_path: Path) -> None:
    door = Door(known, tmp_path / "none", admin_password="a" * 64)
    assert door.sign_in("admin", "a" * 64).get("/api/v1/ledger").status_code == 200
    wrong = door.stranger().post("/login", data={"name": "admin", "password": "b"}, headers={"Origin": ORIGIN})
    assert wrong.status_code == 401
    assert not (tmp_path / "none").exists()
    assert "a" * 64 not in repr(vars(door.accounts)), "kept as a hash, as every password is"


def test_a_form_that_is_too_large_is_not_read_to_its_end(door: Door) -> None:
    answer = door.stranger().post("/login", data={"name": "x" * 100_000}, headers={"Origin": ORIGIN})
    assert answer.status_code == 413


def test_sessions_are_bounded_and_the_oldest_goes_first() -> None:
    now_s = 0.0
    sessions = Sessions(lambda: now_s)
    first, *others = [sessions.begin("ada", "stamp") for _ in range(SESSIONS_MAX + 1)]
    assert sessions.account(first) is None
    assert sessions.account(others[0]) == ("ada", "stamp")
    now_s = SESSION_S
    assert sessions.account(others[-1]) is None


def test_the_readers_answers_carry_who_they_are_for(door: Door) -> None:
    assert door.with_token("ada").get("/api/v1/hubs").headers["cache-control"] == "private, no-cache"
    assert door.sign_in("ada").get("/").headers["cache-control"] == "no-store"
