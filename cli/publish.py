"""`hubpulse publish` and `verify`: figures that carry a code, and whether they still are what they were."""

from __future__ import annotations

import json
import secrets
import time
from contextlib import closing
from dataclasses import asdict
from fnmatch import fnmatch
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
from usage.publishing.folder import RELEASES, all_publications, file_of, read_publication, write_whole

if TYPE_CHECKING:
    from usage.publishing.attack import Attack
    from usage.publishing.publication_file import Content
    from usage.publishing.publications import Comparison

app = new_app()

_SHOWN = 10


@app.command("publish", epilog="Example: hubpulse publish --period 2026-Q3 --suppress-small 5")
def publish(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CODE|FILE]...", help="With --attack: publications, or what was given out of them."),
    ] = None,
    *,
    period: Annotated[str | None, typer.Option("--period", help="2026, 2026-H1, 2026-Q3, 2026-10 or 2026-W43.")] = None,
    hub: Annotated[str | None, typer.Option("--hub", help="Only this hub.")] = None,
    small: Annotated[
        int | None,
        typer.Option(
            "--suppress-small", metavar="N", min=2, max=1000, help="Hide counts below N and whatever would tell them."
        ),
    ] = None,
    try_attack: Annotated[
        bool, typer.Option("--attack", help="Try to recover what was hidden; exit 1 where anything is.")
    ] = False,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Freeze a period's figures in a file of the data folder, and print the code that reports carry."""
    from usage import Queries, UnknownHubError
    from usage.publishing.publication_file import code_of, to_text
    from usage.publishing.publications import NotOverError, SmallNumbers
    from usage.publishing.publications import publish as freeze
    from usage.queries import Period

    settings = load_settings(data=data, estate=estate)
    if try_attack:
        _attack(settings.data_dir, which or [], as_json=as_json)
        return
    if period is None or which:
        raise typer.BadParameter("name what to publish with --period, or what to try with --attack")
    _, first, last = parsed("--period", Period.parse, period)
    now_ns = time.time_ns()
    earlier = all_publications(settings.data_dir)
    with closing(store_of(settings)) as store:
        known = estate_of(settings)
        queries = Queries(store, known, now_ns=now_ns)
        try:
            queries.require_midnights(first, last, hub=hub)
            content = freeze(
                queries,
                known,
                period,
                hub=hub,
                now_ns=now_ns,
                earlier=earlier,
                small=SmallNumbers(small, secrets.token_hex(16)) if small else None,
            )
        except (NotOverError, UnknownHubError) as error:
            raise typer.BadParameter(str(error)) from error
    make_data_dir(settings)
    code = code_of(content)
    file, release = file_of(settings.data_dir, code), file_of(settings.data_dir, code, RELEASES) if small else None
    write_whole(file, to_text(content))
    if release:
        write_whole(release, _given_out(content))
    if as_json:
        shown = {"code": code, "file": str(file), "sums": content["sums"], "restatement": content["restatement"]}
        if release:
            hidden = {name: value for name, value in content["small"].items() if name != "salt"}
            shown |= {"release": str(release), "small": hidden}
        print(json.dumps(shown, indent=2))
        return
    for row in content["sums"]:
        out.print(f"{row['hub']}: {_people(row)}")
    _tell_restatement(content)
    provisional = sum(not day["final"] for day in content["days"])
    if provisional:
        out.print(f"{provisional} hub days are not final yet: readings that come late may change them")
    if release:
        _tell_hidden(content)
        out.print(f"to be given out, with * for what is hidden: {release}")
    out.print(f"{code} is the code of {period} as published now: {file}")


def _given_out(content: Content) -> str:
    from usage.publishing.release import release_of, to_text

    return to_text(release_of(content))


def _tell_hidden(content: Content) -> None:
    small = content["small"]
    hidden, small_ones = len(small["hidden"]), f"{small['small']} below {small['below']}"
    out.print(f"{hidden} numbers of people are hidden: {small_ones}, and what would tell them")
    if small["told"]:
        first = ", ".join(f"{hub} {period}" for hub, period in small["told"][:_SHOWN])
        out.print(
            f"{len(small['told'])} small numbers stay as they are, since earlier publications show or tell them: "
            f"{first}{', ...' if len(small['told']) > _SHOWN else ''}"
        )


def _tell_restatement(content: Content) -> None:
    """What became of the publication before, of the same series."""
    found = content["restatement"]
    if found is None or not (found["restated"] or found["rules"]):
        return
    days = len({(row["hub"], row["date"]) for row in found["restated"]})
    out.print(f"{found['period']}, published as {found['code']}, was restated since: {days} hub days are otherwise now")
    for row in [row for row in found["restated"] if row["figure"] == "entries"][:_SHOWN]:
        change = f"{_shown(row['before'])} -> {_shown(row['after'])}"
        out.print(f"  {row['hub']} {row['date']} entries: {change} ({row['cause']})")
    out.print(f"  `hubpulse verify {found['code']}` lists all of it")


def _attack(folder: Path, which: list[str], *, as_json: bool) -> None:
    """Try to recover what publications hide, from what is given out of all of them."""
    from usage.publishing.attack import attack
    from usage.publishing.release import read_release, release_of

    releases = [
        read_release(text, name) if (text := _release_text(name)) else release_of(read_publication(folder, name))
        for name in which
    ] or [release_of(content) for content in all_publications(folder)]
    found = attack(releases)
    if as_json:
        print(json.dumps({"releases": len(releases), **asdict(found)}, indent=2))
    else:
        _tell_attack(len(releases), found)
    if found.recovered:
        raise typer.Exit(1)


def _release_text(name: str) -> str | None:
    """The text of a file that was given out; None where it is none."""
    file = Path(name)
    is_release = file.is_file() and fnmatch(file.name, RELEASES)
    return file.read_text("utf-8", errors="replace") if is_release else None


def _tell_attack(releases: int, found: Attack) -> None:
    for each in found.recovered:
        what = f"is {each.low}" if each.low == each.high else f"lies between {each.low} and {each.high}"
        out.print(f"{each.hub} {each.period} {each.figure}: {what}")
    for figure in found.contradicted:
        out.print(
            f"{figure}: the publications say different things, of figures restated in between; tried by sums alone"
        )
    told = f"{len(found.recovered)} recovered" if found.recovered else "none recovered"
    out.print(f"{found.hidden} hidden numbers in {releases} publications: {told}, by elimination and bounds")


@app.command("verify", epilog="Example: hubpulse verify 7H2KQ-M9D3T")
def verify(
    which: Annotated[str, typer.Argument(metavar="CODE|FILE", help="A publication's code, or its file.")],
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute what was published, and list what is otherwise now and why. Exit code 1 where anything is."""
    from usage import Queries
    from usage.publishing.publication_file import code_of
    from usage.publishing.publications import compare

    settings = load_settings(data=data, estate=estate)
    content = read_publication(settings.data_dir, which)
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
