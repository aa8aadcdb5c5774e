"""What three users do on a morning, in a browser: what is on the screen is what the simulation knows to be true."""

import csv
import re
from datetime import date, timedelta
from typing import Any

import pytest

from simulators.demo_faults import SILENT_FOR_H
from simulators.truth.verify import differences
from tests.campaigns import IS_CAMPAIGN
from tests.dashboards.browsing import Tab
from tests.dashboards.walk import Walk
from tests.dashboards.walked import DAYS, LONGEST_S, STALE_ROOM, TODAY
from usage.calendar import dates
from usage.queries import DateRange

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(LONGEST_S)]

SHOWN_DAYS = 30
HUB = "otley"
PERIODS = ("2026-10", "2026-H1", "2026") if IS_CAMPAIGN else ("2026-10",)
DAYS_SHOWN = """table => [...table.tBodies[0].rows].map(
  (row) => [row.querySelector("time").dateTime, row.cells[1].textContent.trim()])"""


PERIOD_SHOWN = """table => [...table.rows].slice(1).map(
  (row) => [(row.cells[0].querySelector("a") ?? row.cells[0]).textContent.trim(), row.cells[1].textContent])"""
IN_FILE = "url => fetch(url).then((answer) => answer.text())"


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
        seen["download"] = tab.page.evaluate(IN_FILE, asked)
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


@pytest.mark.parametrize("period", PERIODS)
def test_the_programme_manager_looks_back_on_the_same_people_on_the_screen_and_in_the_file(
    walk: Walk, period: str
) -> None:
    def morning(tab: Tab) -> tuple[list[tuple[str, str]], list[tuple[str, str]], str]:
        tab.page.goto(f"{walk.url}/?period={period}")
        shown = tab.page.eval_on_selector("#periods", PERIOD_SHOWN)
        file = tab.page.evaluate(IN_FILE, tab.page.get_attribute("#look-back a[href^='/estate.csv']", "href"))
        tab.page.click(f"#periods a[href^='/hubs/{HUB}?']")
        days = tab.page.eval_on_selector("table.days", DAYS_SHOWN)
        assert tab.console == []
        return shown, days, file

    shown, days, file = walk.browser.run(morning)
    asked = DateRange.parse(period)
    over = [day for day in dates(asked.first, asked.last) if day < TODAY]
    truth = {hub.id: sum(people(walk, day, hub.id) for day in over) for hub in walk.estate.estate.hubs}
    names = [hub.name for hub in walk.estate.estate.hubs]
    expected = [*zip(names, truth.values(), strict=True), ("All hubs", sum(truth.values()))]
    assert [(name, number(text)) for name, text in shown] == expected
    rows = [row for row in csv.reader(file.splitlines()) if row and row[0] in truth]
    assert {row[0]: int(row[2]) for row in rows} == truth
    assert [date.fromisoformat(day) for day, _ in days if date.fromisoformat(day) < TODAY] == over[::-1]
    assert differing(walk, days, HUB) == []


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
    assert re.search(rf"{names[STALE_ROOM[0]]} it-suite since [^:]+: CO₂ over [^(]+ \(\w+ \d+ \w+\)", wanted), wanted
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
