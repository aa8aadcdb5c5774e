"""`hubpulse open-data`: a publication as a folder that anybody can use, with a description for programs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import DataOption, err, load_settings, new_app, out
from cli.tables import Format, write_table
from schemas.errors import HubpulseError
from usage.publishing.folder import all_publications, read_publication

if TYPE_CHECKING:
    from usage.publishing.open_data import Table
    from usage.publishing.publication_file import Content

app = new_app()

_DESCRIPTION = "datapackage.json"


@app.command("open-data", epilog="Example: hubpulse open-data 7H2KQ-M9D3T --output visits-2026-q3")
def open_data(
    which: Annotated[str, typer.Argument(metavar="CODE|FILE", help="A publication's code, or its file.")],
    output: Annotated[Path, typer.Option("--output", metavar="FOLDER", help="Where the files go.")],
    authority: Annotated[
        str | None,
        typer.Option("--authority", help="The local authority as libraries name it.", show_default="the estate's name"),
    ] = None,
    data: DataOption = None,
) -> None:
    """Write a publication as open data: CSV and Parquet with a description, library visits, a funder's table."""
    from usage.publishing.open_data import NUMBERS, tables
    from usage.publishing.publication_file import code_of

    folder = load_settings(data=data).data_dir
    content = read_publication(folder, which)
    name = authority or content["estate_name"]
    if not name:
        raise typer.BadParameter("the estate file had no name: say whose buildings they are", param_hint="--authority")
    found = tables(content, authority=name, earlier=all_publications(folder))
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HubpulseError(f"can't make {output}: {error.strerror}; name another folder with --output") from error
    resources = [_write(table, output) for table in found]
    visits = found[0]
    typed = [row | {each: _number(row[each]) for each in NUMBERS} for row in visits.rows]
    file = output / f"{visits.name}.parquet"
    try:
        write_table(typed, [field.name for field in visits.fields], Format.PARQUET, file)
    except HubpulseError as error:
        err.print(f"{file.name} was left out: {error}")
    else:
        resources.append(
            {
                "name": f"{visits.name}-parquet",
                "path": file.name,
                "profile": "data-resource",
                "title": f"{visits.title}, for analysts",
                "description": "The same, with nothing where a number is withheld: see `hidden`.",
                "format": "parquet",
                "mediatype": "application/vnd.apache.parquet",
                **_checked(file),
            }
        )
    text = json.dumps(_package(content, name, resources), indent=2, ensure_ascii=False) + "\n"
    (output / _DESCRIPTION).write_text(text, encoding="utf-8")
    out.print(f"{code_of(content)}, {content['period']}: {len(resources)} tables and {_DESCRIPTION} in {output}")


def _number(value: object) -> object:
    return value if isinstance(value, int) else None


def _write(table: Table, folder: Path) -> dict[str, Any]:
    """Write a table as CSV; what describes it for programs."""
    from usage.publishing.open_data import MISSING_VALUES

    file = folder / f"{table.name}.csv"
    write_table(table.rows, [field.name for field in table.fields], Format.CSV, file)
    fields = [{"name": each.name, "type": each.type, "description": each.description} for each in table.fields]
    return {
        "name": table.name,
        "path": file.name,
        "profile": "tabular-data-resource",
        "title": table.title,
        "description": table.description,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        **_checked(file),
        "schema": {"fields": fields, "missingValues": list(MISSING_VALUES)},
    }


def _checked(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    return {"bytes": len(content), "hash": f"sha256:{hashlib.sha256(content).hexdigest()}"}


def _package(content: Content, authority: str, resources: list[dict[str, Any]]) -> dict[str, Any]:
    """The Data Package (specs.frictionlessdata.io/data-package); its licence is for whoever gives it out to add."""
    from usage.publishing.publication_file import code_of

    code, small = code_of(content), content["small"]
    hidden = f" Counts below {small['below']}, and whatever would tell them, are withheld (*)." if small else ""
    return {
        "profile": "data-package",
        "name": f"visits-{content['period']}-{code}".lower(),
        "id": code,
        "title": f"{authority}: visits, {content['period']}",
        "description": (
            "Counted by door counters; estimates of what nobody counted stand beside, with bounds that hold in nine of "
            f"ten cases, and each row says how it came about.{hidden} `hubpulse verify {code}` holds it against what "
            "is known later."
        ),
        "created": content["published"],
        "version": content["version"],
        "resources": resources,
    }
