"""A report as a workbook: numbers as numbers, dates as dates, text as text and never a formula."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from dashboards.reports.document import Cell, Column, Document, Heading, Points, Section, Shown, Table, Words
from schemas.printable import printable
from schemas.texts import _

_NAME_UNITS_MAX, _CELL_CHARS_MAX = 31, 32_767
_NO_SHEET_NAME = re.compile(r"[\[\]:*?/\\']")
_WIDTH_MIN, _WIDTH_MAX, _WORDS_WIDTH = 11, 42, 100
_A4, _LINE_PT = 9, 15
_CHARTED = {"days": "column", "hubs": "bar"}
"""The tables that get a chart of their people, and its kind."""
_ENTRIES = "entries"


def to_xlsx(document: Document, made: datetime) -> bytes:
    """The report as a workbook, dated `made`."""
    import xlsxwriter  # noqa: PLC0415 - slow to import, and for this format alone

    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": document.title, "created": made.replace(tzinfo=None)})
    _Book(book).write(document)
    book.close()
    return file.getvalue()


class _Book:
    """The workbook under way."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._heading = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"})
        self._bold = book.add_format({"bold": True})
        self._title = book.add_format({"bold": True, "font_size": 14})
        self._wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        self._formats: dict[tuple[str, bool, bool], Any] = {}
        self._names: set[str] = set()

    def write(self, document: Document) -> None:
        """A sheet of words, then a sheet for each table."""
        self._words(document)
        for section, table in document.tables():
            self._table(section, table)

    def _sheet(self, name: str) -> Any:
        """A sheet that is printed as wide as a page."""
        sheet = self._book.add_worksheet(name)
        sheet.set_paper(_A4)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        return sheet

    def _words(self, document: Document) -> None:
        sheet = self._sheet(self._name(_("Findings")))
        sheet.set_column(0, 0, _WORDS_WIDTH, self._wrapped)
        for number, (text, form) in enumerate(self._lines(document)):
            lines = -(-len(text) // _WORDS_WIDTH)
            if lines > 1:
                # A program that prints without showing it first gives every row the height of one line.
                sheet.set_row(number, lines * _LINE_PT)
            sheet.write_string(number, 0, _cell_text(text), form)

    def _lines(self, document: Document) -> Iterator[tuple[str, Any]]:
        yield document.title, self._title
        yield document.subtitle, self._wrapped
        yield document.made, self._wrapped
        for section in document.sections:
            said = [part for part in section.parts if isinstance(part, Heading | Words | Points)]
            if said:
                yield section.heading, self._title
            for part in said:
                match part:
                    case Heading():
                        yield part.text, self._bold
                    case Words():
                        yield part.text, self._wrapped
                    case Points():
                        yield from ((f"• {item}", self._wrapped) for item in part.items)

    def _table(self, section: Section, table: Table) -> None:
        name = self._name(table.caption if len(section.parts) > 1 else section.heading)
        sheet = self._sheet(name)
        sheet.freeze_panes(1, 1)
        sheet.repeat_rows(0)
        for place, column in enumerate(table.columns):
            title = f"{column.name} ({column.unit})" if column.unit else column.name
            sheet.write_string(0, place, _cell_text(title), self._heading)
            longest = max((len(column.text(row.cells[place])) for row in table.rows), default=0)
            sheet.set_column(place, place, min(_WIDTH_MAX, max(_WIDTH_MIN, longest + 2)))
        for number, row in enumerate(table.rows, start=1):
            for place, (column, cell) in enumerate(zip(table.columns, row.cells, strict=True)):
                self._cell(sheet, (number, place), column, cell, is_total=row.is_total)
        if table.note:
            sheet.write_string(len(table.rows) + 2, 0, _cell_text(table.note))
        if table.id in _CHARTED and table.rows:
            self._chart(sheet, name, table)

    def _cell(self, sheet: Any, place: tuple[int, int], column: Column, cell: Cell, *, is_total: bool) -> None:
        form = self._format(column, is_total=is_total)
        match cell:
            case None:
                sheet.write_blank(*place, None, form)
            case str():
                sheet.write_string(*place, _cell_text(cell), form)
            case date():
                sheet.write_datetime(*place, datetime(cell.year, cell.month, cell.day), form)  # noqa: DTZ001 - a cell has no zone
            case _:
                sheet.write_number(*place, cell, form)

    def _format(self, column: Column, *, is_total: bool) -> Any:
        decimals = "." + "0" * column.decimals if column.decimals else ""
        number = {
            Shown.TEXT: "@",
            Shown.PROSE: "@",
            Shown.NUMBER: f"#,##0{decimals}",
            Shown.CHANGE: f"+0{decimals}%;-0{decimals}%;0{decimals}%",
            Shown.SHARE: f"0{decimals}%",
            Shown.DATE: "yyyy-mm-dd",
            Shown.DAY: "yyyy-mm-dd",
        }[column.shown]
        wraps = column.shown is Shown.PROSE
        key = (number, is_total, wraps)
        if key not in self._formats:
            looks = {"num_format": number, "bold": is_total, "text_wrap": wraps, "valign": "top"}
            self._formats[key] = self._book.add_format(looks)
        return self._formats[key]

    def _chart(self, sheet: Any, name: str, table: Table) -> None:
        """The people of a table."""
        place = next(i for i, column in enumerate(table.columns) if column.id == _ENTRIES)
        chart = self._book.add_chart({"type": _CHARTED[table.id]})
        last = len(table.rows)
        chart.add_series(
            {"name": [name, 0, place], "categories": [name, 1, 0, last, 0], "values": [name, 1, place, last, place]}
        )
        chart.set_title({"name": table.caption, "name_font": {"size": 12}})
        chart.set_legend({"none": True})
        chart.set_size({"width": 760, "height": max(320, 24 * last if _CHARTED[table.id] == "bar" else 0)})
        if _CHARTED[table.id] == "bar":
            chart.set_y_axis({"reverse": True})
        sheet.insert_chart(1, len(table.columns) + 1, chart, {"description": table.caption})

    def _name(self, wanted: str) -> str:
        """A sheet's name that no other sheet has."""
        plain = _shortened(_NO_SHEET_NAME.sub(" ", printable(wanted)).strip()) or "-"
        number = 1
        name = plain
        while name.lower() in self._names:
            number += 1
            name = f"{_shortened(plain, _NAME_UNITS_MAX - len(f' {number}'))} {number}"
        self._names.add(name.lower())
        return name


def _cell_text(text: str) -> str:
    return printable(text)[:_CELL_CHARS_MAX]


def _shortened(name: str, units_max: int = _NAME_UNITS_MAX) -> str:
    """A name that a sheet may have, cut between words where there are any; its length is that in UTF-16."""
    units = name.encode("utf-16-le")
    if len(units) <= 2 * units_max:
        return name
    cut, whole = (units[: 2 * end].decode("utf-16-le", "ignore") for end in (units_max, units_max + 1))
    return (whole.rpartition(" ")[0] or cut).rstrip(" ,")
