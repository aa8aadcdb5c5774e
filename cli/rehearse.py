"""`hubpulse rehearse`: a simulated year of an estate, and how far off its reports would be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cli.context import EstateOption, JsonOption, load_settings, new_app, out, parsed, progress_bar, stop_signal
from schemas import HubpulseError

if TYPE_CHECKING:
    from simulators.simulation import Simulation
    from stores import Store
    from usage.rehearsal import Month, Summary

app = new_app()

_MESSAGES_AT_ONCE = 500
_READINGS_A_MESSAGE = 144
_AFTER_DAYS = 35
"""How long after the last day the figures are asked for: the days are final then."""
_NONE = "none"


@app.command("rehearse", epilog="Example: hubpulse rehearse --estate estate.yaml --days 365")
def rehearse(
    *,
    days: Annotated[int, typer.Option(min=1, max=3660, help="Number of local days.")] = 365,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Last simulated day.", show_default="yesterday")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same year.")] = 7,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:SHARE]", help="What goes wrong, instead of all that does with doors; or none."),
    ] = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate a year of an estate and its counters' faults: what reports would say, a bare sum, and the truth.

    Nothing of the data folder is read or changed: the year goes through the real path into a folder of its own.
    """
    from simulators.rehearsal import FAULTS, rehearsal
    from simulators.scenarios import estate_document
    from usage.rehearsal import months, summary

    document = estate_document(load_settings(estate=estate).estate)
    today = datetime.now(ZoneInfo(document.get("timezone", "UTC"))).date()
    last = parsed("--until", _date, until) if until else today - timedelta(days=1)
    first = last - timedelta(days=days - 1)
    faults = FAULTS if fault is None else [] if fault == [_NONE] else fault
    run, truth = rehearsal(document, last=last, days=days, seed=seed, faults=faults)
    total = 2 * days * len(run.estate.hubs)
    progress = progress_bar("rehearsing", f"{{task.completed}}/{total} hub days in and rolled up", total=total)
    with stop_signal(again_ends=True) as stopping, progress as update, _own_store() as store:

        def advance() -> None:
            if stopping.is_set():
                raise HubpulseError("stopped before the end: nothing was kept; rehearse again")
            update(advance=1)

        now_ns = _load(run, store, last, advance)
        _roll_up(run, store, first, last, now_ns, advance)
        found = list(months(store, run.estate, first, last, truth, now_ns=now_ns))
    told = summary(found)
    if as_json:
        rows = [asdict(month) | {"reported": month.reported, "holds": month.holds} for month in found]
        print(json.dumps({"seed": seed, "faults": list(faults), "months": rows, "summary": asdict(told)}, indent=2))
    else:
        _show(found, told)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise HubpulseError(f"{text!r} is not a date: write it as 2026-10-31") from error


@contextmanager
def _own_store() -> Iterator[Store]:
    """An embedded store that is gone afterwards."""
    from stores.sqlite_store import SqliteStore

    with TemporaryDirectory(prefix="hubpulse-rehearsal-") as folder:
        store = SqliteStore(Path(folder) / "store.db")
        try:
            store.prepare()
            yield store
        finally:
            store.close()


def _load(run: Simulation, store: Store, last: date, on_hub_day: Callable[[], None]) -> int:
    """Take all messages in as ingest does, without a broker; tells when that was, in UTC nanoseconds."""
    from ingest.decoder import Decoder
    from mqtt.messages import Message
    from schemas import Settings
    from schemas.localtime import midnight_ns
    from sensors.registry import Registry

    now_ns = midnight_ns(last + timedelta(days=_AFTER_DAYS), ZoneInfo("UTC"))
    decoder = Decoder(Registry(run.estate), Settings(retention_days=None), clock_ns=lambda: now_ns)
    messages = run.messages(readings_max=lambda _day: _READINGS_A_MESSAGE, on_hub_day=on_hub_day)
    while some := list(islice(messages, _MESSAGES_AT_ONCE)):
        batch = decoder.decode([Message(each.topic.encode(), each.payload) for each in some])
        _write(store, batch.lines)
    return now_ns


def _write(store: Store, lines: Sequence[str]) -> None:
    from stores import Accepted

    outcome = store.write("\n".join(lines).encode()) if lines else Accepted()
    if not isinstance(outcome, Accepted):
        raise HubpulseError(f"the rehearsal's store refused its readings ({outcome}): is the disk full?")


def _roll_up(
    run: Simulation, store: Store, first: date, last: date, now_ns: int, on_hub_day: Callable[[], None]
) -> None:
    from usage import RollupWriter
    from usage.calendar import dates

    for hub in run.estate.hubs:
        writer = RollupWriter(store, run.estate, hub.id, now_ns=now_ns)
        for _ in writer.recompute(dates(first, last)):
            on_hub_day()


def _show(found: Sequence[Month], told: Summary) -> None:
    width = max(len(month.hub) for month in found)
    heads = ("month", "counted", "estimated", "reported", "9 in 10", "bare sum", "truth")
    out.print(f"{'hub':{width}} " + " ".join(f"{head:>{size}}" for head, size in zip(heads, _WIDTHS, strict=True)))
    for month in found:
        cells: tuple[Any, ...] = (
            month.month,
            f"{month.counted:,}",
            "unknown" if month.estimated is None else f"{month.estimated:,}",
            "" if month.estimated is None else f"{month.reported:,}",
            "" if month.low is None or month.high is None else f"{month.low:,} - {month.high:,}",
            f"{month.bare_sum:,}",
            f"{month.truth:,}",
        )
        shown = " ".join(f"{cell:>{size}}" for cell, size in zip(cells, _WIDTHS, strict=True))
        out.print(f"{month.hub:{width}} {shown}{'  misses the truth' if month.holds is False else ''}")
    for what, error in (
        ("reported", told.reported_error),
        ("counted alone", told.counted_error),
        ("bare sum", told.bare_sum_error),
    ):
        out.print(
            f"error of a month, {what}: {_percent(error.mean)} on average, {_percent(error.median)} in the middle"
        )
    out.print(f"{told.held} of {told.estimated} intervals of months in which something is missing hold the truth")
    out.print(f"{told.exact} of {told.complete} months in which nothing is missing equal the truth")
    if told.untold:
        out.print(f"{told.untold} months have too little history before them to estimate what is missing")


_WIDTHS = (8, 9, 9, 9, 17, 9, 9)


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.2%}"
