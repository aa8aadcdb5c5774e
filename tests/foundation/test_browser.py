import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser import PNG_SIGNATURE, Chromium

PAGE = """<!doctype html><title>t</title><p id=now>before</p>
<script>
  setTimeout(() => { document.getElementById("now").textContent = "after five seconds"; }, 5000);
  console.error("a word to the console");
</script>"""


@pytest.fixture
def page(tmp_path: Path) -> str:
    file = tmp_path / "page.html"
    file.write_text(PAGE)
    return file.as_uri()


def test_a_page_is_seen_as_its_scripts_leave_it(chromium: Chromium, page: str) -> None:
    seen = chromium.visit(page)

    assert "after five seconds" in seen.dom
    assert seen.console == ("a word to the console",)


def test_a_screenshot_has_the_size_asked_for(chromium: Chromium, page: str, tmp_path: Path) -> None:
    image = tmp_path / "page.png"
    # Narrower than 500 pixels some versions make no window.
    chromium.screenshot(page, image, width_px=800, height_px=600)

    header = image.read_bytes()[:24]
    assert header.startswith(PNG_SIGNATURE)
    assert (int.from_bytes(header[16:20]), int.from_bytes(header[20:24])) == (800, 600)


@pytest.fixture
def hosts_asked() -> Iterator[tuple[int, list[str]]]:
    """A web server whose page wants an image of another host, and the hosts that it was asked for."""
    hosts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hosts.append(self.headers["Host"])
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f"<p>in<img src='http://outside.localhost:{server.server_port}/'>".encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port, hosts
        server.shutdown()
        thread.join()


def test_the_browser_reaches_nothing_but_this_machine(chromium: Chromium, hosts_asked: tuple[int, list[str]]) -> None:
    port, hosts = hosts_asked

    page = chromium.visit(f"http://127.0.0.1:{port}/")

    assert "<p>in" in page.dom
    assert set(hosts) == {f"127.0.0.1:{port}"}


def test_a_page_that_is_not_there_fails(chromium: Chromium) -> None:
    with pytest.raises(AssertionError, match=r"could not open http://outside\.localhost/"):
        chromium.visit("http://outside.localhost/")


@pytest.mark.parametrize("console_line", ['[1:2:INFO:CONSOLE(7)] "a word"', '[1:2:INFO:CONSOLE:7] "a word"'])
def test_every_version_s_console_is_read(tmp_path: Path, console_line: str) -> None:
    program = stand_in(tmp_path, f"echo '<p>in'\necho '{console_line}, source: x (7)' >&2")

    assert Chromium(program=program).visit("http://here/").console == ("a word",)


def test_a_version_that_shows_a_page_of_its_own_for_one_that_is_not_there_fails_too(tmp_path: Path) -> None:
    program = stand_in(tmp_path, 'echo \'<body id="t" class="neterror">This site cannot be reached\'')

    with pytest.raises(AssertionError, match="could not open http://nowhere/"):
        Chromium(program=program).visit("http://nowhere/")


def stand_in(folder: Path, script: str) -> Path:
    """A program that answers as some version of the browser does."""
    program = folder / "chromium"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def test_a_page_that_never_ends_fails_at_the_deadline(tmp_path: Path) -> None:
    file = tmp_path / "endless.html"
    file.write_text("<script>for (;;) {}</script>")

    with pytest.raises(AssertionError, match=r"did not finish .*endless\.html within 3 s"):
        Chromium(deadline_s=3).visit(file.as_uri())
