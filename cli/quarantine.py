"""`hubpulse quarantine`: what was refused, and why."""

from __future__ import annotations

import base64
import json
import time
from contextlib import closing
from typing import Annotated, Any

import typer

from cli.context import DataOption, EstateOption, JsonOption, estate_of, load_settings, new_app, out
from ingest.buffer import Buffer, BufferReader
from ingest.buffer_file import release_reserve, require_file
from ingest.quarantine import QuarantineError
from schemas import Reason, Refusal
from schemas.localtime import NS_A_SECOND
from schemas.printable import printable
from schemas.refusal_advice import REFUSAL_ADVICE

_AGAIN_SHOWN = 10

app = new_app(help="Messages that were refused: list, show, send again, purge.")


@app.command("list", epilog="Example: hubpulse quarantine list --reason unknown_hub")
def list_refusals(
    reason: Annotated[Reason | None, typer.Option(help="Only refusals of this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Show at most this number, the newest first.")] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List refused messages, the newest first."""
    with closing(BufferReader(load_settings(data=data).data_dir)) as reader:
        refusals = list(reader.quarantine.find(reason=reason, limit=limit))
        counts = reader.quarantine.counts()
    if as_json:
        print(json.dumps({"counts": counts, "refusals": [_as_json(refusal) for refusal in refusals]}, indent=2))
        return
    if not refusals:
        out.print("The quarantine is empty." if reason is None else f"No refusal of reason {reason.value}.")
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in ("id", "received (UTC)", "reason", "topic", "detail"):
        table.add_column(column, overflow="fold")
    for refusal in refusals:
        received = f"{refusal.received_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(
            str(refusal.id),
            received,
            refusal.reason,
            escape(printable(refusal.topic)),
            escape(printable(refusal.detail)),
        )
    out.console.print(table, markup=False)
    for name in dict.fromkeys(refusal.reason for refusal in refusals):
        out.print(f"{name}: {REFUSAL_ADVICE[name]}")
    total = ", ".join(f"{count} {name}" for name, count in counts.items())
    out.print(f"In all: {total}. One whole: hubpulse quarantine show ID")


@app.command("show", epilog="Example: hubpulse quarantine show 17")
def show(
    refusal_id: Annotated[int, typer.Argument(metavar="ID", help="An id from `hubpulse quarantine list`.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one refused message whole."""
    with closing(BufferReader(load_settings(data=data).data_dir)) as reader:
        refusal = reader.quarantine.get(refusal_id)
    if as_json:
        print(json.dumps(_as_json(refusal), indent=2))
        return
    for name, value in (
        ("id", str(refusal.id)),
        ("received", f"{refusal.received_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("topic", refusal.topic),
        ("reason", refusal.reason.value),
        ("detail", refusal.detail),
        ("payload", f"{len(refusal.payload)} bytes"),
    ):
        out.print(f"{name:9} {printable(value)}")
    out.print(refusal.payload.decode(errors="backslashreplace"))


@app.command("redrive", epilog="Example: hubpulse quarantine redrive --reason unknown_hub")
def redrive(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Ids from `quarantine list`.")] = None,
    reason: Annotated[Reason | None, typer.Option(help="All refusals of this reason.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All refusals.")] = False,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send refused messages the way of new ones, once their cause is fixed; their days are computed again."""
    from ingest.redrive import redrive as redrive_messages

    if sum((bool(ids), reason is not None, everything)) != 1:
        raise typer.BadParameter("name ids, or --reason, or --all", param_hint="ID")
    settings = load_settings(data=data, estate=estate)
    BufferReader(settings.data_dir).close()  # says so where there is none, rather than making one
    results = list(redrive_messages(settings, estate_of(settings), clock_ns=time.time_ns, ids=ids, reason=reason))
    missing = sorted(set(ids or []) - {result.id for result in results})
    again = [result for result in results if result.refused_again]
    if as_json:
        rows = [{"id": r.id, "readings": r.readings, "detail": r.detail} for r in results]
        print(json.dumps({"redriven": rows, "missing": missing}, indent=2))
    else:
        readings = sum(result.readings for result in results)
        out.print(f"{len(results) - len(again)} messages taken ({readings} readings), {len(again)} refused again.")
        for result in again[:_AGAIN_SHOWN]:
            out.print(f"  {result.id}: {result.detail}")
        for refusal_id in missing:
            out.print(f"  {refusal_id}: not in the quarantine")
    if again or missing:
        raise typer.Exit(1)


@app.command("purge", epilog="Example: hubpulse quarantine purge --older-than 90 --yes")
def purge(
    older_than: Annotated[int, typer.Option(min=0, metavar="DAYS", help="Only what was received earlier than that.")],
    reason: Annotated[Reason | None, typer.Option(help="Only refusals of this reason.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    data: DataOption = None,
) -> None:
    """Delete refused messages for good. The ledger keeps their counts."""
    settings = load_settings(data=data)
    require_file(settings.data_dir)
    if not yes:
        typer.confirm(f"Delete refusals older than {older_than} days for good?", abort=True)
    before_ns = time.time_ns() - older_than * 86_400 * NS_A_SECOND
    with closing(Buffer(settings.data_dir, clock_ns=time.time_ns)) as buffer:
        try:
            deleted = buffer.quarantine.purge(reason=reason, before_ns=before_ns)
        except QuarantineError:
            if not release_reserve(settings.data_dir):
                raise
            deleted = buffer.quarantine.purge(reason=reason, before_ns=before_ns)
    out.print(f"{deleted} refusals deleted.")


def _as_json(refusal: Refusal) -> dict[str, Any]:
    try:
        payload = {"payload": refusal.payload.decode()}
    except UnicodeDecodeError:
        payload = {"payload_b64": base64.b64encode(refusal.payload).decode()}
    return {
        "id": refusal.id,
        "received_at": refusal.received_at.isoformat(),
        "topic": refusal.topic,
        "reason": refusal.reason.value,
        "detail": refusal.detail,
        **payload,
    }
