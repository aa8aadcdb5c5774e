"""`hubpulse edits`: what was changed in the browser."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from cli.context import DataOption, JsonOption, load_settings, new_app, out

app = new_app()


@app.command("edits", epilog="Example: hubpulse edits --limit 20")
def edits(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Show at most this number, the latest first.")] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was changed in the browser: when, by whom, and what became of it."""
    from dashboards.edits.queue import EditFile
    from schemas.localtime import NS_A_SECOND, rfc3339
    from schemas.printable import printable

    found = [
        {**asdict(edit), "made": rfc3339(edit.made_s * NS_A_SECOND), "changed": rfc3339(edit.changed_s * NS_A_SECOND)}
        for edit in EditFile(load_settings(data=data).audits_folder).recent(limit)
    ]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if not found:
        out.print("Nothing was changed in the browser yet.")
    for edit in found:
        what = f"{edit['id']}  {edit['made'][:16]}  {edit['account']}  {edit['kind']}  {edit['state']}"
        out.print(printable(f"{what}: {edit['sentence'] or edit['request']}"))
