"""The pages in a real browser: the charts are drawn, and nothing is blocked or broken."""

import re
from collections.abc import Callable

import pytest
from fastapi import FastAPI

from dashboards import BoardServer
from tests.browser import Chromium
from tests.dashboards.conftest import Filled


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("path, charts", [("/", 1), ("/hubs/armley", 7)])
def test_charts_are_drawn_and_the_console_stays_empty(
    known: Filled, board_over: Callable[..., FastAPI], chromium: Chromium, path: str, charts: int
) -> None:
    with BoardServer(board_over(known), port=0) as server:
        page = chromium.visit(server.url + path)
    assert page.console == ()
    drawn = re.findall(
        r'<div class="plot[^"]*js-plotly-plot[^"]*" id="plot-[a-z0-9]+".*?<svg class="main-svg"', page.dom
    )
    assert len(drawn) == charts
    assert page.dom.count('<g class="xaxislayer-above"><path') == charts
    # 26 opening days and today, each a bar, in the chart of entries.
    entries = page.dom.split('id="plot-entries"')[1].split("</section>")[0]
    assert entries.count('<g class="point">') == 27
