"""`hubpulse publish` and `verify`: figures that carry a code, and whether they still are what they were."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import (
    DataOption,
    EstateOption,
    JsonOption,
    estate_of,
    load_settings,
    make_data_dir,
    new_app,
    out,
    parsed,
    store_of,
)
from schemas.errors import HubpulseError

if TYPE_CHECKING:
    from usage.publications import Comparison, Content

app = new_app()

PUBLICATIONS = "publication-*.json"
"""The files of a data folder, by their code."""


@app.command("publish", epilog="Example: hubpulse publish --period 2026-Q3")
def publish(
    *,
    period: Annotated[str, typer.Option("--period", help="2026, 2026-H1, 2026-Q3, 2026-10 or 2026-W43.")],
    hub: Annotated[str | None, typer.Option("--hub", help="Only this hub.")] = None,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Freeze a period's figures in a file of the data folder, and print the code that reports carry."""
    from usage import Queries, UnknownHubError
    from usage.publications import NotOverError, code_of, to_text
    from usage.publications import publish as freeze
    from usage.queries import Period

    parsed("--period", Period.parse, period)
    settings = load_settings(data=data, estate=estate)
    now_ns = time.time_ns()
    with closing(store_of(settings)) as store:
        known = estate_of(settings)
        queries = Queries(store, known, now_ns=now_ns)
        try:
            _, first, last = Period.parse(period)
            queries.require_midnights(first, last, hub=hub)
            content = freeze(queries, known, period, hub=hub, now_ns=now_ns)
        except (NotOverError, UnknownHubError) as error:
            raise typer.BadParameter(str(error)) from error
    make_data_dir(settings)
    file = _file_of(settings.data_dir, code_of(content))
    _write(file, to_text(content))
    if as_json:
        print(json.dumps({"code": code_of(content), "file": str(file), "sums": content["sums"]}, indent=2))
        return
    for row in content["sums"]:
        out.print(f"{row['hub']}: {_people(row)}")
    provisional = sum(not day["final"] for day in content["days"])
    if provisional:
        out.print(f"{provisional} hub days are not final yet: readings that come late may change them")
    out.print(f"{code_of(content)} is the code of {period} as published now: {file}")


@app.command("verify", epilog="Example: hubpulse verify 7H2KQ-M9D3T")
def verify(
    which: Annotated[str, typer.Argument(metavar="CODE|FILE", help="A publication's code, or its file.")],
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute what was published, and list what is otherwise now and why. Exit code 1 where anything is."""
    from usage import Queries
    from usage.publications import code_of, compare, read

    settings = load_settings(data=data, estate=estate)
    file = _found(settings.data_dir, which)
    content = read(file.read_text("utf-8", errors="replace"), str(file))
    with closing(store_of(settings)) as store:
        known = estate_of(settings)
        found = compare(content, Queries(store, known, now_ns=time.time_ns()), known)
    if as_json:
        shown = {"code": code_of(content), "period": content["period"], "holds": found.holds, **asdict(found)}
        print(json.dumps(shown, indent=2, default=str))
    else:
        _tell(content, found)
    if not found.holds:
        raise typer.Exit(1)


def _file_of(folder: Path, code: str) -> Path:
    return folder / PUBLICATIONS.replace("*", code)


def _found(folder: Path, which: str) -> Path:
    """The file of a publication that is named by its code, however it is written, or by its path."""
    code = which.upper().replace("O", "0").replace("I", "1").replace("L", "1")
    for file in (_file_of(folder, code), Path(which)):
        if file.is_file():
            return file
    start, end = (len(part) for part in PUBLICATIONS.split("*"))
    known = ", ".join(sorted(file.name[start:-end] for file in folder.glob(PUBLICATIONS)))
    raise HubpulseError(
        f"no publication {which} in {folder}, nor a file of that name; there are: "
        f"{known or 'none yet, `hubpulse publish` makes one'}"
    )


def _tell(content: Content, found: Comparison) -> None:
    period, published = content["period"], content["published"][:10]
    for each in found.restated:
        out.print(f"{each.hub} {each.date} {each.figure}: {_shown(each.before)} -> {_shown(each.after)} ({each.cause})")
    for rule in found.rules:
        out.print(f"the sum of the published days is another one by today's rules: {rule}")
    for better in found.estimates:
        before, after = (_range(*bounds) for bounds in (better.before, better.after))
        out.print(f"{better.hub} {better.period}: estimate improved, {before} -> {after}; what was counted is the same")
    days = len({(each.hub, each.date) for each in found.restated})
    end = "is as it was published" if found.holds else f"was restated: {days} hub days are otherwise now"
    out.print(f"{period}, published {published}, {end}")


def _people(row: dict[str, Any]) -> str:
    counted, missing = f"{_shown(row['entries'])} counted", row["days_missing"]
    days = f"{missing} day misses" if missing == 1 else f"{missing} days miss"
    if row["entries_estimated"] is None:
        return f"{counted}, with too little history to estimate what {days}"
    if not row["entries_estimated"]:
        return counted
    bounds = _range(row["entries_estimated"], row["entries_low"], row["entries_high"])
    return f"{counted}, {bounds} with what {days}, by {row['method']}"


def _range(added: int | None, low: int | None, high: int | None) -> str:
    return "no estimate" if added is None else f"+{added:,} estimated ({_shown(low)} to {_shown(high)})"


def _shown(value: object) -> str:
    return "nothing" if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)


def _write(file: Path, text: str) -> None:
    """Write a file that nobody else reads, whole or not at all."""
    try:
        fresh = file.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        fresh.replace(file)
    except OSError as error:
        raise HubpulseError(f"could not write {file}: {error.strerror}; nothing was published") from error
