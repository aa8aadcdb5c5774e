"""Rows read from the pages of a SQLite file themselves, where SQL finds no way to them.

A table is a tree of pages (https://sqlite.org/fileformat2.html#b_tree_pages), an index likewise, and so is a table
without rowids. Inner pages name their children with the keys between them, leaves hold the rows. Where a page is
damaged, the tree is read on beside it, and the keys around it say what may be missing: a `Hole`. What lay below a
damaged inner page belongs to no tree any more; such leaves are found by looking at every page, but for those that were
given back, which hold what was deleted. What a row holds beyond its page is in a chain of others.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

_INNER_INDEX, _INNER_TABLE, _LEAF_INDEX, _LEAF_TABLE = 0x02, 0x05, 0x0A, 0x0D
_INNER = (_INNER_INDEX, _INNER_TABLE)
_OF_TABLE = (_INNER_TABLE, _LEAF_TABLE)
_FILE_HEADER_BYTES = 100
_FIRST_FREE_AT = 32
_DEPTH_MAX = 20
_VARINT_BYTES = 9
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_FLOAT, _ZERO, _ONE, _BLOB, _TEXT = 7, 8, 9, 12, 13
_NOT_AS_WRITTEN = (IndexError, ValueError, struct.error, OverflowError, KeyError)

Values = tuple[Any, ...]


class Row(NamedTuple):
    """A row as it lies in the file; `rowid` is None in a table without."""

    rowid: int | None
    values: Values


class Hole(NamedTuple):
    """Rows may be missing between two keys, both excluded; None is the end of the table."""

    after: Any
    before: Any

    def holds(self, key: Any) -> bool:
        """Whether a row of that key may be one of them."""
        return (self.after is None or self.after < key) and (self.before is None or key < self.before)


class _Page(NamedTuple):
    kind: int
    children: list[int]
    rows: list[Row]
    """Of an inner page of a table the keys alone, without values."""
    is_whole: bool


class SqlitePages:
    """The pages of a file that nobody writes to. Raises OSError."""

    def __init__(self, path: Path, *, page_bytes: int) -> None:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            self._data: bytes | mmap.mmap = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        self._page_bytes = page_bytes
        self.count = len(self._data) // page_bytes
        self._owned: set[int] = set()

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(self._data, mmap.mmap):
            self._data.close()

    def claim(self, root: int) -> None:
        """Note which pages belong to a tree, so that they are nobody else's."""
        waiting = [root]
        while waiting:
            number = waiting.pop()
            if number not in self._owned:
                self._owned.add(number)
                page = self._page(number)
                waiting += page.children if page else []

    def rows(self, root: int, key_of: Callable[[Row], Any], *, has_rowid: bool) -> Iterator[Row | Hole]:
        """The rows of a tree in the order of their keys, and a hole wherever some may be missing."""
        yield from self._walk(root, key_of, Hole(None, None), _DEPTH_MAX, has_rowid=has_rowid)

    def ownerless(self, *, has_rowid: bool) -> Iterator[Row]:
        """The rows of pages that belong to no tree, of tables with rowids or without."""
        kinds = (_LEAF_TABLE,) if has_rowid else (_LEAF_INDEX, _INNER_INDEX)
        others = self._owned | self._free()
        for number in range(2, self.count + 1):
            if number not in others and self._data[(number - 1) * self._page_bytes] in kinds:
                page = self._page(number)
                yield from page.rows if page else ()

    def _walk(
        self, number: int, key_of: Callable[[Row], Any], within: Hole, depth: int, *, has_rowid: bool
    ) -> Iterator[Row | Hole]:
        page = self._page(number)
        if page is None or not depth or (page.kind in _OF_TABLE) != has_rowid:
            yield within
            return
        low = within.after
        is_whole = page.is_whole
        for place, row in enumerate(page.rows):
            try:
                key = row.rowid if has_rowid else key_of(row)
                fits = Hole(low, within.before).holds(key)
            except (IndexError, TypeError):
                fits = False
            if not fits:
                is_whole = False
                continue
            if page.kind in _INNER:
                # A table's inner page names the last key below a child, an index's the first one after it.
                before = row.rowid + 1 if page.kind == _INNER_TABLE and row.rowid is not None else key
                child = page.children[place]
                yield from self._walk(child, key_of, Hole(low, before), depth - 1, has_rowid=has_rowid)
            if page.kind != _INNER_TABLE:
                yield row
            low = key
        if page.kind in _INNER:
            yield from self._walk(page.children[-1], key_of, Hole(low, within.before), depth - 1, has_rowid=has_rowid)
        if not is_whole:
            yield within

    def _page(self, number: int) -> _Page | None:
        """What a page of a tree holds; None where it is none."""
        if not 0 < number <= self.count:
            return None
        data = self._data[(number - 1) * self._page_bytes : number * self._page_bytes]
        head = _FILE_HEADER_BYTES if number == 1 else 0
        kind, cells = data[head], int.from_bytes(data[head + 3 : head + 5], "big")
        first = head + (12 if kind in _INNER else 8)
        if kind not in (*_INNER, _LEAF_INDEX, _LEAF_TABLE) or first + 2 * cells > len(data):
            return None
        children: list[int] = []
        rows: list[Row] = []
        is_whole = True
        for (at,) in struct.iter_unpack(">H", data[first : first + 2 * cells]):
            try:
                row, child = self._cell(data, kind, at if at >= first + 2 * cells else len(data))
            except _NOT_AS_WRITTEN:
                is_whole = False
                continue
            rows.append(row)
            children.append(child)
        children.append(int.from_bytes(data[head + 8 : head + 12], "big"))
        return _Page(kind, children if kind in _INNER else [], rows, is_whole)

    def _cell(self, data: bytes, kind: int, at: int) -> tuple[Row, int]:
        child = 0
        if kind in _INNER:
            (child,) = struct.unpack_from(">I", data, at)
            at += 4
        if kind == _INNER_TABLE:
            return Row(_signed(_varint(data, at)[0]), ()), child
        length, at = _varint(data, at)
        rowid = None
        if kind == _LEAF_TABLE:
            number, at = _varint(data, at)
            rowid = _signed(number)
        return Row(rowid, _record(self._payload(data, kind, at, length))), child

    def _payload(self, data: bytes, kind: int, at: int, length: int) -> bytes:
        """What a cell holds: on its page as much as there may be, the rest in a chain of pages."""
        usable = len(data)
        most = usable - 35 if kind == _LEAF_TABLE else (usable - 12) * 64 // 255 - 23
        if length <= most:
            return _exactly(data[at : at + length], length)
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        local = local if local <= most else least
        parts, left = [_exactly(data[at : at + local], local)], length - local
        (number,) = struct.unpack_from(">I", data, at + local)
        while left > 0:
            if not 0 < number <= self.count:
                raise ValueError("a chain that leads nowhere")
            page = self._data[(number - 1) * self._page_bytes : number * self._page_bytes]
            parts.append(page[4 : 4 + left])
            left -= len(parts[-1])
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts)

    def _free(self) -> set[int]:
        """Pages that were given back: what is on them was deleted."""
        free: set[int] = set()
        number = int.from_bytes(self._data[_FIRST_FREE_AT : _FIRST_FREE_AT + 4], "big")
        while 0 < number <= self.count and number not in free:
            free.add(number)
            page = self._data[(number - 1) * self._page_bytes : number * self._page_bytes]
            following, leaves = struct.unpack_from(">2I", page)
            free.update(
                n for (n,) in struct.iter_unpack(">I", page[8 : 8 + 4 * min(leaves, self._page_bytes // 4 - 2)])
            )
            number = following
        return free


def _exactly(data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise ValueError("a cell that goes beyond its page")
    return data


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    number = 0
    for place in range(_VARINT_BYTES):
        byte = data[at + place]
        if place == _VARINT_BYTES - 1:
            return number << 8 | byte, at + _VARINT_BYTES
        number = number << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the bit that says more come
            return number, at + place + 1
    raise ValueError("a number without an end")


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def _record(payload: bytes) -> Values:
    """The values of a row (https://sqlite.org/fileformat2.html#record_format)."""
    head_bytes, at = _varint(payload, 0)
    kinds = []
    while at < head_bytes:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if at != head_bytes or not kinds:
        raise ValueError("a row whose head is too long")
    values: list[Any] = []
    for kind in kinds:
        size = (kind - _BLOB) // 2 if kind >= _BLOB else 8 if kind == _FLOAT else _INTEGER_BYTES.get(kind, 0)
        part = _exactly(payload[at : at + size], size)
        at += size
        values.append(_value(kind, part))
    if at != len(payload):
        raise ValueError("a row that is longer than it says")
    return tuple(values)


def _value(kind: int, part: bytes) -> Any:
    if kind >= _BLOB:
        return part.decode() if kind % 2 else part
    if kind == _FLOAT:
        return struct.unpack(">d", part)[0]
    if kind in _INTEGER_BYTES:
        return int.from_bytes(part, "big", signed=True)
    return {0: None, _ZERO: 0, _ONE: 1}[kind]
