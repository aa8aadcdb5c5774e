"""What three users do on a morning, in a browser: what is on the screen is what the simulation knows to be true."""

import re
from datetime import date, timedelta
from typing import Any

import pytest

from simulators.demo_faults import SILENT_FOR_H
from simulators.truth.verify import differences
from tests.dashboards.browsing import Tab
from tests.dashboards.walk import Walk
from tests.dashboards.walked import DAYS, LONGEST_S, STALE_ROOM, TODAY

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(LONGEST_S)]

SHOWN_DAYS = 30
HUB = "otley"
DAYS_SHOWN = """table => [...table.tBodies[0].rows].map(
  (row) => [row.querySelector("time").dateTime, row.cells[1].textContent.trim()])"""


def number(text: str) -> int:
    """A number as the pages write it."""
    found = re.match(r"[\d\u202f]+", text.strip())
    assert found is not None, text
    return int(found[0].replace("\u202f", ""))


def people(walk: Walk, day: date, *hubs: str) -> int:
    """Who came, at these hubs or at all of them."""
    return sum(walk.estate.entries(hub, day) for hub in hubs or [hub.id for hub in walk.estate.estate.hubs])


def differing(walk: Walk, shown: list[tuple[str, str]], *hubs: str) -> list[tuple[str, str, int]]:
    """The whole days whose people on the screen are not those who came: a word stands for nobody counted."""
    return [
        (day, text, truth)
        for day, text in shown
        if date.fromisoformat(day) < TODAY
        and (number(text) if text[0].isdigit() else 0) != (truth := people(walk, date.fromisoformat(day), *hubs))
    ]


def test_the_programme_manager_finds_the_same_people_on_every_page_and_in_the_download(walk: Walk) -> None:
    def morning(tab: Tab) -> dict[str, Any]:
        tab.page.goto(walk.url)
        seen: dict[str, Any] = {"today": tab.page.inner_text("#today"), "week": tab.page.inner_text("#week")}
        tab.page.click("#entries-table summary")
        seen["estate"] = tab.page.eval_on_selector("#entries-table table", DAYS_SHOWN)
        seen["total"] = tab.page.inner_text("#entries-table tfoot td")
        tab.page.click("#hubs a[href$='/otley']")
        seen["hub today"] = tab.page.inner_text("#today")
        seen["hub"] = tab.page.eval_on_selector("table.days", DAYS_SHOWN)
        first, last = TODAY - timedelta(days=7), TODAY - timedelta(days=1)
        asked = f"{walk.url}/api/v1/usage/daily?hub={HUB}&from={first}&to={last}&format=csv"
        seen["download"] = tab.page.evaluate("url => fetch(url).then((answer) => answer.text())", asked)
        assert tab.console == []
        return seen

    seen = walk.browser.run(morning)
    last_days = [TODAY - timedelta(days=back) for back in range(1, SHOWN_DAYS + 1)]
    assert number(seen["today"]) == people(walk, TODAY)
    assert number(seen["week"]) == sum(people(walk, day) for day in last_days[:7])
    assert len(seen["estate"]) == len(seen["hub"]) == SHOWN_DAYS + 1
    assert differing(walk, seen["estate"]) == []
    assert number(seen["total"]) == sum(people(walk, day) for day in last_days)
    assert number(seen["hub today"]) == people(walk, TODAY, HUB)
    assert differing(walk, seen["hub"], HUB) == []
    rows = [row.split(",") for row in seen["download"].splitlines()]
    entries = rows[0].index("entries")
    assert [(row[1], int(row[entries])) for row in rows[1:]] == [
        (str(day), people(walk, day, HUB)) for day in reversed(last_days[:7])
    ]


def test_the_facilities_manager_sees_what_is_wrong_where_and_since_when(walk: Walk) -> None:
    def morning(tab: Tab) -> tuple[str, str, list[str]]:
        tab.page.goto(walk.url)
        for more in tab.page.locator("#more-attention summary").all():
            more.click()
        wanted = " ".join(tab.page.inner_text("#attention").split())
        tab.page.click("#attention a[href$='/kirkstall']")
        hub = " ".join(tab.page.inner_text("main").split())
        silent = [
            text.split()[0]
            for text in tab.page.locator("section:has(#h-sensors) tbody tr:has(.alarm)").all_inner_texts()
        ]
        assert tab.console == []
        return wanted, hub, silent

    wanted, hub, silent = walk.browser.run(morning)
    names = {hub.id: hub.name for hub in walk.estate.estate.hubs}
    for at, sensor in SILENT_FOR_H:
        assert re.search(rf"{names[at]} {sensor}( \(\w+\))? (last seen|silent since|never seen)", wanted), wanted
    assert re.search(rf"{names[STALE_ROOM[0]]} it-suite since [^:]+: CO₂ up to", wanted), wanted
    assert silent == ["door-1"]
    assert "silent" in hub


def test_the_developer_gets_every_figure_of_the_truth_from_the_api(walk: Walk) -> None:
    def ask(tab: Tab) -> list[dict[str, Any]]:
        tab.page.goto(walk.url)
        described = tab.page.evaluate("fetch('/api/v1/openapi.json').then((answer) => answer.json())")
        assert "/api/v1/usage/daily" in described["paths"]
        rows: list[dict[str, Any]] = []
        for hub in walk.estate.estate.hubs:
            asked = (
                f"/api/v1/usage/daily?hub={hub.id}&from={TODAY - timedelta(days=DAYS)}&to={TODAY - timedelta(days=1)}"
            )
            while asked:
                page = tab.page.evaluate("url => fetch(url).then((answer) => answer.json())", asked)
                rows += page["rows"]
                asked = page.get("next")
        assert tab.console == []
        return rows

    assert walk.estate.truth is not None
    shown = [(row["hub"], date.fromisoformat(row["date"]), row) for row in walk.browser.run(ask)]
    found = [
        each for each in differences(walk.estate.truth, shown) if each.date < TODAY and each.field != "people_state"
    ]
    assert found == []
