"""A report in the format asked for."""

from __future__ import annotations

from pathlib import Path

from dashboards.reports.files import Format, ReportFile, stem
from dashboards.reports.model import Report
from dashboards.reports.sections import document


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
