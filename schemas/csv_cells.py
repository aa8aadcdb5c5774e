"""Cells of the CSV files that are given to people: no spreadsheet takes one for a formula."""

from __future__ import annotations

from collections.abc import Iterable

_AS_THEY_ARE = frozenset({float, int, type(None)})
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the wide forms of the first, which some spreadsheets take for the same."""


def csv_row(values: Iterable[object]) -> list[object]:
    """The values of a row as its cells: yes and no as JSON writes them, an apostrophe before what would be worked out.

    Source: OWASP, CSV injection.
    """
    return [value if value.__class__ in _AS_THEY_ARE else _csv_cell(value) for value in values]


def _csv_cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
