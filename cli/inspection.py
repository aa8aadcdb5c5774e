"""`explain`, `ledger` and `doctor`: why is it so, does it add up, is everything well."""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import DataOption, EstateOption, JsonOption, err, estate_of, load_settings, new_app, out, read_bytes
from schemas import HubpulseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.doctor import Finding
    from mqtt.messages import Message
    from schemas import Settings

app = new_app()


@app.command("explain", epilog="Example: echo 21.4 | hubpulse explain --topic hubs/armley/temperature/air-1 -")
def explain(
    topic: Annotated[str, typer.Option(help="The topic that the message has.")],
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="The payload; - is standard input.")] = "-",
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a message becomes: its readings, and what of it would be refused and why, as JSON.

    With it, each step of its way: format, device, decoder, frame, values, calibration. On a terminal they are shown
    as lines; --json, and a pipe, give JSON.
    """
    from ingest.explain import explain as explain_message
    from ingest.explain import steps
    from sensors.estate_file import codecs_of
    from sensors.registry import Registry

    settings = load_settings(data=data, estate=estate)
    registry = Registry(estate_of(settings), codecs=codecs_of(settings.estate))
    payload, announcements = read_bytes(file), _announcements(settings.data_dir)
    readings, rejected, no_reading = explain_message(
        topic,
        payload,
        registry=registry,
        settings=settings,
        clock_ns=time.time_ns,
        announcements=announcements,
    )
    way = steps(
        topic, payload, registry=registry, settings=settings, clock_ns=time.time_ns, announcements=announcements
    )
    shown = [reading.model_dump(mode="json") for reading in readings]
    for reading in shown:
        if not reading["suspect"]:
            del reading["suspect"]
    found: dict[str, object] = {"readings": shown, "rejected": [asdict(rejection) for rejection in rejected]}
    if no_reading is not None:
        found["no_reading"] = no_reading
    if sys.stdout.isatty() and not as_json:
        for step in way:
            out.print(f"{step.step:11}", style="bold", end="")
            out.print(", ".join(f"{name} {value}" for name, value in step.found.items()))
        for rejection in rejected:
            out.print(f"refused    {rejection.reason.value}: {rejection.detail}")
        if no_reading is not None:
            out.print(f"no reading: {no_reading}")
        return
    found["steps"] = [{"step": step.step, **step.found} for step in way]
    print(json.dumps(found, indent=2))


def _announcements(data_dir: Path) -> list[Message]:
    """What devices announced to the ingest of this folder; nothing where there is none."""
    from ingest.buffer import BufferReader
    from ingest.buffer_file import FILE_NAME

    if not (data_dir / FILE_NAME).exists():
        return []
    try:
        with closing(BufferReader(data_dir)) as reader:
            return reader.devices.announcements()
    except HubpulseError:  # explaining needs no folder: one that can't be read is what doctor is for
        return []


_HUBS_SHOWN = 10
_NOTES = {
    "broker_dropped": "{count} messages were dropped by the broker, which had no room for them",
    "broker_restarts": "{count} restarts of the broker: what it had not saved then is missing",
    "maybe_repeated": "{count} readings without a time may be there twice (`maybe_repeated`)",
    "overwritten": "{count} readings were given other values by a later message{known}",
    "quarantine_expired": "{count} refused messages were deleted, as old as the quarantine keeps none",
    "quarantine_not_kept": "{count} refused messages were beyond a quota of the quarantine, and not kept",
    "readings_lost": "{count} readings more were accepted and lost with a damaged buffer",
    "sessions_lost": "{count} sessions lost by the broker: what was published meanwhile is missing",
}


@app.command("ledger", epilog="Example: hubpulse ledger --json")
def ledger(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show what came in and what became of it. Exit code 1 where it does not balance."""
    from ingest.buffer import BufferReader

    settings = load_settings(data=data)
    with closing(BufferReader(settings.data_dir)) as reader:
        counts, refused = reader.ledger.read(), {}
        try:
            refused = reader.quarantine.counts()
        except HubpulseError as error:
            err.print(str(error))
    if as_json:
        print(json.dumps({**counts.model_dump(), "quarantine": refused}, indent=2))
    else:
        _print_equation(
            "messages",
            counts.messages_received,
            "received",
            {
                "accepted": counts.messages_accepted,
                "refused": counts.messages_refused,
                "without a reading": counts.messages_no_reading,
                "delivered again": counts.messages_redelivered,
                "thinned": counts.messages_thinned,
                "waiting": counts.messages_waiting,
            },
        )
        _print_equation(
            "readings",
            counts.readings_accepted,
            "accepted",
            {
                "stored": counts.readings_stored,
                "rejected by the store": counts.readings_store_rejected,
                "pending": counts.readings_pending,
            },
        )
        if counts.readings_refused:
            out.print(f"{counts.readings_refused} single readings were refused out of messages otherwise accepted")
        known = "" if settings.store == "sqlite" else "; of the latest 100,000: InfluxDB can't be asked for more"
        for note, count in counts.notes.items():
            out.print(_NOTES.get(note, f"{{count}} {note}").format(count=count, known=known))
        for name, by_hub in counts.by_hub.items():
            hubs = ", ".join(f"{count} of {hub or 'unknown topics'}" for hub, count in [*by_hub.items()][:_HUBS_SHOWN])
            out.print(f"{name} by hub: {hubs}{', ...' if len(by_hub) > _HUBS_SHOWN else ''}")
        reasons = ", ".join(f"{count} {reason}" for reason, count in refused.items()) or "empty"
        out.print(f"quarantine: {reasons}")
        out.print(
            "The ledger balances." if counts.balanced else "THE LEDGER DOES NOT BALANCE: keep the folder, report it."
        )
    if not counts.balanced:
        raise typer.Exit(1)


def _print_equation(what: str, total: int, name: str, parts: dict[str, int]) -> None:
    spelled = " + ".join(f"{count} {part}" for part, count in parts.items())
    out.print(f"{what}: {total} {name} = {spelled}")


@app.command("doctor", epilog="Example: hubpulse doctor")
def doctor(
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at estate file, disk, broker, ingest and store: a line each, what is wrong, what to do. 1 on trouble.

    Jobs that run no more, and doors that send readings and that the estate file does not name, are told, too.
    """
    from ingest.doctor import Finding, State, examine

    settings = load_settings(data=data, estate=estate)
    findings = list(examine(settings))
    if all(finding.state is not State.FAILED for finding in findings if finding.part in {"estate file", "store"}):
        findings += _jobs(settings)
        findings += [Finding("doors", State.WARNING, told) for told in _stray_doors(settings)]
    if as_json:
        rows = [{"part": f.part, "state": f.state.value, "detail": f.detail} for f in findings]
        print(json.dumps(rows, indent=2))
    else:
        colours = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "red"}
        for finding in findings:
            out.print(f"{finding.state.value:8}", style=colours[finding.state], end="")
            out.print(f" {finding.part:12} {finding.detail}")
    if any(finding.state is State.FAILED for finding in findings):
        raise typer.Exit(1)


def _jobs(settings: Settings) -> Iterator[Finding]:
    """Where no jobs keep the figures of a store up to date; nothing where some do."""
    from ingest.doctor import Finding, State
    from stores import open_store

    try:
        with closing(open_store(settings, must_exist=True)) as store:
            from usage.lease import is_held

            found = is_held(store, time.time_ns())
    except HubpulseError:  # the line on the store says what is wrong with it
        return
    if found is None:
        detail = "none ran on this store yet, so there are no figures: they begin with `hubpulse up` or `hubpulse jobs`"
        yield Finding("jobs", State.WARNING, detail)
    elif not found:
        detail = "none run: figures stand as they were last computed, nobody looks for alerts; start `hubpulse jobs`"
        yield Finding("jobs", State.FAILED, detail)


def _stray_doors(settings: Settings) -> list[str]:
    """The doors that the estate file does not name, and what to write into it; none without an estate file."""
    from schemas.settings import ESTATE_FILE

    if settings.estate is None and not ESTATE_FILE.exists():
        return []
    from sensors.estate_file import load_estate
    from stores import open_store
    from usage import Queries
    from usage.attention.strays import stray_doors

    known, now_ns = load_estate(settings.estate), time.time_ns()
    try:
        with closing(open_store(settings, must_exist=True)) as store:
            queries = Queries(store, known, now_ns=now_ns)
            strays = list(stray_doors(queries.sensors, known, now_ns))
    except HubpulseError:  # the line on the store says what is wrong with it
        return []
    return [f"{each.hub}: {each.sentence(queries.today(each.hub))}: {each.advice}" for each in strays]
