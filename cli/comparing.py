"""`hubpulse usage compare`, `targets` and `visits`: what figures come to beside others, a promise, or the rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.asking import HubOption, asking, refuse, tell_unfinished
from cli.context import DataOption, EstateOption, JsonOption, load_settings, out, parsed

if TYPE_CHECKING:
    from schemas import Estate
    from schemas.settings import Settings
    from usage import Queries
    from usage.comparing import DateRange

_PERIOD = "2026, 2026-H1, 2026-Q3, 2026-10, 2026-W43, or any days: 2026-10-05..2026-10-18."
PeriodOption = Annotated[str, typer.Option("--period", help=_PERIOD)]


def compare(
    *,
    period: PeriodOption,
    against: Annotated[
        str, typer.Option("--against", help="before, year (the same of the year before), or any period.")
    ] = "before",
    hub: HubOption = None,
    counter_error: Annotated[
        float | None,
        typer.Option(
            "--counter-error",
            min=0,
            max=1,
            help="What a count may be off by, as a share: 0.03 is 3 %.",
            show_default="by the counters' audits",
        ),
    ] = None,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a period with another, on days and hubs that both have, and say whether a change is usual."""
    from cli.comparing_views import compared_as_json, compared_as_text
    from usage.audits import AuditFile
    from usage.audits.corrections import errors_by_hub
    from usage.comparing import DateRange
    from usage.comparing import compare as compared

    asked = parsed("--period", DateRange.parse, period)
    match against:
        case "before":
            other = asked.before()
        case "year":
            other = asked.year_before()
        case _:
            other = parsed("--against", DateRange.parse, against)
    settings = load_settings(data=data, estate=estate)
    with _asking(settings, hub, asked, other) as (queries, known):
        for each in (asked, other):
            if each.first > queries.today(hub):
                refuse(f"{each.name} is still to come: ask for a period that has begun")
        if counter_error is None:
            with AuditFile(settings.audits_folder) as file:
                errors = errors_by_hub(known, file.all(), asked.last)
        else:
            errors = dict.fromkeys(queries.hubs(hub), counter_error)
        found = compared(queries, known, asked, other, hub=hub, counter_errors=errors)
    if as_json:
        print(json.dumps(compared_as_json(found), indent=2))
    else:
        out.print("\n".join(compared_as_text(found)))


def targets(
    *,
    month: Annotated[str | None, typer.Option("--period", help="A month, such as 2026-10; else the one it is.")] = None,
    hub: HubOption = None,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say of each hub with a target in the estate file whether its month is on course, with a 90 % interval."""
    from cli.comparing_views import target_as_text
    from usage.comparing import DateRange
    from usage.queries import Period
    from usage.targets import month_of
    from usage.targets import targets as states

    asked = parsed("--period", DateRange.parse, month) if month else None
    if asked is not None and asked.kind is not Period.MONTH:
        refuse(f"--period {month} is no month: targets are of months, write 2026-10")
    with _asking(load_settings(data=data, estate=estate), hub, *([asked] if asked else [])) as (queries, known):
        asked = asked or month_of(queries)
        if asked.first > queries.today(hub):
            refuse(f"--period {asked.name} is still to come: ask for a month that has begun")
        found = list(states(queries, known, asked, hub=hub))
    if as_json:
        print(json.dumps([asdict(state) for state in found], indent=2, default=str))
        return
    for state in found:
        out.print(target_as_text(state))
    if not found:
        out.print("no hub has a target: write `targets: {entries_month: 2500}` to it in the estate file")


def visits(
    *,
    period: PeriodOption,
    hub: HubOption = None,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how entries become visits by the estate file's rules, line by line."""
    from cli.comparing_views import visits_as_json, visits_as_text
    from usage.comparing import DateRange
    from usage.visits import visits_of_hubs

    asked = parsed("--period", DateRange.parse, period)
    with _asking(load_settings(data=data, estate=estate), hub, asked) as (queries, known):
        if asked.first > queries.today(hub):
            refuse(f"--period {asked.name} is still to come: ask for one that has begun")
        found = list(visits_of_hubs(queries, known, asked.first, asked.last, hub=hub))
    if as_json:
        print(json.dumps([visits_as_json(each, asked.name) for each in found], indent=2))
        return
    for each in found:
        out.print("\n".join(visits_as_text(each, asked.name)))
    if not found:
        out.print("no rules: write `visits: [{rule: staff, entries_day: 12}]` to a hub in the estate file")


@contextmanager
def _asking(settings: Settings, hub: str | None, *ranges: DateRange) -> Iterator[tuple[Queries, Estate]]:
    """What answers questions about these days."""
    with asking(settings) as (queries, known):
        tell_unfinished(queries)
        for each in ranges:
            queries.require_midnights(each.first, each.last + timedelta(days=1), hub=hub)
        yield queries, known
