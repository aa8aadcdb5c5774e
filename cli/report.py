"""`hubpulse report`: what a period was, to be handed to a board or a funder."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from cli.asking import HubOption, refuse, wrong_usage
from cli.context import DataOption, EstateOption, estate_of, load_settings, new_app, out, parsed, store_of
from dashboards.reports.files import Format

app = new_app()

_BINARY = (Format.PDF, Format.XLSX)


@app.command("report", epilog="Example: hubpulse report --period 2026-10 --format pdf --output october.pdf")
def report(
    *,
    period: Annotated[str, typer.Option("--period", help="2026, 2026-H1, 2026-Q3, 2026-10 or 2026-W44.")],
    hub: HubOption = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="How it is written.", show_default="by --output, else html")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", help="The file; else it is printed.")] = None,
    own_templates: Annotated[
        Path | None,
        typer.Option(
            "--templates", help="A folder of templates of your own.", show_default="report-templates/ of --data"
        ),
    ] = None,
    data: DataOption = None,
    estate: EstateOption = None,
) -> None:
    """Report a period: findings first, then totals, hubs, comparisons, building health, data quality and method."""
    from dashboards.reports.evidence import evidence_in
    from dashboards.reports.formats import write
    from dashboards.reports.gather import NotBegunError, gather
    from dashboards.reports.templates import FOLDER
    from usage import Queries
    from usage.queries import Period

    _, first, last = parsed("--period", Period.parse, period)
    form = form or _format_of(output)
    if output is None and form in _BINARY and sys.stdout.isatty():
        refuse(f"{form} is nothing to read in a terminal: add --output FILE.{form}")
    if own_templates is not None and not own_templates.is_dir():
        refuse(f"--templates {own_templates} is no folder")
    settings = load_settings(data=data, estate=estate)
    now_ns = time.time_ns()
    with closing(store_of(settings)) as store, wrong_usage():
        known = estate_of(settings)
        queries = Queries(store, known, now_ns=now_ns)
        queries.require_midnights(first, last, hub=hub)
        evidence = evidence_in(settings.data_dir, settings.audits_folder)
        try:
            found = gather(queries, known, period, hub=hub, now_ns=now_ns, evidence=evidence)
        except NotBegunError as error:
            refuse(str(error))
    file = write(found, form, own_templates=own_templates or settings.data_dir / FOLDER)
    if output is None:
        sys.stdout.buffer.write(file.content)
        return
    try:
        output.write_bytes(file.content)
    except OSError as error:
        refuse(f"could not write {output}: {error.strerror}")
    out.print(f"{output}: the report of {period}")


def _format_of(output: Path | None) -> Format:
    suffix = "" if output is None else output.suffix.lower().removeprefix(".")
    return Format(suffix) if suffix in list(Format) else Format.HTML
