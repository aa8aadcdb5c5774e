"""`hubpulse audit`: a door's counter held against a count by hand."""

from __future__ import annotations

import json
import time
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.board_address import board_url, is_here_alone
from cli.context import (
    DataOption,
    EstateOption,
    JsonOption,
    estate_of,
    load_settings,
    new_app,
    out,
    parsed,
    store_of,
)
from schemas.errors import HubpulseError
from schemas.opening import WEEKDAYS

if TYPE_CHECKING:
    from schemas import Estate
    from usage.audits import Audit
    from usage.audits.planning import Length, Plan

app = new_app(help="Counters checked by hand: is a door's counter within 5 % of what somebody counts who stands there?")

AuditArgument = Annotated[str, typer.Argument(metavar="ID", help="The audit, as `start` and `list` name it.")]


@app.command(epilog='Example: hubpulse audit start --hub armley --door door-1 --when "sat 10:00"')
def start(
    *,
    hub: Annotated[str, typer.Option("--hub", help="The hub.")],
    door: Annotated[str, typer.Option("--door", help="The door's sensor.")],
    when: Annotated[
        str | None, typer.Option("--when", help='When the count begins, such as "sat 10:00"; else now.')
    ] = None,
    margin: Annotated[float, typer.Option(min=1, max=50, help="The margin to be within, in per cent.")] = 5,
    loss: Annotated[float, typer.Option(min=0, max=50, help="What the counter is believed to lose, in per cent.")] = 1,
    days: Annotated[int, typer.Option(min=1, max=60, help="For how many days the link is good.")] = 7,
    board: Annotated[str | None, typer.Option("--board", help="The board's address, as phones reach it.")] = None,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how many people it takes and how long, and print the secret link of a page with which a phone counts."""
    from usage.audits import Audit, AuditFile
    from usage.audits.planning import plan_audit
    from usage.audits.records import device_of

    settings = load_settings(data=data, estate=estate)
    known = estate_of(settings)
    now_ns = time.time_ns()
    begin = parsed("--when", lambda text: _moment(text, known, hub, now_ns), when or "")
    with closing(store_of(settings)) as store:
        _require_door(known, hub, door)
        plan = plan_audit(store, known, hub, door, margin=margin / 100, loss=loss / 100, when=begin, now_ns=now_ns)
    audit = Audit(
        id=f"{hub}-{door}-{begin:%Y-%m-%d}",
        hub=hub,
        sensor=door,
        made_ns=now_ns,
        expires_ns=now_ns + days * 86400 * 10**9,
        margin=margin / 100,
        people=plan.people,
        target=plan.target,
        every_s=plan.every_s,
        device=device_of(_sensor(known, hub, door)),
    )
    with AuditFile(settings.audits_folder) as file:
        audit, code = file.start(audit)
    link = f"{(board or board_url(settings)).rstrip('/')}/audit/{code}"
    if as_json:
        lengths = {"asked": _length_as_json(plan.asked), "quickest": _length_as_json(plan.quickest)}
        print(
            json.dumps({"id": audit.id, "people": plan.people, "count": plan.target, **lengths, "link": link}, indent=2)
        )
        return
    out.print(_planned(audit, plan, loss))
    out.print(f"Stop only after {audit.target} have come in, then: hubpulse audit finish {audit.id}")
    out.print(f"Open this on the phone, and give it to nobody else; it is good for {days} days and is not shown again:")
    out.print(f"  {link}")
    if board is None and is_here_alone(settings):
        out.print("The board listens on this machine alone: set HUBPULSE_BOARD__HOST, or name its proxy with --board")


@app.command("count", epilog="Example: hubpulse audit count armley-door-1-2026-12-05")
def progress(which: AuditArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show how many people have been counted by hand so far. What the counter counted is told at the end alone."""
    from usage.audits import AuditFile

    with AuditFile(load_settings(data=data).audits_folder) as file:
        audit = file.get(which)
        entries, exits, _ = file.counted(audit.id)
    if as_json:
        print(json.dumps({"id": audit.id, "entries": entries, "exits": exits, "count": audit.target}))
    else:
        out.print(f"{audit.id}: {entries} of {audit.target} in, {exits} out")


@app.command(epilog="Example: hubpulse audit finish armley-door-1-2026-12-05")
def finish(
    which: AuditArgument,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="End it though people are missing: without a verdict.")
    ] = False,
    valid_days: Annotated[int, typer.Option(min=1, max=1100, help="For how many days the factor holds.")] = 365,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare both counts, once and for all, and print the certificate. Exit code 1 where the counter failed."""
    from usage.audits import AuditFile, Verdict
    from usage.audits.finishing import result_of

    settings = load_settings(data=data, estate=estate)
    with AuditFile(settings.audits_folder) as file:
        audit = file.get(which)
        if audit.result is None:
            with closing(store_of(settings)) as store:
                presses = file.presses(audit.id)
                result = result_of(
                    audit,
                    presses,
                    store,
                    estate_of(settings),
                    now_ns=time.time_ns(),
                    valid_days=valid_days,
                    anyway=anyway,
                )
            audit = file.finish(audit, result)
    _print(audit, as_json=as_json)
    if audit.result and audit.result["verdict"] == Verdict.FAIL:
        raise typer.Exit(1)


@app.command("list", epilog="Example: hubpulse audit list --show armley-door-1-2026-12-05")
def list_audits(
    show: Annotated[str | None, typer.Option("--show", metavar="ID", help="Print the certificate of one.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the audits with their verdicts, or print the certificate of one."""
    from usage.audits import AuditFile
    from usage.audits.certificate import as_document, in_a_line

    with AuditFile(load_settings(data=data).audits_folder) as file:
        if show is not None:
            _print(file.get(show), as_json=as_json)
            return
        audits = file.all()
    if as_json:
        print(json.dumps([as_document(audit) for audit in audits], indent=2))
        return
    if not audits:
        out.print("No counter has been checked by hand yet: hubpulse audit start --hub H --door D")
    for audit in audits:
        out.print(in_a_line(audit, time.time_ns()))


def _print(audit: Audit, *, as_json: bool) -> None:
    from usage.audits.certificate import as_document, as_text

    if as_json:
        print(json.dumps(as_document(audit), indent=2))
    else:
        out.print("\n".join(as_text(audit)))


def _planned(audit: Audit, plan: Plan, loss: float) -> str:
    need = f"{audit.id}: {plan.people} people for a counter that loses {loss:g} %"
    if plan.asked is None:
        return f"{need}: nobody knows yet how many come by this door"
    said = _told(plan.asked)
    if plan.quickest is not None and plan.quickest.minutes != plan.asked.minutes:
        said += f"; quickest, {_told(plan.quickest)}"
    return f"{need}: at this door {said}"


def _told(length: Length) -> str:
    when = f"on {length.start:%A}s from {length.start:%H:%M}"
    return f"not {when}, before it closes" if length.minutes is None else f"about {length.minutes} minutes {when}"


def _length_as_json(length: Length | None) -> dict[str, Any] | None:
    return None if length is None else {"start": length.start.isoformat(), "minutes": length.minutes}


def _moment(text: str, estate: Estate, hub: str, now_ns: int) -> datetime:
    """The next `sat 10:00` in a hub's own time; now for nothing."""
    from schemas.localtime import from_ns

    now = from_ns(now_ns).astimezone(estate.zone_of(hub)).replace(second=0, microsecond=0)
    if not text:
        return now
    try:
        day, clock = text.lower().split()
        at = datetime.strptime(clock, "%H:%M").time()  # noqa: DTZ007 - a time of day alone
        ahead = (WEEKDAYS.index(day[:3]) - now.weekday()) % 7
    except ValueError as error:
        raise HubpulseError(f"{text!r} is no day and time: write for example sat 10:00") from error
    moment = datetime.combine(now.date() + timedelta(days=ahead), at, now.tzinfo)
    return moment if moment >= now else moment + timedelta(weeks=1)


def _require_door(estate: Estate, hub: str, door: str) -> None:
    """Wrong usage where the estate file names no such door; a sensor of which it says no kind may be one."""
    from schemas import Kind

    sensors = [sensor for known in estate.hubs if known.id == hub for sensor in known.sensors]
    doors = ", ".join(sensor.id for sensor in sensors if not sensor.kinds or Kind.FOOTFALL in sensor.kinds)
    hubs = [known.id for known in estate.hubs]
    if hub not in hubs:
        raise typer.BadParameter(
            f"no hub {hub!r} in the estate file; choose from: {', '.join(hubs)}", param_hint="--hub"
        )
    sensor = _sensor(estate, hub, door)
    if sensor is None:
        raise typer.BadParameter(f"no sensor {door!r} at {hub}; choose from: {doors}", param_hint="--door")
    if sensor.kinds and Kind.FOOTFALL not in sensor.kinds:
        raise typer.BadParameter(f"{door!r} at {hub} counts no people; choose from: {doors}", param_hint="--door")


def _sensor(estate: Estate, hub: str, door: str) -> Any:
    from usage.plan import HubPlan

    return HubPlan.of(estate, hub).sensor(door)
