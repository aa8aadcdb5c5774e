"""`replay` and `record`: messages from a file to the broker, and from the broker to a file."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import DataOption, JsonOption, err, load_settings, new_app, out, parsed, progress_bar, stop_signal
from schemas import HubpulseError, Settings

if TYPE_CHECKING:
    from simulators.record import RecordReport
    from simulators.replay import Extent, ReplayReport
    from simulators.source import ReasonCounts

HostOption = Annotated[str | None, typer.Option("--mqtt-host", help="The broker; else HUBPULSE_MQTT__HOST.")]
PortOption = Annotated[int | None, typer.Option("--mqtt-port", help="Its port; else HUBPULSE_MQTT__PORT.")]


app = new_app()


@app.command("replay", epilog="Example: hubpulse replay counts.csv --mapping calit2 --speed max")
def replay(
    file: Annotated[Path, typer.Argument(help="A recording (.jsonl, .jsonl.gz) or a table (.csv, .csv.gz).")],
    *,
    mapping: Annotated[
        str | None,
        typer.Option(help="How a table's columns become readings: a YAML file, or a shipped mapping's name."),
    ] = None,
    speed: Annotated[str, typer.Option(help="1 keeps the original spacing, 60 is a minute a second; or max.")] = "1",
    shift_to_now: Annotated[bool, typer.Option(help="Move all times to the present.")] = False,
    resume: Annotated[bool, typer.Option(help="Go on where the last replay of this file broke off.")] = False,
    readings_per_message: Annotated[
        int, typer.Option(min=1, max=1000, help="How many of a table's readings one message holds.")
    ] = 1,
    data: DataOption = None,
    mqtt_host: HostOption = None,
    mqtt_port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a recording, or a table by way of a mapping, to the broker."""
    from mqtt.publisher import Publisher
    from simulators.mapping import load_mapping
    from simulators.replay import Bookmark, measure, open_source, parse_speed, shift_to
    from simulators.replay import replay as replay_source

    settings = broker_settings(data, mqtt_host, mqtt_port)
    times_faster = parsed("--speed", parse_speed, speed)
    table, mapping_path = load_mapping(mapping) if mapping else (None, None)
    source = open_source(file, table, readings_per_message=readings_per_message)
    if table is not None and mapping_path is not None and table.estate is not None:
        estate = mapping_path.parent / table.estate
        err.print(f"The daily figures of these data need the time zone of their hubs: --estate {estate}")
    bookmark = Bookmark(settings.data_dir / "replay", source)
    if resume and bookmark.load():
        err.print(f"Going on after the {bookmark.settled} messages that were sent before the break.")
    elif resume:
        err.print("Nothing is kept of a replay of this file that broke off: starting from its beginning.")
    span = measure(source) if shift_to_now or math.isfinite(times_faster) else None
    if span is not None and shift_to_now and not bookmark.shift_ns:
        bookmark.shift_ns = shift_to(time.time_ns(), span, times_faster)
    _announce(span, times_faster)
    progress = progress_bar("replaying", "{task.fields[sent]} messages", total=source.size_bytes, sent=0)
    with Publisher(settings.mqtt) as publisher, stop_signal(again_ends=True) as stopping, progress as update:

        def show(_more: int) -> None:
            update(completed=source.position_bytes, sent=publisher.settled)

        outcome = replay_source(source, publisher, bookmark, speed=times_faster, on_progress=show, stop=stopping.is_set)
    _report_replay(outcome, as_json=as_json)
    if not outcome.complete:
        raise HubpulseError("stopped before the end: `--resume` with the same options goes on from here")
    if not outcome.before + outcome.acknowledged:
        raise HubpulseError(f"nothing of {file} could be sent: see what was skipped, and fix the file or the mapping")
    if outcome.refused:
        raise HubpulseError("the broker refused some of the messages: see its access rules and limits")


@app.command("record", epilog='Example: hubpulse record monday.jsonl.gz --topic "hubs/#" --for 1h')
def record(
    file: Annotated[Path, typer.Argument(help="The recording to write; gzipped where it ends in .gz.")],
    *,
    topic: Annotated[list[str] | None, typer.Option(help="A topic filter; may be repeated.", show_default="#")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after this number of messages.")] = None,
    for_: Annotated[str | None, typer.Option("--for", help="End after a time such as 30s, 10m, 1h or 1d.")] = None,
    rotate_mb: Annotated[
        float | None, typer.Option(min=0.01, help="Start a new, numbered file when one reaches this size, in MB.")
    ] = None,
    hash_macs: Annotated[
        bool, typer.Option(help="Record messages with MAC addresses too, a keyed hash in their place.")
    ] = False,
    mqtt_host: HostOption = None,
    mqtt_port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what the broker delivers to a file, until Ctrl-C. Messages with a MAC address are refused and counted."""
    from simulators.record import MacHasher, Recorder
    from simulators.recordings import RecordingWriter

    settings = broker_settings(None, mqtt_host, mqtt_port)
    duration_s = None if for_ is None else parsed("--for", _duration_s, for_)
    hasher = MacHasher() if hash_macs else None
    rotate_bytes = None if rotate_mb is None else round(rotate_mb * 1_000_000)
    progress = progress_bar("recording", "{task.completed} messages (Ctrl-C ends it)", total=None)
    with (
        RecordingWriter(file, rotate_bytes=rotate_bytes) as writer,
        stop_signal(again_ends=True) as stopping,
        progress as update,
    ):
        recorder = Recorder(settings.mqtt, writer, topics=topic or ["#"], hasher=hasher)
        report = recorder.run(
            messages_max=count,
            duration_s=duration_s,
            on_progress=lambda written: update(completed=written),
            stop=stopping.is_set,
        )
    _report_record(report, as_json=as_json)


def broker_settings(data: Path | None, host: str | None, port: int | None) -> Settings:
    """The settings, with the broker of the command line."""
    mqtt = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    return load_settings(data=data, mqtt=mqtt or None)


def _duration_s(text: str) -> int:
    from pydantic import TypeAdapter, ValidationError

    from schemas.durations import DurationS

    try:
        seconds: int = TypeAdapter(DurationS).validate_python(text)
    except ValidationError as error:
        raise HubpulseError(str(error.errors()[0]["ctx"]["error"])) from error
    return seconds


def _announce(span: Extent | None, speed: float) -> None:
    if span is not None and math.isfinite(speed):
        seconds = (span.last_ns - span.first_ns) / 1e9 / speed
        err.print(
            f"{span.messages} messages; at this speed they take {_duration(seconds)} (--speed max: as fast as it goes)."
        )


def _duration(seconds: float) -> str:
    for unit, size_s in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def _report_replay(outcome: ReplayReport, *, as_json: bool) -> None:
    if as_json:
        shown = {
            "sent_before": outcome.before,
            "sent": outcome.sent,
            "acknowledged": outcome.acknowledged,
            "refused": dict(outcome.refused),
            "skipped": dict(outcome.skipped.counts),
            "notes": dict(outcome.notes.counts),
            "complete": outcome.complete,
            "seconds": round(outcome.seconds, 3),
        }
        print(json.dumps(shown, indent=2))
        return
    rate = outcome.acknowledged / outcome.seconds if outcome.seconds else 0
    out.print(
        f"sent {outcome.sent}, acknowledged {outcome.acknowledged} in {_duration(outcome.seconds)} ({rate:.0f}/s)"
    )
    for reason, number in outcome.refused.items():
        out.print(f"refused by the broker: {number} x {reason}")
    _print_counts("skipped", outcome.skipped)
    _print_counts("note", outcome.notes)


def _report_record(report: RecordReport, *, as_json: bool) -> None:
    if as_json:
        shown = {
            "written": report.written,
            "files": [str(path) for path in report.paths],
            "skipped": dict(report.skipped.counts),
            "seconds": round(report.seconds, 3),
        }
        print(json.dumps(shown, indent=2))
        return
    out.print(f"recorded {report.written} messages to {', '.join(str(path) for path in report.paths)}")
    _print_counts("not recorded", report.skipped)


def _print_counts(title: str, counts: ReasonCounts) -> None:
    for line in counts.lines():
        out.print(f"{title}: {line}")
