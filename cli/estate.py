"""`hubpulse estate`: is the estate file right, and by which schema do editors complete it."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import EstateOption, JsonOption, err, load_settings, new_app, out

if TYPE_CHECKING:
    from schemas import Estate

app = new_app(help="The estate file: check it, print the JSON Schema for editors.")

SCHEMA_PATH = Path("docs/estate.schema.json")


@app.command(epilog="Example: hubpulse estate check estate.yaml")
def check(
    file: Annotated[
        Path | None, typer.Argument(help="The estate file.", show_default="HUBPULSE_ESTATE, else estate.yaml")
    ] = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what the estate file holds; where there is something to fix, a line for each thing and exit code 1.

    A format that is not installed, and what the formats of the sources can't do for a sensor, are no faults of the
    file: they are named on standard error.
    """
    from schemas.settings import ESTATE_FILE
    from sensors.estate_file import codecs_of, load_estate
    from sensors.model_file import ModelFileError
    from sensors.registry import Registry

    if file is not None and estate is not None:
        raise typer.BadParameter(f"{file} is named as well: leave one of the two out", param_hint="--estate")
    path = file or estate or load_settings().estate or ESTATE_FILE
    counts, problems, warnings = {}, [], []
    try:
        found = load_estate(path)
    except ModelFileError as error:
        problems = error.problems
    else:
        sensors = sum(len(hub.sensors) for hub in found.hubs)
        registry = Registry(found, codecs=codecs_of(path))
        warnings = [f"{path}: {problem}" for problem in (*registry.problems, *registry.limits)]
        problems = [f"{path}: {problem}" for problem in _copies(found, load_settings(estate=path).data_dir)]
        counts = {"hubs": len(found.hubs), "sensors": sensors, "sources": len(found.sources)}
    if as_json:
        print(json.dumps({"file": str(path), **counts, "problems": problems, "warnings": warnings}, indent=2))
    else:
        held = ", ".join(f"{count} {what if count != 1 else what[:-1]}" for what, count in counts.items())
        out.print("\n".join(problems) or f"{path}: {held}")
        for warning in warnings:
            err.print(warning)
    if problems:
        raise typer.Exit(1)


def _copies(estate: Estate, data_dir: Path) -> list[str]:
    """Sources that overlap, where ingest last spoke to a broker without MQTT 5, which can't tell copies apart."""
    from ingest.doctor import broker_version
    from mqtt.messages import overlap

    if broker_version(data_dir) != "3.1.1":
        return []
    return [
        f"sources {one.topic} and {other.topic} overlap, and the broker has no MQTT 5: it sends a message once for"
        " each, so make them disjoint or take a broker with MQTT 5"
        for one, other in combinations(estate.sources, 2)
        if overlap(one.topic, other.topic)
    ]


@app.command(epilog="Example: hubpulse estate schema > docs/estate.schema.json")
def schema(
    check: Annotated[bool, typer.Option("--check", help=f"Only say whether {SCHEMA_PATH} is up to date.")] = False,
) -> None:
    """Print the JSON Schema of the estate file, by which editors complete and check it.

    An editor finds it by the first line of estate.yaml: # yaml-language-server: $schema=docs/estate.schema.json
    """
    from schemas import HubpulseError
    from schemas.estate_schema import estate_json_schema

    expected = estate_json_schema()
    if not check:
        out.print(expected, end="")
        return
    try:
        actual = SCHEMA_PATH.read_text(encoding="utf-8")
    except OSError as error:
        raise HubpulseError(f"{SCHEMA_PATH} can't be read ({error.strerror}): run this in the repository") from error
    if actual != expected:
        raise HubpulseError(f"{SCHEMA_PATH} is out of date: run `hubpulse estate schema > {SCHEMA_PATH}`")
    out.print(f"{SCHEMA_PATH} is up to date")
