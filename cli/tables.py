"""Tables of figures as files: CSV and JSON as the rows come, XLSX for people, Parquet for analysts.

An empty cell (null) means that nothing is known, in each of them. Numbers are numbers, dates are dates; text is never a
formula.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import date
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from schemas.csv_cells import csv_row
from schemas.errors import HubpulseError

Row = dict[str, Any]

_ROWS_AT_ONCE = 10_000
_XLSX_ROWS_MAX = 1_048_575
_COUNTS = (
    *("days", "days_counted", "days_missing", "entries_estimated", "entries_low", "entries_high"),
    *("entries_corrected", "entries_corrected_low", "entries_corrected_high"),
    *("visits", "visits_low", "visits_high"),
)


class Format(StrEnum):
    """How a table is written."""

    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
    PARQUET = "parquet"


def format_of(output: Path | None) -> Format:
    """The format that a file's name says; CSV where it says none."""
    suffix = "" if output is None else output.suffix.lower().removeprefix(".")
    return Format(suffix) if suffix in list(Format) else Format.CSV


def write_table(rows: Iterable[Row], names: Sequence[str], form: Format, output: Path | None = None) -> None:
    """Write a table with these columns to a file, or to where the command prints.

    Raises HubpulseError where that is a terminal which the format is nothing for, where a file can't be written, and
    where a library is not installed.
    """
    if form in (Format.CSV, Format.JSON):
        with nullcontext(sys.stdout) if output is None else _opened(output) as text:
            (_write_csv if form is Format.CSV else _write_json)(rows, names, text)
        return
    if output is None and sys.stdout.isatty():
        raise HubpulseError(f"{form} is nothing to read in a terminal: add --output FILE.{form}")
    content = (_xlsx if form is Format.XLSX else _parquet)(rows, names)
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise _not_written(output, error) from error


def _opened(output: Path) -> io.TextIOWrapper:
    try:
        return output.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise _not_written(output, error) from error


def _not_written(output: Path, error: OSError) -> HubpulseError:
    return HubpulseError(f"could not write {output}: {error.strerror}")


def _write_csv(rows: Iterable[Row], names: Sequence[str], text: TextIO) -> None:
    table = csv.writer(text, lineterminator="\n")
    table.writerow(names)
    for row in rows:
        table.writerow(csv_row(row[name] for name in names))


def _write_json(rows: Iterable[Row], _names: Sequence[str], text: TextIO) -> None:
    """An array with a row a line."""
    opening = "["
    for row in rows:
        text.write(f"{opening}\n{json.dumps(row)}")
        opening = ","
    text.write("\n]\n" if opening == "," else "[]\n")


def _xlsx(rows: Iterable[Row], names: Sequence[str]) -> bytes:
    import xlsxwriter

    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    heading, day = book.add_format({"bold": True, "bottom": 1}), book.add_format({"num_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet("figures")
    sheet.freeze_panes(1, names.index("date") + 1 if "date" in names else 2)
    for column, name in enumerate(names):
        sheet.set_column(column, column, max(10, len(name) + 2))
        sheet.write_string(0, column, name, heading)
    number = 0
    for number, row in enumerate(rows, start=1):
        if number > _XLSX_ROWS_MAX:
            raise HubpulseError(f"more than {_XLSX_ROWS_MAX:,} rows fit into no sheet: ask for fewer days, or for csv")
        for column, name in enumerate(names):
            value = row[name]
            if name == "date":
                sheet.write_datetime(number, column, date.fromisoformat(value), day)
            elif isinstance(value, str):
                sheet.write_string(number, column, value)
            elif value is not None:
                sheet.write(number, column, value)
    sheet.autofilter(0, 0, number, len(names) - 1)
    book.close()
    return file.getvalue()


def _parquet(rows: Iterable[Row], names: Sequence[str]) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise HubpulseError("parquet needs pyarrow: pip install 'hubpulse[parquet]'") from error

    from schemas.measurements import MEASUREMENTS, FieldType

    types = {FieldType.INTEGER: pa.int64(), FieldType.FLOAT: pa.float64(), FieldType.BOOLEAN: pa.bool_()}
    known = {
        name: types[kind]
        for each in ("usage_daily", "usage_daily_zone")
        for name, kind in MEASUREMENTS[each].fields.items()
    }
    known |= dict.fromkeys(_COUNTS, pa.int64())
    known |= {"date": pa.date32(), "people_state": pa.string(), "hidden": pa.bool_()}
    schema = pa.schema([(name, known.get(name, pa.string())) for name in names])
    file, rest = io.BytesIO(), iter(rows)
    with pq.ParquetWriter(file, schema) as writer:
        while some := list(islice(rest, _ROWS_AT_ONCE)):
            dated = [row | {"date": date.fromisoformat(row["date"])} if "date" in row else row for row in some]
            writer.write_table(pa.Table.from_pylist(dated, schema))
    return file.getvalue()
