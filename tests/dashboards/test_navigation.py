"""The way from page to page: to those that are there, for those who may see them."""

import re
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.responses import JSONResponse

from dashboards.access.accounts import Role
from dashboards.access.gate import Visitor
from dashboards.web.navigation import Page, navigation
from tests.dashboards.conftest import Filled

OFFERED = (
    Page("/", "Estate", below="/hubs/"),
    Page("/quality", "Data quality", all_hubs=True),
    Page("/edit", "Edit", role=Role.ADMIN),
    Page("/nowhere", "Nowhere"),
)


def offered_to(visitor: Visitor, path: str) -> list[list[str]]:
    app = FastAPI()

    def answer(request: Request) -> JSONResponse:
        request.state.visitor = visitor
        return JSONResponse([[link.label, link.current] for link in navigation(request, OFFERED)])

    for route in ("/", "/quality", "/edit", "/hubs/{hub_id}"):
        app.get(route)(answer)
    found: list[list[str]] = TestClient(app).get(path).json()
    return found


def test_a_page_is_offered_where_it_is_there_and_may_be_seen() -> None:
    assert offered_to(Visitor("ada", Role.ADMIN), "/edit") == [["Estate", ""], ["Data quality", ""], ["Edit", "page"]]
    assert offered_to(Visitor("vera", Role.MANAGER), "/") == [["Estate", "page"], ["Data quality", ""]]
    assert offered_to(Visitor("arthur", Role.VIEWER, frozenset({"armley"})), "/") == [["Estate", "page"]]


def test_a_hub_is_part_of_the_estate() -> None:
    assert offered_to(Visitor("vera", Role.VIEWER), "/hubs/armley")[0] == ["Estate", "true"]


def test_every_entry_leads_to_a_page(known: Filled, browse: Callable[..., TestClient]) -> None:
    browser = browse(known)
    links = re.search(r'<nav class="pages".*?</nav>', browser.get("/").text, re.DOTALL)
    for path in re.findall(r'href="([^"]+)"', links.group()) if links else ():
        page = browser.get(path).text
        assert f'href="{path}" aria-current="page"' in page
