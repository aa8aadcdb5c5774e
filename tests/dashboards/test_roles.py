"""Every route of the board, and what it answers each role: one that is new has to be thought of."""

from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Route

from cli.stack import board_app
from dashboards.access.accounts import Accounts, Role
from dashboards.access.oidc import OidcSignIn
from dashboards.access.shares import Shares
from dashboards.reports.desk import ReportFolders
from dashboards.web.audit_page import audit_routes
from dashboards.web.board import create_board
from dashboards.web.edit_page import Editing, add_edit_page
from schemas.localtime import NS_A_SECOND, to_ns
from schemas.settings import read_settings
from tests.dashboards.conftest import ESTATE, NOW, Filled
from tests.dashboards.here import browser_of

PASSWORD = "correct horse battery"
ORIGIN = "http://board"
ISSUER = "https://127.0.0.1:9"
"""Nobody listens there."""
ACCOUNTS = {
    "arthur": (Role.VIEWER, ["armley"]),
    "vera": (Role.VIEWER, None),
    "mark": (Role.MANAGER, ["armley"]),
    "mia": (Role.MANAGER, None),
    "ada": (Role.ADMIN, None),
}
VISITORS = ("elsewhere", "here", *ACCOUNTS)


class Answers(NamedTuple):
    """The status for each of VISITORS."""

    elsewhere: int
    here: int
    arthur: int
    vera: int
    mark: int
    mia: int
    ada: int


def open_to_all(status: int = 200) -> Answers:
    return Answers(*[status] * len(VISITORS))


def signed_in(status: int = 200, *, elsewhere: int = 303) -> Answers:
    return Answers(elsewhere, *[status] * (len(VISITORS) - 1))


PAGE, API = signed_in(), signed_in(elsewhere=401)
WHOLE_ESTATE, WHOLE_ESTATE_API = (all_of._replace(arthur=403, mark=403) for all_of in (PAGE, API))


def managers(status: int, *, here: int = 303, of_some_hubs: int) -> Answers:
    return Answers(303, here, 403, 403, of_some_hubs, status, status)


def admins(status: int, *, here: int = 303) -> Answers:
    return Answers(303, here, 403, 403, 403, 403, status)


PERIOD = "period=2026-10&format=csv"
ROUTES = {
    "GET /healthz": ("/healthz", open_to_all()),
    "GET /readyz": ("/readyz", open_to_all()),
    "GET /static/{name}": ("/static/board.css", open_to_all()),
    "GET /login": ("/login", open_to_all()),
    "POST /login": ("/login", open_to_all(401)),
    "GET /login/oidc": ("/login/oidc", open_to_all(502)),
    "GET /login/oidc/callback": ("/login/oidc/callback?state=x&code=y", open_to_all(401)),
    "GET /logout": ("/logout", open_to_all()),
    "GET /share/{secret}": ("/share/SECRET", open_to_all()),
    "GET /audit/{code}": ("/audit/wrong", open_to_all(404)),
    "POST /audit/{code}/presses": ("/audit/wrong/presses", open_to_all(404)),
    "GET /": ("/", PAGE),
    "GET /charts/entries.{form}": ("/charts/entries.csv", PAGE),
    "GET /estate.csv": ("/estate.csv", PAGE),
    "GET /estate.xlsx": ("/estate.xlsx", PAGE),
    "GET /sensors": ("/sensors", PAGE),
    "GET /sensors/file": ("/sensors/file?format=csv", PAGE),
    "GET /quality": ("/quality", PAGE),
    "GET /health": ("/health", PAGE),
    "GET /health.csv": ("/health.csv", PAGE),
    "POST /health": ("/health", managers(404, of_some_hubs=404)),
    "GET /alerts": ("/alerts", PAGE),
    "POST /alerts/{alert_id}": ("/alerts/none", managers(404, of_some_hubs=404)),
    "GET /hubs/{hub_id}": ("/hubs/armley", PAGE),
    "GET /hubs/{hub_id}/charts/{chart_file}": ("/hubs/armley/charts/entries.csv", PAGE),
    "POST /hubs/{hub_id}": ("/hubs/armley", managers(303, of_some_hubs=303)),
    "GET /reports": ("/reports", PAGE),
    "GET /reports/file": (f"/reports/file?{PERIOD}", WHOLE_ESTATE),
    "GET /reports/made/{name}": ("/reports/made/none.csv", signed_in(404)),
    "GET /reports/shares": ("/reports/shares", managers(200, here=403, of_some_hubs=403)),
    "POST /reports/shares": ("/reports/shares", managers(400, of_some_hubs=403)),
    "POST /reports/shares/{number}/revoke": ("/reports/shares/9/revoke", managers(404, of_some_hubs=403)),
    "GET /edit": ("/edit", admins(200, here=403)),
    "GET /edit/hours/{hub_id}": ("/edit/hours/armley", admins(200, here=403)),
    "POST /edit/hours/{hub_id}": ("/edit/hours/armley", admins(200)),
    "POST /edit/adopt": ("/edit/adopt", admins(400)),
    "POST /edit/redrive": ("/edit/redrive", admins(400)),
    "GET /api/v1/openapi.json": ("/api/v1/openapi.json", API),
    "GET /api/v1/hubs": ("/api/v1/hubs", API),
    "GET /api/v1/sensors": ("/api/v1/sensors", API),
    "GET /api/v1/usage/daily": ("/api/v1/usage/daily", API),
    "GET /api/v1/usage/hourly": ("/api/v1/usage/hourly", API),
    "GET /api/v1/usage/periods": ("/api/v1/usage/periods?from=2026-11-01&to=2026-11-20", API),
    "GET /api/v1/readings": ("/api/v1/readings?hub=armley&kind=co2", API),
    "GET /api/v1/ledger": ("/api/v1/ledger", WHOLE_ESTATE_API),
    "GET /api/v1/quarantine": ("/api/v1/quarantine", WHOLE_ESTATE_API),
    "GET /api/v1/changes": ("/api/v1/changes", API),
    "GET /api/v1/alerts": ("/api/v1/alerts", API),
    "POST /logout": ("/logout", open_to_all(303)),
}
"""What is asked for, and what each visitor is answered; `POST /logout` ends the sessions, and so comes last."""
FORM = {
    "name": "x",
    "hub": "armley",
    "text": "a note",
    "day": "2026-11-19",
    "note": "a note",
    "answer": "ack",
    "kind": "mould",
}


def routes_of(board: FastAPI) -> set[str]:
    """Method and path of every route, those of routers that were included too."""
    found: set[str] = set()
    for route in board.routes:
        included = getattr(route, "original_router", None)
        for one in [route] if included is None else included.routes:
            assert isinstance(one, Route)
            found |= {f"{method} {one.path}" for method in (one.methods or set()) - {"HEAD"}}
    return found


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """That of a share link which is good."""
    now_s = to_ns(NOW) // NS_A_SECOND
    return Shares(tmp_path).add(b"%PDF", "october.pdf", account="mia", now_s=now_s, expires_s=now_s + 60)


@pytest.fixture
def visitors(known: Filled, tmp_path: Path) -> dict[str, TestClient]:
    """Whoever may come to a board with all of its pages."""
    settings = read_settings(data_dir=tmp_path, estate=tmp_path / "estate.yaml")
    (tmp_path / "estate.yaml").write_text("timezone: Europe/London\nhubs: [{id: armley}]\n")
    accounts = Accounts(tmp_path, provider=OidcSignIn(ISSUER, "id", None, lambda: 0.0))
    board = create_board(
        open_store=known.open,
        estate=lambda: ESTATE,
        clock_ns=lambda: to_ns(NOW),
        accounts=accounts,
        reports=ReportFolders(tmp_path, tmp_path),
    )
    board.include_router(audit_routes(tmp_path, lambda: ESTATE, lambda: to_ns(NOW)))
    add_edit_page(board, Editing(settings, known.open, lambda: to_ns(NOW)))
    own = {"Origin": ORIGIN}
    found = {
        name: TestClient(board, base_url=ORIGIN, client=(f"192.0.2.{n}", 5), headers=own, follow_redirects=False)
        for n, name in enumerate(("elsewhere", *ACCOUNTS))
    }
    found["here"] = browser_of(board)
    found["here"].follow_redirects = False
    found["here"].headers["Origin"] = "http://localhost"
    for name, (role, hubs) in ACCOUNTS.items():
        accounts.add(name, PASSWORD, role, hubs)
        assert found[name].post("/login", data={"name": name, "password": PASSWORD}).status_code == 303
    return found


def test_every_route_answers_each_role_as_it_should(visitors: dict[str, TestClient], secret: str) -> None:
    said = {}
    for route, (address, answers) in ROUTES.items():
        method = route.partition(" ")[0]
        for name, expected in answers._asdict().items():
            form = FORM if method == "POST" else None
            status = visitors[name].request(method, address.replace("SECRET", secret), data=form).status_code
            if status != expected:
                said[route, name] = int(status), expected
    assert said == {}


def test_every_route_is_in_the_table(tmp_path: Path) -> None:
    """By the board that `hubpulse board` serves, with all that settings can add to it."""
    settings = read_settings(data_dir=tmp_path, oidc={"issuer": ISSUER, "client_id": "id"})
    assert routes_of(board_app(settings)) == ROUTES.keys()
