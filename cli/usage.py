"""`hubpulse usage`: the daily figures, printed for people and programs, and computed anew on demand."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.context import DataOption, EstateOption, err, estate_of, load_settings, out, store_of

app = typer.Typer(help="Daily usage of each hub: export the figures, or compute them anew.", no_args_is_help=True)

FromOption = Annotated[str, typer.Option("--from", metavar="DATE", help="First local day, such as 2026-10-01.")]
ToOption = Annotated[str, typer.Option("--to", metavar="DATE", help="Last local day, this one included.")]
HubOption = Annotated[str | None, typer.Option("--hub", help="Only this hub.")]


class Format(StrEnum):
    """How figures are printed."""

    CSV = "csv"
    JSON = "json"


@app.command(epilog="Example: hubpulse usage export --from 2026-10-01 --to 2026-10-31 --format csv > october.csv")
def export(
    first: FromOption,
    last: ToOption,
    hub: HubOption = None,
    hourly: Annotated[bool, typer.Option("--hourly", help="A row per clock hour instead of per day.")] = False,
    form: Annotated[Format, typer.Option("--format", help="csv or json.")] = Format.CSV,
    data: DataOption = None,
    estate: EstateOption = None,
) -> None:
    """Print one row per hub and local day; an empty cell (null in JSON) means that no sensor told."""
    from usage import UnknownHubError, figures, hourly_figures

    begin, end = _range(first, last)
    settings = load_settings(data=data, estate=estate)
    known = estate_of(settings)
    asked: dict[str, Any] = {"first": begin, "last": end, "hub": hub, "now_ns": time.time_ns()}
    with closing(store_of(settings)) as store:
        rows: Iterator[dict[str, Any]]
        try:
            if hourly:
                hours = hourly_figures(store, known, **asked)
                rows = ({"hub": f.hub, "time": f.time.isoformat(), **f.figures} for f in hours)
            else:
                days = figures(store, known, **asked)
                rows = ({"hub": f.hub, "date": f.date.isoformat(), **f.figures} for f in days)
        except UnknownHubError as error:
            _refuse(str(error))
        _print_rows(rows, "time" if hourly else "date", form)


@app.command(epilog="Example: hubpulse usage recompute --from 2026-10-01 --to 2026-10-31 --hub armley")
def recompute(
    first: FromOption,
    last: ToOption,
    hub: HubOption = None,
    data: DataOption = None,
    estate: EstateOption = None,
) -> None:
    """Compute the roll-ups of these days anew from the readings, and store them."""
    from usage import UnknownHubError, hubs_asked
    from usage.calendar import dates
    from usage.keeper import HubKeeper

    begin, end = _range(first, last)
    settings = load_settings(data=data, estate=estate)
    known, now_ns = estate_of(settings), time.time_ns()
    with closing(store_of(settings)) as store:
        try:
            hubs = hubs_asked(store, known, hub, now_ns)
        except UnknownHubError as error:
            _refuse(str(error))
        days = list(dates(begin, end))
        changed = 0
        with _progress() as progress:
            task = progress.add_task("days", total=len(hubs) * len(days))
            for name in hubs:
                for _, changes in HubKeeper(store, known, name, now_ns=now_ns).recompute(days):
                    changed += bool(changes)
                    progress.advance(task)
    out.print(f"{len(hubs) * len(days)} days of {len(hubs)} hubs recomputed, {changed} of them changed")


def _print_rows(rows: Iterable[dict[str, Any]], time_column: str, form: Format) -> None:
    from schemas.measurements import USAGE_FIELDS

    if form is Format.JSON:
        _print_json(rows)
        return
    names = ["hub", time_column, *USAGE_FIELDS]
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(names)
    for row in rows:
        table.writerow([_cell(row[name]) for name in names])


def _print_json(rows: Iterable[dict[str, Any]]) -> None:
    """Print an array with a row a line, as the rows come."""
    opening = "["
    for row in rows:
        sys.stdout.write(f"{opening}\n{json.dumps(row)}")
        opening = ","
    sys.stdout.write("\n]\n" if opening == "," else "[]\n")


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _range(first: str, last: str) -> tuple[date, date]:
    begin, end = _date("--from", first), _date("--to", last)
    if end < begin:
        _refuse(f"--to {last} is before --from {first}: swap the two")
    return begin, end


def _date(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        _refuse(f"{option} {text!r} is not a date: write it as 2026-10-31")


def _refuse(message: str) -> NoReturn:
    err.print(f"error: {message}", markup=False)
    raise typer.Exit(2)


def _progress() -> Progress:
    columns = (TextColumn("recomputing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True)
