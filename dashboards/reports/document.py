"""A report as it is laid out, whatever its format: sections of sentences, tables and charts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from dashboards.charts import Chart
from dashboards.reports import words
from dashboards.web import wording
from schemas.texts import weekday

HIDDEN = "*"
"""Stands for a number of people that is withheld."""

Cell = str | int | float | date | None
"""A cell of a table; None is unknown."""


class Shown(StrEnum):
    """How a column's cells are shown."""

    TEXT = "text"
    PROSE = "prose"
    """A sentence or more, which needs room."""
    NUMBER = "number"
    CHANGE = "change"
    """A share of what was before, with its sign."""
    SHARE = "share"
    DATE = "date"
    """With its weekday."""
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `id` for programs, `name` for people, `unit` where cells have one."""

    id: str
    name: str
    shown: Shown = Shown.NUMBER
    decimals: int = 0
    unit: str = ""

    @property
    def is_number(self) -> bool:
        return self.shown in (Shown.NUMBER, Shown.CHANGE, Shown.SHARE)

    def text(self, cell: Cell) -> str:
        """A cell as people read it."""
        if cell is None:
            return wording.NO_FIGURE
        if isinstance(cell, str):
            return cell
        if isinstance(cell, date):
            return f"{weekday(cell)}, {words.day(cell)}" if self.shown is Shown.DATE else words.day(cell)
        if self.shown is Shown.NUMBER:
            return wording.number(cell, self.decimals)
        text = words.percent(cell)
        return f"+{text}" if self.shown is Shown.CHANGE and cell > 0 else text


@dataclass(frozen=True, slots=True)
class Row:
    """Cells by column; the first names the row, and `key` names it for programs where that is another name.

    `missing` are days that were not all counted in its people.
    """

    cells: tuple[Cell, ...]
    missing: int = 0
    is_total: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `caption` says what of, `note` what to know of it. Its first `named_by` cells name a row to programs."""

    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    named_by: int = 1


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading below that of the section."""

    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart, which stands in a table too, and what its shapes mean."""

    chart: Chart
    key: str


Part = Heading | Words | Points | Table | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is below it."""

    id: str
    heading: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A report: its title, a line of what it is of, a line of how it was made, and its sections."""

    title: str
    subtitle: str
    made: str
    sections: tuple[Section, ...] = field(default=())

    def tables(self) -> list[tuple[Section, Table]]:
        """Every table with its section."""
        return [(section, part) for section in self.sections for part in section.parts if isinstance(part, Table)]
