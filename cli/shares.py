"""`hubpulse shares`: links by which somebody without an account reads one report."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli.board_address import board_url
from cli.context import DataOption, JsonOption, load_settings, make_data_dir, new_app, out
from schemas import HubpulseError
from schemas.localtime import NS_A_SECOND, rfc3339

_DAY_S = 86_400

app = new_app(help="Links by which somebody without an account reads one report.")


@app.command("add", epilog="Example: hubpulse shares add report.pdf --days 30")
def add(
    file: Annotated[Path, typer.Argument(help="A finished report; its copy stays as it is now.")],
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long the link is good.")] = 30,
    board: Annotated[str, typer.Option("--board", help="The board's address, as its readers reach it.")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Share a copy of a file by a link, which is printed once. Whoever has it reads the copy, and nothing else."""
    from dashboards.access.shares import BYTES_MAX, Shares

    settings = load_settings(data=data)
    try:
        with file.open("rb") as content:
            read = content.read(BYTES_MAX + 1)
    except OSError as error:
        raise HubpulseError(f"{file} can't be read ({error.strerror}): check the path") from error
    make_data_dir(settings)
    now_s = int(time.time())
    expires_s = now_s + days * _DAY_S
    secret = Shares(settings.audits_folder).add(read, file.name, account="", now_s=now_s, expires_s=expires_s)
    link = f"{board.rstrip('/') or board_url(settings)}/share/{secret}"
    if as_json:
        print(json.dumps({"link": link, "name": file.name, "expires": rfc3339(expires_s * NS_A_SECOND)}))
    else:
        out.print(link)


@app.command("list", epilog="Example: hubpulse shares list")
def list_(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the links: what each shows, until when. A link itself is told once, when it is made."""
    from dashboards.access.shares import Shares
    from schemas.printable import printable

    found, now_s = Shares(load_settings(data=data).audits_folder).all(), time.time()
    if as_json:
        print(json.dumps([{**asdict(share), "good": share.is_good(now_s)} for share in found], indent=2))
        return
    if not found:
        out.print("Nothing is shared.")
    for share in found:
        state = "revoked" if share.revoked else "until" if share.is_good(now_s) else "expired"
        when = rfc3339(share.expires_s * NS_A_SECOND)[:10]
        by = f", by {share.account}" if share.account else ""
        out.print(printable(f"{share.id}  {share.name}{by}: {state} {when if state != 'revoked' else ''}".rstrip()))


@app.command("revoke", epilog="Example: hubpulse shares revoke 3")
def revoke(
    share: Annotated[int, typer.Argument(metavar="ID", help="The link's number in `hubpulse shares list`.")],
    data: DataOption = None,
) -> None:
    """End a link at once, and delete its copy."""
    from dashboards.access.shares import Shares

    Shares(load_settings(data=data).audits_folder).revoke(share)
    out.print(f"link {share} shows nothing any more")
