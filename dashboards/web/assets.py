"""The files that pages ask for: style, script, icon, and plotly's script out of the installed package.

Each has its content's hash in its address, so that a browser keeps it for good and still sees every change.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from plotly.offline import get_plotlyjs

STATIC = Path(__file__).parent / "static"


class Asset(NamedTuple):
    """A file's bytes, the same compressed, and its media type."""

    content: bytes
    compressed: bytes
    media_type: str
    version: str


def _file(name: str) -> Callable[[], bytes]:
    return (STATIC / name).read_bytes


def _plotly() -> bytes:
    return str(get_plotlyjs()).encode()


_SOURCES: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "board.css": (_file("board.css"), "text/css; charset=utf-8"),
    "board.js": (_file("board.js"), "text/javascript; charset=utf-8"),
    "icon.svg": (_file("icon.svg"), "image/svg+xml"),
    "plotly.js": (_plotly, "text/javascript; charset=utf-8"),
}


@cache
def load(name: str) -> Asset:
    """The asset of that name, read and compressed once. Raises KeyError where there is none."""
    read, media_type = _SOURCES[name]
    content = read()
    version = hashlib.sha256(content).hexdigest()[:12]
    return Asset(content, gzip.compress(content, 6, mtime=0), media_type, version)


def address(name: str) -> str:
    """Where a page finds an asset: `/static/board.css?v=3f2a...`."""
    return f"/static/{name}?v={load(name).version}"


@cache
def map_style_id() -> str | None:
    """The id of the style element that plotly's map library adds to every page unless it is already there.

    Our pages have no maps, and their Content-Security-Policy allows no inline styles: with an empty element of that
    id in place the library leaves the page alone.
    """
    found = re.search(rb'getElementById\("([0-9a-f]{64})"\)', load("plotly.js").content)
    return found[1].decode() if found else None
