"""A report in the format asked for, and the name of its file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dashboards.reports.model import Report
from dashboards.reports.sections import document


class Format(StrEnum):
    """How a report is written."""

    HTML = "html"
    PDF = "pdf"
    XLSX = "xlsx"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        return {
            Format.HTML: "text/html; charset=utf-8",
            Format.PDF: "application/pdf",
            Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Format.CSV: "text/csv; charset=utf-8",
        }[self]


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A report that is made: whole, so that whoever shares it has a copy that stays as it is."""

    name: str
    format: Format
    content: bytes


def write(report: Report, form: Format, *, own_templates: Path | None = None) -> ReportFile:
    """The report as a file. `own_templates` is a folder of templates that go before ours. Raises TemplateError."""
    laid_out = document(report)
    match form:
        case Format.HTML:
            from dashboards.reports.html import to_html  # noqa: PLC0415 - each format imports what it needs

            content = to_html(laid_out, own_templates)
        case Format.PDF:
            from dashboards.reports.pdf import to_pdf  # noqa: PLC0415 - likewise

            content = to_pdf(laid_out, report.made, own_templates)
        case Format.XLSX:
            from dashboards.reports.xlsx import to_xlsx  # noqa: PLC0415 - likewise

            content = to_xlsx(laid_out, report.made)
        case Format.CSV:
            from dashboards.reports.csv_file import to_csv  # noqa: PLC0415 - likewise

            content = to_csv(laid_out)
    version = report.since.version + 1 if report.since else 1
    return ReportFile(f"{stem(report.period, report.hub, version)}.{form}", form, content)


def stem(period: str, hub: str | None, version: int = 1) -> str:
    """A file's name without its end: `hubpulse-2026-10`, `hubpulse-2026-10-armley`, `hubpulse-2026-10-v2`."""
    parts = ["hubpulse", period, *([hub] if hub else []), *([f"v{version}"] if version > 1 else [])]
    return "-".join(parts)
