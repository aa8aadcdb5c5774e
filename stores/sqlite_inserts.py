"""Points into a table of the embedded store: most are readings that are not there yet, and cost least as such.

A statement that may update a point takes longer than one that leaves alone what is there, and a statement for each
point longer than one for many: Python binds its values, and takes and gives back its lock, for each anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache

from schemas import KINDS
from stores.sqlite_lines import Cell

_POINTS_AT_ONCE = 100
_PREFIXES = tuple(f'INSERT INTO "{kind.value}" ' for kind in KINDS)


def store(db: sqlite3.Connection, upsert: str, columns: Sequence[Sequence[Cell]]) -> None:
    """Store points, whose values are in columns, by a statement for one of them; of several of a time the last."""
    if not upsert.startswith(_PREFIXES) or _insert(db, upsert, columns) < len(columns[0]):
        db.executemany(upsert, zip(*columns, strict=True))


def _insert(db: sqlite3.Connection, upsert: str, columns: Sequence[Sequence[Cell]]) -> int:
    """Store those that are not there, leaving the others alone; how many they were."""
    one, many = _inserts(upsert)
    width = len(columns)
    cells: list[Cell] = [0] * (width * len(columns[0]))
    for place, column in enumerate(columns):
        cells[place::width] = column
    at_once = width * _POINTS_AT_ONCE
    whole = len(cells) - len(cells) % at_once
    added = sum(db.execute(many, cells[start : start + at_once]).rowcount for start in range(0, whole, at_once))
    rest = [cells[start : start + width] for start in range(whole, len(cells), width)]
    return added + (db.executemany(one, rest).rowcount if rest else 0)


@lru_cache(maxsize=1024)
def _inserts(upsert: str) -> tuple[str, str]:
    """The statements that insert one point, and many, where they are not there."""
    # OR IGNORE and not ON CONFLICT: what can't fail half-way needs no copy of each page that it changes.
    insert = f"INSERT OR IGNORE{upsert.removeprefix('INSERT').partition(' ON CONFLICT ')[0]}"
    start, _, values = insert.partition(" VALUES ")
    return insert, f"{start} VALUES {', '.join([values] * _POINTS_AT_ONCE)}"
