"""Puts the commands together and turns errors into one line and an exit code.

0: done. 1: it could not be done, or a check found something; the line says what to do next. 2: wrong usage.
"""

from __future__ import annotations

import sys

import typer

from cli import backup, dashboards, estate, init, inspection, quarantine, replay, serve, simulate, usage
from cli.context import err
from schemas import HubpulseError

app = typer.Typer(
    name="hubpulse",
    help="Telemetry for community buildings: MQTT in, trusted daily figures out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
serve.register(app)
replay.register(app)
inspection.register(app)
init.register(app)
backup.register(app)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(usage.app, name="usage")
app.add_typer(estate.app, name="estate")
app.add_typer(simulate.app, name="simulate")
app.add_typer(dashboards.app, name="dashboards")


def main() -> None:
    """Run the command line."""
    try:
        app()
    except HubpulseError as error:
        for line in str(error).splitlines():
            err.print(f"error: {line}", style="red", markup=False)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)
