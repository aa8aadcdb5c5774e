"""Cells of the CSV files that are given to people: no spreadsheet takes one for a formula."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_cell(value: object) -> object:
    """A value as its cell: yes and no as JSON writes them, an apostrophe before text that would be worked out.

    Source: OWASP, CSV injection.
    """
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
