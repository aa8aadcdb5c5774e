"""`hubpulse dashboards`: Grafana's dashboards, made by code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.context import EstateOption, estate_of, load_settings, out
from schemas import HubpulseError

app = typer.Typer(help="Grafana's dashboards: render them, check them.", no_args_is_help=True)


@app.command("render", epilog="Example: hubpulse dashboards render --estate estate.yaml --out my-dashboards")
def render(
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder to write into.", show_default="dashboards/grafana")
    ] = None,
    estate: EstateOption = None,
) -> None:
    """Write the dashboards as JSON, in the estate's time zone, and the alert rules as YAML."""
    from dashboards.grafana import files

    for path in files.write(folder, _zone(estate)):
        out.print(f"wrote {path}", markup=False)


@app.command("check", epilog="Example: hubpulse dashboards check")
def check(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Folder of the files.", show_default="dashboards/grafana")
    ] = None,
    estate: EstateOption = None,
) -> None:
    """Compare the files with the code; exit 1 where they differ."""
    from dashboards.grafana import files

    lines = files.drift(folder, _zone(estate))
    if lines:
        raise HubpulseError("\n".join([*lines, "render them again: hubpulse dashboards render"]))
    out.print("The dashboards are what the code makes.")


def _zone(estate: Path | None) -> str:
    """The time zone to render in: that of the estate asked for, else that of the committed files."""
    from dashboards.grafana import files

    return estate_of(load_settings(estate=estate)).timezone if estate else files.DEFAULT_ZONE
