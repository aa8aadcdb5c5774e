"""SQLite's write-ahead log (https://sqlite.org/fileformat2.html#walformat), looked at where a bit of it flipped.

SQLite takes the frames of a log up to the first whose checksum is wrong for all there is, as after a power cut, and
commits behind it are gone without a word; with a damaged header, or where nothing is left of the file itself, it drops
the whole log. Each frame's checksum goes on from the one before it, as that is stored: so those behind a damaged frame
can be judged, too.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24
_MAGIC = 0x377F0682
_MASK = 0xFFFFFFFF
PAGE_BYTES = 4096
"""SQLite's own; we never ask for another."""


class Frame(NamedTuple):
    """A page as a commit wrote it."""

    number: int
    pages: int
    """How many pages the file has after the commit that ends here; 0 where none does."""
    is_whole: bool
    page: bytes


def frames(log: Path) -> Iterator[Frame]:
    """The frames of a log since it was begun anew, damaged ones too. Raises OSError."""
    data = log.read_bytes()
    if len(data) < _HEADER_BYTES + _FRAME_HEADER_BYTES:
        return
    magic, _, page_bytes, _, *salts = struct.unpack_from(">6I", data)
    before = struct.unpack_from(">2I", data, 24)
    order = ">" if magic & 1 else "<"
    if magic & ~1 != _MAGIC or _checksum(data[:24], (0, 0), order) != before:
        order, page_bytes = (">" if sys.byteorder == "big" else "<"), PAGE_BYTES
        salts = list(struct.unpack_from(">2I", data, _HEADER_BYTES + 8))
    step = _FRAME_HEADER_BYTES + page_bytes
    for at in range(_HEADER_BYTES, len(data) - step + 1, step):
        number, pages, *found, first, second = struct.unpack_from(">6I", data, at)
        if found != salts:
            return
        page = data[at + _FRAME_HEADER_BYTES : at + step]
        is_whole = _checksum(data[at : at + 8] + page, before, order) == (first, second)
        yield Frame(number, pages, is_whole, page)
        before = first, second


def loses_commits(path: Path) -> bool:
    """Whether SQLite would drop commits that are whole in a file's log: damage is before them. Raises OSError."""
    log = path.with_name(f"{path.name}-wal")
    if not log.exists():
        return False
    is_damaged = not path.exists() or not path.stat().st_size
    for frame in frames(log):
        is_damaged |= not frame.is_whole
        if is_damaged and frame.is_whole and frame.pages:
            return True
    return False


def apply(log: Path, copy: Path) -> None:
    """Write what is whole in a log into a copy of its file, up to the last commit."""
    found = list(frames(log))
    last = max((number for number, frame in enumerate(found) if frame.is_whole and frame.pages), default=-1)
    with copy.open("r+b") as file:
        for frame in found[: last + 1]:
            if frame.is_whole:
                file.seek((frame.number - 1) * len(frame.page))
                file.write(frame.page)
        file.seek(18)
        file.write(b"\1\1")  # without a log from now on


def _checksum(data: bytes, before: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = before
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second
