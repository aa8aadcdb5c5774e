"""Signing in by an OpenID Connect provider: a real one on loopback, which can be wrong in every way that counts."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx2 import Client, Response
from joserfc import jwk

from dashboards.access.accounts import Accounts, Role
from dashboards.access.oidc import ATTEMPT_S, ATTEMPTS_MAX, ATTEMPTS_OF_ONE_MAX, OidcError, OidcSignIn
from dashboards.web.board import create_board
from tests.cli.command import CommandLine
from tests.dashboards.conftest import ESTATE, Filled
from tests.dashboards.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider

ELSEWHERE = ("192.0.2.7", 5)


@dataclass
class Place:
    """A provider, and a board that takes its word."""

    provider: OidcProvider
    filled: Filled
    folder: Path
    later_s: float = 0

    def __post_init__(self) -> None:
        self.signing_in = OidcSignIn(self.provider.issuer, CLIENT_ID, CLIENT_SECRET, lambda: time.time() + self.later_s)
        self.accounts = Accounts(self.folder, provider=self.signing_in)
        self.board = create_board(open_store=self.filled.open, estate=lambda: ESTATE, accounts=self.accounts)

    def visitor(self) -> TestClient:
        return TestClient(self.board, base_url="http://board", client=ELSEWHERE, follow_redirects=False)

    def at_provider(self, visitor: TestClient, target: str = "/hubs/armley") -> str:
        """Where the provider sends the visitor back to."""
        sent = visitor.get("/login/oidc", params={"next": target})
        assert sent.status_code == 303, sent.text
        with Client(timeout=30, trust_env=False) as browser:
            return browser.get(sent.headers["location"]).headers["location"]

    def sign_in(self, visitor: TestClient) -> Response:
        return visitor.get(self.at_provider(visitor))


@pytest.fixture(scope="module")
def key() -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture
def place(filled: Filled, tmp_path: Path, key: jwk.RSAKey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    filled.put("co2,hub=armley,sensor=a co2_ppm=500 1")
    with OidcProvider(key=key) as provider:
        yield Place(provider, filled, tmp_path / "data")


@pytest.mark.claim("S-109")
def test_who_signs_in_elsewhere_is_nobody_until_an_admin_grants_it(place: Place) -> None:
    visitor = place.visitor()
    unknown = place.sign_in(visitor)
    assert unknown.status_code == 403
    assert "subject-1" in unknown.text
    assert visitor.get("/api/v1/hubs").status_code == 401
    place.accounts.add_identity("sam", "https://other.example", "subject-1", Role.ADMIN, None)
    assert place.sign_in(visitor).status_code == 403, "a subject is somebody of its issuer alone"
    place.accounts.add_identity("arthur", place.provider.issuer, "subject-1", Role.VIEWER, ["armley"])
    answer = place.sign_in(visitor)
    assert answer.status_code == 200
    assert 'content="0; url=/hubs/armley"' in answer.text
    cookies = answer.headers.get_list("set-cookie")
    assert any("hubpulse_session=" in each and "samesite=strict" in each.lower() for each in cookies)
    assert [row["hub"] for row in visitor.get("/api/v1/hubs").json()["rows"]] == ["armley"]
    guess = {"name": "arthur", "password": "none"}
    assert place.visitor().post("/login", data=guess, headers={"Origin": "http://board"}).status_code == 401
    place.accounts.remove("arthur")
    assert visitor.get("/api/v1/hubs").status_code == 401


@pytest.mark.claim("S-110")
def test_what_does_not_fit_signs_nobody_in(place: Place) -> None:
    place.accounts.add_identity("sam", place.provider.issuer, "subject-1", Role.ADMIN, None)
    past_s = int(time.time()) - 3600
    for wrong in (
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another client"},
        {"aud": [CLIENT_ID, "x"], "azp": "x"},
        {"iss": "https://other.example"},
        {"exp": past_s},
        {"exp": None},
        {"sub": None},
        {"sub": 7},
        {"sub": "x" * 300},
    ):
        place.provider.claims = wrong
        visitor = place.visitor()
        assert place.sign_in(visitor).status_code == 401, wrong
        assert visitor.get("/api/v1/hubs").status_code == 401
    place.provider.claims = {}
    place.provider.signing_key = jwk.RSAKey.generate_key(2048, {"kid": "one"})
    assert place.sign_in(place.visitor()).status_code == 401, "signed by somebody else"
    place.provider.signing_key, place.provider.algorithm = jwk.OctKey.import_key(b"k" * 64), "HS256"
    assert place.sign_in(place.visitor()).status_code == 401, "signed by what is no key of the provider's"
    place.provider.signing_key, place.provider.algorithm = None, "RS256"

    visitor = place.visitor()
    back = place.at_provider(visitor)
    assert place.visitor().get(back).status_code == 401, "begun in another browser"
    assert visitor.get(back).status_code == 401, "a state is good once, also for who stole it"
    state = parse_qs(urlsplit(place.at_provider(visitor)).query)["state"][0]
    for query in ("", "?code=x", f"?state={state}", f"?state={state}&code=wrong", "?state=x&code=y"):
        assert visitor.get(f"/login/oidc/callback{query}").status_code == 401
    back = place.at_provider(visitor)
    place.later_s = ATTEMPT_S + 1
    assert visitor.get(back).status_code == 401, "too late"
    place.later_s = 0
    assert place.sign_in(visitor).status_code == 200


def test_a_provider_that_is_not_to_be_trusted_is_not_asked(place: Place) -> None:
    for issuer in ("http://sso.example", "ftp://sso.example", "https://", "http://127.0.0.1.evil.example"):
        with pytest.raises(OidcError, match="https alone"):
            OidcSignIn(issuer, CLIENT_ID, None, time.time)
    for described in (
        {"issuer": "https://other.example"},
        {"authorization_endpoint": "http://evil.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ):
        place.provider.described = described
        answer = Place(place.provider, place.filled, place.folder).visitor().get("/login/oidc")
        assert answer.status_code == 502
        assert "location" not in answer.headers
    place.provider.described = {"token_endpoint": "http://evil.example/token"}
    fresh = Place(place.provider, place.filled, place.folder)
    assert fresh.sign_in(fresh.visitor()).status_code == 401
    gone = OidcSignIn("http://127.0.0.1:9", CLIENT_ID, None, time.time)
    with pytest.raises(OidcError, match="provider's answer is not good"):
        gone.begin("/", "http://board/login/oidc/callback", "192.0.2.7")


def test_nobody_is_sent_elsewhere_and_attempts_are_bounded(place: Place) -> None:
    place.accounts.add_identity("sam", place.provider.issuer, "subject-1", Role.ADMIN, None)
    visitor = place.visitor()
    answer = visitor.get(place.at_provider(visitor, "//evil.example"))
    assert 'content="0; url=/"' in answer.text
    first = place.at_provider(visitor)
    for _ in range(ATTEMPTS_OF_ONE_MAX):
        place.signing_in.begin("/", "http://board/x", ELSEWHERE[0])
    assert visitor.get(first).status_code == 401
    other = place.at_provider(visitor)
    for number in range(ATTEMPTS_MAX - ATTEMPTS_OF_ONE_MAX):
        place.signing_in.begin("/", "http://board/x", f"192.0.3.{number // ATTEMPTS_OF_ONE_MAX}")
    with pytest.raises(OidcError, match="too many sign-ins"):
        place.signing_in.begin("/", "http://board/x", "192.0.4.1")
    assert visitor.get(other).status_code == 200, "nobody else's is given up for those"
    assert 'href="/login/oidc?next=/"' in visitor.get("/login").text


@pytest.mark.parametrize("padding", [300_000, 3])
def test_no_more_of_an_answer_is_read_than_one_may_have(place: Place, padding: int) -> None:
    place.provider.described = {"more": "x" * padding}
    assert place.visitor().get("/login/oidc").status_code == (502 if padding > 3 else 303)


def test_the_ways_of_signing_in_are_open_to_strangers_and_show_nobody_anything(place: Place) -> None:
    stranger = place.visitor()
    assert stranger.get("/login/oidc").status_code == 303
    assert stranger.get("/login/oidc/callback").status_code == 401
    for path in ("/login/oidc", "/login/oidc/callback"):
        assert stranger.post(path).status_code == 405


def test_an_admin_grants_by_subject(tmp_path: Path) -> None:
    plain = CommandLine(tmp_path)
    (tmp_path / "estate.yaml").write_text("hubs: [{id: armley}]\n")
    assert "HUBPULSE_OIDC__ISSUER" in plain.run("users", "add", "sam", "--oidc-subject", "subject-1").err
    hubpulse = CommandLine(tmp_path, HUBPULSE_OIDC__ISSUER="https://sso.example")
    added = hubpulse.run("users", "add", "sam", "--oidc-subject", "subject-1", "--hub", "armley")
    assert added.exit_code == 0, added.err
    account = Accounts(tmp_path / "data").of_identity("https://sso.example", "subject-1")
    assert account is not None
    assert (account.name, account.role, account.hubs) == ("sam", Role.VIEWER, frozenset({"armley"}))
