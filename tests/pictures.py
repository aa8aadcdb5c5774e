"""`make pictures`: takes the pictures of the README anew, of a year of a simulated estate of 22 hubs.

simulated messages -> store -> jobs -> board in a browser; report -> the typesetter's own picture of its first page
"""

from __future__ import annotations

import io
import json
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typst
from PIL import Image, ImageOps

from dashboards.reports.gather import gather
from dashboards.reports.pdf import data_of
from dashboards.reports.sections import document
from dashboards.reports.templates import OURS
from dashboards.web.server import BoardServer
from schemas.localtime import to_ns
from tests.dashboards import walked
from tests.dashboards.browsing import Browser, Tab
from tests.real_parts import REPOSITORY
from usage import Queries

FOLDER = REPOSITORY / "docs" / "images"
DAYS = 390
"""A year and the weeks that tell what is usual before the week of the year before."""
WEEK = "2026-W46"
"""The last one that is over at `walked.NOW`."""
WIDTH_PX, HEIGHT_PX, DOTS_AN_INCH = 1400, 1250, 110
COLOURS_MAX, FRAME = 64, "#c8ccd0"
PAGES = {"board": "/", "week": f"/?period={WEEK}#look-back", "hub": "/hubs/armley"}
REPORT = "report"
NAMES = (*PAGES, REPORT)


def take(estate: walked.WalkedEstate, folder: Path) -> None:
    """Write each picture."""
    with BoardServer(estate.board(), port=0) as server, Browser() as browser:
        for name, address in PAGES.items():
            look = partial(_look, server.url + address)
            save(folder / f"{name}.png", browser.run(look, viewport={"width": WIDTH_PX, "height": HEIGHT_PX}))
    save(folder / f"{REPORT}.png", first_page(estate))


def _look(url: str, tab: Tab) -> bytes:
    tab.page.goto(url)
    return tab.page.screenshot()


def first_page(estate: walked.WalkedEstate) -> bytes:
    """The first page of the week's report, as the PDF has it."""
    now_ns = to_ns(walked.NOW)
    with closing(estate.open()) as store:
        report = gather(Queries(store, estate.estate, now_ns=now_ns), estate.estate, WEEK, now_ns=now_ns)
    pages: Any = typst.compile(  # its stub knows documents of one page alone
        str(OURS / "report.typ"),
        root=str(OURS),
        sys_inputs={"data": json.dumps(data_of(document(report)))},
        ignore_system_fonts=True,
        format="png",
        ppi=DOTS_AN_INCH,
    )
    return bytes(pages[0])


def save(path: Path, picture: bytes) -> None:
    """Write a picture with a thin frame, and in few colours, which makes it small."""
    framed = ImageOps.expand(Image.open(io.BytesIO(picture)).convert("RGB"), border=1, fill=FRAME)
    framed.quantize(COLOURS_MAX).save(path, optimize=True)


if __name__ == "__main__":
    with TemporaryDirectory(prefix="hubpulse-pictures-") as made:
        take(walked.make(Path(made), DAYS), FOLDER)
