"""`hubpulse users`: who may sign in to the board, and the tokens of programs."""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import DataOption, EstateOption, JsonOption, estate_of, load_settings, make_data_dir, new_app, out
from schemas import HubpulseError, Settings
from schemas.localtime import NS_A_SECOND, rfc3339

if TYPE_CHECKING:
    from dashboards.access.accounts import Accounts

_DAY_S = 86_400

app = new_app(help="Who may sign in to the board, and the tokens of programs.")

NameArgument = Annotated[str, typer.Argument(help="The account's name, such as sam or sam@example.org.")]


@app.command("add", epilog="Example: hubpulse users add sam --role manager")
def add(
    name: NameArgument,
    role: Annotated[str, typer.Option("--role", help="viewer, manager or admin.")] = "viewer",
    hub: Annotated[list[str] | None, typer.Option("--hub", help="Only this hub; again for another.")] = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="A file with the password, - for standard input; else asked.")
    ] = None,
    oidc_subject: Annotated[
        str | None,
        typer.Option("--oidc-subject", help="Who it is at the OpenID Connect provider, instead of a password."),
    ] = None,
    data: DataOption = None,
    estate: EstateOption = None,
) -> None:
    """Add an account, or give the one of that name another password, role and hubs."""
    from dashboards.access.accounts import ADMIN, NAME_PATTERN, Role

    if re.fullmatch(NAME_PATTERN, name) is None:
        raise typer.BadParameter(f"{name!r} is no name: small letters, digits, . _ @ and -, at most 64")
    if role not in list(Role):
        raise typer.BadParameter(f"--role {role} is none: choose from {', '.join(Role)}")
    settings = load_settings(data=data, estate=estate)
    if name == ADMIN and settings.board.admin_password:
        raise HubpulseError("the password of admin is HUBPULSE_BOARD__ADMIN_PASSWORD: change it there")
    unknown = sorted({*(hub or ())} - {known.id for known in estate_of(settings).hubs}) if hub else []
    if unknown:
        raise typer.BadParameter(f"no hub {unknown[0]!r} in the estate file: check --hub")
    if oidc_subject is not None and settings.oidc.issuer is None:
        raise HubpulseError("--oidc-subject is somebody at a provider: name it by HUBPULSE_OIDC__ISSUER")
    password = _password(password_file) if oidc_subject is None else ""
    make_data_dir(settings)
    accounts = _accounts(settings)
    if oidc_subject is not None and settings.oidc.issuer is not None:
        accounts.add_identity(name, settings.oidc.issuer, oidc_subject, Role(role), hub)
    else:
        accounts.add(name, password, Role(role), hub)
    out.print(f"{name} may sign in as {role}, and sees {', '.join(hub) if hub else 'every hub'}")


@app.command("list", epilog="Example: hubpulse users list")
def list_(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the accounts, and the tokens of each."""
    accounts = _accounts(load_settings(data=data))
    tokens = accounts.tokens()
    found: list[dict[str, Any]] = [
        {
            "name": account.name,
            "role": account.role,
            "hubs": None if account.hubs is None else sorted(account.hubs),
            "tokens": [
                {"label": label, "expires": rfc3339(expires_s * NS_A_SECOND)}
                for of, label, expires_s in tokens
                if of == account.name
            ],
        }
        for account in accounts.all()
    ]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if not found:
        out.print("Nobody has an account yet: `hubpulse users add NAME --role admin` makes the first.")
    for one in found:
        hubs = one["hubs"]
        out.print(f"{one['name']}: {one['role']}, {', '.join(hubs) if hubs is not None else 'every hub'}")
        for token in one["tokens"]:
            out.print(f"  token {token['label']} until {token['expires'][:10]}")


@app.command("remove", epilog="Example: hubpulse users remove sam")
def remove(
    name: NameArgument,
    token: Annotated[str | None, typer.Option("--token", help="Only the token of this label.")] = None,
    data: DataOption = None,
) -> None:
    """Remove an account with its tokens, or one of its tokens. It takes effect at once."""
    accounts = _accounts(load_settings(data=data))
    if token is None:
        accounts.remove(name)
        out.print(f"{name} may not sign in any more")
    else:
        accounts.remove_token(name, token)
        out.print(f"the token {token} of {name} is worth nothing any more")


@app.command("token", epilog="Example: hubpulse users token sam --label reports --days 90")
def token(
    name: NameArgument,
    label: Annotated[str, typer.Option("--label", help="What it is for; one of the same label goes.")] = "api",
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="How long it is worth something.")] = 365,
    data: DataOption = None,
) -> None:
    """Make a token by which a program asks the API as this account. It is printed once."""
    accounts = _accounts(load_settings(data=data))
    out.print(accounts.add_token(name, label, int(time.time()) + days * _DAY_S))


def _accounts(settings: Settings) -> Accounts:
    from dashboards.access.accounts import Accounts

    return Accounts(settings.data_dir)


def _password(file: Path | None) -> str:
    if file is None:
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    try:
        with nullcontext(sys.stdin) if str(file) == "-" else file.open(encoding="utf-8") as text:
            return text.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise HubpulseError(f"the password can't be read from {file}: {error}") from error
