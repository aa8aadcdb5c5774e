"""A real browser for tests: one page at a time, headless, cut off from everything but this machine."""

import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.real_parts import require

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What a browser shows in place of a page that it cannot open. Some versions print it, others print nothing.
ERROR_PAGE = 'class="neterror"'
CONSOLE_LINE = re.compile(r':CONSOLE[:(]\d+\)?\] "(?P<message>.*?)", source: ', re.DOTALL)


@dataclass(frozen=True)
class Page:
    """A page as the browser ended up with it: its document after scripts ran, and what it wrote to the console."""

    dom: str
    console: tuple[str, ...]


class Chromium:
    """Chromium, started afresh with an empty profile for every page.

    `virtual_time_ms` is how far the page's own clock runs on before it is looked at: timers and animations up to
    there are over, without the test waiting for them. A page that is not there after `deadline_s` fails the test.
    """

    def __init__(self, *, program: Path | None = None, virtual_time_ms: int = 10_000, deadline_s: float = 60.0) -> None:
        self._program = program or require("chromium")
        self._virtual_time_ms = virtual_time_ms
        self._deadline_s = deadline_s

    def visit(self, url: str) -> Page:
        """Return the page at this address."""
        dom, log = self._run("--dump-dom", url)
        if not dom.strip() or ERROR_PAGE in dom:
            message = f"chromium could not open {url}:\n{log}"
            raise AssertionError(message)
        return Page(dom=dom, console=tuple(match["message"] for match in CONSOLE_LINE.finditer(log)))

    def screenshot(self, url: str, image: Path, *, width_px: int = 1280, height_px: int = 900) -> None:
        """Write a PNG of the page's top `height_px` pixels to `image`."""
        _, log = self._run(f"--screenshot={image}", f"--window-size={width_px},{height_px}", url)
        if not image.exists() or not image.read_bytes().startswith(PNG_SIGNATURE):
            message = f"chromium made no picture of {url}:\n{log}"
            raise AssertionError(message)

    def _run(self, *arguments: str) -> tuple[str, str]:
        with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
            process = subprocess.Popen(
                [
                    str(self._program),
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--disable-dev-shm-usage",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                    "--no-first-run",
                    "--hide-scrollbars",
                    "--enable-logging=stderr",
                    # A page must work on a machine without internet: every other name does not exist.
                    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
                    f"--user-data-dir={profile}",
                    f"--virtual-time-budget={self._virtual_time_ms}",
                    *arguments,
                ],
                # A clock preloaded into the tests (.ci/at-hours) stops it; pages get their time from the server.
                env=os.environ | {"HOME": profile, "LD_PRELOAD": ""},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            try:
                dom, log = process.communicate(timeout=self._deadline_s)
            except subprocess.TimeoutExpired as late:
                message = f"chromium did not finish {arguments[-1]} within {self._deadline_s:g} s"
                raise AssertionError(message) from late
            finally:
                if process.poll() is None:
                    # Its own session, so that its children end with it.
                    os.killpg(process.pid, signal.SIGKILL)
                    process.communicate()
        if process.returncode != 0:
            message = f"chromium ended with {process.returncode} on {arguments[-1]}:\n{log}"
            raise AssertionError(message)
        return dom, log
