"""What the board's script does in a browser: charts tell their values, and figures come in by themselves."""

import itertools
from collections.abc import Callable

import pytest
from fastapi import FastAPI

from dashboards.web.board import create_board
from dashboards.web.server import BoardServer
from schemas.localtime import NS_A_SECOND, to_ns
from tests.dashboards.browsing import Tab
from tests.dashboards.conftest import ESTATE, NOW, Filled
from tests.dashboards.drawn import charts_of
from tests.dashboards.walk import Walk

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("path, charts", [("/", 1), ("/hubs/armley", 14)])
def test_charts_are_drawn_and_tell_a_value_under_the_pointer(
    known: Filled, board_over: Callable[..., FastAPI], walk: Walk, path: str, charts: int
) -> None:
    def look(tab: Tab) -> tuple[str, str]:
        tab.page.goto(server.url + path)
        dom = tab.page.content()
        tab.page.hover("#plot-entries .slot >> nth=-2")
        assert tab.console == []
        return dom, " ".join(tab.page.inner_text("#plot-entries .tip").split())

    with BoardServer(board_over(known), port=0) as server:
        dom, tip = walk.browser.run(look)
    drawn = charts_of(dom)
    assert len(drawn) == charts
    # 26 opening days and today, each a bar, in the chart of entries.
    assert len(drawn["entries"].at("bar")) == 27
    assert tip.startswith("Thu 19 Nov ")
    assert "people in" in tip


def test_the_page_brings_in_new_figures_by_itself_and_keeps_its_charts(known: Filled, walk: Walk) -> None:
    minutes = itertools.count()
    board = create_board(
        open_store=known.open,
        estate=lambda: ESTATE,
        clock_ns=lambda: to_ns(NOW) + next(minutes) * 60 * NS_A_SECOND,
    )

    def wait(tab: Tab) -> str:
        tab.page.clock.install()
        tab.page.goto(server.url)
        before = tab.page.text_content(".asof time")
        tab.page.clock.run_for(61_000)
        tab.page.wait_for_function("before => document.querySelector('.asof time').textContent !== before", arg=before)
        assert tab.console == []
        return tab.page.content()

    with BoardServer(board, port=0) as server:
        dom = walk.browser.run(wait)
    assert charts_of(dom)["entries"].slots[-1][0] == "Fri 20 Nov so far"
    assert '<tr data-hub="armley"' in dom
