"""Tables of many hubs come in parts: each row on one of them, totals of all on every one, without script."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dashboards.web import parts
from dashboards.web.server import BoardServer
from tests.dashboards.browsing import Tab
from tests.dashboards.conftest import ESTATE, Filled
from tests.dashboards.test_pages import Browse, text_of
from tests.dashboards.walk import Walk

HUBS = [hub.id for hub in ESTATE.hubs]
TABLES = [("/", "h-hubs"), ("/quality", "days-h"), ("/quality", "lost-h"), ("/health", "h-hubs")]
"""Each by the page and the place that it is at."""


@pytest.fixture
def row_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS_MAX", 1)
    monkeypatch.setattr(parts, "CHOICES_MAX", 1)


def steps(page: str, place: str) -> dict[str, str]:
    """The addresses of the other parts of a table, by what the links say."""
    links = re.findall(rf'<a href="([^"]+page=[^"]+#{place})">([^<]+)</a>', page)
    return {words: unescape(link) for link, words in links}


def hubs_of(page: str) -> list[str]:
    return re.findall(r'<tr data-hub="([^"]+)"', page)


def parts_of(client: TestClient, address: str, place: str) -> list[str]:
    """The pages from an address on."""
    found = [client.get(address).text]
    while "next →" in (links := steps(found[-1], place)):
        found.append(client.get(links["next →"]).text)
    return found


@pytest.mark.usefixtures("row_a_part")
def test_each_hub_is_on_one_part_and_the_totals_of_all_are_on_every_one(known: Filled, browse: Browse) -> None:
    found = parts_of(browse(known), "/", "h-hubs")

    assert sorted(hub for page in found for hub in hubs_of(page)) == sorted(HUBS)
    assert all(len(hubs_of(page)) == 1 for page in found)
    assert all("People in today so far 230" in text_of(page) for page in found)
    assert f"2 to 2 of {len(HUBS)}" in text_of(found[1])
    assert steps(found[-1], "h-hubs").keys() == {"First", "← before"}


@pytest.mark.usefixtures("row_a_part")
@pytest.mark.parametrize("address, place", TABLES)
def test_a_table_of_hubs_has_a_part_for_each(known: Filled, browse: Browse, address: str, place: str) -> None:
    assert len(parts_of(browse(known), address, place)) == len(HUBS)


@pytest.mark.usefixtures("row_a_part")
def test_the_order_holds_over_all_parts_and_a_search_goes_through_all(known: Filled, browse: Browse) -> None:
    client = browse(known)
    found = [*map(hubs_of, parts_of(client, "/?sort=today", "h-hubs"))]

    assert found[0] == ["armley"]
    assert hubs_of(client.get(f"/?q={HUBS[-1]}").text) == [HUBS[-1]]
    assert "data-sort" not in client.get("/").text
    assert "data-narrows" not in client.get("/").text


@pytest.mark.usefixtures("row_a_part")
@pytest.mark.parametrize("asked", ["0", "-1", "x", "²", "9" * 5000, ""])
def test_a_number_of_no_part_is_the_nearest(known: Filled, browse: Browse, asked: str) -> None:
    answer = browse(known).get("/", params={"page": asked})
    assert answer.status_code == 200
    assert f"1 to 1 of {len(HUBS)}" in text_of(answer.text)
    assert f"{len(HUBS)} to {len(HUBS)} of" in text_of(browse(known).get("/?page=99").text)


@pytest.mark.usefixtures("row_a_part")
def test_what_was_asked_for_stays_asked_for_and_is_text(known: Filled, browse: Browse) -> None:
    page = browse(known).get("/", params={"sort": "today", "q": 'e"><b>', "period": "2026-10"}).text
    assert "<b>" not in page
    found = browse(known).get("/", params={"sort": "today", "q": "e", "period": "2026-10"}).text
    assert "sort=today&q=e&period=2026-10&page=2#h-hubs" in steps(found, "h-hubs")["next →"]
    assert "period_page=2#look-back" in steps(found, "look-back")["next →"]


@pytest.mark.usefixtures("row_a_part")
def test_a_hub_of_many_is_typed_in(known: Filled, browse: Browse) -> None:
    client = browse(known)
    assert '<input id="hub" name="hub"' in client.get("/reports").text
    page = client.get("/sensors", params={"hub": "Armley Community Hub"}).text
    assert 'value="Armley Community Hub"' in page
    assert "beeston" not in page.lower()


def test_an_estate_of_few_hubs_has_no_parts(known: Filled, browse: Browse) -> None:
    for address, place in TABLES:
        assert not steps(browse(known).get(address).text, place)


@pytest.mark.needs("chromium")
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("row_a_part")
def test_parts_break_no_rule_of_axe(known: Filled, board_over: Callable[..., FastAPI], walk: Walk) -> None:
    def look(tab: Tab) -> list[str]:
        found = []
        for address in ("/?period=2026-10&page=2", "/sensors", "/health", "/quality"):
            tab.page.goto(server.url + address)
            assert tab.page.locator("nav.ways").count() >= 1
            found += tab.axe()
        return found

    with BoardServer(board_over(known), port=0) as server:
        assert walk.browser.run(look) == []
