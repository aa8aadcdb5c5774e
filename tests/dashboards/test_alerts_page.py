"""The page and the table of alerts: who sees which, who may answer, and what an answer does."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dashboards.access.accounts import Role
from dashboards.alerts.history import Alert, Key, What, answer, find, read_alerts, write_alerts
from dashboards.alerts.notice import Telling
from dashboards.alerts.rules import RULES
from schemas import HubpulseError
from schemas.localtime import NS_A_SECOND, to_ns
from tests.dashboards.conftest import ESTATE, NOW, Filled
from tests.dashboards.here import browser_of
from tests.dashboards.test_access import ORIGIN, PASSWORD, Door

HOUR_NS = 3600 * NS_A_SECOND
NOW_NS = to_ns(NOW)
SILENT = Alert(Key("sensor-silent", "armley", "door-1"), NOW_NS - HOUR_NS, NOW_NS - 2 * HOUR_NS)
BATTERY = Alert(Key("battery", "beeston", "air-1"), NOW_NS - 3 * HOUR_NS, NOW_NS - 3 * HOUR_NS, 9.0)
LEDGER = Alert(Key("ledger", "", "main"), NOW_NS - HOUR_NS, NOW_NS - HOUR_NS, told_ns=NOW_NS)
OVER = Alert(
    Key("hub-silent", "armley"),
    NOW_NS - 50 * HOUR_NS,
    NOW_NS - 50 * HOUR_NS,
    fine_ns=NOW_NS - 48 * HOUR_NS,
    over_ns=NOW_NS - 48 * HOUR_NS,
)


@pytest.fixture
def door(known: Filled, tmp_path: Path) -> Door:
    store = known.open()
    store.prepare()
    write_alerts(store, [SILENT, BATTERY, LEDGER, OVER])
    store.close()
    made = Door(known, tmp_path / "accounts")
    made.accounts.add("vera", PASSWORD, Role.VIEWER)
    made.accounts.add("arthur", PASSWORD, Role.MANAGER, ["armley"])
    made.accounts.add("mia", PASSWORD, Role.MANAGER)
    return made


@pytest.fixture
def rows(door: Door) -> Callable[[], dict[str, dict[str, Any]]]:
    """The rows of the table by their rule, as the machine itself sees them."""
    return lambda: {row["rule"]: row for row in browser_of(door.board).get("/api/v1/alerts").json()["rows"]}


def post(visitor: TestClient, alert: Alert, what: str, **form: str) -> int:
    form |= {"answer": what}
    headers = {"Origin": ORIGIN}
    return visitor.post(f"/alerts/{alert.id}", data=form, headers=headers, follow_redirects=False).status_code


def test_the_page_has_what_is_open_the_gravest_first_and_what_is_over(door: Door) -> None:
    page = browser_of(door.board).get("/alerts").text
    opened = re.findall(r"<strong>(.*?)</strong>", page)
    assert opened == [
        "The ledger of ingest main does not balance: a message or a reading is unaccounted for.",
        "door-1 at Armley Community Hub missed three readings.",
        "The battery of air-1 at &lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&amp; is under 15\u00a0%.",
    ]
    assert "No sensor of Armley Community Hub reports." in page
    assert "<form" not in page, "a visitor without an account can answer nothing"


def test_a_manager_acknowledges_snoozes_and_resolves(door: Door, rows: Callable[[], dict[str, dict[str, Any]]]) -> None:
    mia = door.sign_in("mia")
    assert len(re.findall("<form", mia.get("/alerts").text)) == 9
    assert post(mia, SILENT, "ack") == post(mia, BATTERY, "snooze", days="3") == post(mia, LEDGER, "resolve") == 303
    found = rows()
    assert found["sensor-silent"]["acknowledged_by"] == "mia"
    assert found["battery"]["snoozed_until"] == "2026-11-23T14:05:00Z"
    assert (found["ledger"]["open"], found["ledger"]["resolved_by"]) == (False, "mia")
    assert "acknowledged by mia" in mia.get("/alerts").text
    assert post(mia, LEDGER, "ack") == 404
    assert post(mia, SILENT, "delete") == 400
    assert post(mia, BATTERY, "snooze", days="4000") == 404


@pytest.mark.parametrize("rule", RULES)
def test_an_alert_of_every_kind_is_acknowledged_snoozed_and_resolved(known: Filled, tmp_path: Path, rule: str) -> None:
    """On the page and in the table, and people are told of it as long as nobody answered, and no longer."""
    alert = Alert(Key(rule, "armley", "hall"), NOW_NS - 3 * HOUR_NS, NOW_NS - 3 * HOUR_NS)
    store = known.open()
    store.prepare()
    write_alerts(store, [alert])
    door = Door(known, tmp_path / "accounts")
    door.accounts.add("mia", PASSWORD, Role.MANAGER)
    mia = door.with_token("mia", days=3)

    def told() -> bool:
        return Telling(ESTATE, door.now_ns).due(read_alerts(store, door.now_ns)) is not None

    def row() -> dict[str, Any]:
        (found,) = mia.get("/api/v1/alerts").json()["rows"]
        return dict(found)

    assert told()
    assert post(mia, alert, "snooze", days="1") == 303
    assert (row()["snoozed_until"], told()) == ("2026-11-21T14:05:00Z", False)
    door.now_ns += 25 * HOUR_NS
    assert told(), "the day is over, and it is still so"
    assert post(mia, alert, "ack") == 303
    assert (row()["acknowledged_by"], row()["open"], told()) == ("mia", True, False)
    assert "acknowledged by mia" in mia.get("/alerts").text
    assert post(mia, alert, "resolve") == 303
    assert (row()["resolved_by"], row()["open"], told()) == ("mia", False, False)
    assert "resolved by mia" in mia.get("/alerts").text
    store.close()


@pytest.mark.claim("S-96")
def test_nobody_else_answers_an_alert(door: Door, rows: Callable[[], dict[str, dict[str, Any]]]) -> None:
    before = rows()
    mia, arthur = door.sign_in("mia"), door.sign_in("arthur")
    for stranger in (door.stranger(), browser_of(door.board)):
        told = stranger.post(
            f"/alerts/{SILENT.id}", data={"answer": "resolve"}, headers={"Origin": ORIGIN}, follow_redirects=False
        )
        assert (told.status_code, told.headers["location"].startswith("/login")) == (303, True)
    assert post(door.sign_in("vera"), SILENT, "resolve") == 403
    assert post(arthur, BATTERY, "resolve") == post(arthur, LEDGER, "resolve") == 404
    for headers in ({}, {"Origin": "http://evil.example"}, {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}):
        assert mia.post(f"/alerts/{SILENT.id}", data={"answer": "resolve"}, headers=headers).status_code == 403
    assert rows() == before
    assert post(arthur, SILENT, "ack") == 303


def test_an_account_of_some_hubs_sees_their_alerts_alone(door: Door) -> None:
    arthur = door.sign_in("arthur")
    assert {row["rule"] for row in arthur.get("/api/v1/alerts").json()["rows"]} == {"sensor-silent", "hub-silent"}
    page = arthur.get("/alerts").text
    assert "Armley" in page
    assert not re.search("ledger|The battery|beeston", page)


def test_the_table_is_of_one_hub_or_of_what_is_open(door: Door) -> None:
    browser = browser_of(door.board)
    for query, rules in (
        ("hub=armley", ["sensor-silent", "hub-silent"]),
        ("hub=armley&open=true", ["sensor-silent"]),
        ("open=false", ["hub-silent"]),
    ):
        assert [row["rule"] for row in browser.get(f"/api/v1/alerts?{query}").json()["rows"]] == rules


def test_an_alert_goes_by_the_first_characters_of_its_id() -> None:
    assert find([SILENT, BATTERY], SILENT.id[:4]) == SILENT
    for wrong in (SILENT.id[:3], "none", ""):
        with pytest.raises(HubpulseError, match="no one alert is"):
            find([SILENT, BATTERY], wrong)


def test_what_one_process_answers_another_reads(known: Filled) -> None:
    store = known.open()
    store.prepare()
    write_alerts(store, [SILENT])
    answer(store, SILENT, What.ACKNOWLEDGE, author="Zoë, of the night's shift", now_ns=NOW_NS)
    write_alerts(store, [replace(SILENT, told_ns=NOW_NS)])
    (found,) = read_alerts(store, NOW_NS)
    store.close()
    assert (found.acknowledged_by, found.told_ns, found.is_open) == ("Zoë, of the night's shift", NOW_NS, True)
