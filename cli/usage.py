"""`hubpulse usage`: the daily figures, how they came about and what changed, for people and programs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.asking import HubOption, a_date, a_range, asking, refuse, wrong_usage
from cli.attention import attention, witnesses
from cli.comparing import compare, targets, visits
from cli.context import (
    DataOption,
    EstateOption,
    JsonOption,
    estate_of,
    is_in_force,
    load_settings,
    new_app,
    out,
    progress_bar,
    store_of,
)
from cli.health import health
from cli.notes import note, notes
from cli.tables import Format, Row, format_of, write_table

if TYPE_CHECKING:
    from schemas import Estate
    from usage import Queries
    from usage.queries import DoorFigures, ZoneFigures

app = new_app(
    help="Daily usage of each hub: export the figures, ask why they are what they are, compute them again.",
)

app.command(epilog="Example: hubpulse usage compare --period 2026-10 --against year")(compare)
app.command(epilog="Example: hubpulse usage targets")(targets)
app.command(epilog="Example: hubpulse usage visits --period 2026-10 --hub armley")(visits)
app.command(epilog="Example: hubpulse usage witnesses --hub armley")(witnesses)
app.command(epilog="Example: hubpulse usage attention")(attention)
app.command(epilog="Example: hubpulse usage health --hub armley")(health)

app.command(epilog='Example: hubpulse usage note armley 2026-10-20 "boiler repaired"')(note)
app.command(epilog="Example: hubpulse usage notes --hub armley")(notes)

FromOption = Annotated[str, typer.Option("--from", metavar="DATE", help="First local day, such as 2026-10-01.")]
ToOption = Annotated[str, typer.Option("--to", metavar="DATE", help="Last local day, this one included.")]


class Per(StrEnum):
    """What a row of the export stands for."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF = "half"
    YEAR = "year"


@app.command(epilog="Example: hubpulse usage export --from 2026-10-01 --to 2026-10-31 --format csv > october.csv")
def export(
    *,
    first: FromOption,
    last: ToOption,
    hub: HubOption = None,
    hourly: Annotated[bool, typer.Option("--hourly", help="A row per clock hour instead of per day.")] = False,
    by_door: Annotated[
        bool, typer.Option("--by-door", help="A row per door and day: who came and went by it.")
    ] = False,
    by_zone: Annotated[
        bool, typer.Option("--by-zone", help="A row per zone and day: the air and mould of it.")
    ] = False,
    per: Annotated[Per, typer.Option("--per", help="A row per day, or per week (ISO), month...")] = Per.DAY,
    small: Annotated[
        bool, typer.Option("--suppress-small", help="For publication: 1-7 people become *, more the nearest 5.")
    ] = False,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="csv, json, xlsx or parquet.", show_default="by the name of --output, else csv"),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", help="A file to write instead of printing.")] = None,
    data: DataOption = None,
    estate: EstateOption = None,
) -> None:
    """Print one row per hub and local day; an empty cell (null in JSON) means that no sensor reported a value."""
    from cli import corrected
    from usage.audits.corrections import CORRECTED
    from usage.publishing.suppression import suppress_small

    form = form or format_of(output)
    if hourly and per is not Per.DAY:
        refuse(f"--hourly and --per {per} contradict each other: leave one of them out")
    if by_door and by_zone:
        refuse("--by-door and --by-zone contradict each other: leave one of them out")
    if small and form is Format.PARQUET:
        refuse("--suppress-small and --format parquet contradict each other: a * is no number, take csv or xlsx")
    if (by_door or by_zone) and (hourly or per is not Per.DAY):
        refuse(f"{'--by-door' if by_door else '--by-zone'} gives days: leave --hourly and --per out")
    begin, end = a_range(first, last)
    settings = load_settings(data=data, estate=estate)
    with asking(settings) as (queries, known):
        queries.require_midnights(begin, end, hub=hub)
        corrections = corrected.corrections_of(settings, known)
        # A small number could be told from its corrected one, or from its visits.
        corrects = corrections.are_asked_for and not (small or hourly or by_zone)
        doors = list(queries.doors(begin, end, hub=hub)) if by_door or corrects else []
        if by_door:
            columns, rows = _door_rows(doors)
        elif by_zone:
            columns, rows = _zone_rows(queries.zones(begin, end, hub=hub))
        else:
            columns, rows = _rows(queries, None if small else known, begin, end, hub, hourly=hourly, per=per)
        if corrects:
            columns = [*columns, *CORRECTED]
            rows = (
                corrected.door_rows(rows, doors, corrections)
                if by_door
                else corrected.sum_rows(rows, *_naming(per), doors, corrections)
            )
        if small:
            rows = map(suppress_small, rows)
        write_table(rows, columns, form, output)


def _door_rows(doors: Iterable[DoorFigures]) -> tuple[list[str], Iterator[Row]]:
    from schemas.measurements import DOOR_FIELDS

    return ["hub", "sensor", "date", *DOOR_FIELDS], (
        {"hub": d.hub, "sensor": d.door, "date": d.date.isoformat(), **d.figures} for d in doors
    )


def _zone_rows(zones: Iterable[ZoneFigures]) -> tuple[list[str], Iterator[Row]]:
    from schemas.measures import ZONE_MEASURES

    return ["hub", "zone", "date", *ZONE_MEASURES], (
        {"hub": z.hub, "zone": z.zone, "date": z.date.isoformat(), **z.figures} for z in zones
    )


def _rows(
    queries: Queries, estate: Estate | None, first: date, last: date, hub: str | None, *, hourly: bool, per: Per
) -> tuple[list[str], Iterator[Row]]:
    """The names of the columns, and the rows."""
    from schemas.measures import USAGE_MEASURES, named

    if hourly:
        hours = queries.hourly(first, last, hub=hub)
        return ["hub", "time", *USAGE_MEASURES], (
            {"hub": h.hub, "time": h.time.isoformat(), **named(h.figures)} for h in hours
        )
    if per is Per.DAY:
        days = queries.daily(first, last, hub=hub)
        return ["hub", "date", *USAGE_MEASURES], (
            {"hub": d.hub, "date": d.date.isoformat(), **named(d.figures)} for d in days
        )
    return _period_rows(queries, estate, first, last, hub, per)


def _period_rows(
    queries: Queries, estate: Estate | None, first: date, last: date, hub: str | None, per: Per
) -> tuple[list[str], Iterator[Row]]:
    """Periods; with visits where the estate has rules for one of the hubs."""
    from schemas.measures import USAGE_MEASURES, named
    from usage.estimates import ESTIMATED
    from usage.queries import Period
    from usage.visits import VISITS, rules_of, visits

    sums = queries.periods(Period(per), first, last, hub=hub)
    counted = ["days", "days_counted", "days_missing"]
    rules = {name: rules_of(estate, name) for name in queries.hubs(hub)} if estate else {}
    has_rules = any(rules.values())

    def rows() -> Iterator[Row]:
        for s in sums:
            row = {"hub": s.hub, per.value: s.period, **{name: getattr(s, name) for name in counted}}
            row |= named(s.figures) | dict(zip(ESTIMATED, s.estimated(), strict=True))
            if has_rules:
                own = rules[s.hub]
                told = visits(own, s.hub, s.rows, s.estimate).told() if own else (None,) * len(VISITS)
                row |= dict(zip(VISITS, told, strict=True))
            yield row

    return ["hub", per.value, *counted, *USAGE_MEASURES, *ESTIMATED, *(VISITS if has_rules else ())], rows()


def _naming(per: Per) -> tuple[str, Callable[[date], str]]:
    """The column that names a row's day or period, and how a day's row is named."""
    from usage.queries import Period

    return ("date", date.isoformat) if per is Per.DAY else (per.value, Period(per).name_of)


@app.command(epilog="Example: hubpulse usage why --hub armley --date 2026-10-20")
def why(
    hub: Annotated[str, typer.Option("--hub", help="The hub.")],
    day: Annotated[str, typer.Option("--date", metavar="DATE", help="The local day, such as 2026-10-20.")],
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how a day's figures came about: sensor by sensor, readings, resets, gaps, corrections, changes."""
    from cli.corrected import corrected_as_text, corrected_doors, corrections_of
    from cli.usage_views import why_as_json, why_as_text

    asked = a_date("--date", day)
    settings = load_settings(data=data, estate=estate)
    with asking(settings) as (queries, known):
        queries.require_midnights(asked, asked, hub=hub)
        found = queries.why(hub, asked)
        corrected = corrected_doors(queries, corrections_of(settings, known), hub, asked)
    if found is None:
        refuse(f"--date {day} is still to come in {hub}: ask for a day that has begun")
    if as_json:
        doors = [{"sensor": door, "entries": each.counted, **each.columns()} for door, each in corrected.items()]
        print(json.dumps({**why_as_json(found), "corrected": doors}, indent=2))
    else:
        out.print("\n".join([*why_as_text(found), *corrected_as_text(corrected)]))


@app.command(epilog="Example: hubpulse usage changes --from 2026-10-01 --to 2026-10-31")
def changes(
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First day; else 31 days back.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day; else today.")] = None,
    hub: HubOption = None,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the figures of past days that came out differently later, in the order in which they changed."""
    from cli.usage_views import change_as_json, change_as_text

    with asking(load_settings(data=data, estate=estate)) as (queries, _known):
        end = last or queries.today(hub).isoformat()
        begin = first or (a_date("--to", end) - timedelta(days=31)).isoformat()
        found = list(queries.changes(*a_range(begin, end), hub=hub))
    if as_json:
        print(json.dumps([change_as_json(day, change) for day, change in found], indent=2))
        return
    if not found:
        out.print(f"No figure changed after its day had ended, {begin} to {end}.")
    for day, change in found:
        out.print(change_as_text(day, change))


@app.command(epilog="Example: hubpulse usage recompute --from 2026-10-01 --to 2026-10-31 --hub armley")
def recompute(
    first: FromOption,
    last: ToOption,
    hub: HubOption = None,
    data: DataOption = None,
    estate: EstateOption = None,
) -> None:
    """Compute the roll-ups of these days anew from the readings, and store them."""
    from usage import Queries, RollupWriter
    from usage.calendar import dates
    from usage.estimates.stored import write_estimates

    begin, end = a_range(first, last)
    settings = load_settings(data=data, estate=estate)
    now_ns = time.time_ns()
    days = list(dates(begin, end))
    done = changed = 0
    with closing(store_of(settings)) as store, wrong_usage():
        known = estate_of(settings)
        queries = Queries(store, known, now_ns=now_ns)
        hubs = queries.hubs(hub)
        if not is_in_force(settings):
            queries.require_midnights(begin, end, hub=hub)
        writers = [
            RollupWriter(store, known, name, now_ns=now_ns, retention_days=settings.retention_days, refreeze=True)
            for name in hubs
        ]
        total = sum(len(writer.computable(days)) for writer in writers)
        with progress_bar("recomputing", f"{{task.completed}}/{total}", total=total) as update:
            for writer in writers:
                for _, found in writer.recompute(days):
                    done, changed = done + 1, changed + bool(found)
                    update(advance=1)
        write_estimates(store, known, begin, end, now_ns=now_ns)
    out.print(f"{done} days of {len(hubs)} hubs recomputed, {changed} of them changed")
    left = len(days) * len(hubs) - done
    if left:
        out.print(f"{left} left as they are: to come, or older than the readings that are stored")
