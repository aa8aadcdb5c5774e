"""`hubpulse sensors`: the sensors that send readings."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.context import (
    DataOption,
    EstateOption,
    JsonOption,
    estate_of,
    load_settings,
    new_app,
    out,
    progress_bar,
    store_of,
)
from cli.onboarding import app as onboarding_app
from schemas import HubpulseError, Settings

if TYPE_CHECKING:
    from usage.queries import SensorState
    from usage.radio import Frames
    from usage.sensor_conditions import SensorCondition

_SHOWN_MAX = 5
_PAUSE_S = 0.01
_LINE_CHARS = 250

_HELP = "Sensors: how each one is, devices that wait to be adopted, spreadsheets of many, those that somebody made up."

app = new_app(help=_HELP)
app.add_typer(onboarding_app)


@app.command("list", epilog="Example: hubpulse sensors list --hub armley")
def list_sensors(
    hub: Annotated[str | None, typer.Option(help="Only sensors of this hub.")] = None,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Frames of this local day.", show_default="of the last 24 hours"),
    ] = None,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """List every sensor: when it was last seen, its battery and signal, and how many of its frames the radio lost.

    Only LoRaWAN devices number their frames; without two numbers to compare the loss is empty, since it is not known.
    """
    from usage import Queries
    from usage.sensor_conditions import sensor_conditions

    settings = load_settings(data=data, estate=estate)
    known = estate_of(settings)
    with closing(store_of(settings)) as store:
        queries = Queries(store, known, now_ns=time.time_ns())
        hubs = queries.hubs(hub)
        frames = queries.frames(day.date() if day else None, hub=hub)
        states = [state for name in hubs for state in queries.sensors.get(name, ())]
        found = sensor_conditions(known, states, queries.stored_silences())
        conditions = {(each.state.hub, each.state.sensor): each for each in found}
        rows = [
            _condition_row(conditions[state.hub, state.sensor], frames.get((state.hub, state.sensor)))
            for state in states
        ]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    if not rows:
        out.print("No sensor yet: the estate file names none, and none sent a reading.")
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for column in ("sensor", "zone", "last seen (UTC)", "battery", "signal", "SF", "frames", "lost"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in _cells(row)))
    # Who reads it line by line, as grep does, gets a sensor a line.
    out.console.print(table, markup=False, width=None if out.console.is_terminal else _LINE_CHARS)
    if out.console.is_terminal:
        for state, advice in {row["state"]: row["advice"] for row in rows if row["state"] != "well"}.items():
            out.print(f"{state}: {advice}")


def _state_row(state: SensorState, frames: Frames | None) -> dict[str, Any]:
    from schemas.localtime import rfc3339

    known = frames if frames is not None and frames.lost_share is not None else None
    return {
        "hub": state.hub,
        "sensor": state.sensor,
        "zone": state.zone,
        "kinds": sorted(state.kinds),
        "last_seen": None if state.last_seen_ns is None else rfc3339(state.last_seen_ns),
        "silent": state.silent,
        "battery_pct": state.battery_pct,
        **{name: state.values.get(name) for name in ("rssi_dbm", "snr_db", "spreading_factor")},
        "frames_received": known.received if known else None,
        "frames_lost": known.lost if known else None,
        "lost_share": known.lost_share if known else None,
    }


def _condition_row(each: SensorCondition, frames: Frames | None) -> dict[str, Any]:
    told = {"state": each.condition.value, "model": each.model, "advice": each.advice}
    return _state_row(each.state, frames) | told


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    def shown(name: str, form: str) -> str:
        return "" if row[name] is None else form.format(row[name])

    seen = row["last_seen"][:16].replace("T", " ") if row["last_seen"] else "never"
    return (
        f"{row['hub']}/{row['sensor']}",
        row["zone"] or "",
        f"{seen}, silent" if row["silent"] else seen,
        shown("battery_pct", "{:.0f} %"),
        shown("rssi_dbm", "{:.0f} dBm"),
        shown("spreading_factor", "{}"),
        shown("frames_received", "{}"),
        shown("lost_share", "{:.1%}"),
    )


@app.command("new", epilog="Example: hubpulse sensors new")
def new_sensors(
    hub: Annotated[str | None, typer.Option(help="Only sensors of this hub.")] = None,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the sensors that send readings and that the estate file does not name, each as a line to put into it.

    They are counted all the same; a name in the file says how often they report, and keeps their share when they die.
    """
    from usage import Queries

    settings = load_settings(data=data, estate=estate)
    with closing(store_of(settings)) as store:
        queries = Queries(store, estate_of(settings), now_ns=time.time_ns())
        asked = set(queries.hubs(hub))
        found = [state for state in queries.new_sensors() if state.hub in asked]
    if as_json:
        names = ("hub", "sensor", "zone", "kinds", "last_seen", "silent")
        print(json.dumps([{name: _state_row(state, None)[name] for name in names} for state in found], indent=2))
        return
    if not found:
        out.print("None: the estate file names every sensor that sends readings.")
    for state in found:
        seen = _state_row(state, None)["last_seen"] or "never"
        silent = ", silent" if state.silent else ""
        out.print(f"{state.hub}: - {state.estate_line}   # last seen {seen}{silent}")


@app.command("forget", epilog="Example: hubpulse sensors forget 'x-*' --hub armley --readings --dry-run")
def forget(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids; * and ? stand for any characters.")],
    hub: Annotated[str | None, typer.Option(help="Only sensors of this hub.")] = None,
    new_only: Annotated[bool, typer.Option(help="Pass over those that the estate file names.")] = False,
    readings: Annotated[bool, typer.Option(help="Delete their readings, too, for good.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be forgotten.")] = False,
    data: DataOption = None,
    estate: EstateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget sensors that somebody made up; the days that they touched are computed again.

    A sensor is listed as long as it has readings, so these are deleted, where --readings says so.
    """
    from usage.forgetting import find_sensors, forget_sensors

    settings = load_settings(data=data, estate=estate)
    known = estate_of(settings)
    with closing(store_of(settings)) as store:
        found = list(find_sensors(store, known, ids, hub=hub, now_ns=time.time_ns()))
        _refuse(found, ids, new_only=new_only, may_delete=readings or dry_run)
        forgotten = [each for each in found if each.readings]
        total = sum(len(each.readings) for each in forgotten)
        if not dry_run:
            store.prepare()
            turn = threading.Event()
            with progress_bar("forgetting", "{task.completed} steps", total=None) as update:

                def goes_on() -> bool:
                    update(advance=1)
                    turn.wait(_PAUSE_S)  # whoever waits to write has its turn
                    return True

                for each in forgotten:
                    forget_sensors(store, each, clock_ns=time.time_ns, goes_on=goes_on)
            _make_room(settings, forgotten)
    if as_json:
        print(json.dumps({"dry_run": dry_run, "hubs": [_as_json(each) for each in forgotten]}, indent=2))
        return
    for each in forgotten:
        count, days = sum(each.readings.values()), len(each.midnights_ns)
        said = f"{len(each.readings)} sensors with {count} readings on {days} days: {_shown(each.readings)}"
        out.print(f"{each.hub}: {said}")
    what = "would be forgotten" if dry_run else "forgotten; the jobs compute their days again"
    out.print(f"{total} sensors {what}.")


def _make_room(settings: Settings, forgotten: list[Any]) -> None:
    """Give the places of the sensors among the new ones of their hubs to others, where ingest works on this folder."""
    from ingest.buffer import Buffer
    from ingest.buffer_file import FILE_NAME

    if (settings.data_dir / FILE_NAME).exists():
        with closing(Buffer(settings.data_dir, clock_ns=time.time_ns)) as buffer:
            for each in forgotten:
                buffer.forget_sensors(each.hub, each.readings)


def _refuse(found: list[Any], ids: list[str], *, new_only: bool, may_delete: bool) -> None:
    """Raise HubpulseError where something that was named is not to be forgotten, or not there."""
    named = [f"{each.hub}/{sensor}" for each in found for sensor in sorted(each.named)]
    if named and not new_only:
        raise HubpulseError(
            f"the estate file names {_shown(named)}: take them out of it, or end them there with `until:`; --new-only"
            " passes over them"
        )
    if not any(each.readings for each in found):
        raise HubpulseError(f"no sensor that the estate file does not name matches {' '.join(ids)}")
    held = [f"{each.hub}/{sensor}" for each in found for sensor, count in each.readings.items() if count]
    if held and not may_delete:
        raise HubpulseError(
            f"{_shown(held)} have readings, and are listed as long as they do: add --readings to delete these for good,"
            " after a look with --dry-run"
        )


def _shown(names: Any) -> str:
    listed = sorted(names)
    more = len(listed) - _SHOWN_MAX
    return ", ".join(listed[:_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")


def _as_json(found: Any) -> dict[str, Any]:
    from schemas.localtime import rfc3339

    return {"hub": found.hub, "readings": found.readings, "days": [rfc3339(at) for at in sorted(found.midnights_ns)]}
