"""A report as an accessible PDF: tagged, by PDF/UA-1 (ISO 14289-1), the same on every machine.

The typesetter gets the report as JSON and reads nothing outside of its template's folder: a name is shown as it is and
never run. Its own fonts are used, and none of the machine. Characters that they lack are shown as a box.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from dashboards.charts.standalone import standalone
from dashboards.reports import templates
from dashboards.reports.document import Document, Heading, Part, Picture, Points, Table, Words
from schemas.printable import printable
from schemas.texts import _, language

_TEMPLATE = "report.typ"
_STANDARD: Final = "ua-1"
_BOX = "\u25a1"
_WIDE_CHARS = 36
"""Of a column: what is longer goes on in the next line."""
_NAME_CHARS = 16
"""Of a column of texts, at least: beside ten columns of numbers a short name stays whole, too."""
_HEAD_LINES = 2
"""Over so many lines a head may go on, but no word of it."""
_BOLD_CHARS = 3
"""A head is bold, and wider by about so much."""
_MARGIN_CHARS = 2
_ROWS_MAX = 100
"""Longer tables stand in the other formats: nobody reads a year day by day on paper."""
_LONG_WORD = re.compile(r"(\S{24})(?=\S)")
_BREAK = "\u200b"
"""Lets a name without a blank go on in the next line; it has no width."""
_PROBE = '#set document(title: "x")\n#set text(font: ("Libertinus Serif", "DejaVu Sans Mono"))\n#sys.inputs.text'


def to_pdf(document: Document, made: datetime, own: Path | None = None) -> bytes:
    """The report as a PDF, dated `made`. `own` is a folder of templates that go before ours. Raises TemplateError."""
    import typst  # noqa: PLC0415 - slow to import, and for this format alone

    folder = templates.folder_of(_TEMPLATE, own)
    data = json.dumps(data_of(document), ensure_ascii=False)
    try:
        return _compiled(folder, data, made)
    except typst.TypstError as error:
        if "could not be displayed" not in str(error):
            raise templates.broken(folder / _TEMPLATE, _one_line(error)) from error
    lacking = {char for char in set(data) if not char.isascii() and not _is_known(char)}
    plain = "".join(_BOX if char in lacking else char for char in data)
    try:
        return _compiled(folder, plain, made)
    except typst.TypstError as error:
        raise templates.broken(folder / _TEMPLATE, _one_line(error)) from error


def _compiled(folder: Path, data: str, made: datetime) -> bytes:
    import typst  # noqa: PLC0415 - likewise

    found: bytes = typst.compile(
        str(folder / _TEMPLATE),
        root=str(folder),
        sys_inputs={"data": data},
        ignore_system_fonts=True,
        pdf_standards=[_STANDARD],
        timestamp=int(made.timestamp()),
    )
    return found


@cache
def _is_known(char: str) -> bool:
    """Whether the fonts have a character."""
    import typst  # noqa: PLC0415 - likewise

    try:
        typst.compile(_PROBE.encode(), sys_inputs={"text": char}, ignore_system_fonts=True, pdf_standards=[_STANDARD])
    except typst.TypstError:
        return False
    return True


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def data_of(document: Document) -> dict[str, Any]:
    """What the template is given: texts and SVG alone."""
    return {
        "title": _text(document.title),
        "subtitle": _text(document.subtitle),
        "made": _text(document.made),
        "lang": language().partition("_")[0],
        "page": _("Page"),
        "sections": [
            {"id": section.id, "heading": _text(section.heading), "parts": list(_parts(section.parts))}
            for section in document.sections
        ],
    }


def _parts(parts: tuple[Part, ...]) -> Iterator[dict[str, Any]]:
    for part in parts:
        match part:
            case Heading() | Words():
                yield {"kind": "heading" if isinstance(part, Heading) else "words", "text": _text(part.text)}
            case Points():
                yield {"kind": "points", "items": [_text(item) for item in part.items]}
            case Picture():
                chart = part.chart
                title = _text(f"{chart.title}, {chart.unit}")
                yield {
                    "kind": "picture",
                    "svg": standalone(chart),
                    "alt": _text(f"{title}. {chart.summary}"),
                    "caption": _text(f"{title}. {chart.summary} {part.key}"),
                }
            case Table() if len(part.rows) > _ROWS_MAX:
                yield {
                    "kind": "words",
                    "text": _("{caption}: {count} rows, in the workbook and the HTML of this report.").format(
                        caption=_text(part.caption), count=len(part.rows)
                    ),
                }
            case Table():
                yield _table(part)


def _table(table: Table) -> dict[str, Any]:
    heads = [_text(f"{column.name} ({column.unit})" if column.unit else column.name) for column in table.columns]
    rows = [
        [_text(column.text(cell)) for column, cell in zip(table.columns, row.cells, strict=True)] for row in table.rows
    ]
    return {
        "kind": "table",
        "caption": _text(table.caption),
        "note": _text(table.note),
        "columns": [
            {
                "name": head,
                "right": column.is_number,
                "weight": _weight(head, [cells[place] for cells in rows], is_number=column.is_number),
            }
            for place, (head, column) in enumerate(zip(heads, table.columns, strict=True))
        ],
        "rows": [{"cells": cells, "total": row.is_total} for cells, row in zip(rows, table.rows, strict=True)],
    }


def _weight(head: str, cells: list[str], *, is_number: bool) -> int:
    """How wide a column is beside others: as what stands in it, in characters, with its margins."""
    of_head = max([-(-len(head) // _HEAD_LINES), *map(len, head.split())]) + _BOLD_CHARS
    least = 0 if is_number else _NAME_CHARS
    return min(max([least, of_head, *map(len, cells)]), _WIDE_CHARS) + _MARGIN_CHARS


def _text(text: str) -> str:
    return _LONG_WORD.sub(rf"\1{_BREAK}", printable(text))
