"""`hubpulse usage note` and `notes`: what people know of a hub's day, kept beside its figures."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import date, timedelta
from typing import Annotated

import typer

from cli.asking import HubOption, a_date, a_range, asking, refuse, wrong_usage
from cli.context import DataOption, EstateOption, JsonOption, estate_of, load_settings, out, store_of

_LISTED = timedelta(days=92)


def note(
    hub: Annotated[str, typer.Argument(help="The hub.")],
    day: Annotated[str, typer.Argument(metavar="DAY", help="The local day, such as 2026-10-20.")],
    text: Annotated[str, typer.Argument(help="What happened, in a few words.")],
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Take the note with this text back.")] = False,
    author: Annotated[str, typer.Option("--author", help="Who says so.")] = "",
    data: DataOption = None,
    estate: EstateOption = None,
) -> None:
    """Keep a note on a hub's day, such as "boiler repaired": it is shown wherever the day is."""
    from usage import Queries
    from usage.notes import add_note, remove_note

    asked = a_date("DAY", day)
    settings = load_settings(data=data, estate=estate)
    with closing(store_of(settings)) as store, wrong_usage():
        queries = Queries(store, estate_of(settings), now_ns=time.time_ns())
        queries.hubs(hub)
        if asked > queries.today(hub):
            refuse(f"DAY {day} is still to come in {hub}: a note is of a day that has begun")
        if remove:
            remove_note(store, hub, asked, text)
        else:
            add_note(store, hub, asked, text, author=author, now_ns=time.time_ns())
    out.print(f"{'removed from' if remove else 'noted on'} {hub} {asked}")


def notes(
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First day; else 92 days back.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day; else today.")] = None,
    hub: HubOption = None,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the notes on the days of a hub, or of all."""
    from cli.usage_views import note_as_json, note_as_text

    with asking(load_settings(data=data, estate=estate)) as (queries, _known):
        if hub is not None:
            queries.hubs(hub)
        end: date = queries.today(hub) if last is None else a_date("--to", last)
        begin, end = a_range(first or (end - _LISTED).isoformat(), end.isoformat())
        found = queries.notes(begin, end, hub=hub)
    if as_json:
        print(json.dumps([note_as_json(each) for each in found], indent=2))
        return
    if not found:
        out.print(f"No note on any day, {begin} to {end}: `hubpulse usage note HUB DAY TEXT` keeps one.")
    for each in found:
        out.print(f"{each.hub} {each.date}: {note_as_text(each)}")
