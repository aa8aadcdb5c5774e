"""`hubpulse sensors pending|adopt|import`: devices that send and belong to no sensor yet."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import DataOption, EstateOption, JsonOption, estate_of, load_settings, new_app, out
from cli.replay import HostOption, PortOption

if TYPE_CHECKING:
    from ingest.onboarding import PendingDevice
    from ingest.redrive import Redriven
    from schemas import Settings
    from sensors.estate_edit import NewSensor

app = new_app()

_SHOWN_CHARS, _SAMPLE_CHARS, _MODELS_SHOWN = 60, 100, 6


@app.command(epilog="Example: hubpulse sensors pending")
def pending(
    unmatched: Annotated[
        bool, typer.Option("--unmatched", help="Look instead at what the broker has that no source covers.")
    ] = False,
    seconds: Annotated[float, typer.Option("--for", min=0.1, max=600, help="Seconds to look, with --unmatched.")] = 10,
    data: DataOption = None,
    estate: EstateOption = None,
    mqtt_host: HostOption = None,
    mqtt_port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the devices whose messages wait until a sensor names them, those that sent last first."""
    mqtt = {name: value for name, value in (("host", mqtt_host), ("port", mqtt_port)) if value is not None}
    settings = load_settings(data=data, estate=estate, mqtt=mqtt or None)
    if unmatched:
        _show_unmatched(settings, seconds, as_json=as_json)
        return
    from ingest.onboarding import pending_devices

    found = pending_devices(settings)
    if as_json:
        print(json.dumps([_as_json(device) for device in found], indent=2))
        return
    if not found:
        out.print("No device waits.")
        return
    for device in found:
        seems = f"seems to be {' or '.join(device.models[:_MODELS_SHOWN])}" if device.models else ""
        measures = f"measures {', '.join(device.kinds)}" if device.kinds else "nothing known that it measures"
        out.print(device.device, style="bold", end="  ")
        out.print("; ".join(part for part in (f"format {device.format}", seems, measures) if part))
        seen = f"from {device.first_seen:%Y-%m-%d %H:%M} to {device.last_seen:%Y-%m-%d %H:%M} UTC"
        out.print(f"  {device.messages} messages {seen}; the latest on {device.topic}")
        out.print(f"  {device.sample[:_SAMPLE_CHARS]}")
    out.print("Adopt one: hubpulse sensors adopt DEVICE --hub HUB --zone ZONE")


@app.command(epilog="Example: hubpulse sensors adopt 24e124710c401234 --hub armley --zone cafe")
def adopt(
    device: Annotated[str, typer.Argument(help="A device of `hubpulse sensors pending`.")],
    *,
    hub: Annotated[str, typer.Option(help="The hub that it is in.")],
    zone: Annotated[str | None, typer.Option(help="The room or entrance that it is at.")] = None,
    sensor: Annotated[str | None, typer.Option("--id", help="Its id as a sensor.", show_default="as air-1234")] = None,
    model: Annotated[str | None, typer.Option(help="Its maker and model.", show_default="what it must be")] = None,
    every: Annotated[str | None, typer.Option(help="How often it reports, such as 10m.")] = None,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a device to the estate file as a sensor of a hub, and send again what it sent meanwhile.

    Comments, order and spacing of the file stay as they are. A running ingest takes the file within seconds; days that
    the readings belong to are computed again.
    """
    from ingest.adopting import redrive_until_in_force, sensor_of, waiting_device
    from sensors.estate_edit import add_sensors

    settings = load_settings(data=data, estate=estate)
    found = waiting_device(settings, device)
    path = _estate_file(settings)
    new = sensor_of(found, estate_of(settings), hub, sensor=sensor, model=model, zone=zone, every=every)
    edited = add_sensors(path, [new])
    results = redrive_until_in_force(settings, edited, [found.device], clock_ns=time.time_ns, wait=time.sleep)
    _report([new], results, path, as_json=as_json)


@app.command("import", epilog="Example: hubpulse sensors import devices.csv --check")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV or Excel; the first line names the columns: hub, id, device ...")],
    check: Annotated[bool, typer.Option("--check", help="Only say what is wrong, line by line.")] = False,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add the devices of a spreadsheet to the estate file: all of them, or none where a line is wrong."""
    from ingest.adopting import redrive_until_in_force
    from sensors.device_sheet import read_sheet
    from sensors.estate_edit import add_sensors

    settings = load_settings(data=data, estate=estate)
    path = _estate_file(settings)
    sheet = read_sheet(file, estate_of(settings))
    if sheet.problems:
        if as_json:
            print(json.dumps({"added": 0, "problems": sheet.problems}, indent=2))
        else:
            out.print("\n".join([*sheet.problems, f"Nothing was added to {path}."]))
        raise typer.Exit(1)
    if check or not sheet.sensors:
        out.print(f"{len(sheet.sensors)} sensors can be added to {path}.")
        return
    edited = add_sensors(path, sheet.sensors)
    devices = [str(new.values["device"]) for new in sheet.sensors if "device" in new.values]
    results = redrive_until_in_force(settings, edited, devices, clock_ns=time.time_ns, wait=time.sleep)
    _report(sheet.sensors, results, path, as_json=as_json)


def _estate_file(settings: Settings) -> Path:
    from schemas.settings import ESTATE_FILE

    return settings.estate or ESTATE_FILE


def _report(sensors: list[NewSensor], results: list[Redriven], path: Path, *, as_json: bool) -> None:
    taken = [result for result in results if not result.refused_again]
    readings = sum(result.readings for result in taken)
    again = [{"id": result.id, "detail": result.detail} for result in results if result.refused_again]
    if as_json:
        added = [{"hub": new.hub, **new.values} for new in sensors]
        found = {"added": added, "redriven": len(taken), "readings": readings, "refused_again": again}
        print(json.dumps(found, indent=2))
    else:
        for new in sensors:
            out.print(f"{new.hub}/{new.values['id']} is in {path}.")
        out.print(f"{len(taken)} messages taken ({readings} readings), {len(again)} refused again.")
        for refusal in again[:3]:
            out.print(f"  {refusal['id']}: {refusal['detail']}")
    if again:
        raise typer.Exit(1)


def _show_unmatched(settings: Settings, seconds: float, *, as_json: bool) -> None:
    from ingest.unmatched import unmatched_topics

    sources = [source.topic for source in estate_of(settings).sources]
    found = unmatched_topics(settings, sources, duration_s=seconds)
    if as_json:
        print(json.dumps([topic._asdict() for topic in found], indent=2))
    elif not found:
        out.print(f"Nothing else was published within {seconds:g} s, as far as this user may read.")
    else:
        rows = [(topic.topic, str(topic.messages), topic.sample[:_SHOWN_CHARS]) for topic in found]
        _table(("topic", "messages", "sample"), rows)


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from schemas.printable import printable

    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    out.console.print(table, markup=False)


def _as_json(device: PendingDevice) -> dict[str, object]:
    times = {"first_seen": device.first_seen.isoformat(), "last_seen": device.last_seen.isoformat()}
    return {**device._asdict(), "kinds": list(device.kinds), **times}
