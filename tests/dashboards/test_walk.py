"""Every page of the board in a real browser, on an estate with faults: plain for everybody, however they read it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from schemas import Estate
from tests.campaigns import IS_CAMPAIGN
from tests.dashboards.browsing import Tab
from tests.dashboards.walk import HEIGHT_PX, Walk
from tests.dashboards.walked import LONGEST_S, WalkedEstate

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(LONGEST_S)]

PAGES = {
    "/": "/",
    "/hubs/{hub_id}": "/hubs/otley",
    "/sensors": "/sensors",
    "/quality": "/quality",
    "/health": "/health",
    "/alerts": "/alerts",
    "/reports": "/reports",
    "/reports/shares": "/reports/shares",
    "/edit": "/edit",
    "/edit/hours/{hub_id}": "/edit/hours/otley",
    "/login": "/login",
    "/logout": "/logout",
    "/audit/{code}": "/audit/CODE",
}
"""Where the page of a route is walked."""


def paths_of(board: FastAPI) -> Iterator[str]:
    """The routes of pages, those of routers that were included too."""
    for route in board.routes:
        included = getattr(route, "original_router", None)
        for one in [route] if included is None else included.routes:
            if isinstance(one, APIRoute) and one.response_class is HTMLResponse:
                yield one.path


ROUTES = set(paths_of(WalkedEstate(Path("nowhere"), Estate(), None, "").board()))
OTHERS = ("/nowhere", "/hubs/kirkstall", "/?from=2026-10-21&to=2026-11-19")
"""Further addresses: what is said of a page that is not there, and a hub whose door is silent."""
EVERY = [*(address for route, address in PAGES.items() if route in ROUTES), *OTHERS]
NEEDS_SCRIPT = {"/audit/CODE"}
"""It counts presses without a network, and says so to a browser without JavaScript."""
WIDTHS_PX = (1400, 768, 360, 320)
SCHEMES: Sequence[Literal["light", "dark"]] = ("light", "dark")
SHORT_FORM: dict[int, Sequence[Literal["light", "dark"]]] = {1400: ("light",), 320: ("dark",)}
"""Where axe looks; `make campaigns` has it look at every width in both."""

each_page = pytest.mark.parametrize("address", EVERY)


def test_every_page_is_walked() -> None:
    """A page that is new is to be placed in PAGES."""
    assert len(ROUTES) > 4
    assert ROUTES - PAGES.keys() == set()


@pytest.mark.parametrize("address", [page for page in EVERY if page != "/hubs/kirkstall"])
def test_a_page_breaks_no_rule_of_axe_in_any_width_and_mode(walk: Walk, address: str) -> None:
    def look(tab: Tab) -> list[str]:
        found = []
        for width_px in WIDTHS_PX:
            tab.page.set_viewport_size({"width": width_px, "height": HEIGHT_PX})
            for scheme in SCHEMES if IS_CAMPAIGN else SHORT_FORM.get(width_px, ()):
                tab.page.emulate_media(color_scheme=scheme)
                found += [f"{width_px} px, {scheme}: {broken}" for broken in tab.axe()]
            if (needed_px := tab.page.evaluate("document.documentElement.scrollWidth")) > width_px:
                found.append(f"{width_px} px: the page is {needed_px} px wide")
        return found + [said for said in tab.console if address != "/nowhere" or "status of 404" not in said]

    assert walk.at(address, look) == []


def test_the_page_that_tells_a_link_breaks_no_rule_of_axe(walk: Walk) -> None:
    def share(tab: Tab) -> list[str]:
        tab.page.select_option("#format", "csv")
        tab.page.click("main form button")
        tab.page.wait_for_selector(".secret")
        width_px = tab.page.evaluate("document.documentElement.scrollWidth")
        return tab.axe() + tab.console + ([] if width_px <= 320 else [f"the page is {width_px} px wide"])

    assert walk.at("/reports/shares", share, width_px=320) == []


TAB_STOPS = """() => {
  const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')];
  const stops = all.filter((it) => !it.disabled && it.type !== "hidden" && it.tabIndex >= 0 && it.checkVisibility());
  window.stops = new Map(stops.map((it) => [it, `not reached: ${it.outerHTML.slice(0, 120)}`]));
  document.addEventListener("focusin", ({ target }) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(target);
    const isSeen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    if (isSeen) window.stops.delete(target);
    else window.stops.set(target, `focus is not seen: ${target.outerHTML.slice(0, 120)}`);
  });
  document.activeElement.blur();
  // A date has a stop for each of its parts, and one for its calendar.
  return stops.length + 3 * stops.filter((it) => it.type === "date").length;
}"""


@each_page
@pytest.mark.parametrize("width_px", [1400, 320])
def test_the_keyboard_reaches_every_control_and_shows_where_it_is(walk: Walk, address: str, width_px: int) -> None:
    def tab_through(tab: Tab) -> list[str]:
        stops = tab.page.evaluate(TAB_STOPS)
        assert stops > 0
        for _ in range(stops + 2):
            tab.page.keyboard.press("Tab")
        return list(tab.page.evaluate("() => [...window.stops.values()]"))

    assert walk.at(address, tab_through, width_px=width_px) == []


@pytest.mark.parametrize("address", [page for page in EVERY if page not in NEEDS_SCRIPT])
def test_without_javascript_a_page_says_the_same(walk: Walk, address: str) -> None:
    def words(tab: Tab) -> list[str]:
        return " ".join(tab.page.locator("main").text_content() or "").split()

    assert walk.at(address, words, script=False) == walk.at(address, words)


MOVING = """() => [...document.querySelectorAll("*")].filter((it) => {
  const { transitionDuration, animationDuration, scrollBehavior } = getComputedStyle(it);
  const times = `${transitionDuration},${animationDuration}`.split(",").map(parseFloat);
  return Math.max(...times) > 0 || scrollBehavior === "smooth";
}).map((it) => `moves: ${it.outerHTML.slice(0, 120)}`)"""


ON_PAPER = """() => {
  const shown = (it) => it.checkVisibility({ contentVisibilityAuto: true }) && it.getClientRects().length > 0;
  const controls = "nav, button:not(th button), input, select, summary, .skip";
  const useless = [...document.querySelectorAll(controls)].filter(shown);
  const days = [...document.querySelectorAll("table:has(tbody time)")];
  const unseen = days.filter((it) => !shown(it)), lacking = days.filter((it) => !it.tFoot || !shown(it.tFoot));
  return [
    ...useless.map((it) => `of no use on paper: ${it.outerHTML.slice(0, 120)}`),
    ...unseen.map((it) => `a table of days that is not printed: ${it.outerHTML.slice(0, 120)}`),
    ...lacking.map((it) => `days without a total: ${it.outerHTML.slice(0, 120)}`),
  ];
}"""


@each_page
def test_nothing_moves_for_who_asked_for_that_and_paper_has_all_tables_and_no_controls(
    walk: Walk, address: str
) -> None:
    def look(tab: Tab) -> list[str]:
        tab.page.emulate_media(reduced_motion="reduce")
        moving = tab.page.evaluate(MOVING)
        tab.page.emulate_media(media="print")
        return [*moving, *tab.page.evaluate(ON_PAPER)]

    assert walk.at(address, look) == []


FAINT_SHAPES = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const light = (colour) => { const [r, g, b] = channels(colour); return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05; };
  const ground = light(getComputedStyle(document.querySelector(".card")).backgroundColor);
  return [...document.querySelectorAll("svg :is(.bar, .line, .limit, .dot, .shape)")].filter((it) => {
    const style = getComputedStyle(it);
    const paints = [style.fill, style.stroke].filter((paint) => paint.startsWith("rgb"));
    return !paints.some((paint) => Math.max(light(paint), ground) / Math.min(light(paint), ground) >= 3);
  }).map((it) => `not seen on its ground: ${it.outerHTML.slice(0, 120)}`);
}"""


@pytest.mark.parametrize("address", ["/", "/hubs/otley"])
def test_charts_are_seen_in_every_scheme_and_in_forced_colours(walk: Walk, address: str) -> None:
    def look(tab: Tab) -> list[str]:
        found = []
        for scheme in ("light", "dark"):
            for forced in ("none", "active"):
                tab.page.emulate_media(color_scheme=scheme, forced_colors=forced)
                found += [f"{scheme}, forced colours {forced}: {it}" for it in tab.page.evaluate(FAINT_SHAPES)]
        return found

    assert walk.at(address, look) == []


HIDDEN_COLUMNS = """() => [...document.querySelectorAll(".scroll:has(.stacks)")].map(
  (it) => it.scrollWidth > it.clientWidth ? `columns are hidden: ${it.innerHTML.slice(0, 120)}` : ""
)"""


@pytest.mark.parametrize("address", ["/quality", "/health", "/reports/shares"])
def test_rows_that_are_told_in_lines_hide_no_column_on_a_phone(walk: Walk, address: str) -> None:
    found = walk.at(address, lambda tab: tab.page.evaluate(HIDDEN_COLUMNS), width_px=360)
    assert found
    assert set(found) == {""}


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("table", ["hubs", "periods"])
def test_a_hub_is_a_small_card_on_a_phone_whose_other_figures_unfold(walk: Walk, table: str, *, script: bool) -> None:
    def look(tab: Tab) -> list[int]:
        cells = tab.page.locator(f"#{table} tbody tr").first.locator("td")
        found = [cells.locator("visible=true").count()]
        tab.page.emulate_media(media="print")
        found.append(cells.locator("visible=true").count())
        tab.page.emulate_media(media="screen")
        tab.page.locator(f"#{table} .more summary").first.click()
        return [*found, cells.locator("visible=true").count(), cells.count()]

    folded, *whole = walk.at("/?from=2026-10-21&to=2026-11-19", look, width_px=360, script=script)
    assert 3 <= folded < whole[-1]
    assert set(whole) == {whole[-1]}
