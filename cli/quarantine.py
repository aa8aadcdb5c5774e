"""`hubpulse quarantine`: what was refused, and why."""

from __future__ import annotations

import base64
import json
from contextlib import closing
from typing import Annotated, Any

import typer
from rich.table import Table

from cli.context import DataOption, JsonOption, load_settings, out
from ingest.quarantine import Quarantine
from schemas import Reason, Refusal

app = typer.Typer(help="Messages that were refused: list them, show one whole.", no_args_is_help=True)


@app.command("list", epilog="Example: hubpulse quarantine list --reason unknown_hub")
def list_refusals(
    reason: Annotated[Reason | None, typer.Option(help="Only refusals of this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the newest first.")] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List refused messages, the newest first."""
    with closing(Quarantine(load_settings(data=data).data_dir)) as quarantine:
        refusals = list(quarantine.find(reason=reason, limit=limit))
        counts = quarantine.counts()
    if as_json:
        out.print_json(json.dumps({"counts": counts, "refusals": [_as_json(refusal) for refusal in refusals]}))
        return
    if not refusals:
        out.print("The quarantine is empty." if reason is None else f"No refusal of reason {reason.value}.")
        return
    table = Table(box=None, header_style="bold")
    for column in ("id", "received (UTC)", "reason", "topic", "detail"):
        table.add_column(column, overflow="fold")
    for refusal in refusals:
        table.add_row(
            str(refusal.id), f"{refusal.received_at:%Y-%m-%d %H:%M:%S}", refusal.reason, refusal.topic, refusal.detail
        )
    out.print(table, markup=False)
    total = ", ".join(f"{count} {name}" for name, count in counts.items())
    out.print(f"In all: {total}. One whole: hubpulse quarantine show ID")


@app.command("show", epilog="Example: hubpulse quarantine show 17")
def show(
    refusal_id: Annotated[int, typer.Argument(metavar="ID", help="An id from `hubpulse quarantine list`.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one refused message whole."""
    with closing(Quarantine(load_settings(data=data).data_dir)) as quarantine:
        refusal = quarantine.get(refusal_id)
    if as_json:
        out.print_json(json.dumps(_as_json(refusal)))
        return
    for name, value in (
        ("id", str(refusal.id)),
        ("received", f"{refusal.received_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("topic", refusal.topic),
        ("reason", refusal.reason.value),
        ("detail", refusal.detail),
        ("payload", f"{len(refusal.payload)} bytes"),
    ):
        out.print(f"{name:9} {value}", markup=False)
    out.print(refusal.payload.decode(errors="backslashreplace"), markup=False)


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
