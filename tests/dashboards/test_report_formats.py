"""Each format of a report: what stands in it, what it is safe from, and that the PDF is accessible."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import typst
from openpyxl import load_workbook

from dashboards.reports.csv_file import COLUMNS
from dashboards.reports.document import Column, Document, Points, Row, Section, Shown, Table
from dashboards.reports.files import Format
from dashboards.reports.formats import write
from dashboards.reports.gather import gather
from dashboards.reports.model import Report
from dashboards.reports.pdf import data_of, to_pdf
from dashboards.reports.sections import document
from dashboards.reports.templates import OURS, TemplateError
from dashboards.reports.xlsx import to_xlsx
from schemas import Estate
from schemas.localtime import to_ns
from stores.sqlite_store import SqliteStore
from tests.dashboards.report_month import LONG_NAME, MARKUP_NAME, NOW, RTL_NAME
from usage import Queries

# ---------------------------------------------------------------------------------------------------------- the formats


@pytest.fixture(scope="module")
def files(october: Report) -> dict[Format, bytes]:
    return {form: write(october, form).content for form in Format}


@pytest.mark.parametrize("form", list(Format))
def test_the_same_report_is_the_same_file(october: Report, files: dict[Format, bytes], form: Format) -> None:
    assert write(october, form).content == files[form]


@pytest.mark.parametrize("form", list(Format))
def test_an_estate_without_a_hub_has_a_report(tmp_path: Path, form: Format) -> None:
    with closing(SqliteStore(tmp_path / "store.db")) as store:
        store.prepare()
        report = gather(Queries(store, Estate(), now_ns=to_ns(NOW)), Estate(), "2026-10", now_ns=to_ns(NOW))
    assert write(report, form).content


def test_the_page_stands_by_itself_and_runs_nothing(files: dict[Format, bytes]) -> None:
    assert b"`" not in files[Format.HTML], "commands are named plainly: whoever reads it has none"
    page = files[Format.HTML].decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"""(?:src|href)=["'](?!#)|url\((?!["']?#)|@import""", page)
    assert RTL_NAME in page
    headings = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))
    assert page.count("<caption") == page.count("<table")


def test_numbers_of_the_workbook_are_numbers_and_names_are_text(files: dict[Format, bytes], october: Report) -> None:
    book = load_workbook(io.BytesIO(files[Format.XLSX]))
    assert book.sheetnames[0] == "Findings"
    assert book.sheetnames[3:5] == ["October 2026 against September", "Busiest days"]
    assert all((setup := sheet.sheet_properties.pageSetUpPr) and setup.fitToPage for sheet in book), (
        "printed, no row is torn over pages side by side"
    )
    words = book["Findings"]
    long = [row for row in range(1, words.max_row + 1) if len(str(words.cell(row, 1).value)) > 130]
    assert long
    assert all((words.row_dimensions[row].height or 0) >= 2 * 15 for row in long)
    assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {"n", "s", "d"}
    hubs = book["Each hub"]
    head = [cell.value for cell in hubs[1]]
    rows = {row[0].value: row for row in hubs.iter_rows(min_row=2)}
    armley = rows[MARKUP_NAME]
    assert (armley[0].data_type, armley[head.index("Counted")].data_type) == ("s", "n")
    assert armley[head.index("Counted")].value == october.hubs[0].people.counted
    assert rows[RTL_NAME][0].value == RTL_NAME
    assert hubs.freeze_panes == "B2"
    charts = [name for name in zipfile.ZipFile(io.BytesIO(files[Format.XLSX])).namelist() if "charts/chart" in name]
    assert len(charts) == 2
    days = book["Day by day"]
    assert days["A2"].is_date
    assert sum(int(str(days.cell(row, 2).value or 0)) for row in range(2, 33)) == october.total.counted


def test_no_cell_of_the_workbook_is_a_formula_or_turns_its_writing_round() -> None:
    texts = ("=1+1", "+1", "@x", "a\u202eb")
    table = Table("=t", "=c", (Column("=a", "=a", Shown.TEXT),), tuple(Row((text,)) for text in texts), "=n\u202e")
    document = Document("=d", "=s", "=m", (Section("=p", "=h", (table,)),))
    book = load_workbook(io.BytesIO(to_xlsx(document, datetime(2026, 11, 1, tzinfo=UTC))))
    cells = [cell for sheet in book for row in sheet for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"}
    assert {"=1+1", "+1", "@x", "a\\u202eb", "=n\\u202e"} <= {cell.value for cell in cells}


def test_no_cell_of_the_csv_is_a_formula(files: dict[Format, bytes], october: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(files[Format.CSV].decode())))
    assert tuple(rows[0]) == COLUMNS
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]
    (counted,) = [row for row in rows if (row["section"], row["item"], row["figure"]) == ("hubs", "armley", "entries")]
    assert counted["value"] == str(october.hubs[0].people.counted)
    assert counted["days_missing"] == str(october.hubs[0].people.days_missing)


# -------------------------------------------------------------------------------------------------------------- the PDF


@pytest.fixture(scope="module")
def pdf(files: dict[Format, bytes]) -> Iterator[pikepdf.Pdf]:
    with pikepdf.open(io.BytesIO(files[Format.PDF])) as found:
        yield found


def _elements(element: Any) -> Iterator[Any]:
    """Every element of the structure tree, in reading order."""
    if isinstance(element, pikepdf.Array):
        for each in element:
            yield from _elements(each)
    elif isinstance(element, pikepdf.Dictionary) and ("/S" in element or "/K" in element):
        if "/S" in element:
            yield element
        if "/K" in element:
            yield from _elements(element.K)


def test_the_pdf_says_what_it_is(pdf: pikepdf.Pdf) -> None:
    assert bool(pdf.Root.MarkInfo.Marked)
    assert str(pdf.Root.Lang).startswith("en")
    assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
    with pdf.open_metadata() as meta:
        assert meta["pdfuaid:part"] == "1"
        assert meta["dc:title"] == "=Leeds hubs: October 2026"


def test_figures_of_the_pdf_have_texts_and_tables_have_headers(pdf: pikepdf.Pdf) -> None:
    elements = list(_elements(pdf.Root.StructTreeRoot.K))
    kinds = [str(element.S) for element in elements]
    figures = [element for element in elements if element.S == "/Figure"]
    assert len(figures) == 2
    assert all("October" in str(f.get("/Alt", "")) or "People entering" in str(f.get("/Alt", "")) for f in figures)
    tables = [element for element in elements if element.S == "/Table"]
    assert len(tables) >= 8
    assert all("/TH" in [str(each.S) for each in _elements(table.K)] for table in tables)
    headings = [int(kind[2:]) for kind in kinds if re.fullmatch(r"/H[1-6]", kind)]
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))


def test_a_short_table_of_the_pdf_is_on_one_page() -> None:
    table = Table("t", "Busiest", (Column("n", "Number"),), tuple(Row((n,)) for n in range(10)))
    lines = Points(tuple(f"Line {n}" for n in range(45)))
    found = to_pdf(Document("d", "s", "m", (Section("p", "h", (lines, table)),)), NOW)
    with pikepdf.open(io.BytesIO(found)) as pdf:
        assert len(pdf.pages) == 2
        elements = list(_elements(pdf.Root.StructTreeRoot.K))
        [of_table] = [element for element in elements if element.S == "/Table"]
        assert len({each.Pg.objgen for each in _elements(of_table.K) if "/Pg" in each}) == 1


def test_nothing_of_the_pdf_is_drawn_untagged(pdf: pikepdf.Pdf) -> None:
    for page in pdf.pages:
        depth, drawn = 0, 0
        for instruction in pikepdf.parse_content_stream(page):
            name = str(instruction.operator)
            depth += {"BDC": 1, "BMC": 1, "EMC": -1}.get(name, 0)
            if name in ("Tj", "TJ", "Do", "S", "f", "B", "sh"):
                drawn += 1
                assert depth > 0, (page.index, name)
        assert depth == 0
        assert drawn


def test_a_name_is_shown_and_never_run(october: Report) -> None:
    """In the PDF's cells the names of hubs are text, whatever they say; a box stands for what no font has."""
    found = typst.query(
        str(OURS / "report.typ"),
        "figure",
        root=str(OURS),
        sys_inputs={"data": json.dumps(data_of(document(october)))},
        ignore_system_fonts=True,
    )
    texts = [text.replace("\u200b", "") for text in _texts_in(json.loads(found))]
    assert {MARKUP_NAME, RTL_NAME, LONG_NAME} <= {*texts}


def _texts_in(content: Any) -> Iterator[str]:
    """What is text and nothing else of an element."""
    if isinstance(content, list):
        for each in content:
            yield from _texts_in(each)
    elif isinstance(content, dict):
        if content.get("func") == "text":
            yield str(content["text"])
        for each in content.values():
            yield from _texts_in(each)


# ------------------------------------------------------------------------------------------------------------ templates


def test_a_template_of_ones_own_serves(october: Report, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("<p>{{ document.title }} for the board</p>")
    assert (
        write(october, Format.HTML, own_templates=tmp_path).content == b"<p>=Leeds hubs: October 2026 for the board</p>"
    )
    assert write(october, Format.PDF, own_templates=tmp_path).content.startswith(b"%PDF")


@pytest.mark.parametrize(
    "form, name, text",
    [
        (Format.HTML, "report.html", "{% for %}"),
        (Format.HTML, "report.html", "{{ documnet.title }}"),
        (Format.HTML, "report.html", "{{ document.__class__.__mro__ }}"),
        (Format.HTML, "report.html", "{{ 1 / 0 }}"),
        (Format.PDF, "report.typ", "#let x = ("),
        (Format.PDF, "report.typ", '#read("/etc/passwd")'),
        (Format.PDF, "report.typ", '#read("../secret")'),
        (Format.PDF, "report.typ", "#nothing"),
    ],
)
def test_a_broken_template_is_a_sentence(october: Report, tmp_path: Path, form: Format, name: str, text: str) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    (folder / name).write_text(text)
    with pytest.raises(TemplateError, match=f"{name}: .*; correct it, or remove it") as raised:
        write(october, form, own_templates=folder)
    assert "\n" not in str(raised.value)
