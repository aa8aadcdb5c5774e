"""Pages bring in new figures by themselves; what somebody typed, chose, opened, sorted or focused stays as it is."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from dashboards.access.accounts import Accounts, Role
from dashboards.alerts.history import Alert, Key, write_alerts
from dashboards.web.board import create_board
from dashboards.web.server import BoardServer
from schemas.localtime import NS_A_SECOND, to_ns
from tests.dashboards.browsing import Tab
from tests.dashboards.conftest import ESTATE, LONDON, NOW, TODAY, Filled
from tests.dashboards.walk import Walk
from usage.health.cases import CaseKind, Judged
from usage.health.rows import case_line

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(300)]

NOW_NS = to_ns(NOW)
MINUTE_NS = 60 * NS_A_SECOND


@dataclass
class Refreshed:
    """A board whose clock goes on a minute with each question, and a manager who looks at it."""

    known: Filled
    walk: Walk
    url: str
    token: str

    def look(self, address: str, work: Callable[[Tab], Any], *, script: bool = True) -> Any:
        """Open a page as a manager and do some work on it."""

        def on(tab: Tab) -> Any:
            tab.page.clock.install()
            tab.page.goto(self.url + address)
            found = work(tab)
            assert tab.console == []
            return found

        headers = {"Authorization": f"Bearer {self.token}"}
        return self.walk.browser.run(on, script=script, extra_http_headers=headers)

    def alert(self, *alerts: Alert) -> None:
        store = self.known.open()
        write_alerts(store, alerts)
        store.close()

    def case(self, hub: str, **more: Any) -> None:
        values: dict[str, Any] = {"until": None, "latest": TODAY, "value": 12.0, "minutes": 90.0, "people": None}
        case = Judged(CaseKind.COLD, hub, "cafe", TODAY, limit=16.0, last_data=TODAY, **values | more)
        self.known.put(case_line(case, LONDON))


@pytest.fixture
def refreshed(known: Filled, walk: Walk, tmp_path: Path) -> Iterator[Refreshed]:
    accounts = Accounts(tmp_path / "accounts")
    accounts.add("mia", "correct horse battery", Role.MANAGER)
    token = accounts.add_token("mia", "test", NOW_NS // NS_A_SECOND + 86_400)
    minutes = itertools.count()
    board: FastAPI = create_board(
        open_store=known.open,
        estate=lambda: ESTATE,
        clock_ns=lambda: NOW_NS + next(minutes) * MINUTE_NS,
        accounts=accounts,
        max_age_s=0,
    )
    with BoardServer(board, port=0) as server:
        yield Refreshed(known, walk, server.url, token)


def a_minute_later(tab: Tab) -> None:
    """Let the page's own clock go on until it was refreshed."""
    before = tab.page.text_content(".asof time")
    tab.page.clock.run_for(61_000)
    tab.page.wait_for_function("before => document.querySelector('.asof time').textContent !== before", arg=before)


FOCUSED = "() => document.activeElement.outerHTML.slice(0, 200)"


@pytest.mark.parametrize("address", ["/", "/hubs/armley", "/sensors", "/quality", "/health", "/alerts"])
def test_a_page_that_says_so_is_refreshed_each_minute(refreshed: Refreshed, address: str) -> None:
    def wait(tab: Tab) -> None:
        assert tab.page.is_visible("text=refreshed each minute")
        a_minute_later(tab)

    refreshed.look(address, wait)


@pytest.mark.parametrize("address", ["/reports", "/reports/shares", "/edit", "/edit/hours/otley"])
def test_a_page_that_is_not_refreshed_does_not_say_so(walk: Walk, address: str) -> None:
    def look(tab: Tab) -> tuple[int, int]:
        return tab.page.locator("text=refreshed each").count(), tab.page.locator("script[src*=board]").count()

    assert walk.at(address, look) == (0, 0)


@pytest.mark.parametrize("address", ["/hubs/armley", "/sensors", "/quality", "/health", "/alerts"])
def test_without_a_script_a_page_that_is_filled_in_is_neither_reloaded_nor_says_so(
    refreshed: Refreshed, address: str
) -> None:
    def look(tab: Tab) -> tuple[int, bool]:
        return tab.page.locator("meta[http-equiv=refresh]").count(), tab.page.is_visible("text=refreshed each minute")

    assert refreshed.look(address, look, script=False) == (0, False)


@pytest.mark.parametrize(
    "address, typed, chosen",
    [
        ("/", {"#from": "2026-10-01", "#q": "arm"}, {}),
        ("/hubs/armley", {"#note-text": "boiler repaired", "#from": "2026-10-01"}, {}),
        ("/sensors", {}, {"#hub": "armley", "#state": "silent", "#sort": "battery"}),
        ("/quality", {"#from": "2026-10-01"}, {"#measure": "entries"}),
    ],
)
def test_what_somebody_fills_in_stays_with_its_focus_and_its_caret(
    refreshed: Refreshed, address: str, typed: dict[str, str], chosen: dict[str, str]
) -> None:
    def fill_in(tab: Tab) -> None:
        chosen_now = {field: tab.page.locator(f"{field} option").last.get_attribute("value") for field in chosen}
        for field, value in chosen_now.items():
            tab.page.select_option(field, value)
        for field, text in typed.items():
            tab.page.fill(field, text)
        tab.page.focus(list(typed or chosen)[-1])
        if typed:
            tab.page.keyboard.press("ArrowLeft")
        caret = tab.page.evaluate("() => document.activeElement.selectionStart")
        focused = tab.page.evaluate(FOCUSED)
        a_minute_later(tab)
        assert {field: tab.page.input_value(field) for field in chosen} == chosen_now
        assert {field: tab.page.input_value(field) for field in typed} == typed
        assert tab.page.evaluate(FOCUSED) == focused
        assert tab.page.evaluate("() => document.activeElement.selectionStart") == caret

    refreshed.look(address, fill_in)


def test_an_alert_being_answered_stays_so_while_others_come_and_go(refreshed: Refreshed) -> None:
    first = Alert(Key("battery", "armley", "air-1"), NOW_NS - 60 * MINUTE_NS, NOW_NS - 60 * MINUTE_NS, 9.0)
    second = Alert(Key("battery", "beeston", "air-1"), NOW_NS - 90 * MINUTE_NS, NOW_NS - 90 * MINUTE_NS, 9.0)
    third = Alert(Key("ledger", "", "main"), NOW_NS - 30 * MINUTE_NS, NOW_NS - 30 * MINUTE_NS)
    refreshed.alert(first, second)

    def answer(tab: Tab) -> None:
        tab.page.select_option(f"#snooze-{second.id} select", "7")
        tab.page.focus(f"#snooze-{second.id} button")
        refreshed.alert(third, Alert(*first.place, first.since_ns, 9.0, fine_ns=NOW_NS, over_ns=NOW_NS))
        a_minute_later(tab)
        shown = [item.get_attribute("id") for item in tab.page.locator(".alerts > li").all()]
        assert shown == [third.id, second.id]
        assert tab.page.input_value(f"#snooze-{second.id} select") == "7"
        assert tab.page.input_value(f"#snooze-{third.id} select") == "1"
        assert tab.page.evaluate("() => document.activeElement.form.id") == f"snooze-{second.id}"

    refreshed.look("/alerts", answer)


def test_a_note_being_written_stays_open_even_where_its_case_ended(refreshed: Refreshed) -> None:
    refreshed.case("beeston")

    def write(tab: Tab) -> None:
        tab.page.click("#main details summary")
        tab.page.fill("#main details input[name=text]", "boiler repaired")
        refreshed.case("armley", value=3.0)
        a_minute_later(tab)
        assert tab.page.locator(".cases > li").count() == 2
        opened = tab.page.locator("details[open]")
        assert opened.count() == 1
        assert opened.locator("input[name=hub]").get_attribute("value") == "beeston"
        refreshed.case("beeston", until=TODAY)
        a_minute_later(tab)
        assert opened.locator("input[name=text]").input_value() == "boiler repaired"
        assert tab.page.evaluate("() => document.activeElement.value") == "boiler repaired"

    refreshed.look("/health", write)


def test_what_is_not_known_is_last_in_either_direction(refreshed: Refreshed) -> None:
    refreshed.known.put_reading("otley", "temperature", "air-1", timedelta(minutes=1), temperature_c=9.0)
    refreshed.known.put_reading("beeston", "temperature", "air-1", timedelta(minutes=1), temperature_c=-3.0)

    def sort(tab: Tab) -> list[list[str | None]]:
        tab.page.evaluate("() => delete document.querySelector('#hubs tr[data-hub=armley]').dataset.temperature")
        orders = []
        for _ in range(2):
            tab.page.locator("#hubs a[data-sort=temperature]").dispatch_event("click")
            orders.append([row.get_attribute("data-hub") for row in tab.page.locator("#hubs tbody tr").all()])
        return orders

    assert refreshed.look("/", sort) == [["otley", "beeston", "armley"], ["beeston", "otley", "armley"]]


def test_a_table_stays_sorted_and_narrowed_and_a_hub_focused(refreshed: Refreshed) -> None:
    def sort(tab: Tab) -> None:
        for _ in range(2):
            tab.page.locator("#hubs a[data-sort=name]").dispatch_event("click")
        tab.page.fill("#q", "ley")
        tab.page.focus("#hubs tr[data-hub=otley] a")
        tab.page.click("#entries-table summary")
        tab.page.focus("#hubs tr[data-hub=otley] a")
        a_minute_later(tab)
        assert [row.get_attribute("data-hub") for row in tab.page.locator("#hubs tbody tr:visible").all()] == [
            "otley",
            "armley",
        ]
        assert tab.page.evaluate("() => document.activeElement.closest('tr').dataset.hub") == "otley"
        assert tab.page.locator("#entries-table[open]").count() == 1

    refreshed.look("/", sort)
