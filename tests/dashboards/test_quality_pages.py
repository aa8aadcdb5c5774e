"""The pages of sensors and of data quality: what they say is what is stored, for those who may see it."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboards.access.accounts import Accounts, Role
from dashboards.operations.set_aside import Refused, pending, refused
from dashboards.reports.desk import ReportFolders
from dashboards.web import wording
from dashboards.web.board import create_board
from dashboards.web.snapshot import Told
from schemas import Estate, Reason, Refusal, Settings
from schemas.localtime import midnight_ns, to_ns
from schemas.measures import PeopleState
from schemas.refusal_advice import REFUSAL_ADVICE
from stores.lines import encode
from tests.dashboards.conftest import ESTATE, LONDON, NOW, TODAY, Filled, day_line, hub
from tests.dashboards.here import browser_of
from tests.dashboards.test_pages import text_of
from usage import Queries
from usage.audits import Audit, AuditFile
from usage.sensor_conditions import ADVICE, Condition, sensor_conditions

PASSWORD = "correct horse battery"
ORIGIN = "http://board"
SECRET = "hubs/armley/secret-topic"


@pytest.fixture
def board(known: Filled, tmp_path: Path) -> FastAPI:
    accounts = Accounts(tmp_path / "accounts")
    accounts.add("arthur", PASSWORD, Role.VIEWER, ["armley"])
    accounts.add("vera", PASSWORD, Role.VIEWER)
    accounts.add("mia", PASSWORD, Role.MANAGER)
    known.put(
        encode("quarantine_status", {"ingest": "main", "reason": "unknown_hub"}, {"waiting": 7}, to_ns(NOW)),
        encode("device", {"hub": "otley", "sensor": "air-1"}, {"battery_pct": 9.0, "rssi_dbm": -101.0}, to_ns(NOW)),
        encode("device", {"hub": "armley", "sensor": "stray"}, {"battery_pct": 90.0}, to_ns(NOW)),
    )
    example = Refusal(
        id=1, received_at=datetime.now(UTC), topic=SECRET, payload=b"{}", reason=Reason.UNKNOWN_HUB, detail="no hub"
    )
    told = Told(refused=lambda: Refused({"unknown_hub": example}, {"unknown_hub": 3}), pending=list)
    return create_board(
        open_store=known.open, estate=lambda: ESTATE, clock_ns=lambda: to_ns(NOW), accounts=accounts, told=told
    )


def sign_in(board: FastAPI, name: str) -> TestClient:
    visitor = TestClient(board, base_url=ORIGIN, client=("192.0.2.7", 50000), follow_redirects=False)
    visitor.post("/login", data={"name": name, "password": PASSWORD}, headers={"Origin": ORIGIN})
    return visitor


def rows_of(client: TestClient, query: str = "") -> list[list[str]]:
    lines = list(csv.reader(io.StringIO(client.get(f"/sensors/file?format=csv{query}").text)))
    return lines[lines.index([]) + 2 :]


def test_sensors_stand_in_the_order_of_visits_and_agree_with_the_queries(board: FastAPI, known: Filled) -> None:
    browser = browser_of(board)
    store = known.open()
    queries = Queries(store, ESTATE, now_ns=to_ns(NOW))
    states = [state for of_hub in queries.sensors.values() for state in of_hub]
    expected = sensor_conditions(ESTATE, states, queries.stored_silences())
    store.close()
    assert [(row[0], row[1]) for row in rows_of(browser)] == [(e.state.hub, e.state.sensor) for e in expected]
    assert (expected[0].state.sensor, expected[0].condition) == ("air-1", Condition.BATTERY)
    assert {e.state.sensor for e in expected if e.condition is Condition.NEW} == {"stray"}
    page = text_of(browser.get("/sensors").text)
    assert ADVICE[Condition.BATTERY] in page
    assert ADVICE[Condition.SILENT] not in page
    assert [row[:2] for row in rows_of(browser, "&state=battery")] == [["otley", "air-1"]]
    assert {row[0] for row in rows_of(browser, "&hub=armley")} == {"armley"}
    assert rows_of(browser, "&sort=signal")[0][1] == "air-1"
    assert browser.get("/sensors?state=odd").status_code == 400
    assert browser.get("/sensors?hub=nowhere").status_code == 404


def test_a_sensor_that_never_sent_is_silent(browse: Callable[..., TestClient], filled: Filled) -> None:
    page = text_of(browse(filled).get("/sensors").text)
    assert ADVICE[Condition.SILENT].partition(" (`")[0] in page
    assert "another host" in page
    assert browse(filled).get("/quality").status_code == 200


def test_who_sees_one_hub_sees_nothing_of_the_others(board: FastAPI) -> None:
    arthur = sign_in(board, "arthur")
    for path in ("/sensors", "/quality", "/sensors/file?format=csv"):
        text = arthur.get(path).text.lower()
        assert "armley" in text
        assert "otley" not in text
        assert "unknown_hub" not in text
    assert arthur.get("/sensors?hub=otley").status_code == 404


def test_an_example_of_a_refusal_is_for_managers(board: FastAPI) -> None:
    for name, sees in (("vera", False), ("mia", True)):
        page = sign_in(board, name).get("/quality").text
        assert REFUSAL_ADVICE[Reason.UNKNOWN_HUB] in text_of(page)
        assert (SECRET in page) is sees


def test_a_reason_of_a_later_version_is_shown_as_its_code(board: FastAPI, known: Filled) -> None:
    tags = {"ingest": "main", "reason": "from_a_later_version"}
    known.put(encode("quarantine_status", tags, {"waiting": 3}, to_ns(NOW)))
    vera = sign_in(board, "vera")
    words = text_of(vera.get("/quality").text)
    assert "from_a_later_version 3 " in words
    assert "Bring this version up to that of ingest" in words
    report = vera.get("/reports/file", params={"period": "2026-10", "format": "csv"})
    assert report.status_code == 200
    assert "refused,from_a_later_version,messages,3" in report.text


def test_every_reason_has_its_advice() -> None:
    assert REFUSAL_ADVICE.keys() == set(Reason)


def test_the_calendar_says_what_each_day_is_worth(board: FastAPI, known: Filled) -> None:
    day = TODAY - timedelta(days=2)
    known.put(
        day_line("armley", day, 80, people_state=int(PeopleState.PARTIAL), footfall_completeness=0.62),
        encode(
            "usage_changes",
            {"hub": "armley", "figure": "people_state"},
            {"before": 2.0, "after": 1.0, "revision": 2, "changed_ns": to_ns(NOW)},
            midnight_ns(day, LONDON) + 2,
        ),
    )
    answer = browser_of(board).get(f"/quality?from={day}&to={day}").text
    assert "62\u00a0%" in answer
    page = text_of(answer)
    assert "counted partial" in " ".join(page.split())
    assert "2 -> 1" not in page
    year = browser_of(board).get("/quality?period=2026").text
    assert "31 days or fewer" in text_of(year)
    assert browser_of(board).get("/quality?period=1").status_code == 400


def test_what_is_missing_is_told_by_its_cause(board: FastAPI, known: Filled) -> None:
    now_ns = to_ns(NOW)
    ledger = {"balanced": True, "connected": False, "readings_pending": 40, "buffer_oldest_s": 600.0}
    midnight = midnight_ns(TODAY - timedelta(days=3), LONDON)
    corrected = {"hub": "armley", "sensor": "air-1", "kind": "co2", "field": "co2_ppm"}
    known.put(
        encode("pipeline_status", {"ingest": "main"}, ledger | {"readings_refused": 5}, now_ns - 3700 * 10**9),
        encode("pipeline_status", {"ingest": "main"}, ledger | {"readings_refused": 12, "sessions_lost": 1}, now_ns),
        encode("sensor_status", {"hub": "armley", "sensor": "air-1"}, {"lost_share": 0.09}, now_ns),
        encode("overwritten", corrected, {"before": 600.0, "after": 610.0}, midnight + 1),
        encode("overwritten", corrected, {"before": 600.0, "after": 610.0}, midnight + 2),
        encode("day_marks", {"hub": "armley"}, {"marked_ns": now_ns}, midnight),
        encode("day_marks", {"hub": "otley"}, {"marked_ns": 7, "done_ns": 7}, midnight),
    )
    text = " ".join(text_of(browser_of(board).get("/quality").text).split())
    assert "main is not connected to its broker" in text
    assert "main waits for the store: 40 readings, the oldest for 10 minutes" in text
    assert "lost its session 1 time:" in text
    assert "7 single readings were refused in the last hour" in text
    assert "9 % at air-1 none 2 1" in text
    arthur = sign_in(board, "arthur").get("/quality").text
    assert "broker" not in arthur
    assert "single reading" not in arthur
    for path in ("/", "/hubs/armley", "/quality"):
        assert "still to be computed" in browser_of(board).get(path).text
    assert "still to be computed" not in browser_of(board).get("/hubs/otley").text


@pytest.mark.parametrize(
    "shares, said",
    [
        ((0.0,), "nothing, of 1 device"),
        ((0.0, 0.0), "nothing, of 2 devices"),
        ((0.004,), "under 1 % at s-0"),
        ((0.0, 0.5, 0.1), "20 % on average of 3 devices, most at s-1: 50 %"),
        ((None, None), wording.NO_FIGURE),
    ],
)
def test_what_the_radio_loses_is_said_as_it_is(
    known: Filled, browse: Callable[..., TestClient], shares: tuple[float | None, ...], said: str
) -> None:
    sensors = [{"id": f"s-{n}", "kinds": ["co2"], "every": "10m"} for n in range(len(shares))]
    estate = Estate.model_validate({"hubs": [{"id": "armley", "name": "Armley", "sensors": sensors}]})
    for n, share in enumerate(shares):
        if share is not None:
            tags = {"hub": "armley", "sensor": f"s-{n}"}
            known.put(encode("sensor_status", tags, {"lost_share": share}, to_ns(NOW)))
    page = browse(known, estate).get("/quality").text.partition('id="lost-h"')[2]
    cell = re.search(r"<tbody>\s*<tr><th .*?</th><td[^>]*>(.*?)</td>", page)
    assert cell is not None
    assert cell[1].replace("\u00a0", " ") == said


def test_a_count_by_hand_is_told_by_names_and_local_time(known: Filled, tmp_path: Path) -> None:
    door = {"id": "door-1", "kinds": ["footfall"], "every": "5m", "zone": "north"}
    hubs = [hub("armley", "Armley Community Hub", sensors=[door]), hub("otley", "Otley Community Hub")]
    in_tokyo = Estate.model_validate({"timezone": "Asia/Tokyo", "hubs": hubs})
    expires_ns = to_ns(NOW + timedelta(hours=2))
    with AuditFile(tmp_path) as file:
        file.start(Audit("a-1", "armley", "door-1", to_ns(NOW), expires_ns, 0.05, 181, 3, 300, ""))
        done = Audit("a-2", "otley", "door-1", to_ns(NOW), expires_ns, 0.05, 181, 3, 300, "")
        file.start(done)
        counted = {"people": 190, "loss": 0.0123, "low": -0.004, "high": 0.0311, "factor": [1.012, 1.0, 1.02]}
        file.finish(done, {"verdict": "pass", "entries": counted, "valid_until": "2027-11-28"})
    board = create_board(
        open_store=known.open,
        estate=lambda: in_tokyo,
        clock_ns=lambda: to_ns(NOW),
        reports=ReportFolders(tmp_path, tmp_path),
    )
    text = " ".join(text_of(browser_of(board).get("/quality").text).split())
    assert "Armley Community Hub , door-1 (north): open until Sat 21 Nov 01:05" in text
    until = "factor 1.012 until Sun 28 Nov 2027"
    assert (
        f"Otley Community Hub , door-1: pass, 190 people, it lost 1.2 %, between \u22120.4 % and 3.1 %, {until}" in text
    )
    assert "a-1" not in text
    assert " UTC" not in text.partition("Counters checked by hand")[2]


def test_counts_by_hand_and_publications_are_listed(known: Filled, tmp_path: Path) -> None:
    (tmp_path / "publication-K7XM.json").write_text("{}")
    folders = ReportFolders(tmp_path, tmp_path)
    board = create_board(open_store=known.open, estate=lambda: ESTATE, clock_ns=lambda: to_ns(NOW), reports=folders)
    text = text_of(browser_of(board).get("/quality").text)
    assert "hubpulse verify K7XM" in text
    assert "hubpulse audit start" in text


def test_a_folder_without_an_ingest_says_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert pending(settings) is None
    assert refused(settings, to_ns(NOW)) is None
