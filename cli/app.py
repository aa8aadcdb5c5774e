"""Puts the commands together and turns errors into one line and an exit code.

0: done. 1: it could not be done, or a check found something; the line says what to do next. 2: wrong usage.

A command's module is imported when the command is called: what stands here is all that `hubpulse --help` needs.
"""

from __future__ import annotations

import sys
from collections import UserDict
from importlib import import_module
from typing import Any, NoReturn

import typer.core
import typer.main

from cli.context import err
from schemas.errors import HubpulseError

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("serve", "Run everything in one process: a broker (unless one is configured), ingest, jobs and the board."),
    "demo": ("serve", "Run `up` with a simulated estate of 22 hubs: its history first, live from then on."),
    "ingest": ("serve", "Run ingest alone: receive, validate, buffer, write to the store."),
    "jobs": ("serve", "Run the jobs alone: the daily and hourly figures of every hub, kept up to date in the store."),
    "board": ("serve", "Run the board alone."),
    "doctor": (
        "inspection",
        "Look at estate file, disk, broker, ingest and store: a line each, what is wrong, what to do.",
    ),
    "ledger": ("inspection", "Show what came in and what became of it. Exit code 1 where it does not balance."),
    "explain": (
        "inspection",
        "Show what a message becomes: its readings, and what of it would be refused and why, as JSON.",
    ),
    "quarantine": ("quarantine", "Messages that were refused: list, show, send again, purge."),
    "sensors": (
        "sensors",
        "Sensors: how each one is, devices that wait to be adopted, spreadsheets of many, those that somebody made up.",
    ),
    "usage": (
        "usage",
        "Daily usage of each hub: export the figures, ask why they are what they are, compute them again.",
    ),
    "report": (
        "report",
        "Report a period: findings first, then totals, hubs, comparisons, building health, data quality and method.",
    ),
    "audit": (
        "audit",
        "Counters checked by hand: is a door's counter within 5 % of what somebody counts who stands there?",
    ),
    "publish": (
        "publish",
        "Freeze a period's figures in a file of the data folder, and print the code that reports carry.",
    ),
    "verify": (
        "publish",
        "Recompute what was published, and list what is otherwise now and why. Exit code 1 where anything is.",
    ),
    "open-data": (
        "open_data",
        "Write a publication as open data: CSV and Parquet with a description, library visits, a funder's table.",
    ),
    "alerts": ("alerts", "What is wrong and who was told: list, acknowledge, snooze, resolve; send a test notice."),
    "users": ("users", "Who may sign in to the board, and the tokens of programs."),
    "edits": ("edits", "List what was changed in the browser: when, by whom, and what became of it."),
    "shares": ("shares", "Links by which somebody without an account reads one report."),
    "estate": ("estate", "The estate file: check it, print the JSON Schema for editors."),
    "dashboards": ("dashboards", "Grafana's dashboards: render them, check them, push them."),
    "simulate": ("simulate", "Publish a simulated estate: people, rooms, sensors, and the faults you ask for."),
    "rehearse": (
        "rehearse",
        "Simulate a year of an estate and its counters' faults: what reports would say, a bare sum, and the truth.",
    ),
    "record": ("replay", "Write what the broker delivers to a file, until Ctrl-C."),
    "replay": ("replay", "Send a recording, or a table by way of a mapping, to the broker."),
    "init": (
        "init",
        "Make what is missing of the secrets: random passwords, the broker's certificate, its users and their rights.",
    ),
    "backup": ("backup", "Copy buffer, embedded store and estate file into a new folder, while everything runs."),
    "restore": ("backup", "Put a backup into a data folder that is still empty."),
}
"""Each command's module in `cli`, and what it does."""


class _Commands(UserDict[str, Any]):
    """The commands by name, each made when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        group = typer.main.get_group(import_module(f"cli.{self.data[name]}").app)
        return group.commands.get(name, group)


class FrontDoor(typer.core.TyperGroup):
    """`hubpulse`: its help lists the commands without importing one."""

    def __init__(self) -> None:
        super().__init__(
            name="hubpulse",
            help="Telemetry for community buildings: MQTT in, trusted daily figures out.",
            epilog="Example: hubpulse demo",
            commands=_Commands({name: module for name, (module, _) in COMMANDS.items()}),  # type: ignore[arg-type]
            context_settings={"help_option_names": ["-h", "--help"]},
            no_args_is_help=True,
            rich_markup_mode=None,
        )

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is typer's
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - likewise
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def main() -> None:
    """Run the command line."""
    try:
        code = FrontDoor().main(prog_name="hubpulse", standalone_mode=False)
    except HubpulseError as error:
        for line in str(error).splitlines():
            err.print(f"error: {line}", style="red")
        sys.exit(1)
    except typer.TyperException as error:
        _refuse(error)
    except typer.Abort:
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(error: typer.TyperException) -> NoReturn:
    """One line on wrong usage; a group that is called without a command shows its help."""
    text = error.format_message()
    if text.startswith("Usage:"):
        err.print(text)
    else:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "hubpulse"
        err.print(f"error: {' '.join(text.split())} (see `{command} --help`)", style="red")
    sys.exit(error.exit_code)
