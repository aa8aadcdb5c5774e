"""The figures of a chart line by line, as its page shows them and as files that people take away: CSV and XLSX.

Numbers are numbers and dates are dates; text is never a formula; an empty cell means that nothing is known. Each file
begins with what it is: title, unit, range and source.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from schemas.csv_cells import csv_row
from schemas.printable import printable
from schemas.texts import _

Cell = str | float | int | date | None

_SHEET_NAME = "figures"


class Column(NamedTuple):
    """A column's heading, and how many decimals of its numbers people are shown."""

    label: str
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """What a chart shows, as rows; `range` and `source` say of when it is and where from."""

    title: str
    unit: str
    range: str
    source: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]

    @property
    def heading(self) -> Iterator[tuple[str, str]]:
        """What a file begins with."""
        yield _("Title"), self.title
        yield _("Unit"), self.unit
        yield _("Range"), self.range
        yield _("Source"), self.source


def to_csv(table: Table) -> bytes:
    """The table as CSV in UTF-8: its heading, an empty line, then the columns."""
    out = io.StringIO(newline="")
    lines = csv.writer(out, lineterminator="\r\n")
    lines.writerows(map(csv_row, table.heading))
    lines.writerow([])
    lines.writerow(csv_row(column.label for column in table.columns))
    for row in table.rows:
        lines.writerow(csv_row(cell.isoformat() if isinstance(cell, date) else cell for cell in row))
    return out.getvalue().encode()


def to_xlsx(table: Table) -> bytes:
    """The table as a workbook of one sheet."""
    import xlsxwriter  # noqa: PLC0415 - needed where a file is asked for alone

    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": table.title, "comments": table.source})
    bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
    head = book.add_format({"bold": True, "bottom": 1})
    formats = {
        places: book.add_format({"num_format": "#,##0" + ("." + "0" * places if places else "")}) for places in range(4)
    }
    sheet = book.add_worksheet(_SHEET_NAME)
    for line, (name, value) in enumerate(table.heading):
        sheet.write_string(line, 0, name, bold)
        sheet.write_string(line, 1, printable(value))
    top = len(list(table.heading)) + 1
    for place, column in enumerate(table.columns):
        sheet.set_column(place, place, max(12, len(column.label) + 2))
        sheet.write_string(top, place, column.label, head)
    for line, row in enumerate(table.rows, start=top + 1):
        for place, (cell, column) in enumerate(zip(row, table.columns, strict=True)):
            match cell:
                case None:
                    continue
                case str():
                    sheet.write_string(line, place, printable(cell))
                case date():
                    sheet.write_datetime(line, place, datetime(cell.year, cell.month, cell.day), day)  # noqa: DTZ001 - a date
                case _:
                    sheet.write_number(line, place, cell, formats[column.decimals])
    sheet.freeze_panes(top + 1, 1)
    book.close()
    return file.getvalue()
