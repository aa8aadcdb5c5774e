"""A report as CSV: a figure a line, so that every table of it fits into one file.

section,item,figure,value,unit,days_missing
"""

from __future__ import annotations

import csv
import io
from datetime import date

from dashboards.reports.document import Cell, Column, Document, Heading, Points, Shown
from schemas.csv_cells import csv_row

COLUMNS = ("section", "item", "figure", "value", "unit", "days_missing")


def to_csv(document: Document) -> bytes:
    """The findings, each beside all days missing, then each table's figures. Empty is unknown; shares are of one."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    heading = ""
    missing = max((row.missing for _, found in document.tables() for row in found.rows if row.is_total), default=0)
    for section in document.sections[:1]:
        for part in section.parts:
            match part:
                case Heading(text=heading):
                    pass
                case Points(items=items):
                    table.writerows(csv_row((section.id, heading, "finding", item, "", missing)) for item in items)
    for _, found in document.tables():
        for row in found.rows:
            item = " ".join([row.key or _value(row.cells[0]), *map(_value, row.cells[1 : found.named_by])])
            for column, cell in list(zip(found.columns, row.cells, strict=True))[found.named_by :]:
                cells = (found.id, item, column.id, _value(cell), _unit(column), row.missing)
                table.writerow(csv_row(cells))
    return text.getvalue().encode()


def _unit(column: Column) -> str:
    return "share" if column.shown in (Shown.CHANGE, Shown.SHARE) else column.unit


def _value(cell: Cell) -> str:
    """A cell as programs read it."""
    if cell is None:
        return ""
    return cell.isoformat() if isinstance(cell, date) else str(cell)
