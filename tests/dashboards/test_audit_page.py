"""The phone page of a count by hand: with its secret link alone, with and without a network, each press once."""

import html
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.testclient import TestClient

from cli.stack import board_server
from dashboards.web.audit_page import BODY_BYTES_MAX, SENT_MAX, audit_routes
from dashboards.web.board import create_board
from dashboards.web.server import BoardServer
from schemas.localtime import NS_A_SECOND, NS_AN_HOUR, to_ns
from schemas.settings import BoardSettings, Settings
from tests.browser import Chromium
from tests.dashboards.conftest import ESTATE, NOW, Filled
from usage.audits import Audit, AuditFile
from usage.audits.records import What

NOW_NS = to_ns(NOW)
NOW_MS = NOW_NS // 1_000_000
AUDIT = Audit("a1", "armley", "door-1", NOW_NS - NS_AN_HOUR, NOW_NS + NS_AN_HOUR, 0.05, 181, 3, 300, "")


@pytest.fixture
def file(tmp_path: Path) -> Iterator[AuditFile]:
    with AuditFile(tmp_path / "audits") as file:
        yield file


@pytest.fixture
def code(file: AuditFile) -> str:
    return file.start(AUDIT)[1]


def board(known: Filled, folder: Path, clock_ns: Callable[[], int] = lambda: NOW_NS) -> FastAPI:
    app = create_board(open_store=known.open, estate=lambda: ESTATE, clock_ns=clock_ns)
    app.include_router(audit_routes(folder, lambda: ESTATE, clock_ns))
    return app


@pytest.fixture
def client(known: Filled, file: AuditFile) -> TestClient:
    return TestClient(board(known, file.path.parent), raise_server_exceptions=False)


def pressed(n: int, what: str, time_ms: int = NOW_MS, **more: str) -> dict[str, Any]:
    return {"id": f"press-{n:04}", "what": what, "time_ms": time_ms, **more}


def sent(*presses: dict[str, Any], sent_ms: int = NOW_MS) -> dict[str, Any]:
    return {"sent_ms": sent_ms, "presses": list(presses)}


# ------------------------------------------------------------------------------------------------------------ who may


@pytest.mark.claim("S-82")
def test_the_page_is_served_with_its_code_alone(client: TestClient, file: AuditFile, code: str) -> None:
    page = client.get(f"/audit/{code}")
    assert (page.status_code, page.headers["referrer-policy"], page.headers["cache-control"]) == (
        200,
        "same-origin",
        "no-store",
    )
    assert "Armley Community Hub" in page.text
    assert "unsafe-inline" not in page.headers["content-security-policy"]
    assert re.findall(r"<script(?![^>]*\bsrc=)|\bstyle=|\bon[a-z]+=", page.text) == []
    for path in ("/audit/", "/audit/a1", f"/audit/{code}x", f"/audit/{code[:-1]}", f"/audit/{'A' * 3000}"):
        assert client.get(path).status_code == 404
        assert client.post(f"{path}/presses", json=sent(pressed(1, "in"))).status_code == 404
    assert file.counted("a1").entries == 0


def test_a_finished_or_expired_audit_takes_nothing(known: Filled, file: AuditFile, code: str) -> None:
    later = TestClient(board(known, file.path.parent, lambda: AUDIT.expires_ns))
    assert later.get(f"/audit/{code}").status_code == 404
    assert later.post(f"/audit/{code}/presses", json=sent(pressed(1, "in"))).status_code == 404
    file.finish(AUDIT, {"verdict": "pass"})
    browser = TestClient(board(known, file.path.parent))
    assert browser.get(f"/audit/{code}").status_code == 404
    assert browser.post(f"/audit/{code}/presses", json=sent(pressed(1, "in"))).status_code == 404


def test_the_board_as_it_is_run_serves_the_link_from_its_own_folder(tmp_path: Path) -> None:
    now_ns = time.time_ns()
    settings = Settings(data_dir=tmp_path, audits_dir=tmp_path / "audits", board=BoardSettings(port=0))
    with AuditFile(settings.audits_folder) as kept:
        _, code = kept.start(replace(AUDIT, made_ns=now_ns, expires_ns=now_ns + NS_AN_HOUR))
    with board_server(settings) as server:
        assert requests.get(f"{server.url}/audit/{code}", timeout=30).status_code == 200
        assert requests.get(f"{server.url}/audit/x{code}", timeout=30).status_code == 404


def test_a_board_without_audits_makes_no_file(client: TestClient, file: AuditFile) -> None:
    assert client.get("/audit/anything").status_code == 404
    assert not file.path.exists()


# ---------------------------------------------------------------------------------------------------- what is taken in


def test_presses_are_kept_once_at_the_time_by_our_clock(client: TestClient, file: AuditFile, code: str) -> None:
    ahead_ms = 3_600_000  # the phone's clock is an hour fast
    presses = [pressed(n, what, NOW_MS + ahead_ms - 9000 + 1000 * n) for n, what in enumerate(("start", "in", "out"))]
    for _ in range(2):
        answer = client.post(f"/audit/{code}/presses", json=sent(*presses, sent_ms=NOW_MS + ahead_ms))
        assert answer.json() == {"entries": 1, "exits": 1, "counting": True}
    times = [press.time_ns - NOW_NS for press in file.presses("a1")]
    assert times == [-9 * NS_A_SECOND, -8 * NS_A_SECOND, -7 * NS_A_SECOND]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        json.dumps(sent(pressed(1, "in") | {"id": "x"})).encode(),
        json.dumps(sent(pressed(1, "in") | {"id": "'; DROP TABLE presses"})).encode(),
        json.dumps(sent(pressed(1, "sideways"))).encode(),
        json.dumps(sent(pressed(1, "in", undoes="press-0002"))).encode(),
        json.dumps(sent(pressed(1, "undo"))).encode(),
        json.dumps(sent(pressed(1, "in") | {"more": 1})).encode(),
        json.dumps(sent(pressed(1, "in", time_ms=-1))).encode(),
        json.dumps(sent(pressed(1, "in", time_ms=10**30))).encode(),
        json.dumps(sent(pressed(1, "in"), sent_ms=NOW_MS - 5000)).encode(),  # pressed after it was sent
        json.dumps(sent(pressed(1, "in", time_ms=NOW_MS - 90 * 3_600_000))).encode(),
        json.dumps(sent(*(pressed(n, "in") for n in range(SENT_MAX + 1)))).encode(),
    ],
)
def test_what_the_page_would_not_send_is_refused(client: TestClient, file: AuditFile, code: str, body: bytes) -> None:
    answer = client.post(f"/audit/{code}/presses", content=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert file.counted("a1") == (0, 0, False)


def test_a_body_is_bounded(client: TestClient, code: str) -> None:
    whole = json.dumps(sent(*(pressed(n, "in") for n in range(SENT_MAX)))).encode()
    assert len(whole) < BODY_BYTES_MAX / 1.5
    assert client.post(f"/audit/{code}/presses", content=whole).status_code == 200
    assert client.post(f"/audit/{code}/presses", content=b" " * (BODY_BYTES_MAX + 1)).status_code == 413


def test_a_folder_that_cannot_be_written_is_told_and_the_presses_stay_in_the_phone(
    client: TestClient, file: AuditFile, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise file._writer.problem(13)

    monkeypatch.setattr(AuditFile, "take", full)
    answer = client.post(f"/audit/{code}/presses", json=sent(pressed(1, "in")))
    assert answer.status_code == 503


# ------------------------------------------------------------------------------------------------------------- a phone


DRIVE = """
"use strict";
addEventListener("load", async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const press = (...ids) => ids.forEach((id) => document.getElementById(id).click());
  const type = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true }));
  const seen = {};
  const look = (name) => {
    const parts = ["entries", "exits", "note", "sent", "run", "undo", "goal"];
    seen[name] = parts.map((id) => document.getElementById(id).textContent).join(" | ");
    document.body.dataset.seen = JSON.stringify(seen);
  };
  const real = window.fetch.bind(window);
  const network = (answer) => { window.fetch = answer; };
  const offline = () => Promise.reject(new TypeError("Failed to fetch"));
  const lost = async (...asked) => { await real(...asked); throw new TypeError("Failed to fetch"); };
  const settled = async () => { for (let n = 0; n < 200 && kept.unsent.length; n++) await wait(100); };
  %s
});
"""


@pytest.fixture
def drive(known: Filled, file: AuditFile) -> Callable[[str], dict[str, str]]:
    """Do something on the page in a real browser; what was looked at, by name. Nothing of it may reach the console."""

    def run(script: str) -> dict[str, str]:
        now_ns = time.time_ns()
        _, code = file.start(replace(AUDIT, made_ns=now_ns, expires_ns=now_ns + NS_AN_HOUR))
        # The page's clock is the machine's, and so must be the board's.
        app, other = (board(known, file.path.parent, time.time_ns) for _ in range(2))
        page = TestClient(other).get(f"/audit/{code}")
        driven = page.text.replace("</head>", '<script src="/drive.js" defer></script></head>')

        @app.get("/drive.js")
        def driver() -> Response:
            return Response(DRIVE % script, media_type="text/javascript")

        @app.middleware("http")
        async def with_driver(request: Request, call_next: Callable[..., Any]) -> Response:
            if request.url.path != f"/audit/{code}":
                answer: Response = await call_next(request)
                return answer
            return HTMLResponse(driven, headers={"Content-Security-Policy": page.headers["content-security-policy"]})

        with BoardServer(app, port=0) as server:
            shown = Chromium(virtual_time_ms=60_000).visit(f"{server.url}/audit/{code}")
        assert shown.console == ()
        found = re.search(r'data-seen="([^"]*)"', shown.dom)
        assert found is not None, shown.dom
        seen: dict[str, str] = json.loads(html.unescape(found[1]))
        return seen

    return run


@pytest.mark.needs("chromium")
def test_people_are_counted_by_buttons_and_keys_and_the_last_press_is_taken_back(
    drive: Callable[[str], dict[str, str]], file: AuditFile
) -> None:
    seen = drive(
        """
  look("first"); press("in"); press("run"); look("started");
  press("in", "in", "out"); type("i"); type("ArrowDown"); look("pressed");
  press("undo"); type("u"); look("undone");
  press("in"); await settled(); look("enough"); type("s"); await settled(); look("stopped");
"""
    )
    assert seen["first"] == "0 | 0 | Press Start when you stand at the door. | All sent | Start | Undo | 0 of 3 in"
    assert seen["started"].startswith("0 | 0 | Counting. ")
    assert seen["pressed"].split(" | ")[:2] == ["3", "2"]
    assert seen["undone"].split(" | ")[:2] == ["2", "1"]
    assert seen["enough"] == "3 | 1 | Enough have come in: press Stop. | All sent | Stop | Undo In | 3 of 3 in"
    assert seen["stopped"].endswith("| Enough have come in. Thank you. | All sent | Start | Undo In | 3 of 3 in")
    assert file.counted("a1") == (3, 1, False)
    assert next(press.what for press in file.presses("a1")) is What.START


@pytest.mark.needs("chromium")
def test_without_a_network_it_goes_on_and_sends_each_press_once_later(
    drive: Callable[[str], dict[str, str]], file: AuditFile
) -> None:
    seen = drive(
        """
  press("run"); await settled(); look("online");
  network(offline); press("in"); await wait(1500); press("in", "in", "undo"); await wait(6000); look("offline");
  document.body.dataset.stored = localStorage.getItem(key).length;
  network(lost); await wait(6000); look("lost");
  network(real); await settled(); look("back");
"""
    )
    assert seen["online"].startswith("0 | 0 | Counting. ")
    assert seen["offline"].split(" | ")[::3][:2] == ["2", "4 not sent yet, kept in this phone"]
    # The board had them, and its answer was lost: the page sends them again.
    assert seen["lost"].split(" | ")[::3][:2] == ["2", "4 not sent yet, kept in this phone"]
    assert seen["back"].split(" | ")[::3][:2] == ["2", "All sent"]
    assert file.counted("a1") == (2, 0, True)
    times = [press.time_ns for press in file.presses("a1") if press.what is What.IN]
    assert times[1] - times[0] >= NS_A_SECOND  # when they were pressed, not when they were sent


@pytest.mark.needs("chromium")
def test_a_page_that_is_loaded_again_still_has_what_was_not_sent(
    drive: Callable[[str], dict[str, str]], file: AuditFile
) -> None:
    seen = drive(
        """
  if (!sessionStorage.getItem("again")) {
    sessionStorage.setItem("again", "1");
    network(offline); press("run", "in", "out", "in"); await wait(500);
    kept.unsent = []; location.reload();  // nothing to ask about: what the browser keeps is what it kept
    return;
  }
  await settled(); look("again"); press("undo"); await settled(); look("undone");
"""
    )
    assert seen["again"].startswith("2 | 1 | Counting. ")
    assert seen["undone"].startswith("1 | 1 | Counting. ")
    assert file.counted("a1") == (1, 1, True)


@pytest.mark.needs("chromium")
def test_a_link_that_is_good_no_more_is_told_and_nothing_is_thrown_away(
    drive: Callable[[str], dict[str, str]], file: AuditFile
) -> None:
    seen = drive(
        """
  network(() => Promise.resolve(new Response("gone", { status: 404 })));
  press("run", "in"); await wait(500); look("gone");
"""
    )
    assert seen["gone"].startswith("1 | 0 | This link is not good any more. What is not sent stays in this phone.")
    assert file.counted("a1").entries == 0
