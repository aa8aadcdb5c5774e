"""`hubpulse simulate`: a simulated estate through the broker, the truth about it, and whether a store shows it."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cli.context import (
    DataOption,
    EstateOption,
    JsonOption,
    load_settings,
    new_app,
    out,
    parsed,
    progress_bar,
    stop_signal,
    store_of,
)
from cli.replay import HostOption, PortOption, broker_settings
from schemas import HubpulseError

if TYPE_CHECKING:
    from schemas import Settings
    from simulators.messages import TimedMessage
    from simulators.simulation import Simulation
    from simulators.truth.record import TruthRecord
    from simulators.truth.verify import Difference, Truth
    from stores import Store

app = new_app(
    help="Publish a simulated estate: people, rooms, sensors, and the faults you ask for.",
    invoke_without_command=True,
    epilog="Example: hubpulse simulate --days 30 --seed 7 --fault duplicates:0.1 --fault outage --truth truth.jsonl",
)

_SHOWN_DIFFERENCES = 30
_POLL_S = 0.5

TruthOption = Annotated[Path | None, typer.Option("--truth", help="Write down what really happened, as JSON lines.")]
HubsOption = Annotated[int | None, typer.Option("--hubs", min=1, help="Number of hubs.", show_default="22")]


FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        help="What the devices speak: mixed, native, tts, chirpstack, zigbee2mqtt, tasmota, shelly, collectd or senml.",
    ),
]


@app.callback()
def simulate(
    context: typer.Context,
    *,
    hubs: HubsOption = None,
    days: Annotated[int, typer.Option(min=1, max=3660, help="Number of local days.")] = 30,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Last simulated day.", show_default="yesterday")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same messages.")] = 7,
    scenario: Annotated[str, typer.Option(help="What kind of days; see `simulate list`.")] = "normal",
    fault: Annotated[
        list[str] | None, typer.Option(metavar="NAME[:SHARE]", help="May be repeated; see `simulate list`.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Go on in real time after the days, until Ctrl-C.")] = False,
    speed: Annotated[str, typer.Option(help="Simulated time against real time: max, or a number such as 60.")] = "max",
    rate: Annotated[
        float | None, typer.Option(min=0.1, metavar="MSGS_PER_S", help="Hold a steady rate, and report what was held.")
    ] = None,
    connections: Annotated[
        int, typer.Option(min=1, max=64, help="With --rate: number of connections to send over.")
    ] = 4,
    truth: TruthOption = None,
    format_: FormatOption = "native",
    estate: EstateOption = None,
    mqtt_host: HostOption = None,
    mqtt_port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish a simulated estate: people, rooms, sensors, and the faults you ask for."""
    if context.invoked_subcommand is not None:
        return
    from simulators.dressing import dressed
    from simulators.replay import parse_speed
    from simulators.scenarios import estate_document, simulation

    times_faster = parsed("--speed", parse_speed, speed)
    if sum((live, rate is not None, math.isfinite(times_faster))) > 1:
        raise HubpulseError("--live, --rate and --speed each set the pace: give one of them")
    document = dressed(estate_document(estate, hubs=hubs), format_)
    zone = ZoneInfo(document.get("timezone", "UTC"))
    run = simulation(
        document,
        scenario=scenario,
        last=_date(until) if until else datetime.now(zone).date() - timedelta(days=1),
        days=days,
        seed=seed,
        faults=tuple(fault or ()),
        live=live,
    )
    run.fault_plan()
    settings = broker_settings(None, mqtt_host, mqtt_port)
    hub_days = run.hub_days()
    progress = progress_bar("simulating", f"{{task.completed}}/{hub_days or '?'} hub days", total=hub_days)
    with _truth_record(truth, run) as record, stop_signal(again_ends=True) as stopping, progress as update:
        advance = partial(update, advance=1)
        if rate is not None:
            messages = run.messages(readings_max=lambda _day: 1, truth=record, on_hub_day=advance)
            figures = _hold_rate(settings, messages, rate_per_s=rate, connections=connections, stop=stopping.is_set)
        else:
            figures = _publish(
                settings, run, record, speed=times_faster, live=live, stop=stopping.is_set, advance=advance
            )
        stopped = stopping.is_set()
        if record is not None and not stopped:
            record.close()
    _report(figures | {"complete": not stopped}, as_json=as_json)
    if stopped and not live and rate is None:
        raise HubpulseError("stopped before the end: what was published stays, the truth has no end; simulate again")


@app.command(epilog="Example: hubpulse simulate verify --truth truth.jsonl --wait 60")
def verify(
    truth: Annotated[Path, typer.Option("--truth", help="What `simulate --truth` wrote.")],
    *,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for the store to catch up.")
    ] = 0,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the store's daily figures with the truth; exit 1 with the differences."""
    from simulators.truth.verify import read_truth

    expected = read_truth(truth)
    deadline_s = time.monotonic() + wait
    with closing(store_of(load_settings(data=data))) as store:
        while True:
            found = _differences(store, expected)
            if not found or time.monotonic() >= deadline_s:
                break
            time.sleep(_POLL_S)
    _report_differences(expected, found, as_json=as_json)
    if found:
        raise typer.Exit(1)


@app.command(epilog="Example: hubpulse simulate estate --hubs 100 > estate.yaml")
def estate(hubs: HubsOption = None, format_: FormatOption = "native") -> None:
    """Print the estate file of the simulated estate, for ingest, jobs and board to use."""
    import yaml

    from simulators.dressing import dressed
    from simulators.scenarios import estate_document

    yaml.safe_dump(
        dressed(estate_document(None, hubs=hubs), format_), sys.stdout, sort_keys=False, allow_unicode=True, width=120
    )


@app.command("list", epilog="Example: hubpulse simulate list")
def list_(as_json: JsonOption = False) -> None:
    """List the scenarios and the faults that can be asked for."""
    from simulators.faults import describe
    from simulators.scenarios import SCENARIOS

    scenarios = {name: scenario.summary for name, scenario in SCENARIOS.items()}
    if as_json:
        print(json.dumps({"scenarios": scenarios, "faults": describe()}, indent=2))
        return
    for title, entries in (("scenarios", scenarios), ("faults", describe())):
        out.print(f"{title}:")
        for name, summary in entries.items():
            out.print(f"  {name:24} {summary}")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise HubpulseError(f"--until {text!r} is not a date: write it as 2026-10-31") from error


@contextmanager
def _truth_record(path: Path | None, run: Simulation) -> Iterator[TruthRecord | None]:
    from simulators.truth.record import TruthRecord

    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise HubpulseError(f"can't write {path}: {error.strerror}; check folder and rights") from error
    with file:
        yield TruthRecord(file, run.estate, run.header())


def _publish(
    settings: Settings,
    run: Simulation,
    truth: TruthRecord | None,
    *,
    speed: float,
    live: bool,
    stop: Callable[[], bool],
    advance: Callable[[], None],
) -> dict[str, Any]:
    from mqtt.publisher import Publisher
    from simulators import runner
    from simulators.replay import Spacing

    paced = math.isfinite(speed)
    today = datetime.now(ZoneInfo(run.estate.timezone)).date()
    with Publisher(settings.mqtt) as publisher:
        started_s = time.monotonic()
        published = runner.run(
            run,
            publisher,
            readings_max=lambda day: 1 if paced or (live and day >= today) else runner.READINGS_A_BATCH,
            pace=Spacing(speed) if paced else runner.RealTime() if live else None,
            truth=truth,
            on_hub_day=advance,
            stop=stop,
        )
        return {
            "messages": published.sent,
            "acknowledged": published.acknowledged,
            "connections_cut": published.cuts,
            "seconds": round(time.monotonic() - started_s, 3),
        }


def _hold_rate(
    settings: Settings,
    messages: Iterator[TimedMessage],
    *,
    rate_per_s: float,
    connections: int,
    stop: Callable[[], bool],
) -> dict[str, Any]:
    from simulators.load import hold_rate

    report = hold_rate(settings.mqtt, messages, rate_per_s=rate_per_s, connections=connections, stop=stop)
    latencies = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "latency_max_ms")
    return {
        "messages": report.sent,
        "acknowledged": report.acknowledged,
        "refused": sum(report.refused.values()),
        "seconds": round(report.seconds, 3),
        "rate_asked_per_s": rate_per_s,
        "rate_held_per_s": round(report.rate_per_s, 1),
        **{name: round(getattr(report, name), 3) for name in latencies},
        "connections": report.connections,
    }


def _report(figures: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        out.print(f"{name.replace('_', ' '):18} {value}")


def _differences(store: Store, truth: Truth) -> list[Difference]:
    """What the store's figures of the truth's hubs and days, and of their zones, have otherwise."""
    from simulators.truth.verify import differences, zone_differences
    from usage import Queries

    queries = Queries(store, truth.estate, now_ns=time.time_ns())
    asked = [(hub.id, first, last) for hub in truth.estate.hubs for first, last in truth.spans]
    days = (day for hub, first, last in asked for day in queries.daily(first, last, hub=hub))
    zones = (zone for hub, first, last in asked for zone in queries.zones(first, last, hub=hub))
    return [
        *differences(truth, ((day.hub, day.date, day.figures) for day in days)),
        *zone_differences(truth, ((zone.hub, zone.date, zone.zone, zone.figures) for zone in zones)),
    ]


def _report_differences(truth: Truth, found: list[Difference], *, as_json: bool) -> None:
    if as_json:
        shown = [dict(d._asdict(), date=d.date.isoformat()) for d in found]
        print(json.dumps({"days": len(truth.days), "differences": shown}, indent=2))
        return
    for difference in found[:_SHOWN_DIFFERENCES]:
        out.print(str(difference))
    if len(found) > _SHOWN_DIFFERENCES:
        out.print(f"... and {len(found) - _SHOWN_DIFFERENCES} more (--json shows all)")
    days = len({(d.hub, d.date) for d in found})
    if found:
        out.print(f"{days} of {len(truth.days)} hub days differ from the truth")
    else:
        out.print(f"all {len(truth.days)} hub days are as in the truth")
