"""`up`, `demo` and the same parts as separate services: `ingest`, `jobs`, `board`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from cli.context import DataOption, EstateOption, load_settings, new_app, out, remember_estate, stop_signal
from schemas import Settings

PortOption = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port of the board.")]
MqttPortOption = Annotated[int | None, typer.Option("--mqtt-port", min=1, max=65535, help="Port of the broker.")]


app = new_app()


@app.command("up", epilog="Example: hubpulse up --estate estate.yaml --data /var/lib/hubpulse")
def up(
    data: DataOption = None,
    mqtt_port: MqttPortOption = None,
    port: PortOption = None,
    estate: EstateOption = None,
) -> None:
    """Run everything in one process: a broker (unless one is configured), ingest, jobs and the board."""
    from cli.stack import Stack

    settings = _service_settings(data, estate, port=port, mqtt_port=mqtt_port)
    remember_estate(settings)
    with stop_signal() as stopping, Stack(settings) as stack:
        stack.start_jobs()
        out.print(f"Board:  {stack.board_url}", flush=True)
        out.print(f"Broker: {stack.broker_place}", flush=True)
        out.print("Ctrl-C stops everything.", flush=True)
        stack.wait(stopping)


@app.command("demo", epilog="Example: hubpulse demo --port 8081")
def demo(
    data: DataOption = None,
    mqtt_port: MqttPortOption = None,
    port: PortOption = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days of history.")] = 30,
    seed: Annotated[int, typer.Option(help="Another seed gives another history.")] = 7,
) -> None:
    """Run `up` with a simulated estate of 22 hubs: its history first, live from then on."""
    from cli.demonstration import run_demo

    settings = _service_settings(port=port, mqtt_port=mqtt_port)
    # Simulated figures never mix with real ones.
    settings = settings.model_copy(update={"data_dir": data or settings.data_dir / "demo"})
    with stop_signal() as stopping:
        run_demo(settings, days=days, seed=seed, stopping=stopping)


@app.command("ingest", epilog="Example: HUBPULSE_MQTT__HOST=mqtt.example.org hubpulse ingest --workers 4")
def ingest(
    data: DataOption = None,
    estate: EstateOption = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes that decode.", show_default="1: the one that receives")
    ] = None,
) -> None:
    """Run ingest alone: receive, validate, buffer, write to the store."""
    from cli.supervision import supervised
    from dashboards.operations.health import Part
    from dashboards.operations.parts import IngestPart, StorePart
    from ingest.pipeline import Ingest
    from stores import open_store

    settings = _service_settings(data, estate)
    if workers is not None:
        settings = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"workers": workers})})
    remember_estate(settings)
    service = Ingest(settings)
    parts: list[Part] = [IngestPart(settings, service.activity), StorePart(lambda: open_store(settings))]
    with supervised(settings, parts, has_begun=lambda: service.activity.has_begun) as supervision:

        def stop() -> None:
            supervision.stopping()
            service.stop()

        with stop_signal(stop):
            service.run()


@app.command("jobs", epilog="Example: HUBPULSE_STORE=influxdb hubpulse jobs")
def jobs(data: DataOption = None, estate: EstateOption = None) -> None:
    """Run the jobs alone: the daily and hourly figures of every hub, kept up to date in the store."""
    from cli.stack import JobsService, store_part
    from cli.supervision import supervised
    from dashboards.operations.health import Part

    settings = _service_settings(data, estate)
    with stop_signal() as stopping, JobsService(settings) as service:
        parts: list[Part] = [service.part, store_part(settings)]
        with supervised(settings, parts, has_begun=lambda: service.jobs.runs.progress.has_begun):
            stopping.wait()


@app.command("board", epilog="Example: hubpulse board --port 8081")
def board(data: DataOption = None, estate: EstateOption = None, port: PortOption = None) -> None:
    """Run the board alone."""
    from cli.board_address import remember_board
    from cli.stack import board_server, store_part
    from cli.supervision import supervised
    from dashboards.operations.health import Part
    from dashboards.operations.parts import BoardPart

    settings = _service_settings(data, estate, port=port)
    with stop_signal() as stopping, board_server(settings) as server:
        parts: list[Part] = [store_part(settings), BoardPart(server.answers)]
        with supervised(settings, parts, has_begun=server.answers):
            remember_board(settings, server.port)
            out.print(f"Board: {server.url}", flush=True)
            stopping.wait()


def _service_settings(
    data: Path | None = None, estate: Path | None = None, *, port: int | None = None, mqtt_port: int | None = None
) -> Settings:
    """The settings with the ports of the command line; a service logs by them from now on."""
    from cli.log import configure_log

    settings = load_settings(data=data, estate=estate)
    configure_log(settings)
    os.umask(0o077)  # whatever a service writes is for itself
    update: dict[str, object] = {}
    if port is not None:
        update["board"] = settings.board.model_copy(update={"port": port})
    if mqtt_port is not None:
        update["mqtt"] = settings.mqtt.model_copy(update={"port": mqtt_port})
    return settings.model_copy(update=update)
