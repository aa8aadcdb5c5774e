"""`hubpulse dashboards`: Grafana's dashboards, made by code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import EstateOption, estate_of, load_settings, new_app, out, read_bytes
from schemas import HubpulseError

if TYPE_CHECKING:
    from dashboards.grafana.api import Credentials, Grafana
    from dashboards.grafana.push import Outcome, Wanted
    from schemas import Estate

app = new_app(help="Grafana's dashboards: render them, check them, push them.")

_URL = typer.Option("--url", envvar="HUBPULSE_GRAFANA__URL", help="Grafana, such as http://127.0.0.1:3000.")
TokenOption = Annotated[
    str | None,
    typer.Option("--token", envvar="HUBPULSE_GRAFANA__TOKEN", help="Token of a service account with the role Admin."),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option("--token-file", envvar="HUBPULSE_GRAFANA__TOKEN_FILE", help="File that holds the token."),
]
UserOption = Annotated[
    str | None,
    typer.Option(
        "--user", envvar="HUBPULSE_GRAFANA__USER", help="User and password in place of a token: NAME:PASSWORD."
    ),
]
InfluxUrlOption = Annotated[
    str | None,
    typer.Option(
        "--influx-url", help="Where Grafana finds InfluxDB.", show_default="HUBPULSE_INFLUX__URL, where we find it"
    ),
]
AlertsOption = Annotated[bool, typer.Option("--alerts", help="The alert rules too.")]


@app.command("render", epilog="Example: hubpulse dashboards render --estate estate.yaml --out my-dashboards")
def render(
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder to write into.", show_default="where they are committed")
    ] = None,
    estate: EstateOption = None,
) -> None:
    """Write the dashboards as JSON, in the estate's time zone, and its alert rules as YAML."""
    from dashboards.grafana import files

    for path in files.write(folder, _estate(estate, files.DEFAULT)):
        out.print(f"wrote {path}")


@app.command(
    "check", epilog="Example: hubpulse dashboards check --url http://127.0.0.1:3000 --token-file grafana-token"
)
def check(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Folder of the files.", show_default="where they are committed")
    ] = None,
    estate: EstateOption = None,
    url: Annotated[str | None, _URL] = None,
    token: TokenOption = None,
    token_file: TokenFileOption = None,
    user: UserOption = None,
    influx_url: InfluxUrlOption = None,
    alerts: AlertsOption = False,
) -> None:
    """Compare the files, or with --url a Grafana, with the code; exit 1 where they differ."""
    from dashboards.grafana import files

    if url is None:
        if folder is not None and not folder.is_dir():
            raise HubpulseError(
                f"{folder} is no folder: check --folder, or `hubpulse dashboards render --out {folder}`"
            )
        lines = files.drift(folder, _estate(estate, files.DEFAULT))
        if lines:
            raise HubpulseError("\n".join([*lines, "render them again: hubpulse dashboards render"]))
        out.print("The dashboards are what the code makes.")
        return
    from dashboards.grafana import push

    wanted = push.Wanted(_estate(estate), load_settings().influx, influx_url, with_alerts=alerts)
    outcomes = _outcomes(push.check, url, _credentials(token, token_file, user), wanted)
    if any(outcome.is_drift for outcome in outcomes):
        raise HubpulseError(f"{url} is not as the code would have it: hubpulse dashboards push --url {url}")


@app.command("push", epilog="Example: hubpulse dashboards push --url http://127.0.0.1:3000 --token-file grafana-token")
def push(
    url: Annotated[str, _URL],
    estate: EstateOption = None,
    token: TokenOption = None,
    token_file: TokenFileOption = None,
    user: UserOption = None,
    influx_url: InfluxUrlOption = None,
    alerts: AlertsOption = False,
) -> None:
    """Give an existing Grafana the folder, the data source and the dashboards; a second push changes nothing."""
    from dashboards.grafana import push

    wanted = push.Wanted(_estate(estate), load_settings().influx, influx_url, with_alerts=alerts)
    *_, health = _outcomes(push.push, url, _credentials(token, token_file, user), wanted)
    if health.state != "OK":
        raise HubpulseError(
            "Grafana can't read InfluxDB: check --influx-url and the settings HUBPULSE_INFLUX__*, then push again"
        )


def _outcomes(
    do: Callable[[Grafana, Wanted], Iterator[Outcome]], url: str, credentials: Credentials, wanted: Wanted
) -> list[Outcome]:
    """Push or check, and print each outcome as it comes."""
    from dashboards.grafana.api import Grafana

    outcomes = []
    with closing(Grafana(url, credentials)) as grafana:
        for outcome in do(grafana, wanted):
            detail = f" ({outcome.detail})" if outcome.detail else ""
            out.print(f"{outcome.part}: {outcome.state}{detail}")
            outcomes.append(outcome)
    return outcomes


def _credentials(token: str | None, token_file: Path | None, user: str | None) -> Credentials:
    if token_file is not None:
        token = read_bytes(str(token_file)).decode("utf-8", "replace").strip()
    if token:
        return token
    name, colon, password = (user or "").partition(":")
    if not colon:
        raise HubpulseError("no credentials for Grafana: give --token-file, --token, or --user NAME:PASSWORD")
    return name, password


def _estate(estate: Path | None, default: Estate | None = None) -> Estate:
    """The estate asked for, else the default, else the one in force."""
    return default if default is not None and estate is None else estate_of(load_settings(estate=estate))
