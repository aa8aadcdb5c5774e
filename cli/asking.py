"""What commands that ask for figures share: the hub, and the answer to a question that can't be asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

from cli.context import err

HubOption = Annotated[str | None, typer.Option("--hub", help="Only this hub.")]


@contextmanager
def wrong_usage() -> Iterator[None]:
    """Turn a question about an unknown hub, or with another estate, into one line and exit code 2."""
    from usage import OtherMidnightsError, UnknownHubError

    try:
        yield
    except (UnknownHubError, OtherMidnightsError) as error:
        refuse(str(error))


def refuse(message: str) -> NoReturn:
    """End the command with one line and exit code 2."""
    err.print(f"error: {message}")
    raise typer.Exit(2)
