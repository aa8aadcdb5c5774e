"""What commands that ask for figures share: the hub, and the answer to a question that can't be asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from cli.context import err, estate_of, store_of

if TYPE_CHECKING:
    from schemas import Estate, Settings
    from usage import Queries

HubOption = Annotated[str | None, typer.Option("--hub", help="Only this hub.")]


@contextmanager
def asking(settings: Settings) -> Iterator[tuple[Queries, Estate]]:
    """What answers questions of the store as it is now, and the estate."""
    from usage import Queries

    with closing(store_of(settings)) as store, wrong_usage():
        estate = estate_of(settings)
        yield Queries(store, estate, now_ns=time.time_ns()), estate


@contextmanager
def wrong_usage() -> Iterator[None]:
    """Turn a question about an unknown hub, or with another estate, into one line and exit code 2."""
    from usage import OtherMidnightsError, UnknownHubError

    try:
        yield
    except (UnknownHubError, OtherMidnightsError) as error:
        refuse(str(error))


def tell_unfinished(queries: Queries) -> None:
    """Say how many days that are over have no figures yet, as while a history is loaded: the answer is not theirs."""
    from usage.queries.date_ranges import YEARS

    if days := sum(queries.days_to_compute(date(YEARS.start, 1, 1), queries.today()).values()):
        what = f"the figures of {days} hub days are still to be computed, and are not in this answer as they will be"
        err.print(f"{what}: wait until the history is loaded, or see that jobs runs (`hubpulse doctor`)")


def refuse(message: str) -> NoReturn:
    """End the command with one line and exit code 2."""
    err.print(f"error: {message}")
    raise typer.Exit(2)


def a_range(first: str, last: str) -> tuple[date, date]:
    """The days from --from to --to."""
    begin, end = a_date("--from", first), a_date("--to", last)
    if end < begin:
        refuse(f"--to {last} is before --from {first}: swap the two")
    return begin, end


def a_date(option: str, text: str) -> date:
    """The day that an option names."""
    from usage.queries.date_ranges import YEARS

    try:
        day = date.fromisoformat(text)
    except ValueError:
        refuse(f"{option} {text!r} is not a date: write it as 2026-10-31")
    if day.year not in YEARS:
        refuse(f"{option} {text} is out of reach: ask for {YEARS.start} to {YEARS.stop - 1}")
    return day
