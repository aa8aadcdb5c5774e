"""What admins change in the browser: looked at first, done once by the writer, and nothing beyond what is theirs."""

import html
import json
import re
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import date, timedelta
from itertools import product
from pathlib import Path

import pytest
import yaml
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from dashboards.access.accounts import Accounts
from dashboards.edits.queue import APPLYING_MAX_S, EditError, EditFile, State
from dashboards.edits.requests import Hours, Redrive
from dashboards.edits.writer import difference
from mqtt.messages import Message
from schemas import Reason
from schemas.localtime import Span, midnight_ns
from sensors.estate_file import load_estate
from sensors.estate_text import EstateText
from tests.cli.command import CommandLine
from tests.dashboards.conftest import LONDON, TODAY, Filled, reading_line
from tests.dashboards.editable import (
    CLOSURES,
    DEVICE,
    FILE,
    OPENING,
    ORIGIN,
    PASSWORD,
    Site,
    accounts_in,
    digest_of,
    hours,
    uplink,
)
from tests.dashboards.here import browser_of
from usage.rows import read_marks


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    """Made once: a password takes a tenth of a second to be hashed."""
    return accounts_in(tmp_path_factory.mktemp("accounts"))


@pytest.fixture
def site(filled: Filled, tmp_path: Path, accounts: Accounts) -> Site:
    return Site(filled, tmp_path, accounts)


def minutes(shown: str) -> int:
    return int(shown.removesuffix("\u00a0min").replace("\u202f", ""))


ROUTES: Mapping[str, Mapping[str, str]] = {
    "/edit": {},
    "/edit/hours/armley": {},
    "POST /edit/hours/armley": {"opening": OPENING, "closures": CLOSURES},
    "POST /edit/adopt": {"device": DEVICE, "hub": "armley"},
    "POST /edit/redrive": {"reason": "unknown_hub"},
}
MAY: Mapping[str, set[str]] = {
    "mia": set(),
    "ada": set(ROUTES),
    "vera": set(),
    "one": set(),
}


@pytest.mark.claim("S-100")
def test_every_route_takes_changes_of_those_alone_whose_role_it_is(site: Site) -> None:
    found = {
        f"{'POST ' if 'POST' in (route.methods or ()) else ''}{route.path}"
        for route in site.board.routes
        if isinstance(route, APIRoute) and route.path.startswith("/edit")
    }
    assert found == {name.replace("armley", "{hub_id}") for name in ROUTES}
    for name in MAY:
        for route, form in ROUTES.items():
            method, _, path = route.rpartition(" ")
            answer = site.visitor(name).request(method or "GET", path, data=form)
            assert (answer.status_code == 403) == (route not in MAY[name]), (name, route, answer.status_code)
            assert answer.status_code < 500
    stranger = TestClient(site.board, base_url=ORIGIN, client=("192.0.2.7", 5), follow_redirects=False)
    here = browser_of(site.board)
    here.follow_redirects = False
    for route, form in ROUTES.items():
        method, _, path = route.rpartition(" ")
        answer = stranger.request(method or "GET", path, data=form)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")
        answer = here.request(method or "GET", path, data=form)
        assert answer.status_code == (303 if method else 403)
        assert method or "sign in to change something" in answer.text
    assert site.path.read_text() == FILE
    assert {edit.account for edit in site.queue.recent(50)} == {"ada"}


@pytest.mark.claim("S-103")
def test_a_page_of_somebody_elses_changes_nothing(site: Site) -> None:
    ada = TestClient(site.board, base_url=ORIGIN, client=("192.0.2.7", 5), follow_redirects=False)
    ada.post("/login", data={"name": "ada", "password": PASSWORD}, headers={"Origin": ORIGIN})
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}):
        assert ada.post("/edit/redrive", data={"reason": "unknown_hub"}, headers=headers).status_code == 403
    assert site.queue.recent(1) == []
    assert ada.post("/edit/redrive", data={"reason": "unknown_hub"}, headers={"Origin": ORIGIN}).status_code == 303


@pytest.mark.claim("S-101")
def test_opening_times_are_looked_at_queued_and_written_and_nothing_else_changes(site: Site, filled: Filled) -> None:
    filled.put(*(reading_line("armley", "footfall", "door-1", timedelta(hours=back), entries=4) for back in range(30)))
    opening = OPENING.replace("17:00", "16:00")
    ada = site.visitor("ada")
    page = hours(ada, opening)
    text = html.unescape(page.text)
    assert "-      mon-fri: '09:00-17:00'   # the caretaker's" in text
    assert "+      mon-fri: '09:00-16:00'   # the caretaker's" in text
    assert "days of the last 92 have other opening times" in text
    assert re.search(r"Time open|[Oo]pen", text)
    assert site.queue.recent(1) == []
    assert site.path.read_text() == FILE

    assert hours(ada, opening, step="queue", digest=digest_of(page)).status_code == 303
    assert site.last().state is State.WAITING
    assert site.path.read_text() == FILE  # the board itself writes nothing
    assert site.writer.apply_next()
    assert site.path.read_text() == FILE.replace("'09:00-17:00'", "'09:00-16:00'")
    assert difference(FILE, site.path.read_text()) == site.last().difference
    assert site.last().difference in text, "what was looked at is what was done"
    assert (site.last().state, site.last().account) == (State.DONE, "ada")
    store = filled.open()
    marks = read_marks(store, Span(0, site.now_ns))["armley"]
    store.close()
    assert midnight_ns(TODAY - timedelta(days=1), LONDON) in marks
    assert midnight_ns(date(2026, 11, 14), LONDON) not in marks, "a Saturday has the same hours as before"
    assert "caretaker" in ada.get("/edit").text
    assert not site.writer.apply_next()


def test_the_preview_shows_figures_both_ways_and_is_bounded(site: Site, filled: Filled) -> None:
    filled.put(*(reading_line("armley", "footfall", "door-1", timedelta(hours=back), entries=4) for back in range(50)))
    text = html.unescape(
        hours(site.visitor("ada"), OPENING.replace("09:00-17:00", "13:00-17:00").replace("\n", "\r\n")).text
    )
    figures = r'<td class="n">([^<]*)</td><td class="n">([^<]*)</td>'
    together = re.search(rf'<th scope="row">Open</th><td class="n">(\d+)</td>{figures}', text)
    by_day = re.findall(rf'<tr><th scope="row">\w{{3}} \d+ \w{{3}}</th>.*?{figures}\s*<td>', text)
    assert together is not None
    days = int(together[1])
    assert [minutes(shown) for shown in together.groups()[1:]] == [480 * days, 240 * days]
    assert len(by_day) == 3, "the days that have readings; those that are shorter and nothing else are folded away"
    assert {tuple(map(minutes, day)) for day in by_day} == {(480, 240)}
    assert "\\r" not in text, "what a browser sends has CRLF"
    assert f"<summary>{days - 3} days keep all other figures</summary>" in text
    store = filled.open()
    assert read_marks(store, Span(0, site.now_ns)) == {}
    store.close()


def test_a_day_that_becomes_closed_is_closed_in_the_preview_and_not_unknown(site: Site, filled: Filled) -> None:
    """Yesterday was measured at times, and its air is of opening hours alone."""
    for back in range(20, 32):
        filled.put_reading("armley", "co2", "air-1", timedelta(hours=back), co2_ppm=600.0)
        filled.put_reading("armley", "footfall", "door-1", timedelta(hours=back), entries=4)
    document = FILE.replace(
        "every: 5m}   # north", "every: 5m}\n      - {id: air-1, kinds: [co2], every: 60m, zone: hall}"
    )
    site.path.write_text(document)
    text = html.unescape(hours(site.visitor("ada"), OPENING, f"{CLOSURES}\n2026-11-19").text).replace("\u00a0", " ")
    together = dict(re.findall(r'<tr><th scope="row">([^<]*)</th>.*?<td class="n">([^<]*)</td></tr>', text))
    assert together["CO₂ mean"] == "closed"
    assert together["Entering while open"] == "closed"
    assert together["Open"] == "0 min"
    assert "CO₂ mean: 600 ppm, then closed" in text
    shorter = html.unescape(hours(site.visitor("ada"), OPENING.replace("mon-fri", "mon-wed"), CLOSURES).text)
    assert "not known" not in "".join(re.findall(r"<li>.*?</li>", shorter.partition("What changes in the figures")[2]))


@pytest.mark.claim("S-104")
def test_a_file_that_was_changed_in_between_is_left_as_it_is(site: Site) -> None:
    ada, opening = site.visitor("ada"), OPENING.replace("17:00", "16:00")
    seen = digest_of(hours(ada, opening))
    edited = FILE.replace("Leeds", "Bradford")
    site.path.write_text(edited)
    refused = hours(ada, opening, step="queue", digest=seen)
    assert "the estate file was changed meanwhile" in html.unescape(refused.text)
    assert hours(ada, opening, step="queue", digest=digest_of(hours(ada, opening))).status_code == 303
    site.path.write_text(edited + "# one more line\n")
    site.writer.apply_next()
    assert site.last().state is State.REFUSED
    assert "changed after the preview" in site.last().sentence
    assert site.last().sentence in html.unescape(ada.get("/edit").text)
    assert site.path.read_text() == edited + "# one more line\n"


@pytest.mark.claim("S-105")
def test_of_two_admins_who_saw_the_same_file_one_wins(site: Site) -> None:
    forms = {"ada": OPENING.replace("17:00", "16:00"), "alan": OPENING.replace("17:00", "18:00")}
    seen = {name: digest_of(hours(site.visitor(name), opening)) for name, opening in forms.items()}
    answers: dict[str, int] = {}
    start = threading.Barrier(2)

    def ask(name: str, visitor: TestClient) -> None:
        start.wait(30)
        answers[name] = hours(visitor, forms[name], step="queue", digest=seen[name]).status_code

    threads = [threading.Thread(target=ask, args=(name, site.visitor(name))) for name in forms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers.values()) == [303, 400]
    while site.writer.apply_next():
        pass
    (won,) = (name for name, status in answers.items() if status == 303)
    assert [edit.account for edit in site.queue.recent(9)] == [won]
    late = "alan" if won == "ada" else "ada"
    assert hours(site.visitor(late), forms[late], step="queue", digest=seen[late]).status_code == 400
    assert forms[won].splitlines()[0].partition(": ")[2] in site.path.read_text()


ROWS_OF_SOMEBODY_ELSE = [
    '{"kind": "sources", "sources": [{"topic": "#"}]}',
    '{"kind": "hours", "hub": "armley", "opening": {}, "closures": [], "sources": []}',
    '{"kind": "hours", "hub": "armley", "opening": {"mon": "closed\\nsources: []"}, "closures": []}',
    '{"kind": "hours", "hub": "armley\\n", "opening": {}, "closures": ["2026-01-01"]}',
    '{"kind": "adopt", "device": "x", "hub": "armley", "codec": "evil"}',
    '{"kind": "adopt", "device": "' + DEVICE + '", "hub": "armley", "zone": "a}, {id: b"}',
    '{"kind": "alerts", "urls": ["http://evil.example"]}',
    '{"kind": "note", "hub": "armley", "day": "2026-11-19"}',
    "[]",
    "",
]


@pytest.mark.claim("S-102")
def test_who_can_write_the_file_of_edits_changes_nothing_but_what_is_named(site: Site) -> None:
    """As if the board itself were somebody else's."""
    site.refuse(uplink())
    site.queue.add(Redrive(reason=Reason.UNKNOWN_HUB), "ada", now_s=0)
    for row in ROWS_OF_SOMEBODY_ELSE:
        with closing(sqlite3.connect(site.queue.path)) as db, db:
            digest = EstateText.read(site.path).digest
            db.execute("UPDATE edits SET request = ?, file_sha256 = ?, state = 'waiting'", (row, digest))
        assert site.writer.apply_next()
        assert site.last().state is State.REFUSED, row
        assert site.path.read_text() == FILE


HOSTILE_TIMES = [
    ("mon: 09:00-17:00\nsources: []", ""),
    ("mon: closed}, sources: [{topic: '#'}", ""),
    ('mon: "09:00-17:00"\n    sensors: []', ""),
    ("&a mon: *a", ""),
    ("", "2026-12-25]\nsources: []"),
    ("", "- 2026-12-25\n!!python/name:os"),
    ("mon", ""),
    ("mon: 09:00-17:00\nmon: 10:00-17:00", ""),
    ("x: " + "9" * 5000, ""),
    ("\n".join(f"d{number}: closed" for number in range(501)), ""),
    ("\x00\u202emon: closed", ""),
]


def test_hostile_times_are_refused_in_a_sentence(site: Site) -> None:
    for (opening, closures), step in product(HOSTILE_TIMES, ("preview", "queue")):
        answer = hours(site.visitor("ada"), opening, closures, step=step)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
    assert site.queue.recent(1) == []
    assert site.path.read_text() == FILE


def test_a_form_without_end_is_not_read(site: Site) -> None:
    assert hours(site.visitor("ada"), "x" * 70_000).status_code == 413
    many = "&".join(f"a{number}=1" for number in range(100))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert site.visitor("ada").post("/edit/redrive", content=many, headers=kind).status_code == 400


def test_a_waiting_device_is_adopted_and_what_it_sent_is_sent_again(site: Site) -> None:
    site.refuse(uplink())
    ada = site.visitor("ada")
    assert DEVICE in ada.get("/edit").text.lower()
    form = {"device": DEVICE, "hub": "armley", "zone": "cafe", "step": "preview"}
    page = ada.post("/edit/adopt", data=form)
    assert f"device: {DEVICE.upper()}" in html.unescape(page.text) or f"device: {DEVICE}" in html.unescape(page.text)
    assert ada.post("/edit/adopt", data=form | {"step": "queue", "digest": digest_of(page)}).status_code == 303
    site.writer.apply_next()
    assert site.last().state is State.DONE, site.last().sentence
    hub = load_estate(site.path).hubs[0]
    assert (hub.sensors[-1].zone, len(hub.sensors)) == ("cafe", 2)
    removed = [line for line in FILE.splitlines() if line not in site.path.read_text().splitlines()]
    assert removed == []
    unknown = ada.post("/edit/adopt", data=form)
    assert "waits" in unknown.text


def test_a_reason_is_sent_again(site: Site) -> None:
    payload = json.dumps({"hub": "otley", "sensor": "ap-1", "kind": "wifi", "value": 3}).encode()
    site.refuse(Message(b"hubs/otley/wifi/ap-1", payload))
    ada = site.visitor("ada")
    (reason,) = re.findall(r'name="reason" value="(\w+)"', ada.get("/edit").text)
    assert ada.post("/edit/redrive", data={"reason": reason}).status_code == 303
    site.writer.apply_next()
    assert site.last().state is State.DONE
    assert "1 refused again" in site.last().sentence
    assert ada.post("/edit/redrive", data={"reason": "none of ours"}).status_code == 400


def test_edits_are_bounded_and_an_abandoned_one_is_given_up(site: Site) -> None:
    for _ in range(20):
        site.queue.add(Redrive(reason=Reason.UNKNOWN_HUB), "ada", now_s=0)
    with pytest.raises(EditError, match="20 edits wait already"):
        site.queue.add(Redrive(reason=Reason.UNKNOWN_HUB), "ada", now_s=0)
    first = site.queue.take(10)
    second = site.queue.take(10 + APPLYING_MAX_S + 1)
    assert first is not None
    assert second is not None
    assert second.id == first.id + 1
    given_up = next(edit for edit in site.queue.recent(50) if edit.id == first.id)
    assert given_up.state is State.REFUSED
    assert "ended in the middle" in given_up.sentence


def test_an_estate_file_that_can_not_be_written_is_said(site: Site) -> None:
    ada = site.visitor("ada")
    opening = OPENING.replace("17:00", "16:00")
    hours(ada, opening, step="queue", digest=digest_of(hours(ada, opening)))
    site.path.unlink()
    site.writer.apply_next()
    assert "can't be read" in site.last().sentence
    assert ada.get("/edit").status_code == 200
    assert ada.get("/edit/hours/armley").status_code == 404


def test_the_command_lists_who_changed_what(tmp_path: Path) -> None:
    hubpulse = CommandLine(tmp_path)
    (tmp_path / "estate.yaml").write_text(yaml.safe_dump({"hubs": [{"id": "armley"}]}))
    assert "Nothing was changed" in hubpulse.run("edits").out
    (tmp_path / "data").mkdir()
    EditFile(tmp_path / "data").add(Hours(hub="armley", opening={}, closures=()), "ada", now_s=0, file_sha256="x")
    (row,) = hubpulse.run("edits", "--json").json
    assert (row["account"], row["kind"], row["state"]) == ("ada", "hours", "waiting")
    assert "ada  hours  waiting" in hubpulse.run("edits").out
