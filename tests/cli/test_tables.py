"""Tables of figures as files: what is known arrives as what it is, and what is not known stays empty."""

import csv
import io
import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.tables import Format, format_of, write_table
from schemas.errors import HubpulseError

NAMES = ["hub", "date", "entries", "co2_mean_ppm", "final", "people_state"]
ROWS: list[dict[str, Any]] = [
    {
        "hub": "=1+1",
        "date": "2026-10-20",
        "entries": 318,
        "co2_mean_ppm": 612.5,
        "final": True,
        "people_state": "counted",
    },
    {
        "hub": "@beeston",
        "date": "2026-10-21",
        "entries": None,
        "co2_mean_ppm": None,
        "final": False,
        "people_state": "none",
    },
]


def test_csv_and_json_go_to_a_file_as_they_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in (Format.CSV, Format.JSON):
        write_table(ROWS, NAMES, form)
        write_table(ROWS, NAMES, form, tmp_path / "file")
        assert (tmp_path / "file").read_text() == capsys.readouterr().out
    assert json.loads((tmp_path / "file").read_text()) == ROWS


@pytest.mark.parametrize(
    "name, form",
    [("x.xlsx", Format.XLSX), ("x.PARQUET", Format.PARQUET), ("x.json", Format.JSON), ("x.txt", Format.CSV)],
)
def test_a_files_name_says_its_format(name: str, form: Format) -> None:
    assert format_of(Path(name)) is form
    assert format_of(None) is Format.CSV


def test_no_cell_of_a_csv_is_a_formula(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(ROWS, NAMES, Format.CSV)
    assert [row["hub"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == ["'=1+1", "'@beeston"]


def test_csv_has_empty_cells_for_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(ROWS, NAMES, Format.CSV)
    first, second = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (first["entries"], first["final"], second["entries"]) == ("318", "true", "")


def test_xlsx_has_numbers_as_numbers_dates_as_dates_and_no_formulas(tmp_path: Path) -> None:
    write_table(ROWS, NAMES, Format.XLSX, tmp_path / "file.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "file.xlsx")["figures"]
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        NAMES,
        ["=1+1", datetime(2026, 10, 20), 318, 612.5, True, "counted"],  # noqa: DTZ001 - as a sheet has it
        ["@beeston", datetime(2026, 10, 21), None, None, False, "none"],  # noqa: DTZ001
    ]
    assert [cell.data_type for cell in sheet["A"]] == ["s", "s", "s"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("C2", "A1:F3")


def test_parquet_has_the_types_of_the_store(tmp_path: Path) -> None:
    write_table(ROWS, NAMES, Format.PARQUET, tmp_path / "file.parquet")
    table = pq.read_table(tmp_path / "file.parquet")
    assert [field.type for field in table.schema] == [
        pa.string(),
        pa.date32(),
        pa.int64(),
        pa.float64(),
        pa.bool_(),
        pa.string(),
    ]
    dated = [row | {"date": date.fromisoformat(row["date"])} for row in ROWS]
    assert table.to_pylist() == dated


@pytest.mark.parametrize("form", list(Format))
def test_a_table_without_rows_is_one_all_the_same(tmp_path: Path, form: Format) -> None:
    write_table([], NAMES, form, tmp_path / "file")
    assert (tmp_path / "file").stat().st_size > 0


def test_what_no_terminal_can_show_asks_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(HubpulseError, match=r"^xlsx is nothing to read in a terminal: add --output FILE.xlsx$"):
        write_table(ROWS, NAMES, Format.XLSX)


@pytest.mark.parametrize("form", list(Format))
def test_a_folder_that_is_not_there_is_told_in_one_line(tmp_path: Path, form: Format) -> None:
    with pytest.raises(HubpulseError, match=r"^could not write .*/none/file: No such file or directory$"):
        write_table(ROWS, NAMES, form, tmp_path / "none" / "file")
