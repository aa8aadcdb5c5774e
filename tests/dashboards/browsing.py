"""A browser that tests drive: Debian's chromium by Playwright, headless, cut off from everything but this machine.

Playwright keeps an event loop in the thread that it was started in, which other tests could not use any more: it has
a thread of its own, and `Browser.run` does a piece of work there.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from types import TracebackType
from typing import Any, Self, TypeVar
from unittest import mock

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import ConsoleMessage, Page, Playwright, sync_playwright

from tests.real_parts import require

T = TypeVar("T")

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
DEADLINE_MS = 60_000
SETTINGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # A page must work on a machine without internet: every other name does not exist.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


@dataclass
class Tab:
    """A page in the browser, and what went wrong on it since it was opened."""

    page: Page
    console: list[str] = field(default_factory=list)

    def axe(self) -> list[str]:
        """What axe finds, a line for each rule that is broken: empty where there is nothing."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(AXE)
        rules = {"target-size": {"enabled": True}}
        options = {"runOnly": list(WCAG), "resultTypes": ["violations"], "elementRef": False, "rules": rules}
        found = self.page.evaluate("options => axe.run(options)", options)
        return [
            f"{broken['id']}: {broken['help']}: {[node['html'][:200] for node in broken['nodes']][:4]}"
            for broken in found["violations"]
        ]


class Browser:
    """Chromium, started once for all that ask; every tab has a profile of its own."""

    def __init__(self) -> None:
        self._program = require("chromium")
        require("libatomic")  # of Playwright's driver
        self._thread = ThreadPoolExecutor(1, "browser")
        self._playwright: Playwright | None = None
        self._chromium: Chromium | None = None

    def run(self, work: Callable[[Tab], T], *, script: bool = True, **options: Any) -> T:
        """Do some work in a fresh tab; `script=False` for a browser without JavaScript."""
        return self._thread.submit(self._run, work, script=script, options=options).result()

    def _run(self, work: Callable[[Tab], T], *, script: bool, options: dict[str, Any]) -> T:
        assert self._chromium is not None
        context = self._chromium.new_context(java_script_enabled=script, **options)
        context.set_default_timeout(DEADLINE_MS)
        try:
            tab = Tab(context.new_page())
            tab.page.on("console", lambda message: tab.console.extend(_trouble(message)))
            tab.page.on("pageerror", lambda error: tab.console.append(str(error)))
            return work(tab)
        finally:
            context.close()

    def __enter__(self) -> Self:
        self._thread.submit(self._start).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.submit(self._stop).result()
        self._thread.shutdown()

    def _start(self) -> None:
        # A clock preloaded into the tests (.ci/at-hours) stops both; pages get their time from the server.
        with mock.patch.dict(os.environ, LD_PRELOAD=""):
            self._playwright = sync_playwright().start()
            self._chromium = self._playwright.chromium.launch(
                executable_path=self._program, args=list(SETTINGS), timeout=DEADLINE_MS
            )

    def _stop(self) -> None:
        if self._chromium is not None:
            self._chromium.close()
        if self._playwright is not None:
            self._playwright.stop()


def _trouble(message: ConsoleMessage) -> Sequence[str]:
    return [message.text] if message.type in ("error", "warning") else []
