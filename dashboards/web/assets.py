"""The files that pages ask for: style, script and icon.

Each has its content's hash in its address, so that a browser keeps it for good and still sees every change.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

STATIC = Path(__file__).parent / "static"


class Asset(NamedTuple):
    """A file's bytes, the same compressed, and its media type."""

    content: bytes
    compressed: bytes
    media_type: str
    version: str


_MEDIA_TYPES: Mapping[str, str] = {
    "audit.css": "text/css; charset=utf-8",
    "audit.js": "text/javascript; charset=utf-8",
    "board.css": "text/css; charset=utf-8",
    "board.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@cache
def load(name: str) -> Asset:
    """The asset of that name, read and compressed once. Raises KeyError where there is none."""
    media_type = _MEDIA_TYPES[name]
    content = (STATIC / name).read_bytes()
    version = hashlib.sha256(content).hexdigest()[:12]
    return Asset(content, gzip.compress(content, 6, mtime=0), media_type, version)


def address(name: str) -> str:
    """Where a page finds an asset: `/static/board.css?v=3f2a...`."""
    return f"/static/{name}?v={load(name).version}"
