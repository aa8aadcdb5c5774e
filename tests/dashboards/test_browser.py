"""The pages in a real browser: the charts are drawn, and nothing is blocked or broken."""

import itertools
import re
from collections.abc import Callable

import pytest
from fastapi import FastAPI

from dashboards.web.board import create_board
from dashboards.web.server import BoardServer
from schemas.localtime import NS_A_SECOND, to_ns
from tests.browser import Chromium
from tests.dashboards.conftest import ESTATE, NOW, Filled
from tests.dashboards.drawn import charts_of


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("path, charts", [("/", 1), ("/hubs/armley", 7)])
def test_charts_are_drawn_and_the_console_stays_empty(
    known: Filled, board_over: Callable[..., FastAPI], chromium: Chromium, path: str, charts: int
) -> None:
    with BoardServer(board_over(known), port=0) as server:
        page = chromium.visit(server.url + path)
    assert page.console == ()
    drawn = charts_of(page.dom)
    assert len(drawn) == charts
    # 26 opening days and today, each a bar, in the chart of entries.
    assert len(drawn["entries"].at("bar")) == 27


@pytest.mark.needs("chromium")
def test_the_page_brings_in_new_figures_by_itself_and_keeps_its_charts(known: Filled) -> None:
    minutes = itertools.count()
    board = create_board(
        open_store=known.open,
        estate=lambda: ESTATE,
        clock_ns=lambda: to_ns(NOW) + next(minutes) * 60 * NS_A_SECOND,
    )
    with BoardServer(board, port=0) as server:
        page = Chromium(virtual_time_ms=150_000).visit(server.url)
    assert page.console == ()
    # Asked at 14:05, and again after one and two minutes of the page's own time.
    shown = re.search(r"Fri 20 Nov, 14:(\d\d)", page.dom)
    assert shown is not None
    assert int(shown[1]) >= 7
    assert charts_of(page.dom)["entries"].slots[-1][0] == "Fri 20 Nov so far"
    assert '<tr data-hub="armley"' in page.dom
