"""A walk through the board: its pages over a simulated estate, in a browser."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tests.dashboards.browsing import Browser, Tab
from tests.dashboards.walked import AS_ADMIN, WalkedEstate

T = TypeVar("T")
HEIGHT_PX = 900


@dataclass(frozen=True)
class Walk:
    """The estate, its board, and the browser that looks at it."""

    estate: WalkedEstate
    browser: Browser
    url: str

    def at(self, address: str, work: Callable[[Tab], T], *, width_px: int = 1400, script: bool = True) -> T:
        """Open a page and do some work on it."""

        def on(tab: Tab) -> T:
            tab.page.goto(self.url + address.replace("CODE", self.estate.audit_code))
            return work(tab)

        viewport = {"width": width_px, "height": HEIGHT_PX}
        return self.browser.run(on, script=script, viewport=viewport, extra_http_headers=AS_ADMIN)
